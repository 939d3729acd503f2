// The last things that happened to a node, in memory, for people who look at a running process.
namespace Membership.Engine.Runtime;

/// <summary>One line of a node's journal.</summary>
/// <param name="Time">Wall time, for people; the protocol never uses it.</param>
/// <param name="SinceStart">The node's own clock since it was made.</param>
/// <param name="Text">What happened.</param>
public readonly record struct JournalLine(DateTimeOffset Time, TimeSpan SinceStart, string Text);

/// <summary>A bounded list of lines; the oldest go first. Safe from any thread.</summary>
internal sealed class NodeJournal(MonotonicClock clock)
{
    public const int Capacity = 1024;

    private readonly MonotonicTime _start = clock.Now;
    private readonly Queue<JournalLine> _lines = new(Capacity);

    public void Add(string text)
    {
        var line = new JournalLine(clock.Provider.GetUtcNow(), clock.Now - _start, text);
        lock (_lines)
        {
            if (_lines.Count == Capacity) _lines.Dequeue();
            _lines.Enqueue(line);
        }
    }

    public IReadOnlyList<JournalLine> Snapshot()
    {
        lock (_lines) return [.. _lines];
    }
}
