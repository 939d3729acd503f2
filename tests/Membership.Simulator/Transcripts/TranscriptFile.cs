// A transcript file: a scenario script whose lines are followed, indented, by what the nodes did. Playing it again must give the same file.
using Membership.Engine.Protocol;
using Membership.Simulator.Scenarios;

namespace Membership.Simulator.Transcripts;

internal static class TranscriptFile
{
    /// <param name="name">The file's name without its ending.</param>
    /// <param name="lines">The file: script lines and, indented, what followed them last time.</param>
    /// <returns>The file as it is now, and the script's expectations that do not hold.</returns>
    public static (IReadOnlyList<string> Lines, IReadOnlyList<string> Failures) Play(string name, IReadOnlyList<string> lines)
    {
        string[] script = [.. lines.Where(static line => !line.StartsWith("  ", StringComparison.Ordinal))];
        Scenario scenario = Scenario.Parse(name, script);
        var happened = new Dictionary<int, IReadOnlyList<string>>();
        ScenarioResult result = new ScenarioRunner(scenario, PlantedDefects.None, happened).Run();
        var now = new List<string>();
        for (int i = 0; i < script.Length; i++)
        {
            now.Add(script[i]);
            if (happened.TryGetValue(i + 1, out IReadOnlyList<string>? said)) now.AddRange(said);
        }
        return (now, result.Failures);
    }

    /// <summary>The first lines that differ, with some before them; null when none does.</summary>
    public static string? Difference(IReadOnlyList<string> known, IReadOnlyList<string> now)
    {
        int first = 0;
        while (first < known.Count && first < now.Count && known[first] == now[first]) first++;
        if (first == known.Count && first == now.Count) return null;
        return string.Join('\n', known.Take(first).TakeLast(3).Select(static line => "  " + line).Concat(known.Skip(first).Take(6).Select(static line => "- " + line)).Concat(now.Skip(first).Take(6).Select(static line => "+ " + line)));
    }
}
