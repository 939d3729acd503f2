// A promised view that asks for more votes than are in hand: from that very moment nothing is served, and when the former lease would have ended
// the waiting does.
using Membership.Engine.Protocol;
using Membership.Engine.Tests.Seeds;
using Xunit;

namespace Membership.Engine.Tests.Protocol;

public sealed class LeaseGraceTests
{
    [Fact]
    public void A_promise_that_is_not_carried_holds_the_lease_at_once_and_ends_in_a_regroup_when_the_lease_would_have_ended()
    {
        var cluster = new SteppedCluster(3);
        cluster[1].Ask(static (core, id, now) => core.Start(id, forceForm: true, now));
        cluster.UntilInstalled(1);
        cluster.Run(1);
        cluster[2].Start();
        cluster.Until(() => !cluster[1].Core.TakeSnapshot(cluster.Now).Pending.IsEmpty);
        cluster.Cut(1, 2);
        MonotonicTime promised = cluster.Now, valid = cluster[1].Core.Lease.ValidUntil;
        while (!cluster[1].Core.Lease.Held)
        {
            valid = cluster[1].Core.Lease.ValidUntil;
            cluster.Step();
        }
        // Before the promise is told: the write takes a millisecond.
        Assert.True(cluster.Now - promised <= TimeSpan.FromMilliseconds(1));
        Assert.True(valid > cluster.Now);
        Assert.Equal(RegroupStage.None, cluster[1].Core.Stage);
        cluster.Until(() => cluster[1].Core.Stage != RegroupStage.None);
        Assert.InRange((cluster.Now - valid).TotalMilliseconds, 0, 1);
        Assert.True(cluster[1].Core.Lease.Held);
    }

    [Fact]
    public void The_lease_of_a_node_that_leaves_before_its_joined_view_carries_one_is_lost_and_never_held_again()
    {
        var cluster = new SteppedCluster(3);
        cluster[1].Start();
        cluster[2].Start();
        cluster.UntilInstalled(1, 2);
        cluster[3].Start();
        cluster.Until(() => cluster[2].Core.InForce!.Nodes.Count == 3);
        cluster.Cut(2, 1);
        cluster.Cut(2, 3);
        // Its host takes its time: it is leaving for longer than any lease lasts.
        cluster[2].HoldCallback = CallbackKind.HoldAllIO;
        cluster[2].Ask(static (core, id, now) => core.Leave(id, now));
        MonotonicTime left = cluster.Now;
        while (cluster[2].Core.Phase == NodePhase.Leaving && cluster.Now - left < 3 * ClusterTiming.Local.LossPeriod)
        {
            Assert.False(cluster[2].Core.Lease.Held);
            cluster.Step();
        }
        Assert.Equal(NodePhase.Leaving, cluster[2].Core.Phase);
    }

    [Fact]
    public void A_lease_whose_end_was_shown_is_not_said_to_be_over_before_that_end_and_the_bound_on_clocks()
    {
        // The third node's votes alone outweigh the others': the promise of a view with it takes their lease away.
        var cluster = new SteppedCluster(3, static options => options with { Nodes = [.. options.Nodes.Select(static node => node with { Votes = node.Node.Value == 3 ? 3 : 1 })] });
        cluster[1].Ask(static (core, id, now) => core.Start(id, forceForm: true, now));
        cluster.UntilInstalled(1);
        cluster[2].Start();
        cluster.UntilInstalled(1, 2);
        cluster.Run(1);
        cluster[3].Start();
        MonotonicTime shown = MonotonicTime.MinValue, said = MonotonicTime.MinValue;
        cluster[1].Sent = body =>
        {
            if (said == MonotonicTime.MinValue && body is StatusMessage status && status.Has(StatusFlags.LeaseOver)) said = cluster.Now;
        };
        bool cut = false;
        while (said == MonotonicTime.MinValue && cluster[1].Halted == HaltCode.None)
        {
            LeaseState lease = cluster[1].Core.Lease;
            shown = MonotonicTime.Max(shown, MonotonicTime.Max(lease.ValidUntil, lease.HeldUntil));
            cluster.Step();
            if (cut || cluster[1].Core.TakeSnapshot(cluster.Now).Pending.IsEmpty) continue;
            cut = true;
            cluster.Cut(1, 3);
            cluster.Cut(2, 3);
        }
        Assert.True(said != MonotonicTime.MinValue, "it never said so");
        Assert.True(shown != MonotonicTime.MinValue && cut);
        Assert.True(said - shown >= ClusterTiming.Local.LossPeriod * cluster.OptionsOf(1).ClockRateBound, $"said {(said - shown).TotalMilliseconds} ms after the end shown");
    }
}
