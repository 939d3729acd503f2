// The host's word on the witness outside regroups, and the book of waiters: each is answered once, however many regroups follow.
using Membership.Engine.Protocol;
using Membership.Engine.Tests.Seeds;
using Xunit;

namespace Membership.Engine.Tests.Protocol;

public sealed class OwnershipRequestTests
{
    private static readonly QuorumRule Witnessed = new(QuorumPolicy.NodeAndWitnessMajority, TieBreaker.None, false);

    private static SteppedCluster Formed(int nodes)
    {
        SteppedCluster cluster = SteppedCluster.Formed(nodes, static options => options with { HasWitness = true, Rule = Witnessed });
        cluster.Until(() => cluster.Nodes.Values.All(node => node.Core.QuorumOwner(cluster.Now) == new NodeId(1)));
        return cluster;
    }

    private static MembershipStatus? Declare(Stepped node, int owner, bool block = false)
        => node.StatusOf(node.Ask((core, id, now) => core.SetQuorumOwner(id, owner == 0 ? NodeId.Invalid : new NodeId(owner), block, new NodeAnswer(), now)));

    [Fact]
    public void The_witness_follows_the_hosts_word_given_up_and_not_taken_again_until_it_says_so()
    {
        SteppedCluster cluster = Formed(2);
        int before = cluster[1].Arbitrations;
        Assert.Equal(MembershipStatus.Ok, Declare(cluster[1], 0));
        Assert.Equal(NodeId.Invalid, cluster[1].Core.QuorumOwner(cluster.Now));
        cluster.Run(3);
        Assert.Equal((before, 0), (cluster[1].Arbitrations, cluster[2].Arbitrations));

        cluster[1].HoldArbitrations = true;
        Assert.Equal(MembershipStatus.Ok, Declare(cluster[1], 1));
        Assert.Equal((before + 1, ClusterTiming.Local.LossPeriod * 4), (cluster[1].Arbitrations, cluster[1].LastArbitrationTimeout));
        Assert.Equal(new NodeId(1), cluster[1].Core.DeclaredQuorumOwner);
        // One is under way: a second one is not begun.
        Assert.Equal(MembershipStatus.Ok, Declare(cluster[1], 1));
        Assert.Equal(before + 1, cluster[1].Arbitrations);
        cluster[1].ReleaseArbitrations();
        cluster.Until(() => cluster[1].Core.QuorumOwner(cluster.Now) == new NodeId(1), seconds: 1);
        // It is owned: nothing to do. And somebody else owns it: nothing either.
        Assert.Equal(MembershipStatus.Ok, Declare(cluster[1], 1));
        cluster.Until(() => cluster[2].Core.QuorumOwner(cluster.Now) == new NodeId(1), seconds: 1);
        Assert.Equal(MembershipStatus.Ok, Declare(cluster[2], 2));
        Assert.Equal((before + 1, 0), (cluster[1].Arbitrations, cluster[2].Arbitrations));
    }

    [Fact]
    public void The_hosts_word_starts_nothing_without_a_witness_outside_the_cluster_or_in_a_regroup()
    {
        SteppedCluster plain = SteppedCluster.Formed(2);
        Assert.Equal(MembershipStatus.Ok, Declare(plain[1], 1));
        Assert.Equal(0, plain[1].Arbitrations);

        SteppedCluster unused = SteppedCluster.Formed(2, static options => options with { HasWitness = true });
        int forming = unused[1].Arbitrations;
        Assert.Equal(MembershipStatus.Ok, Declare(unused[1], 1));
        Assert.Equal(forming, unused[1].Arbitrations);

        var down = new SteppedCluster(2, static options => options with { HasWitness = true, Rule = Witnessed });
        Assert.Equal(MembershipStatus.Ok, Declare(down[1], 1));
        Assert.Equal(0, down[1].Arbitrations);

        SteppedCluster cluster = Formed(3);
        foreach (Stepped node in cluster.Nodes.Values) node.WitnessSays = ArbitrationOutcome.Lost;
        Declare(cluster[1], 0);
        cluster.Run(1);
        cluster[3].HoldCallback = CallbackKind.HoldAllIO;
        cluster[2].Ask(static (core, id, now) => core.ForceRegroup(id, now));
        cluster.Run(0.02);
        int before = cluster[1].Arbitrations;
        Assert.True(cluster[1].Core.RegroupInProgress);
        Declare(cluster[1], 1);
        Assert.Equal(before, cluster[1].Arbitrations);
        // When it is over, the word counts.
        cluster[3].ReleaseCallbacks();
        cluster.UntilInstalled(1, 2, 3);
        cluster.Run(0.01);
        Assert.True(cluster[1].Arbitrations > before);
    }

    [Fact]
    public void Who_waits_for_the_end_of_a_regroup_is_answered_once_with_the_last_winner()
    {
        SteppedCluster cluster = Formed(2);
        // Node 2 dies: node 1 wins with the witness.
        cluster.Kill(2);
        cluster.UntilInstalled(1);
        var atRest = new NodeAnswer();
        long now1 = cluster[1].Ask((core, id, now) => core.WaitWhileRegrouping(id, atRest, now));
        Assert.Equal((MembershipStatus.Ok, new NodeId(1)), (cluster[1].StatusOf(now1)!.Value, atRest.Node));
        cluster.Restart(2).Start();
        cluster.UntilInstalled(1, 2);

        for (int round = 0; round < 3; round++)
        {
            cluster[2].HoldCallback = CallbackKind.HoldAllIO;
            cluster[1].Ask(static (core, id, now) => core.ForceRegroup(id, now));
            cluster.Run(0.02);
            var winner = new NodeAnswer();
            long wait = cluster[1].Ask((core, id, now) => core.WaitWhileRegrouping(id, winner, now));
            long owner = cluster[1].Ask(static (core, id, now) => core.SetQuorumOwner(id, new NodeId(1), block: true, new NodeAnswer(), now));
            Assert.Null(cluster[1].StatusOf(wait));
            Assert.Null(cluster[1].StatusOf(owner));
            // A request that is answered twice would throw here.
            cluster[2].ReleaseCallbacks();
            cluster.UntilInstalled(1, 2);
            cluster.Run(0.1);
            Assert.Equal((MembershipStatus.Ok, new NodeId(1)), (cluster[1].StatusOf(wait)!.Value, winner.Node));
            Assert.Equal(MembershipStatus.Ok, cluster[1].StatusOf(owner));
        }
    }

    [Fact]
    public void A_word_said_in_a_regroup_counts_when_it_is_over_also_at_who_is_not_the_coordinator()
    {
        SteppedCluster cluster = Formed(3);
        Declare(cluster[1], 0);
        cluster.WitnessOwner = 0;
        cluster.Run(1);
        cluster[3].HoldCallback = CallbackKind.HoldAllIO;
        cluster[1].Ask(static (core, id, now) => core.ForceRegroup(id, now));
        cluster.Run(0.02);
        int before = cluster[2].Arbitrations;
        Assert.Equal(MembershipStatus.Ok, Declare(cluster[2], 2));
        Assert.Equal(before, cluster[2].Arbitrations);
        cluster[3].ReleaseCallbacks();
        cluster.UntilInstalled(1, 2, 3);
        cluster.Run(0.01);
        Assert.Equal(before + 1, cluster[2].Arbitrations);
    }

    [Fact]
    public void Who_waits_with_its_word_and_leaves_is_answered_once_however_many_regroups_follow()
    {
        SteppedCluster cluster = Formed(3);
        cluster[3].HoldCallback = CallbackKind.HoldAllIO;
        cluster[1].Ask(static (core, id, now) => core.ForceRegroup(id, now));
        cluster.Run(0.02);
        long owner = cluster[2].Ask(static (core, id, now) => core.SetQuorumOwner(id, new NodeId(2), block: true, new NodeAnswer(), now));
        Assert.Null(cluster[2].StatusOf(owner));
        cluster[2].Ask(static (core, id, now) => core.Leave(id, now));
        cluster[3].ReleaseCallbacks();
        cluster.Until(() => cluster[2].Core.Phase == NodePhase.Down);
        Assert.Equal(MembershipStatus.Transient, cluster[2].StatusOf(owner));
        cluster[2].Start();
        cluster.UntilInstalled(1, 2, 3);
        // A request that is answered twice would throw here.
        cluster[1].Ask(static (core, id, now) => core.ForceRegroup(id, now));
        cluster.Run(0.01);
        cluster.UntilInstalled(1, 2, 3);
        cluster.Run(0.1);
    }

    [Fact]
    public void A_witness_that_the_rule_does_not_use_is_not_asked_for_by_the_hosts_word()
    {
        SteppedCluster cluster = SteppedCluster.Formed(2, static options => options with { HasWitness = true });
        cluster.WitnessOwner = 0;
        cluster[1].Do(static (core, now) => core.WitnessOwnershipChanged(MonotonicTime.MinValue, now));
        cluster[2].Do(static (core, now) => core.WitnessOwnershipChanged(MonotonicTime.MinValue, now));
        cluster.Run(0.5);
        int before = cluster[1].Arbitrations;
        Assert.Equal(NodeId.Invalid, cluster[1].Core.QuorumOwner(cluster.Now));
        Assert.Equal(MembershipStatus.Ok, Declare(cluster[1], 1));
        Assert.Equal(before, cluster[1].Arbitrations);
    }

    [Fact]
    public void After_a_leave_the_hosts_word_is_forgotten()
    {
        SteppedCluster cluster = Formed(2);
        Declare(cluster[2], 2);
        Assert.Equal(new NodeId(2), cluster[2].Core.DeclaredQuorumOwner);
        cluster[2].Ask(static (core, id, now) => core.Leave(id, now));
        cluster.Until(() => cluster[2].Core.Phase == NodePhase.Down);
        Assert.Equal(NodeId.Invalid, cluster[2].Core.DeclaredQuorumOwner);
        // Node 1 declines, leaves and forms anew: it takes the witness, as any coordinator does.
        Declare(cluster[1], 0);
        cluster[1].Ask(static (core, id, now) => core.Leave(id, now));
        cluster.Until(() => cluster[1].Core.Phase == NodePhase.Down);
        cluster[1].Start();
        cluster[2].Start();
        cluster.UntilInstalled(1, 2);
        cluster.Until(() => cluster.Nodes.Values.Any(node => node.Core.QuorumOwner(cluster.Now).IsValid), seconds: 5);
    }
}
