// Changes of roles as they are asked of the coordinator, also by whoever does not ask itself first whether it makes sense: of another node, in the
// middle of a join or of a handover, when nobody could take over, or when nothing would change.
using Membership.Engine.Protocol;
using Membership.Engine.Replication;
using Membership.Engine.Tests.Seeds;
using Xunit;

namespace Membership.Engine.Tests.Protocol;

public sealed class RoleMessageTests
{
    private static readonly RoleChangeMessage Disqualify = new(RoleChange.Disqualify, new NodeId(3));

    [Fact]
    public void Nobody_but_the_coordinator_makes_a_change_of_roles()
    {
        SteppedCluster cluster = SteppedCluster.Formed(3);
        (DropReason dropped, var said) = cluster.Say(3, 2, Disqualify);
        Assert.Equal((DropReason.StaleActivation, 0), (dropped, said.Count));
        Assert.Empty(cluster[2].Core.TakeSnapshot(cluster.Now).Pending);
        // The coordinator does, at anybody's word.
        Assert.Contains(cluster.Say(3, 1, Disqualify).Said, static one => one.Body is JoinPrepareMessage);
    }

    [Fact]
    public void A_change_of_roles_waits_for_the_join_under_way()
    {
        var cluster = new SteppedCluster(4);
        foreach (int each in (int[])[1, 2, 3]) cluster[each].Start();
        cluster.UntilInstalled(1, 2, 3);
        // Heard by everybody but one, it keeps the turn.
        cluster.Cut(2, 4);
        bool begun = false;
        cluster[1].Sent = body => begun |= body is JoinStartMessage;
        cluster[4].Start();
        cluster.Until(() => begun);
        cluster[1].Sent = null;
        Assert.DoesNotContain(cluster.Say(2, 1, Disqualify).Said, static one => one.Body is JoinPrepareMessage);
        Assert.Empty(cluster[1].Core.TakeSnapshot(cluster.Now).Pending);
        // Updates do not: none but the last before the joined view would be under way.
        long update = cluster[2].Ask(static (core, id, now) => core.Update(id, new TableUpdate("t", [new RowChange(RowChangeKind.Put, "k", new byte[] { 1 })]), new StateAnswer(), now));
        cluster.Run(0.01);
        Assert.Equal(MembershipStatus.Ok, cluster[2].StatusOf(update));
        cluster.Heal();
        cluster.UntilInstalled(1, 2, 3, 4);
    }

    [Fact]
    public void A_change_of_roles_waits_until_the_hosts_have_been_told_of_the_view_in_force()
    {
        var cluster = new SteppedCluster(4);
        foreach (int each in (int[])[1, 2, 3]) cluster[each].Start();
        cluster.UntilInstalled(1, 2, 3);
        cluster[1].HoldCallback = CallbackKind.ClusterInfoChanged;
        cluster[4].Start();
        cluster.Until(() => cluster[1].Core.Installed!.Nodes.Count == 4);
        cluster.Run(0.2);
        Assert.DoesNotContain(cluster.Say(2, 1, Disqualify).Said, static one => one.Body is JoinPrepareMessage);
        cluster[1].ReleaseCallbacks();
        cluster.Run(0.01);
        Assert.Contains(cluster.Say(2, 1, Disqualify).Said, static one => one.Body is JoinPrepareMessage);
    }

    [Fact]
    public void Nothing_else_is_changed_before_a_former_masters_work_has_stopped()
    {
        SteppedCluster cluster = SteppedCluster.Formed(4, static options => options with { Qualified = options.Self.Value != 1 });
        Assert.Equal(new NodeId(2), cluster[1].Core.InForce!.Master);
        cluster[2].HoldCallback = CallbackKind.HandOverMastership;
        cluster[2].Ask(static (core, id, now) => core.ReleaseMastership(id, now));
        cluster.Until(() => cluster[2].CallbackNames.Contains("HandOverMastership"));
        cluster.Run(1);
        ViewId handover = cluster[1].Core.InForce!.Id;
        Assert.DoesNotContain(cluster.Say(3, 1, Disqualify).Said, static one => one.Body is JoinPrepareMessage);
        cluster.Run(1);
        Assert.All(cluster.Nodes.Values, node => Assert.Equal(handover, node.Core.InForce!.Id));
        cluster[2].ReleaseCallbacks();
        cluster.Until(() => cluster[3].Core.Installed!.Master == new NodeId(3));
    }

    [Fact]
    public void A_master_that_nobody_could_take_over_from_stays_although_it_asks_to_be_released()
    {
        SteppedCluster cluster = SteppedCluster.Formed(3, static options => options with { Qualified = options.Self.Value == 2 });
        ClusterView view = cluster[1].Core.InForce!;
        Assert.Equal((new NodeId(1), new NodeId(2)), (view.Coordinator, view.Master));
        Assert.DoesNotContain(cluster.Say(2, 1, new RoleChangeMessage(RoleChange.Release, new NodeId(2))).Said, static one => one.Body is JoinPrepareMessage);
        cluster.Run(1);
        Assert.Equal(view.Id, cluster[1].Core.InForce!.Id);
    }

    [Fact]
    public void Updates_go_on_after_a_change_of_roles_that_waited_for_one_and_then_had_nothing_to_change()
    {
        SteppedCluster cluster = SteppedCluster.Formed(3);
        ViewId view = cluster[1].Core.InForce!.Id;
        cluster.Cut(1, 3);
        long[] asked = [Write("under way"), 0];
        cluster.Say(2, 1, new RoleChangeMessage(RoleChange.Qualify, new NodeId(2)));
        asked[1] = Write("behind it");
        cluster.Heal();
        cluster.Until(() => asked.All(one => cluster[1].StatusOf(one) == MembershipStatus.Ok), seconds: 2);
        Assert.Equal(view, cluster[1].Core.InForce!.Id);

        long Write(string row) => cluster[1].Ask((core, id, now) => core.Update(id, new TableUpdate("t", [new RowChange(RowChangeKind.Put, row, new byte[] { 1 })]), new StateAnswer(), now));
    }
}
