// The header's sentences about joining, leaving, ejecting and taking part, where the moment matters: on cores that are stepped.
using Membership.Engine.Protocol;
using Xunit;

namespace Membership.Engine.Tests.Seeds;

[Trait("Category", "Seeds")]
public sealed class JoinAndLeaveTests
{
    private static readonly TimeSpan Minute = TimeSpan.FromMinutes(1);

    private static long Admit(Stepped coordinator, int node, TimeSpan timeout) => coordinator.Ask((core, id, now) => core.Admit(id, new NodeId(node), timeout, now));

    private static MembershipStatus? Allow(Stepped node, bool allowed) => node.StatusOf(node.Ask((core, id, now) => core.SetRegroupAllowed(id, allowed, now)));

    private static SteppedCluster ThreeWithoutTheThird(Func<ProtocolOptions, ProtocolOptions>? change = null)
    {
        SteppedCluster cluster = SteppedCluster.Formed(3, change);
        cluster.Kill(3);
        cluster.UntilInstalled(1, 2);
        return cluster;
    }

    [Fact]
    public void Join_brings_a_petitioning_node_into_the_existing_cluster()
    {
        SteppedCluster cluster = ThreeWithoutTheThird(static options => options with { AdmitOnRequest = true });
        cluster.Restart(3).Start();
        cluster.Run(5);
        Assert.Equal(NodeSet.Of(1, 2), cluster[1].Core.Installed!.Nodes);
        long join = Admit(cluster[1], 3, Minute);
        cluster.UntilInstalled(1, 2, 3);
        Assert.Equal(MembershipStatus.Ok, cluster[1].StatusOf(join));
        cluster.Until(() => cluster.Nodes.Values.All(static node => node.CallbackNames.Contains("NodeUp 3")));
    }

    [Fact]
    public void Join_says_already_for_a_member_even_if_it_rebooted_before_the_cluster_missed_it()
    {
        SteppedCluster cluster = SteppedCluster.Formed(3);
        cluster[3].Alive = false;
        cluster.Restart(3);
        Assert.Equal(MembershipStatus.Already, cluster[1].StatusOf(Admit(cluster[1], 3, Minute)));
    }

    [Fact]
    public void Join_says_transient_when_the_cluster_changes_during_the_operation()
    {
        SteppedCluster cluster = ThreeWithoutTheThird();
        Stepped joiner = cluster.Restart(3);
        long join = Admit(cluster[1], 3, Minute);
        joiner.Start();
        cluster.Until(() => joiner.Core.Phase == NodePhase.Joining);
        cluster[2].Ask(static (core, id, now) => core.ForceRegroup(id, now));
        cluster.Until(() => cluster[1].StatusOf(join) is not null);
        Assert.Equal(MembershipStatus.Transient, cluster[1].StatusOf(join));
    }

    [Fact]
    public void Join_says_timeout_and_abandons_the_attempt_when_membership_is_not_achieved_in_time()
    {
        SteppedCluster cluster = ThreeWithoutTheThird(static options => options with { AdmitOnRequest = true });
        MonotonicTime asked = cluster.Now;
        long join = Admit(cluster[1], 3, TimeSpan.FromSeconds(2));
        cluster.Until(() => cluster[1].StatusOf(join) is not null);
        Assert.Equal(MembershipStatus.Timeout, cluster[1].StatusOf(join));
        Assert.InRange((cluster.Now - asked).TotalSeconds, 2, 2.2);
        cluster.Restart(3).Start();
        cluster.Run(5);
        Assert.Equal(NodeSet.Of(1, 2), cluster[1].Core.Installed!.Nodes);
    }

    [Fact]
    public void Join_says_fault_for_an_unknown_number_and_anywhere_but_at_the_coordinator()
    {
        SteppedCluster cluster = ThreeWithoutTheThird();
        Assert.Equal(MembershipStatus.Fault, cluster[1].StatusOf(Admit(cluster[1], 9, Minute)));
        Assert.Equal(MembershipStatus.Fault, cluster[2].StatusOf(Admit(cluster[2], 3, Minute)));
    }

    [Fact]
    public void Join_ends_in_fault_for_the_node_whose_number_is_duplicated()
    {
        SteppedCluster cluster = SteppedCluster.Formed(3);
        Stepped living = cluster[3];
        // The petition of a second node 3, with a store of its own, reaches the coordinator while the first one lives.
        var petition = new PetitionMessage(MembershipCore.ProtocolVersion, 0, 4711, true, true, ViewId.None, Epoch.None, false);
        var header = new MessageHeader { From = new NodeId(3), FromIncarnation = new Incarnation(60), To = new NodeId(1), Sequence = 1 };
        PetitionReplyMessage? reply = null;
        cluster[1].Sent = body => reply = body as PetitionReplyMessage ?? reply;
        cluster[1].Do((core, now) => core.Receive(in header, 0, petition, now));
        Assert.Equal(MembershipStatus.Fault, reply?.Outcome);
        cluster.Run(5);
        Assert.Equal(HaltCode.None, living.Halted);
        Assert.Equal(NodeSet.Of(1, 2, 3), cluster[2].Core.Installed!.Nodes);
    }

    [Fact]
    public void A_joiner_neither_decides_nor_arbitrates_before_the_very_end_of_its_join()
    {
        SteppedCluster cluster = ThreeWithoutTheThird();
        Stepped joiner = cluster.Restart(3);
        joiner.HoldCallback = CallbackKind.NodeUp;
        joiner.Start();
        cluster.Until(() => joiner.Core.InForce is not null);
        Assert.False(joiner.Core.TakeSnapshot(cluster.Now).RegroupAllowed);
        cluster.Until(() => joiner.Callbacks.Any(static call => call.Kind == CallbackKind.NodeUp));
        Assert.False(joiner.Core.TakeSnapshot(cluster.Now).RegroupAllowed);
        joiner.ReleaseCallbacks();
        cluster.UntilInstalled(1, 2, 3);
        cluster.Until(() => joiner.Core.TakeSnapshot(cluster.Now).RegroupAllowed);
    }

    [Fact]
    public void A_node_that_forms_a_cluster_need_not_allow_regroup_itself()
    {
        SteppedCluster cluster = SteppedCluster.Formed(1);
        Assert.True(cluster[1].Core.TakeSnapshot(cluster.Now).RegroupAllowed);
        Assert.Equal(MembershipStatus.Already, Allow(cluster[1], true));
    }

    [Fact]
    public void SetRegroupAllowed_says_ok_already_and_transient_as_the_header_does()
    {
        SteppedCluster cluster = SteppedCluster.Formed(3);
        Assert.Equal(MembershipStatus.Ok, Allow(cluster[1], false));
        Assert.Equal(MembershipStatus.Already, Allow(cluster[1], false));
        Assert.Equal(MembershipStatus.Ok, Allow(cluster[1], true));
        cluster[1].Ask(static (core, id, now) => core.ForceRegroup(id, now));
        Assert.Equal(MembershipStatus.Transient, Allow(cluster[1], false));
    }

    [Fact]
    public void SetRegroupAllowed_false_keeps_a_node_from_deciding_until_it_is_allowed_again()
    {
        SteppedCluster cluster = SteppedCluster.Formed(4);
        Assert.Equal(MembershipStatus.Ok, Allow(cluster[1], false));
        for (int round = 0; round < 2; round++)
        {
            cluster[2].Ask(static (core, id, now) => core.ForceRegroup(id, now));
            cluster.UntilInstalled(1, 2, 3, 4);
            Assert.EndsWith("by 2", cluster[3].Log.Last(static line => line.Contains("accepts decision", StringComparison.Ordinal)), StringComparison.Ordinal);
        }
        Assert.Equal(MembershipStatus.Ok, Allow(cluster[1], true));
        cluster[2].Ask(static (core, id, now) => core.ForceRegroup(id, now));
        cluster.UntilInstalled(1, 2, 3, 4);
        Assert.EndsWith("by 1", cluster[3].Log.Last(static line => line.Contains("accepts decision", StringComparison.Ordinal)), StringComparison.Ordinal);
    }

    [Fact]
    public void Leave_gives_no_node_down_here_and_one_on_all_remaining_members()
    {
        SteppedCluster cluster = SteppedCluster.Formed(3);
        long leave = cluster[2].Ask(static (core, id, now) => core.Leave(id, now));
        cluster.UntilInstalled(1, 3);
        cluster.Until(() => cluster[2].StatusOf(leave) == MembershipStatus.Ok);
        Assert.DoesNotContain(cluster[2].Callbacks, static call => call.Kind is CallbackKind.NodeDown or CallbackKind.NodesDown);
        Assert.All([1, 3], number => Assert.Contains("NodeDown 2", cluster[number].CallbackNames));
        Assert.Contains("NodesDown {2}", cluster[1].CallbackNames);
    }

    [Fact]
    public void A_node_that_left_sends_nothing_more()
    {
        SteppedCluster cluster = SteppedCluster.Formed(3);
        cluster[2].Ask(static (core, id, now) => core.Leave(id, now));
        cluster.UntilInstalled(1, 3);
        cluster.Until(() => cluster[2].Core.Phase == NodePhase.Down);
        Assert.Equal(MonotonicTime.MaxValue, cluster[2].Core.NextWakeup);
    }

    [Fact]
    public void Eject_says_transient_while_this_nodes_state_is_in_transition_and_not_member_for_who_is_none()
    {
        SteppedCluster cluster = ThreeWithoutTheThird();
        Assert.Equal(MembershipStatus.NotMember, cluster[1].StatusOf(cluster[1].Ask(static (core, id, now) => core.Eject(id, new NodeId(3), now))));
        cluster.Restart(3).Start();
        cluster.UntilInstalled(1, 2, 3);
        cluster[1].Ask(static (core, id, now) => core.ForceRegroup(id, now));
        Assert.Equal(MembershipStatus.Transient, cluster[1].StatusOf(cluster[1].Ask(static (core, id, now) => core.Eject(id, new NodeId(3), now))));
    }

    [Fact]
    public void Eject_returns_when_the_node_has_been_told_and_the_removal_completes_later_by_node_down()
    {
        SteppedCluster cluster = SteppedCluster.Formed(3);
        long eject = cluster[1].Ask(static (core, id, now) => core.Eject(id, new NodeId(3), now));
        cluster.Until(() => cluster[1].StatusOf(eject) is not null);
        Assert.Equal(MembershipStatus.Ok, cluster[1].StatusOf(eject));
        Assert.Equal(HaltCode.Poisoned, cluster[3].Halted);
        Assert.DoesNotContain("NodeDown 3", cluster[1].CallbackNames);
        cluster.UntilInstalled(1, 2);
        Assert.All([1, 2], number => Assert.Contains("NodeDown 3", cluster[number].CallbackNames));
    }

    [Fact]
    public void NodeUnreachable_affects_the_connectivity_of_the_next_regroup_only()
    {
        SteppedCluster cluster = SteppedCluster.Formed(3);
        cluster[1].Do(static (core, now) => core.NodeUnreachable(new NodeId(3), now));
        cluster.Run(5);
        Assert.Equal(NodeSet.Of(1, 2, 3), cluster[1].Core.Installed!.Nodes);
        cluster[1].Ask(static (core, id, now) => core.ForceRegroup(id, now));
        // Said so long ago that it is old news: nobody is left out.
        cluster.UntilInstalled(1, 2, 3);
        cluster[1].Do(static (core, now) => core.NodeUnreachable(new NodeId(3), now));
        cluster[1].Ask(static (core, id, now) => core.ForceRegroup(id, now));
        cluster.UntilInstalled(1, 2);
        Assert.True(cluster[1].Core.TakeSnapshot(cluster.Now).Unreachable.IsEmpty);
    }

    [Fact]
    public void During_a_regroup_the_known_membership_is_the_one_before_it()
    {
        SteppedCluster cluster = SteppedCluster.Formed(3);
        cluster[1].HoldCallback = CallbackKind.MsgCleanup1;
        cluster.Kill(3);
        cluster.Until(() => cluster[1].Core.Stage == RegroupStage.CleanUp1);
        Assert.Equal(NodeSet.Of(1, 2, 3), cluster[1].Core.Installed!.Nodes);
        cluster[1].ReleaseCallbacks();
        cluster.UntilInstalled(1, 2);
    }

    [Fact]
    public void A_shutdown_during_a_regroup_halts_with_stop_requested_1002()
    {
        SteppedCluster cluster = SteppedCluster.Formed(3);
        cluster[1].Ask(static (core, id, now) => core.Stop(id, now));
        Assert.Equal(HaltCode.None, cluster[1].Halted);
        cluster[1].Ask(static (core, id, now) => core.ForceRegroup(id, now));
        cluster[1].Ask(static (core, id, now) => core.Stop(id, now));
        Assert.Equal(1002, (int)cluster[1].Halted);
    }

    [Fact]
    public void A_petition_to_any_member_is_answered_with_the_coordinator()
    {
        SteppedCluster cluster = ThreeWithoutTheThird();
        PetitionReplyMessage? reply = null;
        cluster[2].Sent = body => reply = body as PetitionReplyMessage ?? reply;
        cluster.Restart(3).Start();
        cluster.Until(() => reply is not null);
        Assert.Equal(new NodeId(1), reply!.Coordinator);
        cluster.UntilInstalled(1, 2, 3);
    }

    [Fact]
    public void Who_cannot_talk_to_every_other_node_is_pruned_and_the_fully_connected_rest_goes_on()
    {
        SteppedCluster cluster = SteppedCluster.Formed(4);
        cluster.Cut(1, 4);
        ClusterView view = cluster.UntilInstalled(1, 2, 3);
        Assert.False(view.Contains(new NodeId(4)));
    }

    [Fact]
    public void Joins_are_single_threaded_two_joiners_come_in_one_after_the_other()
    {
        SteppedCluster cluster = SteppedCluster.Formed(5);
        cluster.Kill(4);
        cluster.Kill(5);
        cluster.UntilInstalled(1, 2, 3);
        Stepped fourth = cluster.Restart(4), fifth = cluster.Restart(5);
        fourth.Start();
        fifth.Start();
        cluster.Until(() =>
        {
            Assert.False(fourth.Core.Phase == NodePhase.Joining && fifth.Core.Phase == NodePhase.Joining, "two joins ran at once");
            return cluster[1].Core.Installed!.Nodes.Count == 5;
        });
        cluster.UntilInstalled(1, 2, 3, 4, 5);
    }

    [Fact]
    public void A_silent_node_is_lost_after_the_receive_rate_times_the_send_rate_times_the_clock_period()
    {
        SteppedCluster cluster = SteppedCluster.Formed(3);
        ClusterTiming timing = cluster[1].Core.Installed!.Timing;
        cluster.Run(3);
        MonotonicTime cut = cluster.Now;
        cluster.Cut(1, 3);
        cluster.Cut(2, 3);
        cluster.Until(() => cluster[1].Core.RegroupInProgress);
        // L since the last exchange, which was at most a heartbeat interval and a tick ago.
        Assert.InRange(cluster.Now - cut, timing.LossPeriod - timing.HeartbeatInterval - timing.ClockPeriod, timing.LossPeriod);
        cluster.UntilInstalled(1, 2);
        Assert.InRange(cluster.Now - cut, timing.LossPeriod - timing.HeartbeatInterval - timing.ClockPeriod, timing.LossPeriod + timing.ClockPeriod * 4);
    }

    [Fact]
    public void Heartbeats_go_out_at_the_send_rate_times_the_clock_period()
    {
        SteppedCluster cluster = SteppedCluster.Formed(2, static options => options with { Timing = ClusterTiming.Default });
        cluster.Run(5);
        var sent = new List<MonotonicTime>();
        cluster[1].Sent = _ => sent.Add(cluster.Now);
        cluster.Run(60);
        TimeSpan interval = cluster[1].Core.Installed!.Timing.HeartbeatInterval;
        var rounds = sent.Where((time, i) => i == 0 || time - sent[i - 1] > TimeSpan.FromMilliseconds(50)).ToList();
        Assert.InRange(rounds.Count, (int)(60 / interval.TotalSeconds) - 1, (int)(60 / interval.TotalSeconds) + 1);
    }
}
