// What the nodes of a world do, in lines that people can read and compare: what is sent (equal messages in one line), written, called, told,
// held and put in force, and what a host can see. Times count from the step of the script that they belong to.
using System.Globalization;
using Membership.Simulator.World;

namespace Membership.Simulator.Transcripts;

internal sealed class Transcript(ClusterWorld world)
{
    private readonly List<string> _lines = [];
    private readonly Dictionary<SimProcess, TranscribedEffects> _processes = [];
    private long _stepBegan;

    /// <summary>Off: nothing is written down, but what differs later is still told against what was.</summary>
    public bool Recording
    {
        get;
        set
        {
            if (value && !field)
                foreach (TranscribedEffects process in _processes.Values) process.Begin();
            field = value;
        }
    } = true;

    public ClusterWorld World => world;

    /// <summary>What the process' core talks to: it writes everything down and hands it on.</summary>
    public TranscribedEffects Of(SimProcess process)
    {
        if (!_processes.TryGetValue(process, out TranscribedEffects? effects)) _processes.Add(process, effects = new TranscribedEffects(this, process));
        return effects;
    }

    public void BeginStep()
    {
        _stepBegan = world.Now;
        _lines.Clear();
    }

    /// <summary>What happened in the step, with a line for each node's quiet work at its end.</summary>
    public IReadOnlyList<string> EndStep()
    {
        if (!Recording) return [];
        foreach (TranscribedEffects process in _processes.Values.OrderBy(static process => process.Number).ThenBy(static process => process.Life)) process.Sum();
        return [.. _lines];
    }

    /// <summary>After each input of a process: sends that were equal are one line, and what its host sees is compared with what it saw.</summary>
    public void AfterInput(SimProcess process)
    {
        if (Recording) Of(process).AfterInput();
    }

    public void Woken(SimProcess process)
    {
        if (Recording) Of(process).Woken++;
    }

    /// <summary>What happens to a machine, its process or the witness.</summary>
    public void Event(int node, string text)
    {
        if (!Recording) return;
        foreach (TranscribedEffects process in _processes.Values) process.FlushSends();
        Line(node, text);
    }

    public void Line(int node, string text)
    {
        if (!Recording) return;
        string when = string.Create(CultureInfo.InvariantCulture, $"  +{(world.Now - _stepBegan) / 10_000_000.0:F3} n{node} ");
        // What a node does at one instant is one line, but for what it sends.
        if (_lines.Count > 0 && text[0] != '>' && _lines[^1].StartsWith(when, StringComparison.Ordinal) && _lines[^1][when.Length] != '>')
        {
            string verb = text[..(text.IndexOf(' ', StringComparison.Ordinal) + 1)];
            int last = _lines[^1].LastIndexOf("; ", StringComparison.Ordinal);
            // "calls A, B": the same verb again.
            bool same = verb is "calls " or "tells " && _lines[^1].AsSpan(last < 0 ? when.Length : last + 2).StartsWith(verb, StringComparison.Ordinal);
            _lines[^1] += same ? ", " + text[verb.Length..] : "; " + text;
        }
        else _lines.Add(when + text);
    }

    /// <summary>Of no single instant.</summary>
    public void SumLine(string text)
    {
        if (Recording) _lines.Add("  = " + text);
    }
}
