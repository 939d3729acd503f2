// What the contenders wrote down, one line per fact, on the clock that all processes of a machine share; and the questions
// that are asked of it at the end: did two ever believe to own the witness at once, was anything forgotten, who was late.
using System.Globalization;
using Xunit;

namespace Membership.Arbiters.Conformance;

/// <summary>A time in which one process believed to own the witness, in 100 ns ticks of the machine's clock.</summary>
public readonly record struct Ownership(long From, long Until, int Process);

/// <summary>One call of an arbiter.</summary>
public readonly record struct ArbiterCall(string Verb, long From, long Until, TimeSpan Limit, string Outcome, int Process, string Detail)
{
    public TimeSpan Took => TimeSpan.FromTicks(Until - From);
}

/// <summary>
/// Lines: <c>owns FROM UNTIL</c> (from when the process knew, until when it may believe), <c>lost AT</c>, <c>read EPOCH ASKED</c>,
/// <c>wrote EPOCH CONFIRMED</c>, <c>call VERB FROM UNTIL LIMIT OUTCOME</c>.
/// </summary>
public sealed class OwnershipLog
{
    private readonly List<(int Process, string[] Words)> _lines = [];

    /// <summary>Reads the files of all processes; a line cut short by a kill is none.</summary>
    public static OwnershipLog Read(IEnumerable<string> files)
    {
        var log = new OwnershipLog();
        int process = 0;
        foreach (string file in files)
        {
            process++;
            using var stream = new FileStream(file, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
            using var reader = new StreamReader(stream);
            string text = reader.ReadToEnd();
            foreach (string line in text[..(text.LastIndexOf('\n') + 1)].Split('\n', StringSplitOptions.RemoveEmptyEntries))
                log._lines.Add((process, line.Split(' ')));
        }
        return log;
    }

    /// <summary>Every time of believed ownership. A process that was killed counts as believing to the end of what it was told.</summary>
    public IReadOnlyList<Ownership> Ownerships()
    {
        var all = new List<Ownership>();
        foreach (IGrouping<int, (int Process, string[] Words)> lines in _lines.GroupBy(static line => line.Process))
        {
            var mine = new List<Ownership>();
            foreach ((int process, string[] words) in lines)
            {
                if (words[0] == "owns")
                    mine.Add(new Ownership(Ticks(words[1]), Ticks(words[2]), process));
                else if (words[0] == "lost")
                    mine = [.. mine.Select(time => time with { Until = Math.Min(time.Until, Ticks(words[1])) })];
            }
            all.AddRange(mine.Where(static time => time.Until > time.From));
        }
        all.Sort(static (left, right) => left.From.CompareTo(right.From));
        return all;
    }

    public IEnumerable<ArbiterCall> Calls()
        => from line in _lines
           where line.Words[0] == "call"
           select new ArbiterCall(
               line.Words[1], Ticks(line.Words[2]), Ticks(line.Words[3]), TimeSpan.FromTicks(Ticks(line.Words[4])), line.Words[5], line.Process, string.Join(' ', line.Words[6..]));

    /// <summary>Total time in which two processes believed to own the witness: must be nothing at all.</summary>
    public void AssertNeverTwoOwners()
    {
        IReadOnlyList<Ownership> all = Ownerships();
        long overlap = 0;
        string first = "";
        for (int i = 0; i < all.Count; i++)
        {
            for (int later = i + 1; later < all.Count && all[later].From < all[i].Until; later++)
            {
                if (all[later].Process == all[i].Process) continue;
                overlap += Math.Min(all[i].Until, all[later].Until) - all[later].From;
                if (first.Length == 0) first = $"process {all[i].Process} {all[i].From}..{all[i].Until} and process {all[later].Process} {all[later].From}..{all[later].Until}";
            }
        }
        Assert.True(overlap == 0, $"Two processes believed to own the witness for {TimeSpan.FromTicks(overlap).TotalMilliseconds} ms in all; first {first}.");
    }

    /// <summary>Whoever wins reads at least the highest epoch whose writing had been confirmed when it asked.</summary>
    public void AssertNothingConfirmedIsForgotten()
    {
        List<(long Epoch, long At)> written = [.. _lines.Where(static line => line.Words[0] == "wrote").Select(static line => (Ticks(line.Words[1]), Ticks(line.Words[2])))];
        foreach ((int process, string[] words) in _lines.Where(static line => line.Words[0] == "read"))
        {
            long known = written.Where(write => write.At < Ticks(words[2])).Select(static write => write.Epoch).DefaultIfEmpty(0).Max();
            Assert.True(Ticks(words[1]) >= known, $"Process {process} read epoch {words[1]} after epoch {known} was confirmed.");
        }
    }

    /// <summary>No call took longer than it was allowed to, but for the tolerance. Not for processes that were stopped.</summary>
    public void AssertCallsCameBackInTime(TimeSpan tolerance)
    {
        foreach (ArbiterCall call in Calls())
            Assert.True(call.Took <= call.Limit + tolerance, $"Process {call.Process}: {call.Verb} took {call.Took} where {call.Limit} was its limit (outcome {call.Outcome}).");
    }

    private static long Ticks(string word) => long.Parse(word, CultureInfo.InvariantCulture);
}
