// The header's sentences about when each callback is made, on cores that are stepped.
using Membership.Engine.Protocol;
using Xunit;

namespace Membership.Engine.Tests.Seeds;

[Trait("Category", "Seeds")]
public sealed class CallbackOrderTests
{
    [Fact]
    public void HoldAllIO_is_called_prior_to_stage_1_and_nothing_goes_on_until_it_returns()
    {
        SteppedCluster cluster = SteppedCluster.Formed(3);
        cluster[1].Callbacks.Clear();
        cluster[1].HoldCallback = CallbackKind.HoldAllIO;
        cluster[1].Ask(static (core, id, now) => core.ForceRegroup(id, now));
        cluster.Run(0.08);
        Assert.Equal(CallbackKind.HoldAllIO, Assert.Single(cluster[1].Callbacks).Kind);
        Assert.Equal(RegroupStage.Activate, cluster[1].Core.Stage);
        Assert.False(cluster[1].Core.Lease.ValidUntil > cluster.Now);
        cluster[1].ReleaseCallbacks();
        cluster.UntilInstalled(1, 2, 3);
    }

    [Fact]
    public void ResumeAllIO_is_called_early_in_stage_4_once_this_node_is_known_to_stay()
    {
        SteppedCluster cluster = SteppedCluster.Formed(3);
        cluster[1].Callbacks.Clear();
        cluster.Kill(3);
        cluster.UntilInstalled(1, 2);
        Assert.Equal(RegroupStage.CleanUp1, Assert.Single(cluster[1].Callbacks, static call => call.Kind == CallbackKind.ResumeAllIO).Stage);
    }

    [Fact]
    public void Io_held_on_a_node_that_does_not_stay_is_never_resumed()
    {
        SteppedCluster cluster = SteppedCluster.Formed(3);
        cluster[3].Callbacks.Clear();
        cluster.Cut(1, 3);
        cluster.Cut(2, 3);
        cluster.Until(() => cluster[3].Halted != HaltCode.None, 120);
        Assert.Contains(cluster[3].Callbacks, static call => call.Kind == CallbackKind.HoldAllIO);
        Assert.DoesNotContain(cluster[3].Callbacks, static call => call.Kind == CallbackKind.ResumeAllIO);
    }

    [Fact]
    public void MsgCleanup1_is_called_in_stage_4_once_for_each_evicted_node()
    {
        SteppedCluster cluster = SteppedCluster.Formed(5);
        cluster[1].Callbacks.Clear();
        cluster.Kill(4);
        cluster.Kill(5);
        cluster.UntilInstalled(1, 2, 3);
        var calls = cluster[1].Callbacks.Where(static call => call.Kind == CallbackKind.MsgCleanup1).ToList();
        Assert.Equal([4, 5], calls.Select(static call => call.Node.Value));
        Assert.All(calls, static call => Assert.Equal(RegroupStage.CleanUp1, call.Stage));
    }

    [Fact]
    public void MsgCleanup1_is_synchronous_and_the_regroup_is_suspended_until_it_returns()
    {
        SteppedCluster cluster = SteppedCluster.Formed(3);
        cluster[1].HoldCallback = CallbackKind.MsgCleanup1;
        cluster.Kill(3);
        cluster.Until(() => cluster[1].Core.Stage == RegroupStage.CleanUp1);
        cluster.Run(2);
        Assert.Equal(RegroupStage.CleanUp1, cluster[1].Core.Stage);
        Assert.Equal(RegroupStage.CleanUp1, cluster[2].Core.Stage);
        Assert.Contains(new NodeId(3), cluster[2].Core.Installed!.Nodes);
        cluster[1].ReleaseCallbacks();
        cluster.UntilInstalled(1, 2);
    }

    [Fact]
    public void MsgCleanup2_is_called_in_stage_5_once_with_the_set_of_dead_nodes()
    {
        SteppedCluster cluster = SteppedCluster.Formed(5);
        cluster[1].Callbacks.Clear();
        cluster.Kill(4);
        cluster.Kill(5);
        cluster.UntilInstalled(1, 2, 3);
        var call = Assert.Single(cluster[1].Callbacks, static call => call.Kind == CallbackKind.MsgCleanup2);
        Assert.Equal(NodeSet.Of(4, 5), call.Nodes);
        Assert.Equal(RegroupStage.CleanUp2, call.Stage);
    }

    [Fact]
    public void MsgCleanup2_is_synchronous_as_Cleanup1_is_and_the_regroup_is_suspended_until_it_returns()
    {
        SteppedCluster cluster = SteppedCluster.Formed(3);
        cluster[1].HoldCallback = CallbackKind.MsgCleanup2;
        cluster.Kill(3);
        cluster.Until(() => cluster[1].Core.Stage == RegroupStage.CleanUp2);
        cluster.Run(2);
        Assert.Equal(RegroupStage.CleanUp2, cluster[1].Core.Stage);
        Assert.Equal(RegroupStage.CleanUp2, cluster[2].Core.Stage);
        Assert.Contains(new NodeId(3), cluster[2].Core.Installed!.Nodes);
        cluster[1].ReleaseCallbacks();
        cluster.UntilInstalled(1, 2);
    }

    [Fact]
    public void NodesDown_and_NodeChange_come_in_the_last_stage_after_the_cluster_information_has_changed()
    {
        SteppedCluster cluster = SteppedCluster.Formed(5);
        cluster[2].Callbacks.Clear();
        cluster.Kill(4);
        cluster.Kill(5);
        cluster.UntilInstalled(1, 2, 3);
        Assert.Equal(
            ["HoldAllIO", "MsgCleanup1 4", "MsgCleanup1 5", "ResumeAllIO", "MsgCleanup2 {4,5}", "ClusterInfoChanged", "NodesDown {4,5}", "NodeDown 4", "NodeDown 5"],
            cluster[2].CallbackNames);
        Assert.All(cluster[2].Callbacks.TakeLast(4), static call => Assert.Equal(RegroupStage.Stabilised, call.Stage));
    }

    [Fact]
    public void NodeChange_happens_on_all_nodes_of_the_cluster()
    {
        SteppedCluster cluster = SteppedCluster.Formed(4);
        cluster.Kill(4);
        cluster.UntilInstalled(1, 2, 3);
        Assert.All([1, 2, 3], number => Assert.Contains("NodeDown 4", cluster[number].CallbackNames));
    }

    [Fact]
    public void A_node_receives_a_node_up_callback_for_itself()
    {
        SteppedCluster cluster = SteppedCluster.Formed(3);
        Assert.All([1, 2, 3], number => Assert.Contains($"NodeUp {number}", cluster[number].CallbackNames));
        cluster.Kill(3);
        cluster.UntilInstalled(1, 2);
        Stepped back = cluster.Restart(3);
        back.Start();
        cluster.UntilInstalled(1, 2, 3);
        cluster.Until(() => back.Callbacks.Count == 2);
        Assert.Equal(["ClusterInfoChanged", "NodeUp 3"], back.CallbackNames);
    }

    [Fact]
    public void JoinFailed_is_called_on_the_joiner_when_the_coordinators_attempt_fails_and_it_may_petition_again()
    {
        SteppedCluster cluster = SteppedCluster.Formed(3);
        cluster.Kill(3);
        cluster.UntilInstalled(1, 2);
        Stepped joiner = cluster.Restart(3);
        joiner.Start();
        cluster.Until(() => joiner.Core.Phase == NodePhase.Joining);
        cluster[2].Ask(static (core, id, now) => core.ForceRegroup(id, now));
        cluster.Until(() => joiner.Callbacks.Any(static call => call.Kind == CallbackKind.JoinFailed));
        cluster.UntilInstalled(1, 2, 3);
    }

    [Fact]
    public void Halt_is_the_last_thing_a_poisoned_node_hears_of_the_engine()
    {
        SteppedCluster cluster = SteppedCluster.Formed(3);
        cluster[1].Ask(static (core, id, now) => core.Eject(id, new NodeId(3), now));
        cluster.Until(() => cluster[3].Halted != HaltCode.None);
        Assert.Equal(HaltCode.Poisoned, cluster[3].Halted);
        int calls = cluster[3].Callbacks.Count;
        cluster.UntilInstalled(1, 2);
        Assert.Equal(calls, cluster[3].Callbacks.Count);
    }
}
