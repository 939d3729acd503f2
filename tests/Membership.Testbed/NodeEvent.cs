// One "event ..." line of a node, taken apart.
using System.Collections.Immutable;
using System.Globalization;

namespace Membership.Testbed;

/// <summary>What a node said happened, at an instant of the host-wide clock in nanoseconds.</summary>
public sealed record NodeEvent(long Time, int Node, string What, IReadOnlyDictionary<string, string> Values)
{
    /// <summary>When the harness read it, on the same clock; 0 when it was read from elsewhere.</summary>
    public long ReadAt { get; init; }

    /// <summary>A value by its key; empty when there is none.</summary>
    public string this[string key] => Values.GetValueOrDefault(key, "");

    /// <summary>The epoch it is about.</summary>
    public long Epoch => Number("e");

    /// <summary>The master of a view.</summary>
    public int Master => (int)Number("master");

    /// <summary>The members of a view with their incarnations.</summary>
    public ImmutableSortedDictionary<int, long> Members => this["members"].Split(',', StringSplitOptions.RemoveEmptyEntries)
        .Select(static member => member.Split(':')).ToImmutableSortedDictionary(static pair => int.Parse(pair[0], CultureInfo.InvariantCulture), static pair => long.Parse(pair[1], CultureInfo.InvariantCulture));

    /// <summary>Reads a line; null when it is not an event.</summary>
    public static NodeEvent? Parse(string line)
    {
        ArgumentNullException.ThrowIfNull(line);
        string[] words = line.Split(' ', StringSplitOptions.RemoveEmptyEntries);
        if (words.Length < 4 || words[0] != "event") return null;
        Dictionary<string, string> values = words.Skip(1).Where(static word => word.Contains('='))
            .Select(static word => word.Split('=', 2)).ToDictionary(static pair => pair[0], static pair => pair[1]);
        string what = words.Skip(1).FirstOrDefault(static word => !word.Contains('=')) ?? "";
        return values.TryGetValue("t", out string? time) && long.TryParse(time, CultureInfo.InvariantCulture, out long t)
            && values.TryGetValue("node", out string? node) && int.TryParse(node, CultureInfo.InvariantCulture, out int n)
                ? new NodeEvent(t, n, what, values)
                : null;
    }

    private long Number(string key) => Values.TryGetValue(key, out string? text) && long.TryParse(text, CultureInfo.InvariantCulture, out long number) ? number : 0;
}
