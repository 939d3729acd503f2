// The header's sentences about the quorum: its owner, the arbitration's winner, its time limits, and the callback that decides
// between two. On cores that are stepped.
using Membership.Engine.Protocol;
using Xunit;

namespace Membership.Engine.Tests.Seeds;

[Trait("Category", "Seeds")]
public sealed class QuorumResourceTests
{
    private static readonly QuorumRule WithWitness = new(QuorumPolicy.NodeAndWitnessMajority, TieBreaker.None, WitnessPinned: false);
    private static readonly QuorumRule TwoNodes = new(QuorumPolicy.TwoNodeWitness, TieBreaker.None, WitnessPinned: false);

    private static SteppedCluster Witnessed(int size) => SteppedCluster.Formed(size, static options => options with { Rule = WithWitness, HasWitness = true });

    private static SteppedCluster Selecting(int size)
        => SteppedCluster.Formed(size, static options => options with { Rule = TwoNodes, HasWitness = true, WitnessKeepsRecord = false });

    private static (Func<MembershipStatus?> Status, NodeAnswer Answer) SetOwner(Stepped node, int owner, bool block)
    {
        var answer = new NodeAnswer();
        long request = node.Ask((core, id, now) => core.SetQuorumOwner(id, new NodeId(owner), block, answer, now));
        return (() => node.StatusOf(request), answer);
    }

    private static (MembershipStatus? Status, NodeId Winner) Winner(Stepped node)
    {
        var answer = new NodeAnswer();
        long request = node.Ask((core, id, now) => core.GetArbitrationWinner(id, answer, now));
        return (node.StatusOf(request), answer.Node);
    }

    [Fact]
    public void SetQuorumOwner_sets_the_variable_at_once_outside_a_regroup_and_names_no_selected_owner()
    {
        SteppedCluster cluster = Witnessed(2);
        var (status, selected) = SetOwner(cluster[2], 2, block: true);
        Assert.Equal(MembershipStatus.Ok, status());
        Assert.Equal(NodeId.Invalid, selected.Node);
        Assert.Equal(new NodeId(2), cluster[2].Core.DeclaredQuorumOwner);
        Assert.Equal(MembershipStatus.Ok, SetOwner(cluster[2], 0, block: true).Status());
        Assert.Equal(NodeId.Invalid, cluster[2].Core.DeclaredQuorumOwner);
    }

    [Fact]
    public void SetQuorumOwner_takes_this_node_or_none_only()
    {
        SteppedCluster cluster = Witnessed(2);
        Assert.Equal(MembershipStatus.Fault, SetOwner(cluster[1], 2, block: false).Status());
    }

    [Fact]
    public void An_owner_that_relinquishes_the_quorum_gives_the_witness_up_and_another_may_have_it()
    {
        SteppedCluster cluster = Witnessed(2);
        cluster.Until(() => cluster.WitnessOwner == 1);
        cluster.Until(() => cluster[1].Core.QuorumOwner(cluster.Now) == new NodeId(1));
        Assert.Equal(MembershipStatus.Ok, SetOwner(cluster[1], 0, block: true).Status());
        Assert.Equal(NodeId.Invalid, cluster[1].Core.QuorumOwner(cluster.Now));
        cluster.Until(() => cluster.WitnessOwner == 0, 600);
        cluster.Until(() => SetOwner(cluster[2], 2, block: true).Status() == MembershipStatus.Ok && cluster.WitnessOwner == 2);
        Assert.Equal(2, cluster.UntilInstalled(1, 2).Members.Length);
    }

    [Fact]
    public void SetQuorumOwner_with_Block_waits_for_the_end_of_the_regroup()
    {
        SteppedCluster cluster = Witnessed(2);
        cluster[2].HoldArbitrations = true;
        cluster.Kill(1);
        cluster.Until(() => cluster[2].Core.Stage == RegroupStage.Prune && cluster[2].Arbitrations == 1);
        var (status, selected) = SetOwner(cluster[2], 2, block: true);
        Assert.Null(status());
        cluster[2].ReleaseArbitrations();
        cluster.UntilInstalled(2);
        Assert.Equal(MembershipStatus.Ok, status());
        Assert.Equal(new NodeId(2), selected.Node);
    }

    [Fact]
    public void SetQuorumOwner_says_retry_when_the_regroup_chose_another_node()
    {
        SteppedCluster cluster = Witnessed(4);
        cluster.Kill(3);
        cluster.UntilInstalled(1, 2, 4);
        cluster.Restart(3).Start();
        cluster.UntilInstalled(1, 2, 3, 4);
        cluster[1].HoldArbitrations = true;
        cluster.Kill(3);
        cluster.Kill(4);
        cluster.Until(() => cluster[1].Core.Stage == RegroupStage.Prune && cluster[2].Core.Stage == RegroupStage.Prune && cluster[1].Arbitrations > 0);
        var now = SetOwner(cluster[2], 2, block: false);
        Assert.Equal(MembershipStatus.Transient, now.Status());
        Assert.Equal(new NodeId(1), now.Answer.Node);
        var later = SetOwner(cluster[2], 2, block: true);
        var chosenGivesUp = SetOwner(cluster[1], 0, block: true);
        cluster[1].ReleaseArbitrations();
        cluster.UntilInstalled(1, 2);
        Assert.Equal(MembershipStatus.Transient, later.Status());
        Assert.Equal(new NodeId(1), later.Answer.Node);
        Assert.Equal(NodeId.Invalid, cluster[2].Core.DeclaredQuorumOwner);
        Assert.Equal(MembershipStatus.Transient, chosenGivesUp.Status());
    }

    [Fact]
    public void An_owner_that_must_relinquish_no_matter_what_does_not_block_and_succeeds_during_a_regroup()
    {
        SteppedCluster cluster = Witnessed(2);
        cluster[2].HoldArbitrations = true;
        cluster.Kill(1);
        cluster.Until(() => cluster[2].Arbitrations == 1);
        var (status, selected) = SetOwner(cluster[2], 0, block: false);
        Assert.Equal(MembershipStatus.Ok, status());
        Assert.Equal(new NodeId(2), selected.Node);
        cluster[2].ReleaseArbitrations();
        cluster.UntilInstalled(2);
    }

    [Fact]
    public void If_no_node_was_chosen_in_the_regroup_the_selected_owner_is_none()
    {
        SteppedCluster cluster = Witnessed(3);
        cluster[1].Ask(static (core, id, now) => core.ForceRegroup(id, now));
        var (status, selected) = SetOwner(cluster[1], 1, block: true);
        Assert.Null(status());
        cluster.UntilInstalled(1, 2, 3);
        Assert.Equal(MembershipStatus.Ok, status());
        Assert.Equal(NodeId.Invalid, selected.Node);
    }

    [Fact]
    public void GetArbitrationWinner_names_the_winner_of_the_last_regroup_on_every_survivor()
    {
        SteppedCluster cluster = Witnessed(4);
        cluster.Kill(3);
        cluster.Kill(4);
        cluster.UntilInstalled(1, 2);
        Assert.Equal((MembershipStatus.Ok, new NodeId(1)), Winner(cluster[1]));
        Assert.Equal((MembershipStatus.Ok, new NodeId(1)), Winner(cluster[2]));
    }

    [Fact]
    public void GetArbitrationWinner_says_none_when_no_arbitration_was_performed_in_the_last_regroup()
    {
        SteppedCluster cluster = Witnessed(4);
        cluster.Kill(3);
        cluster.Kill(4);
        cluster.UntilInstalled(1, 2);
        cluster[1].Ask(static (core, id, now) => core.ForceRegroup(id, now));
        cluster.UntilInstalled(1, 2);
        Assert.Equal((MembershipStatus.Ok, NodeId.Invalid), Winner(cluster[1]));
        Assert.Equal((MembershipStatus.Ok, NodeId.Invalid), Winner(cluster[2]));
    }

    [Fact]
    public void GetArbitrationWinner_says_retry_during_a_regroup()
    {
        SteppedCluster cluster = Witnessed(3);
        cluster[1].Ask(static (core, id, now) => core.ForceRegroup(id, now));
        Assert.Equal(MembershipStatus.Transient, Winner(cluster[1]).Status);
    }

    [Fact]
    public void ApproxArbitrationWinner_names_the_winner_of_the_last_regroup_that_arbitrated_and_blocks_during_a_regroup()
    {
        SteppedCluster cluster = Witnessed(4);
        cluster.Kill(3);
        cluster.Kill(4);
        cluster.UntilInstalled(1, 2);
        cluster[2].Ask(static (core, id, now) => core.ForceRegroup(id, now));
        var answer = new NodeAnswer();
        long request = cluster[2].Ask((core, id, now) => core.WaitWhileRegrouping(id, answer, now));
        Assert.Null(cluster[2].StatusOf(request));
        cluster.UntilInstalled(1, 2);
        Assert.Equal(MembershipStatus.Ok, cluster[2].StatusOf(request));
        Assert.Equal(new NodeId(1), answer.Node);
        Assert.Equal(NodeId.Invalid, Winner(cluster[2]).Winner);
    }

    [Fact]
    public void BlockIfRegroupIsInProgress_returns_at_once_at_rest_and_at_the_end_of_a_regroup_otherwise()
    {
        SteppedCluster cluster = SteppedCluster.Formed(3);
        long before = cluster[1].Ask(static (core, id, now) => core.WaitWhileRegrouping(id, new NodeAnswer(), now));
        Assert.Equal(MembershipStatus.Ok, cluster[1].StatusOf(before));
        cluster[1].HoldCallback = CallbackKind.ClusterInfoChanged;
        cluster[1].Ask(static (core, id, now) => core.ForceRegroup(id, now));
        long during = cluster[1].Ask(static (core, id, now) => core.WaitWhileRegrouping(id, new NodeAnswer(), now));
        cluster.Until(() => cluster[1].Core.Stage == RegroupStage.Stabilised);
        Assert.Null(cluster[1].StatusOf(during));
        cluster[1].ReleaseCallbacks();
        cluster.UntilInstalled(1, 2, 3);
        Assert.Equal(MembershipStatus.Ok, cluster[1].StatusOf(during));
    }

    [Fact]
    public void Who_waits_for_a_regroup_is_let_go_when_the_node_does_not_survive_it()
    {
        SteppedCluster cluster = SteppedCluster.Formed(3);
        cluster.Cut(1, 3);
        cluster.Cut(2, 3);
        cluster.Until(() => cluster[3].Core.RegroupInProgress);
        long waiting = cluster[3].Ask(static (core, id, now) => core.WaitWhileRegrouping(id, new NodeAnswer(), now));
        cluster.Until(() => cluster[3].Halted != HaltCode.None, 120);
        Assert.Equal(MembershipStatus.Fault, cluster[3].StatusOf(waiting));
    }

    [Fact]
    public void An_arbitration_that_took_less_than_the_equalizer_is_delayed_to_it()
    {
        SteppedCluster cluster = SteppedCluster.Formed(2, static options => options with { Rule = WithWitness, HasWitness = true, ArbitrationEqualizer = TimeSpan.FromSeconds(5) });
        cluster.Kill(1);
        cluster.Until(() => cluster[2].Core.Stage == RegroupStage.Prune && cluster[2].Core.RegroupInProgress && cluster[2].Log.Any(static line => line.EndsWith("arbitrates", StringComparison.Ordinal)));
        MonotonicTime began = cluster.Now;
        cluster.UntilInstalled(2);
        Assert.InRange((cluster.Now - began).TotalSeconds, 4.9, 6.5);
    }

    [Fact]
    public void A_node_gives_up_arbitrating_after_the_arbitration_timeout()
    {
        SteppedCluster cluster = SteppedCluster.Formed(2, static options => options with { Rule = WithWitness, HasWitness = true, ArbitrationTimeout = TimeSpan.FromSeconds(20) });
        cluster[2].WitnessSays = ArbitrationOutcome.Unknown;
        MonotonicTime killed = cluster.Now;
        cluster.Kill(1);
        cluster.Until(() => cluster[2].Halted == HaltCode.NoQuorum, 60);
        Assert.InRange((cluster.Now - killed).TotalSeconds, 20, 24);
        Assert.True(cluster[2].LastArbitrationTimeout <= TimeSpan.FromSeconds(20));
    }

    [Fact]
    public void QuorumSelect_true_keeps_the_one_survivor_of_two_in_the_cluster()
    {
        SteppedCluster cluster = Selecting(2);
        cluster.Kill(1);
        cluster.UntilInstalled(2);
        Assert.Equal(1, cluster[2].Arbitrations);
        Assert.Equal(NodeId.Invalid, cluster[2].Core.QuorumOwner(cluster.Now));
    }

    [Fact]
    public void QuorumSelect_false_initiates_a_shutdown_of_the_node()
    {
        SteppedCluster cluster = Selecting(2);
        cluster[2].WitnessSays = ArbitrationOutcome.Lost;
        cluster.Kill(1);
        cluster.Until(() => cluster[2].Halted != HaltCode.None, 5);
        Assert.Equal(HaltCode.NoQuorum, cluster[2].Halted);
        Assert.Equal(1, cluster[2].Arbitrations);
    }

    [Fact]
    public void In_a_partition_of_two_QuorumSelect_is_called_on_both_and_only_the_one_with_true_goes_on()
    {
        SteppedCluster cluster = Selecting(2);
        cluster.Cut(1, 2);
        cluster[1].WitnessSays = ArbitrationOutcome.Lost;
        cluster[2].WitnessSays = ArbitrationOutcome.Won;
        cluster.Until(() => cluster[1].Halted != HaltCode.None);
        cluster.UntilInstalled(2);
        Assert.Equal((1, 1), (cluster[1].Arbitrations, cluster[2].Arbitrations));
        Assert.Equal(HaltCode.NoQuorum, cluster[1].Halted);
    }

    [Fact]
    public void QuorumSelect_is_called_only_when_the_membership_was_exactly_two_and_one_survives()
    {
        SteppedCluster three = Selecting(3);
        three.Run(30);
        three.Kill(3);
        three.UntilInstalled(1, 2);
        three.Run(30);
        Assert.All(three.Nodes.Values, static node => Assert.Equal(0, node.Arbitrations));
        three[2].Ask(static (core, id, now) => core.Leave(id, now));
        three.UntilInstalled(1);
        Assert.All(three.Nodes.Values, static node => Assert.Equal(0, node.Arbitrations));
    }

    [Fact]
    public void QuorumSelect_is_not_called_by_a_node_that_forms_alone_what_were_two()
    {
        SteppedCluster cluster = Selecting(2);
        cluster.Kill(1);
        cluster.Kill(2);
        cluster.Restart(1).Start();
        cluster.Run(60);
        Assert.Equal(0, cluster[1].Arbitrations);
        Assert.Null(cluster[1].Core.Installed);
    }

    [Fact]
    public void QuorumSelect_may_block_for_long_and_the_regroup_waits_for_it()
    {
        SteppedCluster cluster = Selecting(2);
        cluster[2].HoldArbitrations = true;
        cluster.Kill(1);
        cluster.Until(() => cluster[2].Arbitrations == 1);
        cluster.Run(20);
        Assert.Equal(RegroupStage.Prune, cluster[2].Core.Stage);
        cluster[2].ReleaseArbitrations();
        cluster.UntilInstalled(2);
    }
}
