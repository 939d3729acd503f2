// Role changes and the states of the cluster (design 7), stepped by hand: a handover waits for the former master's work, the
// master's frames keep members fresh, a second master is seen.
using Membership.Engine.Protocol;
using Membership.Engine.Replication;
using Membership.Engine.Tests.Seeds;
using Xunit;

namespace Membership.Engine.Tests.Protocol;

public sealed class RoleChangeTests
{
    private static readonly ClusterChangeNotification Stale = new(ClusterChange.StaleCluster, NodeId.Invalid);
    private static readonly ClusterChangeNotification Valid = new(ClusterChange.ValidState, NodeId.Invalid);
    private static readonly ClusterChangeNotification Invalid = new(ClusterChange.InvalidCluster, NodeId.Invalid);

    [Trait("Category", "Seeds")]
    [Fact]
    public void Nobody_is_elected_before_the_former_masters_work_has_stopped()
    {
        SteppedCluster cluster = SteppedCluster.Formed(3);
        cluster[1].HoldCallback = CallbackKind.HandOverMastership;
        long request = cluster[1].Ask(static (core, id, now) => core.ReleaseMastership(id, now));
        cluster.Until(() => cluster[1].CallbackNames.Contains("HandOverMastership"));
        cluster.Run(10);
        Assert.All(cluster.Nodes.Values, static node => Assert.False(node.Core.InForce!.Master.IsValid));
        Assert.All(cluster.Nodes.Values, static node => Assert.True(node.Core.Lease.ValidUntil > MonotonicTime.MinValue));
        Assert.Null(cluster[1].StatusOf(request));

        cluster[1].ReleaseCallbacks();
        cluster.Until(() => cluster[1].StatusOf(request) is not null);
        ClusterView view = cluster.UntilInstalled(1, 2, 3);
        Assert.Equal((MembershipStatus.Ok, new NodeId(2), new NodeId(1)), (cluster[1].StatusOf(request)!.Value, view.Master, view.ViceMaster));
    }

    [Fact]
    public void A_former_master_that_never_stops_its_work_halts_and_the_next_one_waits_for_its_lease()
    {
        SteppedCluster cluster = SteppedCluster.Formed(3);
        cluster[2].HoldCallback = CallbackKind.HandOverMastership;
        cluster[1].Ask(static (core, id, now) => core.ReleaseMastership(id, now));
        cluster.Until(() => cluster[3].Core.Installed!.Master == new NodeId(2));
        cluster[3].Ask(static (core, id, now) => core.SetQualification(id, new NodeId(2), qualified: false, now));
        cluster.Until(() => cluster[2].Halted == HaltCode.CallbackTimeout, seconds: 60);
        ClusterView view = cluster.UntilInstalled(1, 3);
        Assert.Equal(new NodeId(1), view.Master);
    }

    [Trait("Category", "Seeds")]
    [Fact]
    public void The_masters_own_frames_keep_the_members_fresh_when_heartbeats_are_rarer_than_frames()
    {
        // A heartbeat every 12 s, a frame every 4 s, stale after 10 s.
        SteppedCluster cluster = SteppedCluster.Formed(3, static options => options with { Timing = new ClusterTiming(TimeSpan.FromSeconds(3), 4, 2) });
        cluster.Run(120);
        Assert.All(cluster.Nodes.Values, static node => Assert.False(node.Core.IsStale));
        Assert.All(cluster.Nodes.Values, static node => Assert.DoesNotContain(Stale, node.Told));
    }

    [Fact]
    public void Without_frames_of_its_own_a_master_with_rare_heartbeats_is_missed_after_the_time_and_every_heartbeat_ends_it()
    {
        SteppedCluster cluster = SteppedCluster.Formed(3, static options => options with
        {
            Timing = new ClusterTiming(TimeSpan.FromSeconds(3), 4, 2),
            MembershipFrameInterval = TimeSpan.FromHours(1),
        });
        cluster.Run(60);
        Assert.DoesNotContain(Stale, cluster[1].Told);
        List<ClusterChangeNotification> told = cluster[3].Told.FindAll(static change => change == Stale || change == Valid);
        Assert.True(told.Count >= 4);
        Assert.All(Enumerable.Range(0, told.Count), index => Assert.Equal(index % 2 == 0 ? Stale : Valid, told[index]));
    }

    [Trait("Category", "Seeds")]
    [Fact]
    public void A_second_master_under_another_view_of_the_same_epoch_is_said_once_and_ends_when_it_is_gone()
    {
        SteppedCluster cluster = SteppedCluster.Formed(3);
        ViewId other = new(cluster[2].Core.InForce!.Epoch, 12345);
        for (int i = 0; i < 3; i++)
        {
            cluster[2].Do((core, now) => core.Receive(HeaderFrom(cluster, 3, 2, other), 0, null, now));
            cluster.Run(0.5);
        }
        Assert.Single(cluster[2].Told, Invalid);
        Assert.DoesNotContain(Valid, cluster[2].Told);
        cluster.Run(10);
        Assert.Equal(Valid, cluster[2].Told[^1]);
        foreach (int number in new[] { 1, 3 }) Assert.Single(cluster[number].Told, Invalid);
    }

    [Trait("Category", "Seeds")]
    [Fact]
    public void A_master_that_serves_under_an_unknown_newer_view_is_a_second_master()
    {
        SteppedCluster cluster = SteppedCluster.Formed(3);
        ViewId other = new(new Epoch(cluster[2].Core.InForce!.Epoch.Value + (1L << 32)), 77);
        cluster[2].Do((core, now) => core.Receive(HeaderFrom(cluster, 3, 2, other), 0, null, now));
        Assert.Single(cluster[2].Told, Invalid);
    }

    [Fact]
    public void A_master_of_an_older_view_that_served_until_it_was_poisoned_is_a_second_master()
    {
        SteppedCluster cluster = SteppedCluster.Formed(3);
        cluster.Kill(1);
        ClusterView view = cluster.UntilInstalled(2, 3);
        MessageHeader header = HeaderFrom(cluster, 1, 2, ViewId.None);
        cluster[2].Do((core, now) => core.Receive(in header, 0, new PoisonAcknowledgedMessage(header.FromIncarnation, view.Epoch, SecondMaster: false), now));
        Assert.DoesNotContain(Invalid, cluster[2].Told);
        header.Sequence++;
        cluster[2].Do((core, now) => core.Receive(in header, 0, new PoisonAcknowledgedMessage(header.FromIncarnation, view.Epoch, SecondMaster: true), now));
        Assert.Single(cluster[2].Told, Invalid);
    }

    [Fact]
    public void A_node_of_an_older_view_that_says_it_has_met_another_cluster_is_a_second_master()
    {
        SteppedCluster cluster = SteppedCluster.Formed(3);
        ViewId older = cluster[1].Core.InForce!.Id;
        cluster.Kill(1);
        cluster.UntilInstalled(2, 3);
        MessageHeader header = HeaderFrom(cluster, 1, 2, older);
        cluster[2].Do((core, now) => core.Receive(in header, 0, null, now));
        Assert.DoesNotContain(Invalid, cluster[2].Told);
        header.Sequence++;
        header.Flags |= HeaderFlags.SecondMaster;
        cluster[2].Do((core, now) => core.Receive(in header, 0, null, now));
        Assert.Single(cluster[2].Told, Invalid);
    }

    [Trait("Category", "Seeds")]
    [Fact]
    public void Two_clusters_that_were_formed_apart_meet_say_so_and_the_lower_epoch_halts()
    {
        var cluster = new SteppedCluster(4);
        foreach (int number in new[] { 1, 2, 3 }) cluster[number].Start();
        cluster.UntilInstalled(1, 2, 3);
        foreach (int number in new[] { 1, 2, 3 }) cluster.Cut(number, 4);
        cluster[4].Ask(static (core, id, now) => core.Start(id, forceForm: true, now));
        cluster.UntilInstalled(4);
        cluster.Run(20);
        Assert.All(cluster.Nodes.Values, static node => Assert.DoesNotContain(Invalid, node.Told));

        cluster.Heal();
        cluster.Until(() => new[] { 1, 2, 3 }.All(number => cluster[number].Halted == HaltCode.Poisoned));
        cluster.Until(() => cluster[4].Told.Contains(Invalid), seconds: 2);
        Assert.All(cluster.Nodes.Values, static node => Assert.Single(node.Told, Invalid));
        Assert.Equal(HaltCode.None, cluster[4].Halted);
    }

    [Fact]
    public void An_ejected_master_is_no_second_master_however_late_its_answer_comes()
    {
        SteppedCluster cluster = SteppedCluster.Formed(3);
        PoisonAcknowledgedMessage? answer = null;
        cluster[1].Sent = body => answer ??= body as PoisonAcknowledgedMessage;
        MessageHeader header = HeaderFrom(cluster, 1, 2, cluster[1].Core.InForce!.Id);
        cluster[2].Ask(static (core, id, now) => core.Eject(id, new NodeId(1), now));
        ClusterView view = cluster.UntilInstalled(2, 3);
        Assert.Equal((HaltCode.Poisoned, view.Epoch), (cluster[1].Halted, answer!.Epoch));
        cluster[2].Do((core, now) => core.Receive(in header, 0, answer, now));
        cluster.Run(1);
        Assert.All(cluster.Nodes.Values, static node => Assert.DoesNotContain(Invalid, node.Told));
    }

    [Trait("Category", "Seeds")]
    [Fact]
    public void Who_meets_a_second_master_tells_the_members_of_its_view_and_all_say_it_once_and_end_it()
    {
        SteppedCluster cluster = SteppedCluster.Formed(3);
        ViewId other = new(new Epoch(cluster[2].Core.InForce!.Epoch.Value + (1L << 32)), 77);
        cluster[2].Do((core, now) => core.Receive(HeaderFrom(cluster, 3, 2, other), 0, null, now));
        cluster.Run(0.01);
        Assert.All(cluster.Nodes.Values, static node => Assert.Equal(Invalid, node.Told[^1]));
        cluster.Run(11);
        Assert.All(cluster.Nodes.Values, static node => Assert.Equal([Invalid, Valid], node.Told[^2..]));
        Assert.All(cluster.Nodes.Values, static node => Assert.Single(node.Told, Invalid));
    }

    [Fact]
    public void Who_meets_a_second_master_in_a_regroup_says_so_after_the_changes_that_it_brings_and_so_does_everybody()
    {
        SteppedCluster cluster = SteppedCluster.Formed(4);
        foreach (Stepped node in cluster.Nodes.Values) node.Told.Clear();
        cluster.Kill(4);
        cluster.Until(() => cluster[2].Core.Stage == RegroupStage.Prune);
        ViewId other = new(cluster[2].Core.InForce!.Epoch, 12345);
        cluster[2].Do((core, now) => core.Receive(HeaderFrom(cluster, 4, 2, other), 0, null, now));
        Assert.Empty(cluster[2].Told);
        cluster.UntilInstalled(1, 2, 3);
        cluster.Run(0.01);
        var left = new ClusterChangeNotification(ClusterChange.MemberLeft, new NodeId(4));
        foreach (int number in new[] { 1, 2, 3 }) Assert.Equal([left, Invalid], cluster[number].Told);
    }

    [Fact]
    public void Who_hears_of_a_second_master_in_a_regroup_says_so_before_the_changes_as_the_one_did_that_met_it()
    {
        SteppedCluster cluster = SteppedCluster.Formed(4);
        foreach (Stepped node in cluster.Nodes.Values) node.Told.Clear();
        // Node 2 meets it and says so; node 4 is gone before the others hear of it.
        ViewId other = new(new Epoch(cluster[2].Core.InForce!.Epoch.Value + (1L << 32)), 77);
        cluster[2].Do((core, now) => core.Receive(HeaderFrom(cluster, 4, 2, other), 0, null, now));
        cluster[1].Ask(static (core, id, now) => core.ForceRegroup(id, now));
        cluster[3].Ask(static (core, id, now) => core.ForceRegroup(id, now));
        cluster.Kill(4);
        Assert.All(new[] { 1, 3 }, number => Assert.Equal((RegroupStage.Activate, 0), (cluster[number].Core.Stage, cluster[number].Told.Count)));
        cluster.UntilInstalled(1, 2, 3);
        var left = new ClusterChangeNotification(ClusterChange.MemberLeft, new NodeId(4));
        foreach (int number in new[] { 1, 2, 3 }) Assert.Equal([Invalid, left], cluster[number].Told);
    }

    [Fact]
    public void A_late_message_of_a_master_just_replaced_is_no_second_master()
    {
        SteppedCluster cluster = SteppedCluster.Formed(3);
        ViewId before = cluster[2].Core.InForce!.Id;
        cluster[1].Ask(static (core, id, now) => core.ReleaseMastership(id, now));
        cluster.Until(() => cluster[2].Core.Installed!.Master == new NodeId(2));
        MessageHeader late = HeaderFrom(cluster, 1, 3, before);
        cluster[3].Do((core, now) => core.Receive(in late, 0, null, now));
        Assert.DoesNotContain(Invalid, cluster[3].Told);
    }

    [Fact]
    public void A_role_request_that_asked_in_a_view_that_is_gone_is_ignored()
    {
        SteppedCluster cluster = SteppedCluster.Formed(3);
        ViewId before = cluster[1].Core.InForce!.Id;
        cluster[1].Ask(static (core, id, now) => core.ReleaseMastership(id, now));
        cluster.Until(() => cluster[1].Core.Installed!.Master == new NodeId(2));
        cluster[2].Ask(static (core, id, now) => core.ReleaseMastership(id, now));
        cluster.Until(() => cluster[1].Core.Installed!.Master == new NodeId(1));
        ClusterView view = cluster.UntilInstalled(1, 2, 3);
        // A copy of the first request that was long under way.
        MessageHeader late = HeaderFrom(cluster, 1, 1, before);
        late.From = new NodeId(2);
        late.FromIncarnation = cluster[2].Core.Incarnation;
        cluster[1].Do((core, now) => core.Receive(in late, 0, new RoleChangeMessage(RoleChange.Release, new NodeId(1)), now));
        cluster.Run(2);
        Assert.Equal(view.Id, cluster[1].Core.Installed!.Id);
    }

    [Fact]
    public void Only_the_master_may_ask_the_coordinator_for_a_switchover()
    {
        SteppedCluster cluster = SteppedCluster.Formed(3);
        ViewId view = cluster[1].Core.InForce!.Id;
        MessageHeader header = HeaderFrom(cluster, 3, 1, view);
        cluster[1].Do((core, now) => core.Receive(in header, 0, new RoleChangeMessage(RoleChange.Release, new NodeId(1)), now));
        cluster[1].Do((core, now) => core.Receive(in header, 0, new RoleChangeMessage(RoleChange.HandedOver, new NodeId(1)), now));
        cluster.Run(2);
        Assert.Equal(view, cluster[1].Core.Installed!.Id);
    }

    [Fact]
    public void Opposite_requests_that_are_not_awaited_are_carried_out_one_after_another()
    {
        SteppedCluster cluster = SteppedCluster.Formed(3);
        long first = cluster[3].Ask(static (core, id, now) => core.SetQualification(id, new NodeId(2), qualified: false, now));
        long second = cluster[3].Ask(static (core, id, now) => core.SetQualification(id, new NodeId(2), qualified: true, now));
        cluster.Until(() => cluster[3].StatusOf(second) is not null);
        Assert.Equal((MembershipStatus.Ok, MembershipStatus.Ok), (cluster[3].StatusOf(first)!.Value, cluster[3].StatusOf(second)!.Value));
        Assert.True(cluster[3].Core.Installed!.Disqualified.IsEmpty);
    }

    [Trait("Category", "Seeds")]
    [Fact]
    public void A_joiner_brings_its_own_qualification()
    {
        var cluster = new SteppedCluster(3, static options => options with { Qualified = options.Self != new NodeId(2) });
        cluster[1].Start();
        cluster[3].Start();
        cluster.UntilInstalled(1, 3);
        cluster[2].Start();
        ClusterView view = cluster.UntilInstalled(1, 2, 3);
        Assert.Equal(NodeSet.Of(2), view.Disqualified);
        Assert.Equal((new NodeId(1), new NodeId(3)), (view.Master, view.ViceMaster));
    }

    [Fact]
    public void A_role_change_gets_its_turn_while_a_node_that_one_member_cannot_hear_petitions_again_and_again()
    {
        var cluster = new SteppedCluster(4);
        foreach (int number in new[] { 1, 2, 3 }) cluster[number].Start();
        cluster.UntilInstalled(1, 2, 3);
        cluster.Cut(3, 4);
        cluster[4].Start();
        cluster.Run(5);
        MonotonicTime asked = cluster.Now;
        long release = cluster[1].Ask(static (core, id, now) => core.ReleaseMastership(id, now));
        cluster.Until(() => cluster[1].StatusOf(release) is not null);
        long disqualify = cluster[3].Ask(static (core, id, now) => core.SetQualification(id, new NodeId(2), qualified: false, now));
        cluster.Until(() => cluster[3].StatusOf(disqualify) is not null);
        // A join that comes to nothing keeps its turn for 4 L.
        Assert.InRange(cluster.Now - asked, TimeSpan.Zero, 12 * ClusterTiming.Local.LossPeriod);
        Assert.Equal((MembershipStatus.Ok, MembershipStatus.Ok), (cluster[1].StatusOf(release), cluster[3].StatusOf(disqualify)));

        // Nor does it keep the joiner out.
        cluster.Heal();
        cluster.UntilInstalled(1, 2, 3, 4);
    }

    [Fact]
    public void A_role_change_that_waited_for_an_update_is_forgotten_when_its_node_leaves()
    {
        SteppedCluster cluster = SteppedCluster.Formed(3);
        cluster.Cut(1, 3);
        Write("before");
        cluster[1].Ask(static (core, id, now) => core.SetQualification(id, new NodeId(3), qualified: false, now));
        cluster.Heal();
        cluster[1].Ask(static (core, id, now) => core.Leave(id, now));
        cluster.UntilInstalled(2, 3);
        cluster.Until(() => cluster[1].Core.Phase == NodePhase.Down);
        cluster[1].Start();
        cluster.UntilInstalled(1, 2, 3);
        cluster[1].Ask(static (core, id, now) => core.SetRegroupAllowed(id, true, now));
        Assert.Equal(new NodeId(1), cluster[1].Core.InForce!.Coordinator);
        long update = Write("after");
        cluster.Until(() => cluster[1].StatusOf(update) == MembershipStatus.Ok);

        long Write(string row) => cluster[1].Ask((core, id, now) => core.Update(id, new TableUpdate("t", [new RowChange(RowChangeKind.Put, row, new byte[] { 1 })]), new StateAnswer(), now));
    }

    [Theory]
    [InlineData("kill 1"), InlineData("kill 2"), InlineData("kill 3")]
    [InlineData("leave 1"), InlineData("leave 2"), InlineData("leave 3")]
    [InlineData("eject 1"), InlineData("eject 2"), InlineData("eject 3")]
    [InlineData("regroup 1"), InlineData("regroup 2"), InlineData("cut 2"), InlineData("join 4")]
    public void Whatever_happens_in_whichever_step_of_a_handover_the_rest_has_a_master_and_the_request_is_answered(string happening)
    {
        int number = happening[^1] - '0';
        for (int steps = 0; steps < 30; steps++)
        {
            var cluster = new SteppedCluster(4);
            foreach (int member in new[] { 1, 2, 3 }) cluster[member].Start();
            cluster.UntilInstalled(1, 2, 3);
            long request = cluster[1].Ask(static (core, id, now) => core.ReleaseMastership(id, now));
            for (int i = 0; i < steps; i++) cluster.Step();
            Stepped node = cluster[number];
            switch (happening[..^2])
            {
                case "kill": cluster.Kill(number); break;
                case "leave": node.Ask(static (core, id, now) => core.Leave(id, now)); break;
                case "eject": cluster[number % 3 + 1].Ask((core, id, now) => core.Eject(id, new NodeId(number), now)); break;
                case "regroup": node.Ask(static (core, id, now) => core.ForceRegroup(id, now)); break;
                case "cut": cluster.Cut(1, number); break;
                default: node.Start(); break;
            }
            cluster.Run(10);
            Stepped[] members = [.. cluster.Nodes.Values.Where(static left => left.Alive && left.Core.Phase == NodePhase.Member)];
            Assert.True(members.Length >= 2, $"step {steps}: {members.Length} are left");
            Assert.All(members, left => Assert.True(
                left.Core is { Stage: RegroupStage.None, Installed: { IsHandover: false, Master.IsValid: true, ViceMaster.IsValid: true } } && left.Core.Lease.ValidUntil > cluster.Now,
                $"step {steps}: {left.Core.Installed}"));
            Assert.True(!cluster[1].Alive || cluster[1].StatusOf(request) is not null, $"step {steps}: no answer");
        }
    }

    private static MessageHeader HeaderFrom(SteppedCluster cluster, int from, int to, ViewId inForce) => new()
    {
        From = new NodeId(from),
        FromIncarnation = cluster[from].Core.Incarnation,
        To = new NodeId(to),
        ToIncarnation = cluster[to].Core.Incarnation,
        InForce = inForce,
        Sequence = 1_000_000,
        Flags = HeaderFlags.Hears,
    };
}
