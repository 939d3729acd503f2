// The story of a run for people, and its fingerprint for the machine: the hash is always kept, the text only
// when somebody asked for it, so that a plain run formats nothing.
using System.Globalization;

namespace Membership.Simulator.World;

internal sealed class Trace(TextWriter? writer)
{
    private ulong _hash = 14695981039346656037UL;

    /// <summary>Whether lines are wanted; callers format only then.</summary>
    public bool On => writer is not null;

    /// <summary>Lines for single messages as well.</summary>
    public bool Messages { get; } = writer is not null && Environment.GetEnvironmentVariable("SIMULATE_MESSAGES") is "1";

    /// <summary>The fingerprint of everything that happened so far.</summary>
    public ulong Hash => _hash;

    public void Mix(long value) => _hash = ulong.RotateLeft((_hash ^ (ulong)value) * 0x9E3779B97F4A7C15UL, 23);

    /// <summary>One line: virtual seconds, the node (0 = the world) and what happened.</summary>
    public void Line(long time, int node, string text)
    {
        string who = node == 0 ? "world " : $"node {node}";
        writer?.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{time / 1e7,11:F6}  {who}  {text}"));
    }
}
