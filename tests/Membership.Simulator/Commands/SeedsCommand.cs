// Runs a range of seeds, several at a time, and prints what was found in the order of the seeds.
using System.Globalization;
using Membership.Engine.Protocol;
using Membership.Simulator.World;
using Membership.Simulator.Workload;

namespace Membership.Simulator.Commands;

internal static class SeedsCommand
{
    public static int Run(ulong first, ulong last, RunFilter filter, int jobs, TextWriter output)
    {
        ulong next = first;
        var gate = new Lock();
        var found = new SortedDictionary<ulong, Violation>();
        long runs = 0, events = 0, regroups = 0, installs = 0;
        TimeSpan busy = TimeSpan.Zero;
        double slowestHeal = 0;
        ulong slowestSeed = 0;
        (long Regroups, ulong Seed) busiest = default;
        var threads = new Thread[jobs];
        for (int i = 0; i < jobs; i++)
        {
            threads[i] = new Thread(Work);
            threads[i].Start();
        }
        foreach (Thread thread in threads) thread.Join();
        foreach ((ulong seed, Violation violation) in found)
        {
            output.WriteLine($"violation seed={seed} checker={violation.Checker} time={Seconds(violation.Time)} {violation.Text}");
            output.WriteLine($"  replay: {ReplayLine(seed, filter)}");
        }
        if (slowestSeed != 0) output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"slowest_heal={slowestHeal:P0} of the liveness bound (seed {slowestSeed})"));
        output.WriteLine($"busiest={busiest.Regroups} regroups of nodes in one run (seed {busiest.Seed})");
        long rate = busy > TimeSpan.Zero ? (long)(events / busy.TotalSeconds) : 0;
        output.WriteLine($"seeds={runs} violations={found.Count} events={events} events_per_s={rate} regroups={regroups} installs={installs}");
        return found.Count == 0 ? 0 : 1;

        void Work()
        {
            while (true)
            {
                ulong seed;
                lock (gate)
                {
                    if (next > last) return;
                    seed = next++;
                }
                SeedResult result = SeedRun.Run(seed, filter, trace: null);
                lock (gate)
                {
                    runs++;
                    events += result.Events;
                    regroups += result.Regroups;
                    installs += result.Installs;
                    busy += result.Elapsed;
                    if (result.Violation is { } violation) found.Add(seed, violation);
                    if (result.Regroups > busiest.Regroups) busiest = (result.Regroups, seed);
                    double heal = result.Healed / (double)result.HealBound;
                    if (heal > slowestHeal) (slowestHeal, slowestSeed) = (heal, seed);
                }
            }
        }
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

    public static string ReplayLine(ulong seed, RunFilter filter)
    {
        string line = $"eng/simulate --replay {seed} --trace";
        var plain = new RunFilter();
        if (filter.MinNodes != plain.MinNodes || filter.MaxNodes != plain.MaxNodes) line += $" --nodes {filter.MinNodes}..{filter.MaxNodes}";
        if (filter.Policy is { } policy) line += $" --policy {policy}";
        if (filter.Focus is { } focus) line += $" --focus {focus}";
        if (filter.Defects != PlantedDefects.None) line += $" --defect {filter.Defects}";
        return line;
    }

    private static string Seconds(long ticks) => string.Create(CultureInfo.InvariantCulture, $"{ticks / 1e7:F3}s");
}
