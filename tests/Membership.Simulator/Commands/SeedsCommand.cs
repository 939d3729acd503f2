// Plays a range of seeds, or one again, and prints what was found in the order of the seeds.
using System.Globalization;
using Membership.Engine.Protocol;
using Membership.Simulator.World;
using Membership.Simulator.Workload;

namespace Membership.Simulator.Commands;

internal static class SeedsCommand
{
    public static int Run(ulong first, ulong last, RunFilter filter, int jobs, TextWriter output)
    {
        SeedTally tally = SeedTally.Of(first, last, filter, jobs);
        foreach ((ulong seed, Violation violation) in tally.Found)
        {
            output.WriteLine($"violation seed={seed} checker={violation.Checker} time={Seconds(violation.Time)} {violation.Text}");
            output.WriteLine($"  replay: {ReplayLine(seed, filter)}");
        }
        if (tally.SlowestHeal.Seed != 0) output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"slowest_heal={tally.SlowestHeal.Share:P0} of the liveness bound (seed {tally.SlowestHeal.Seed})"));
        output.WriteLine($"busiest={tally.Busiest.Regroups} regroups of nodes in one run (seed {tally.Busiest.Seed})");
        output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"slowest={tally.Slowest.Elapsed.TotalMilliseconds:F0} ms for one run (seed {tally.Slowest.Seed})"));
        if (tally.Named > 0) output.WriteLine($"named={tally.Named} statuses whose views were only named, lost for an unknown name {tally.UnknownViews}");
        output.WriteLine($"stories={tally.Stories:x16}");
        output.WriteLine($"seeds={tally.Runs} violations={tally.Found.Count} events={tally.Events} events_per_s={tally.EventsPerSecond} regroups={tally.Regroups} installs={tally.Installs}");
        return tally.Found.Count == 0 ? 0 : 1;
    }

    public static int Replay(ulong seed, RunFilter filter, bool trace, TextWriter output)
    {
        SeedResult result = SeedRun.Run(seed, filter, trace ? output : null);
        if (result.Violation is { } violation) output.WriteLine($"violation seed={seed} checker={violation.Checker} time={Seconds(violation.Time)} {violation.Text}");
        output.WriteLine($"story={result.Hash:x16}");
        output.WriteLine($"seeds=1 violations={(result.Violation is null ? 0 : 1)} events={result.Events} "
            + $"events_per_s={(long)(result.Events / Math.Max(1e-6, result.Elapsed.TotalSeconds))} regroups={result.Regroups} installs={result.Installs}");
        return result.Violation is null ? 0 : 1;
    }

    public static string ReplayLine(ulong seed, RunFilter filter) => $"eng/simulate --replay {seed} --trace{(FilterOptions(filter) is { Length: > 0 } options ? " " + options : "")}";

    /// <summary>The options of the command line that make this filter, as little as is needed.</summary>
    public static string FilterOptions(RunFilter filter)
    {
        var plain = new RunFilter();
        List<string> options = [];
        if (filter.MinNodes != plain.MinNodes || filter.MaxNodes != plain.MaxNodes) options.Add($"--nodes {filter.MinNodes}..{filter.MaxNodes}");
        if (filter.Policy is { } policy) options.Add($"--policy {policy}");
        if (filter.Focus is { } focus) options.Add($"--focus {focus}");
        if (filter.Defects != PlantedDefects.None) options.Add($"--defect {filter.Defects}");
        if (filter.MixedVersions) options.Add("--mixed-versions");
        if (filter.RememberedViews is { } remembered) options.Add(string.Create(CultureInfo.InvariantCulture, $"--remember {remembered}"));
        return string.Join(' ', options);
    }

    private static string Seconds(long ticks) => string.Create(CultureInfo.InvariantCulture, $"{ticks / 1e7:F3}s");
}
