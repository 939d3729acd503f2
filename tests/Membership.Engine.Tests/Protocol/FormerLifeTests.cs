// What a life leaves to the next one in the same process: nothing that it was told, that it waited for, or that it was about to tell; and what a
// leaver does in the moments before it is out.
using Membership.Engine.Protocol;
using Membership.Engine.Tests.Seeds;
using Xunit;

namespace Membership.Engine.Tests.Protocol;

public sealed class FormerLifeTests
{
    private static readonly ClusterChangeNotification Valid = new(ClusterChange.ValidState, NodeId.Invalid);
    private static readonly ClusterChangeNotification Invalid = new(ClusterChange.InvalidCluster, NodeId.Invalid);

    [Fact]
    public void A_life_is_not_told_the_end_of_what_only_the_former_one_was_told_the_beginning_of()
    {
        SteppedCluster cluster = SteppedCluster.Formed(3);
        MeetAnother(cluster, 2);
        Assert.Equal(Invalid, cluster[2].Told[^1]);
        cluster[2].Ask(static (core, id, now) => core.Leave(id, now));
        cluster.Until(() => cluster[2].Core.Phase == NodePhase.Down);
        cluster.UntilInstalled(1, 3);
        cluster[2].Told.Clear();
        cluster[2].Start();
        cluster.UntilInstalled(1, 2, 3);
        cluster.Run(20);
        Assert.DoesNotContain(Valid, cluster[2].Told);
        Assert.DoesNotContain(Invalid, cluster[2].Told);
        Assert.Equal(Valid, cluster[1].Told[^1]);
    }

    [Fact]
    public void Whoever_only_hears_that_another_cluster_is_met_says_so_for_as_long_as_it_is()
    {
        SteppedCluster cluster = SteppedCluster.Formed(3);
        for (int second = 0; second < 25; second++)
        {
            MeetAnother(cluster, 2);
            cluster.Run(1);
            Assert.All(cluster.Nodes.Values, static node => Assert.DoesNotContain(Valid, node.Told));
        }
        cluster.Run(12);
        Assert.All(cluster.Nodes.Values, static node => Assert.Equal([Invalid, Valid], node.Told[^2..]));
        Assert.All(cluster.Nodes.Values, static node => Assert.Single(node.Told, Invalid));
    }

    [Fact]
    public void A_read_that_waited_when_its_node_left_is_answered_once_and_not_by_the_next_life()
    {
        SteppedCluster cluster = SteppedCluster.Formed(3);
        cluster[3].HoldCallback = CallbackKind.HoldAllIO;
        cluster[2].Ask(static (core, id, now) => core.ForceRegroup(id, now));
        long read = cluster[2].Ask(static (core, id, now) => core.ReadState(id, new StateAnswer(), now));
        cluster[2].Ask(static (core, id, now) => core.Leave(id, now));
        cluster.Run(0.01);
        cluster[3].ReleaseCallbacks();
        cluster.Until(() => cluster[2].Core.Phase == NodePhase.Down);
        Assert.Equal(MembershipStatus.Transient, cluster[2].StatusOf(read));
        cluster.UntilInstalled(1, 3);
        cluster[2].Start();
        // A second answer would be an error of the test's node.
        cluster.UntilInstalled(1, 2, 3);
        cluster.Run(0.1);
        Assert.Equal(MembershipStatus.Transient, cluster[2].StatusOf(read));
    }

    [Fact]
    public void Whoever_has_left_and_only_says_farewell_begins_no_regroup_when_somebody_dies()
    {
        SteppedCluster cluster = SteppedCluster.Formed(4);
        cluster[1].Ask(static (core, id, now) => core.Leave(id, now));
        cluster.Until(() => !cluster[1].Core.InForce!.Nodes.Contains(new NodeId(1)));
        // It goes on saying so to the one that does not answer.
        cluster.CutOneWay(4, 1);
        cluster.Run(0.01);
        int stages = cluster[1].Stages.Count;
        Assert.Equal(NodePhase.Leaving, cluster[1].Core.Phase);
        cluster.Kill(4);
        cluster.Until(() => cluster[1].Core.Phase == NodePhase.Down, seconds: 1);
        Assert.Equal(stages, cluster[1].Stages.Count);
        cluster.UntilInstalled(2, 3);
    }

    [Fact]
    public void Whoever_leaves_while_a_view_with_it_comes_into_force_serves_no_more_in_that_view_and_leaves_it()
    {
        SteppedCluster cluster = SteppedCluster.Formed(4);
        Epoch former = cluster[1].Core.InForce!.Epoch;
        Stepped leaver = cluster[3];
        long leave = 0;
        cluster[1].Disk = (id, state) =>
        {
            cluster[1].Write(id, state);
            if (leave == 0 && state.InForce!.Epoch > former) leave = leaver.Ask(static (core, request, now) => core.Leave(request, now));
        };
        cluster.Kill(4);
        cluster.Until(() => leave != 0);
        Assert.Equal(NodePhase.Leaving, leaver.Core.Phase);
        cluster.Until(() =>
        {
            Assert.True(leaver.Core.Lease.ValidUntil <= cluster.Now);
            return leaver.StatusOf(leave) is not null;
        });
        Assert.Equal(MembershipStatus.Ok, leaver.StatusOf(leave));
        cluster.UntilInstalled(1, 2);
    }

    /// <summary>Somebody says that it is in a newer view, which nobody here was asked about.</summary>
    private static void MeetAnother(SteppedCluster cluster, int number)
    {
        ViewId other = new(new Epoch(cluster[number].Core.InForce!.Epoch.Value + (1L << 32)), 77);
        MessageHeader header = new()
        {
            From = new NodeId(3), FromIncarnation = cluster[3].Core.Incarnation, To = new NodeId(number), ToIncarnation = cluster[number].Core.Incarnation,
            InForce = other, Sequence = 1_000_000, Flags = HeaderFlags.Hears,
        };
        cluster[number].Do((core, now) => core.Receive(in header, 0, null, now));
    }
}
