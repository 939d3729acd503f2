// One seed from start to verdict: the fault phase, the quiet phase, and the liveness check at its end.
using System.Diagnostics;
using Membership.Simulator.Checkers;
using Membership.Simulator.World;

namespace Membership.Simulator.Workload;

/// <summary>The verdict on one seed.</summary>
/// <remarks>Elapsed is real time, for the rate only: nothing in the run depends on it. Healed is the virtual time from the end of the faults to the whole cluster, or -1.</remarks>
internal sealed record SeedResult(ulong Seed, Violation? Violation, long Events, long Regroups, long Installs, ulong Hash, TimeSpan Elapsed, long Healed, long HealBound, long Named, long UnknownViews);

internal static class SeedRun
{
    public static SeedResult Run(ulong seed, RunFilter filter, TextWriter? trace)
    {
        long started = Stopwatch.GetTimestamp();
        RunPlan plan = RunPlan.Draw(seed, filter);
        trace?.WriteLine($"seed {seed}: {plan.Options} focus={plan.Focus} faults for {plan.FaultTime / Ticks.Millisecond} ms");
        var world = new ClusterWorld(plan.Options, new World.Trace(trace));
        var schedule = new FaultSchedule(world, plan);
        schedule.Start();
        if (plan.HasClients) new StateClients(world, seed).Start();
        world.RunUntil(plan.FaultTime);
        long bound = LivenessChecker.Bound(plan.Options);
        long healed = -1;
        if (world.Violation is null)
        {
            world.After(0, schedule.Heal);
            healed = RunToWhole(world, bound);
        }
        return new SeedResult(seed, world.Violation, world.Events, world.Regroups, world.Installs, world.Trace.Hash, Stopwatch.GetElapsedTime(started), healed, bound, world.NamedStatuses, world.UnknownViews);
    }

    private static long RunToWhole(ClusterWorld world, long bound)
    {
        long healedAt = world.Now;
        long step = world.Options.T;
        while (world.Violation is null && world.Now - healedAt < bound)
        {
            world.RunUntil(world.Now + step);
            if (world.Violation is not null || !LivenessChecker.Whole(world)) continue;
            long after = world.Now - healedAt;
            // It must stay whole: nothing may fall apart by itself.
            world.RunUntil(world.Now + 3 * world.Options.L);
            if (world.Violation is null && LivenessChecker.Whole(world)) return after;
        }
        // Those who were switched off may have formed their old cluster again where they could not hear the new one: the operator has to choose.
        if (world.Violation is not null || world.DisksReplaced || world.TwoClusters) return -1;
        try
        {
            world.Violate("liveness", $"{bound / 1e7:F1} s after the last fault {LivenessChecker.Describe(world)}");
        }
        catch (SimulatorException)
        {
            // Recorded in the world; there is no run to end any more.
        }
        return -1;
    }
}
