// The witness at rest and in a decision: what its owner writes into the record and when again, who acquires it, and that a lease which rests on
// its vote ends with the ownership.
using Membership.Engine.Protocol;
using Membership.Engine.Tests.Seeds;
using Xunit;

namespace Membership.Engine.Tests.Protocol;

public sealed class WitnessRecordTests
{
    private static readonly TimeSpan L = ClusterTiming.Local.LossPeriod, T = ClusterTiming.Local.ClockPeriod;

    [Theory]
    [InlineData("reported lost")]
    [InlineData("given up")]
    public void A_lease_that_rests_on_the_witness_is_short_at_once_when_the_witness_is_gone(string how)
    {
        SteppedCluster cluster = OfTwo();
        cluster.Until(() => cluster[1].Core.Lease.ValidUntil - cluster.Now > 10 * L, seconds: 5);
        if (how == "given up") cluster[1].Ask(static (core, id, now) => core.SetQuorumOwner(id, NodeId.Invalid, false, new NodeAnswer(), now));
        else cluster[1].Do(static (core, now) => core.WitnessOwnershipChanged(MonotonicTime.MinValue, now));
        Assert.InRange((cluster[1].Core.Lease.ValidUntil - cluster.Now) / L, 0.1, 1);
    }

    [Fact]
    public void The_owner_at_rest_writes_the_view_into_the_record_once_and_after_a_loss_period_again_until_it_is_confirmed()
    {
        SteppedCluster cluster = OfTwo();
        cluster.Run(5);
        ClusterView view = cluster[1].Core.InForce!;
        Assert.Single(cluster[1].RecordWrites, write => write.Slot.Any(one => one.Id == view.Id));
        Assert.Empty(cluster[2].RecordWrites);
        // A new view; the first answers are lost, one says no.
        int before = cluster[1].RecordWrites.Count;
        cluster[1].Records = static _ => { };
        cluster[1].Ask(static (core, id, now) => core.SetQualification(id, new NodeId(2), false, now));
        cluster.Until(() => cluster[1].Core.Installed!.Id != view.Id);
        view = cluster[1].Core.Installed!;
        cluster.Until(() => cluster[1].RecordWrites.Count == before + 1);
        MonotonicTime first = cluster.Now;
        Assert.Equal([view.Id], cluster[1].RecordWrites[^1].Slot.Select(static one => one.Id));
        cluster.Until(() => cluster[1].RecordWrites.Count == before + 2);
        Assert.InRange((cluster.Now - first) / L, 1, 1 + T / L);
        long refused = cluster[1].RecordWrites[^1].Id;
        cluster[1].Do((core, now) => core.RecordWritten(refused, false, MonotonicTime.MinValue, now));
        cluster[1].Do((core, now) => core.RecordWritten(refused - 1, true, now + L, now));
        cluster.Until(() => cluster[1].RecordWrites.Count == before + 3);
        long confirmed = cluster[1].RecordWrites[^1].Id;
        cluster[1].Do((core, now) => core.RecordWritten(confirmed, true, now + L, now));
        cluster.Run(3);
        Assert.Equal(before + 3, cluster[1].RecordWrites.Count);
    }

    [Fact]
    public void A_decision_by_the_witness_vote_stands_in_the_record_with_the_view_it_was_made_from_before_anybody_is_told()
    {
        SteppedCluster cluster = OfTwo();
        cluster.Run(1);
        ClusterView view = cluster[1].Core.InForce!;
        int before = cluster[1].RecordWrites.Count, arbitrations = cluster[1].Arbitrations;
        cluster[1].Records = static _ => { };
        cluster.Kill(2);
        cluster.Until(() => cluster[1].RecordWrites.Count > before);
        Assert.Equal([view.Id.Epoch.Value, view.Epoch.Value + 1], cluster[1].RecordWrites[^1].Slot.Select(static one => one.Epoch.Value));
        cluster.Run(0.3);
        Assert.Empty(cluster[1].Core.TakeSnapshot(cluster.Now).Pending);
        // Another write's answer is none; a refusal is a failed arbitration, and it is tried again.
        long id = cluster[1].RecordWrites[^1].Id;
        cluster[1].Do((core, now) => core.RecordWritten(id - 1, true, now + L, now));
        Assert.Empty(cluster[1].Core.TakeSnapshot(cluster.Now).Pending);
        cluster[1].Do((core, now) => core.RecordWritten(id, false, now + L, now));
        Assert.Contains(cluster[1].Log, static line => line.Contains("the witness record was not confirmed in time", StringComparison.Ordinal));
        Assert.Empty(cluster[1].Core.TakeSnapshot(cluster.Now).Pending);
        // It is not kept from others meanwhile, as far as no claim of it is under way.
        Assert.Equal(NodeId.Invalid, cluster[1].Core.QuorumOwner(cluster.Now));
        cluster[1].Records = null;
        cluster.WitnessOwner = 0;
        cluster.UntilInstalled(1);
        Assert.True(cluster[1].Arbitrations > arbitrations + 1);
        // The answer to one write is none to another.
        Assert.Equal(cluster[1].RecordWrites.Count, cluster[1].RecordWrites.Select(static write => write.Id).Distinct().Count());
    }

    [Fact]
    public void A_confirmation_that_comes_when_the_ownership_is_over_is_none()
    {
        SteppedCluster cluster = OfTwo();
        cluster.Run(1);
        int before = cluster[1].RecordWrites.Count;
        cluster[1].Records = static _ => { };
        cluster.Kill(2);
        cluster.Until(() => cluster[1].RecordWrites.Count > before);
        long id = cluster[1].RecordWrites[^1].Id;
        cluster[1].Do((core, now) => core.RecordWritten(id, true, now, now));
        Assert.Empty(cluster[1].Core.TakeSnapshot(cluster.Now).Pending);
        cluster[1].Records = null;
        cluster.WitnessOwner = 0;
        cluster.UntilInstalled(1);
    }

    [Fact]
    public void A_witness_that_nobody_owns_is_asked_for_by_the_coordinator_only_and_after_a_refusal_once_in_a_loss_period()
    {
        SteppedCluster cluster = OfTwo();
        cluster.Run(1);
        cluster[1].WitnessSays = ArbitrationOutcome.Lost;
        cluster.WitnessOwner = 0;
        int first = cluster[1].Arbitrations, second = cluster[2].Arbitrations;
        cluster[1].Do(static (core, now) => core.WitnessOwnershipChanged(MonotonicTime.MinValue, now));
        cluster.Run(10 * L.TotalSeconds);
        Assert.InRange(cluster[1].Arbitrations - first, 8, 10);
        Assert.Equal(second, cluster[2].Arbitrations);
        Assert.Equal(4 * L, cluster[1].LastArbitrationTimeout);
        // One at a time, however long it takes.
        cluster[1].HoldArbitrations = true;
        cluster.Run(2 * L.TotalSeconds);
        int held = cluster[1].Arbitrations;
        cluster.Run(5 * L.TotalSeconds);
        Assert.Equal(held, cluster[1].Arbitrations);
        // An answer to another question is none.
        cluster[1].Do(static (core, now) => core.ArbitrationCompleted(-7, ArbitrationOutcome.Won, now + TimeSpan.FromSeconds(9), [], now));
        Assert.Equal(NodeId.Invalid, cluster[1].Core.QuorumOwner(cluster.Now));
        cluster[1].WitnessSays = null;
        cluster[1].ReleaseArbitrations();
        cluster.Until(() => cluster[1].Core.QuorumOwner(cluster.Now) == new NodeId(1));
    }

    [Fact]
    public void An_owner_that_leaves_gives_the_witness_up_when_no_claim_of_it_can_count_any_more()
    {
        SteppedCluster cluster = OfTwo();
        cluster.Run(1);
        cluster.Until(() => cluster[1].Core.QuorumOwner(cluster.Now) == new NodeId(1));
        int releases = cluster[1].Releases;
        cluster[1].Ask(static (core, id, now) => core.Leave(id, now));
        Assert.Equal(NodeId.Invalid, cluster[1].Core.TakeSnapshot(cluster.Now).QuorumOwner);
        cluster.Until(() => cluster[1].Core.Phase == NodePhase.Down);
        cluster.Until(() => cluster[1].Releases > releases, seconds: 400);
        Assert.Equal(releases + 1, cluster[1].Releases);
        Assert.True(cluster.Now >= cluster[1].OwnedUntil, "it was given up while the other could still count on its claim");
    }

    /// <summary>Two nodes, the first of which owns the witness.</summary>
    private static SteppedCluster OfTwo()
    {
        SteppedCluster cluster = SteppedCluster.Formed(2, static options => options with { HasWitness = true, Rule = new QuorumRule(QuorumPolicy.NodeAndWitnessMajority, TieBreaker.None, false) });
        cluster.Until(() => cluster[1].Core.QuorumOwner(cluster.Now) == new NodeId(1));
        return cluster;
    }
}
