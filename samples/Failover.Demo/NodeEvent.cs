// One "event ..." line of a node, taken apart.
using System.Globalization;

namespace Failover.Demo;

internal sealed record NodeEvent(long Time, int Node, string What, IReadOnlyDictionary<string, string> Values)
{
    public long Epoch => Number("e");

    public string Members => Values.GetValueOrDefault("members", "");

    public int Master => (int)Number("master");

    public string this[string key] => Values.GetValueOrDefault(key, "");

    /// <summary>Reads a line; null when it is not an event.</summary>
    public static NodeEvent? Parse(string line)
    {
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

    private long Number(string key)
        => Values.TryGetValue(key, out string? text) && long.TryParse(text, CultureInfo.InvariantCulture, out long number) ? number : 0;
}
