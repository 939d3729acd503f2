// Judges who served when, from the nodes' own records: one line per use of the resource, "<ns> <node> <epoch>", stamped
// with the host-wide clock right before the lease was asked.
using System.Globalization;

namespace Failover.Demo;

/// <summary>One use of the resource.</summary>
internal readonly record struct Served(long Time, int Node, long Epoch);

/// <summary>A time in which one node served without a break.</summary>
internal readonly record struct Serving(int Node, long From, long To, int Uses);

internal sealed class ServedRecords
{
    // Uses are about 5 ms apart. A longer silence ends the serving: the node may have been out in between.
    private const long Break = 100_000_000;

    private ServedRecords(Served[] uses)
    {
        Uses = [.. uses.OrderBy(static use => use.Time)];
        Intervals = [.. uses.GroupBy(static use => use.Node).SelectMany(Merge).OrderBy(static serving => serving.From)];
        for (int i = 0; i < Intervals.Count; i++)
            for (int j = i + 1; j < Intervals.Count; j++)
                if (Intervals[i].Node != Intervals[j].Node && Math.Min(Intervals[i].To, Intervals[j].To) - Math.Max(Intervals[i].From, Intervals[j].From) is >= 0 and var both)
                    Overlap += Math.Max(1, both);
        for (int i = 1; i < Uses.Count; i++)
            if (Uses[i].Epoch < Uses[i - 1].Epoch) EpochsBack++;
    }

    public IReadOnlyList<Served> Uses { get; }

    public IReadOnlyList<Serving> Intervals { get; }

    /// <summary>Nanoseconds in which two nodes served; 0 when none did, at least 1 when a single use fell into another's time.</summary>
    public long Overlap { get; }

    /// <summary>Uses made under an older epoch than an earlier use.</summary>
    public int EpochsBack { get; }

    /// <exception cref="FormatException">A line is not a record; records are single writes, so none may be torn.</exception>
    public static ServedRecords Read(string file) => Parse(File.Exists(file) ? File.ReadLines(file) : []);

    public static ServedRecords Parse(IEnumerable<string> lines) => new([.. lines.Select(static line =>
    {
        string[] words = line.Split(' ');
        if (words.Length != 3) throw new FormatException($"'{line}' is not a record of a use");
        return new Served(Number(words[0]), (int)Number(words[1]), Number(words[2]));
    })]);

    private static long Number(string word) => long.Parse(word, NumberStyles.None, CultureInfo.InvariantCulture);

    private static IEnumerable<Serving> Merge(IEnumerable<Served> uses)
    {
        Serving? current = null;
        foreach (Served use in uses.OrderBy(static use => use.Time))
        {
            if (current is { } serving && use.Time - serving.To <= Break)
            {
                current = serving with { To = use.Time, Uses = serving.Uses + 1 };
                continue;
            }
            if (current is { } done) yield return done;
            current = new Serving(use.Node, use.Time, use.Time, 1);
        }
        if (current is { } last) yield return last;
    }
}
