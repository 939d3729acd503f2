// A decision that comes late in an incident: what is left to wait for, a lease or a disk, ends by itself, and the halt deadline counts from there. Without
// that all survivors halted, a little before the lease of the one that had kept them waiting was over.
using Membership.Engine.Protocol;
using Membership.Engine.Tests.Seeds;
using Xunit;

namespace Membership.Engine.Tests.Protocol;

public sealed class LateDecisionTests(ITestOutputHelper output)
{
    private const int Deaf = 3;
    private static readonly ClusterTiming Timing = ClusterTiming.Local;

    [Theory]
    [InlineData(0.9)]
    [InlineData(0.7)]
    [InlineData(0.5)]
    public void Survivors_that_agree_late_wait_for_the_lease_and_live(double lossPeriodsBeforeTheDeadline)
    {
        (SteppedCluster cluster, MonotonicTime deadline) = Apart();
        cluster.Run((deadline - cluster.Now - Timing.LossPeriod * lossPeriodsBeforeTheDeadline).TotalSeconds);
        cluster.Heal();
        Deafen(cluster);
        cluster.UntilInstalled(1, 2);
        output.WriteLine($"installed {(cluster.Now - deadline).TotalMilliseconds} ms after the deadline; {cluster[1].Core.Activation}");
        Assert.Equal(HaltCode.None, cluster[1].Halted);
        Assert.Equal(HaltCode.None, cluster[2].Halted);
    }

    [Fact]
    public void Who_agrees_with_nobody_halts_at_the_deadline()
    {
        (SteppedCluster cluster, MonotonicTime deadline) = Apart();
        cluster.Until(() => cluster[1].Halted != HaltCode.None && cluster[2].Halted != HaltCode.None);
        Assert.Equal((HaltCode.NoQuorum, HaltCode.NoQuorum), (cluster[1].Halted, cluster[2].Halted));
        Assert.InRange((cluster.Now - deadline).TotalMilliseconds, -1, 2 * Timing.ClockPeriod.TotalMilliseconds);
    }

    [Fact]
    public void Who_is_alone_behind_a_decision_halts_too_one_incident_later()
    {
        (SteppedCluster cluster, MonotonicTime deadline) = Apart();
        cluster.Run((deadline - cluster.Now - Timing.LossPeriod * 0.5).TotalSeconds);
        cluster.Heal();
        Deafen(cluster);
        cluster.Until(() => cluster[1].Log.Any(static line => line.Contains("accepts decision", StringComparison.Ordinal)) && cluster.Disk(1).Pending.Length > 0);
        MonotonicTime decided = cluster.Now;
        cluster.Cut(1, 2);
        cluster.Until(() => cluster[1].Halted != HaltCode.None && cluster[2].Halted != HaltCode.None);
        Assert.Equal((HaltCode.NoQuorum, HaltCode.NoQuorum), (cluster[1].Halted, cluster[2].Halted));
        // A stage until the other one counts as silent, and from there as long as any incident of a fourth attempt.
        Assert.InRange((cluster.Now - decided).TotalMilliseconds, 0, 2 * (Timing.LossPeriod + 3 * Timing.ClockPeriod * cluster.OptionsOf(1).StageTicks).TotalMilliseconds);
    }

    /// <summary>The third node is deaf, but heard; and the other two, once they regroup, are cut from each other.</summary>
    private static (SteppedCluster Cluster, MonotonicTime Deadline) Apart()
    {
        SteppedCluster cluster = SteppedCluster.Formed(3);
        cluster.Run(1);
        Deafen(cluster);
        cluster.Until(() => cluster[1].Core.Stage == RegroupStage.Activate || cluster[2].Core.Stage == RegroupStage.Activate);
        cluster.Cut(1, 2);
        ProtocolOptions options = cluster.OptionsOf(1);
        return (cluster, cluster.Now + Timing.LossPeriod + Timing.ClockPeriod * (options.ActivateTicks + 2 * options.StageTicks));
    }

    private static void Deafen(SteppedCluster cluster)
    {
        cluster.CutOneWay(1, Deaf);
        cluster.CutOneWay(2, Deaf);
    }
}
