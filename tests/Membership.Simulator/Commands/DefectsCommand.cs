// Takes one rule out at a time and looks for the first seed that a checker catches, each with the workload that
// meets the missing rule most often and with plain seeds; and plays the scenario scripts that name the rule.
using System.Diagnostics;
using Membership.Engine;
using Membership.Engine.Protocol;
using Membership.Simulator.Gray;
using Membership.Simulator.Scenarios;
using Membership.Simulator.Workload;
using Membership.Simulator.World;

namespace Membership.Simulator.Commands;

internal static class DefectsCommand
{
    public static int Run(IReadOnlyList<PlantedDefects> defects, TimeSpan budget, RunFilter filter, TextWriter output)
    {
        int missed = 0;
        foreach (PlantedDefects defect in defects)
        {
            long started = Stopwatch.GetTimestamp();
            TimeSpan share = budget / defects.Count;
            string scripts = string.Join(",", ScenariosThatCatch(defect).Concat(GrayFailuresThatCatch(defect)));
            if (scripts.Length > 0) scripts = $" scenarios={scripts}";
            (ulong Seed, RunFilter Filter, string Checker)? caught = Search(defect, filter, share, started);
            if (caught is { } found)
            {
                output.WriteLine($"defect={defect} seed={found.Seed} checker={found.Checker} after={Stopwatch.GetElapsedTime(started).TotalSeconds:F1}s "
                    + $"replay: {SeedsCommand.ReplayLine(found.Seed, found.Filter)}{scripts}");
            }
            else
            {
                if (scripts.Length == 0) missed++;
                output.WriteLine($"defect={defect} seed=none checker=none after={Stopwatch.GetElapsedTime(started).TotalSeconds:F1}s{scripts}");
            }
        }
        output.WriteLine($"defects={defects.Count} caught={defects.Count - missed} missed={missed}");
        return missed == 0 ? 0 : 1;
    }

    // Rules that only bound what trouble costs: no checker objects without them, the bill does.
    private static IEnumerable<string> GrayFailuresThatCatch(PlantedDefects defect)
    {
        GrayFault? fault = defect switch
        {
            PlantedDefects.TripwireAlwaysBelieved => GrayFault.TripwireResets,
            PlantedDefects.NoPatience => GrayFault.Blinks,
            _ => null,
        };
        if (fault is not { } told) yield break;
        WorldOptions options = GrayRun.Options(5, ClusterTiming.Default, seed: 1);
        long with = GrayRun.Run(options, told, TimeSpan.FromMinutes(5).Ticks).Incidents, without = GrayRun.Run(options with { Defects = defect }, told, TimeSpan.FromMinutes(5).Ticks).Incidents;
        if (without > 2 * with) yield return $"gray:{told}({with}->{without})";
    }

    // The scripts lie in the source tree; eng/simulate says where.
    private static IEnumerable<string> ScenariosThatCatch(PlantedDefects defect)
    {
        if (Environment.GetEnvironmentVariable("SIMULATE_SCENARIOS") is not { Length: > 0 } folder) yield break;
        foreach (string file in Directory.GetFiles(folder, "*.txt").Order(StringComparer.Ordinal))
        {
            Scenario scenario = Scenario.Parse(Path.GetFileNameWithoutExtension(file), File.ReadAllLines(file));
            foreach (MissingRule rule in scenario.MissingRules)
            {
                if (rule.Defect != defect) continue;
                for (int seed = 0; seed < scenario.Sweep; seed++)
                {
                    ScenarioResult result = new ScenarioRunner(scenario, defect, trace: null, (ulong)seed).Run();
                    if (rule.Checker is { } checker ? result.Violation?.Checker != checker : result.Failures.Count == 0) continue;
                    yield return scenario.Name;
                    break;
                }
            }
        }
    }

    /// <summary>The workloads that lead to the place where the rule matters, best first.</summary>
    public static RunFilter[] Workloads(PlantedDefects defect, RunFilter plain)
    {
        RunFilter With(FaultFocus focus, QuorumPolicy? policy = null, int minNodes = 3, int maxNodes = 5)
            => plain with { Defects = defect, Focus = focus, Policy = policy, MinNodes = minNodes, MaxNodes = maxNodes };

        return defect switch
        {
            PlantedDefects.RecordNotRead or PlantedDefects.RecordNotConfirmed or PlantedDefects.RemoveWithoutLeaseOfRecord =>
                [With(FaultFocus.Witness, QuorumPolicy.NodeAndWitnessMajority, 4, 4), With(FaultFocus.Churn, QuorumPolicy.NodeAndWitnessMajority, 4, 4), With(FaultFocus.Moments, QuorumPolicy.NodeAndWitnessMajority, 2, 4)],
            PlantedDefects.NoWaitAfterRestart => [With(FaultFocus.Crashes, QuorumPolicy.NodeMajority), With(FaultFocus.Churn), With(FaultFocus.Pauses)],
            PlantedDefects.StaleArrivalTimes => [With(FaultFocus.Pauses, QuorumPolicy.NodeMajority), With(FaultFocus.Moments), With(FaultFocus.Partitions)],
            PlantedDefects.JoinIgnoresPending or PlantedDefects.JoinSkipsJoinerLeaseWait => [With(FaultFocus.Moments), With(FaultFocus.Joins), With(FaultFocus.Churn)],
            PlantedDefects.AcceptOldIncarnation or PlantedDefects.ObeyPoisonForFormerLife => [With(FaultFocus.Datagrams), With(FaultFocus.Joins), With(FaultFocus.Churn)],
            PlantedDefects.NeverInFullAgain => [With(FaultFocus.Crashes) with { RememberedViews = 0 }, With(FaultFocus.Churn) with { RememberedViews = 0 }],
            PlantedDefects.OneWayEdgeCounts => [With(FaultFocus.Partitions), With(FaultFocus.Mixed)],
            _ => [With(FaultFocus.Churn), With(FaultFocus.Moments), With(FaultFocus.Partitions), With(FaultFocus.Disks), With(FaultFocus.Pauses)],
        };
    }

    // A safety rule must be missed by a safety checker: any change of a run can end in some other trouble.
    private static bool Counts(PlantedDefects defect, string checker) => defect switch
    {
        PlantedDefects.NoVoidByTestimony or PlantedDefects.NeverInFullAgain => checker == "liveness",
        PlantedDefects.OneWayEdgeCounts or PlantedDefects.AcceptOldIncarnation or PlantedDefects.JoinIgnoresPending => true,
        PlantedDefects.ObeyPoisonForFormerLife => checker == "poison",
        _ => checker is not ("liveness" or "storm" or "healthy"),
    };

    private static (ulong Seed, RunFilter Filter, string Checker)? Search(PlantedDefects defect, RunFilter plain, TimeSpan share, long started)
    {
        RunFilter[] workloads = [.. Workloads(defect, plain), plain with { Defects = defect }];
        for (ulong seed = 1; ; seed++)
        {
            foreach (RunFilter workload in workloads)
            {
                if (Stopwatch.GetElapsedTime(started) > share) return null;
                SeedResult result = SeedRun.Run(seed, workload, trace: null);
                if (result.Violation is not { } violation || !Counts(defect, violation.Checker)) continue;
                // What goes wrong with the rule in place as well says nothing about the rule.
                if (SeedRun.Run(seed, workload with { Defects = PlantedDefects.None }, trace: null).Violation is null) return (seed, workload, violation.Checker);
            }
        }
    }
}
