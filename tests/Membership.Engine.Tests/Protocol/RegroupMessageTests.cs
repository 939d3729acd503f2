// Moments of a regroup that a message or a report of the host decides: who is answered while a promise is being written, two decisions in one attempt,
// whose answer completes an eject, for how long the witness may be waited for, and what a lost or given-up witness does not bring back.
using Membership.Engine.Protocol;
using Membership.Engine.Tests.Seeds;
using Xunit;

namespace Membership.Engine.Tests.Protocol;

public sealed class RegroupMessageTests
{
    [Fact]
    public void A_node_says_nothing_of_a_new_attempt_before_the_promise_from_before_it_is_on_disk()
    {
        SteppedCluster cluster = SteppedCluster.Formed(3);
        ClusterView view = cluster[2].Core.InForce!;
        long writing = 0;
        StoredState? written = null;
        cluster[2].Disk = (id, state) => (writing, written) = (id, state);
        cluster.Say(1, 2, new JoinPrepareMessage(7, view, SteppedCluster.After(view, 1), null));
        Assert.NotNull(written);
        cluster[2].HoldCallback = CallbackKind.HoldAllIO;
        cluster[2].Ask(static (core, id, now) => core.ForceRegroup(id, now));
        Assert.Equal(RegroupStage.Activate, cluster[2].Core.Stage);
        // Somebody has not heard of this attempt.
        var former = SteppedCluster.StatusOf(1, new ActivationId(view.Epoch, 0));
        (DropReason dropped, var said) = cluster.Say(1, 2, former);
        Assert.Equal(DropReason.StaleActivation, dropped);
        Assert.DoesNotContain(said, static one => one.Body is StatusMessage);
        cluster[2].Disk = null;
        cluster[2].Write(writing, written);
        cluster.Run(0.0012);
        Assert.Contains(cluster.Say(3, 2, former with { StoreId = 1003 }).Said, static one => one is { To: 3, Body: StatusMessage });
    }

    [Fact]
    public void Two_decisions_in_one_attempt_make_everybody_begin_another_at_once()
    {
        SteppedCluster cluster = SteppedCluster.Formed(5);
        StatusMessage? theirs = null;
        cluster[2].Sent = body => theirs = body is StatusMessage { Decision: not null } status ? status : theirs;
        cluster.Kill(5);
        cluster.Until(() => theirs is not null && cluster.Disk(3).Pending.Length > 0);
        int attempt = cluster[3].Core.Activation.Attempt;
        Decision decision = theirs!.Decision!;
        // The same again is none; nor is one about others only.
        cluster.Say(2, 3, theirs, sequence: 1_000_000);
        Assert.Equal(attempt, cluster[3].Core.Activation.Attempt);
        cluster.Say(2, 3, theirs with { Decision = decision with { View = SteppedCluster.After(decision.View, 1) } }, sequence: 1_000_001);
        Assert.Equal((attempt + 1, RegroupStage.Activate), (cluster[3].Core.Activation.Attempt, cluster[3].Core.Stage));
    }

    [Fact]
    public void An_eject_is_completed_by_the_answer_of_the_one_that_was_ejected_or_by_the_view()
    {
        SteppedCluster cluster = SteppedCluster.Formed(4);
        cluster.CutOneWay(3, 1);
        long eject = cluster[1].Ask(static (core, id, now) => core.Eject(id, new NodeId(3), now));
        var former = new Incarnation(cluster[2].Core.Incarnation.Value - 1);
        cluster.Say(2, 1, new PoisonAcknowledgedMessage(former, cluster[1].Core.InForce!.Epoch.Next, SecondMaster: false));
        Assert.Null(cluster[1].StatusOf(eject));
        cluster.Say(3, 1, new PoisonAcknowledgedMessage(cluster[3].Core.Incarnation, cluster[1].Core.InForce!.Epoch.Next, SecondMaster: false));
        Assert.Equal(MembershipStatus.Ok, cluster[1].StatusOf(eject));
        cluster.UntilInstalled(1, 2, 4);
    }

    [Fact]
    public void A_minority_does_not_wait_for_a_witness_that_its_policy_does_not_count()
    {
        double without = Wait(witness: false);
        Assert.InRange(Wait(witness: true), without - 100, without + 100);

        static double Wait(bool witness)
        {
            SteppedCluster cluster = SteppedCluster.Formed(3, options => options with { HasWitness = witness, ArbitrationTimeout = TimeSpan.FromSeconds(2) });
            cluster.Run(1);
            cluster.Cut(1, 3);
            cluster.Cut(2, 3);
            MonotonicTime cut = cluster.Now;
            cluster.Until(() => cluster[3].Halted != HaltCode.None);
            Assert.Equal(HaltCode.NoQuorum, cluster[3].Halted);
            return (cluster.Now - cut).TotalMilliseconds;
        }
    }

    [Fact]
    public void A_witness_without_a_record_is_asked_anew_in_each_attempt()
    {
        SteppedCluster cluster = SteppedCluster.Formed(4, static options => options with
        {
            HasWitness = true, WitnessKeepsRecord = false, Rule = new QuorumRule(QuorumPolicy.NodeAndWitnessMajority, TieBreaker.None, false),
        });
        cluster.Run(1);
        foreach (int each in (int[])[1, 2]) cluster.Cut(each, 3);
        foreach (int each in (int[])[1, 2]) cluster.Cut(each, 4);
        cluster[3].HoldArbitrations = true;
        List<(long Id, StoredState State)> held = [];
        cluster[2].Disk = (id, state) => held.Add((id, state));
        cluster.Until(() => cluster[1].Arbitrations == 1 && cluster[1].Core.QuorumOwner(cluster.Now) == new NodeId(1));
        int attempt = cluster[1].Core.Activation.Attempt, releases = cluster[1].Releases;
        cluster.Until(() => cluster[1].Core.Activation.Attempt > attempt);
        Assert.Equal((NodeId.Invalid, releases + 1), (cluster[1].Core.QuorumOwner(cluster.Now), cluster[1].Releases));
        cluster[2].Disk = null;
        foreach ((long id, StoredState state) in held) cluster[2].Write(id, state);
        cluster.UntilInstalled(1, 2);
        Assert.Equal(2, cluster[1].Arbitrations);
    }

    [Fact]
    public void A_report_that_was_under_way_when_the_witness_was_lost_does_not_bring_it_back()
    {
        SteppedCluster cluster = SteppedCluster.Formed(2, static options => options with { HasWitness = true, Rule = new QuorumRule(QuorumPolicy.NodeAndWitnessMajority, TieBreaker.None, false) });
        cluster.Until(() => cluster[1].Core.QuorumOwner(cluster.Now) == new NodeId(1));
        cluster[1].Do(static (core, now) => core.WitnessOwnershipChanged(MonotonicTime.MinValue, now));
        Assert.Equal(NodeId.Invalid, cluster[1].Core.QuorumOwner(cluster.Now));
        cluster[1].Do(static (core, now) => core.WitnessOwnershipChanged(now + TimeSpan.FromSeconds(10), now));
        Assert.Equal(NodeId.Invalid, cluster[1].Core.QuorumOwner(cluster.Now));
    }
}
