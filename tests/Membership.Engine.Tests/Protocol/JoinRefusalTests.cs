// What a joiner and a member refuse of the messages of a join, each for one reason alone: another join's number, another sender, another view, a
// regroup under way. And that the view in force rules what was configured otherwise.
using Membership.Engine.Protocol;
using Membership.Engine.Replication;
using Membership.Engine.Tests.Seeds;
using Xunit;

namespace Membership.Engine.Tests.Protocol;

public sealed class JoinRefusalTests
{
    private const long Join = 7;

    [Fact]
    public void A_joiner_takes_only_what_its_coordinator_says_about_its_own_join()
    {
        (SteppedCluster cluster, ClusterView view) = Joining();
        Incarnation life = cluster[3].Core.Incarnation;
        ClusterView next = new(view.Epoch.Next, view.Members.Append(new ClusterMember(new NodeId(3), life, 1, 1003)), view.Rule, view.Timing, view.Master, view.ViceMaster, baseEpoch: view.Epoch);
        var prepare = new JoinPrepareMessage(Join, view, next, ClusterState.Empty);
        Assert.Equal(DropReason.StaleActivation, cluster.Say(1, 3, prepare with { JoinId = Join + 1 }).Dropped);
        Assert.Equal(DropReason.StaleActivation, cluster.Say(2, 3, prepare).Dropped);
        Assert.Equal(DropReason.StaleActivation, cluster.Say(1, 3, prepare with { View = SteppedCluster.After(view, 1) }).Dropped);
        Assert.Equal(DropReason.Malformed, cluster.Say(1, 3, prepare with { State = null }).Dropped);
        Assert.Equal(DropReason.UnexpectedKind, cluster.Say(1, 3, new JoinFailedMessage(Join + 1, MembershipStatus.Transient)).Dropped);
        Assert.Equal(DropReason.UnexpectedKind, cluster.Say(2, 3, new JoinFailedMessage(Join, MembershipStatus.Transient)).Dropped);
        Assert.Empty(cluster[3].Core.TakeSnapshot(cluster.Now).Pending);
        Assert.Equal(NodePhase.Joining, cluster[3].Core.Phase);
        Assert.Equal(DropReason.None, cluster.Say(1, 3, prepare).Dropped);
        Assert.Equal(next.Id, Assert.Single(cluster[3].Core.TakeSnapshot(cluster.Now).Pending).Id);
        Assert.Equal(DropReason.None, cluster.Say(1, 3, new JoinFailedMessage(Join, MembershipStatus.Transient)).Dropped);
        Assert.Equal((NodePhase.Starting, life.Next), (cluster[3].Core.Phase, cluster[3].Core.Incarnation));
    }

    [Fact]
    public void A_join_into_a_view_with_nodes_that_are_not_configured_here_is_refused()
    {
        (SteppedCluster cluster, ClusterView view) = Petitioner();
        var member = new ClusterMember(new NodeId(9), new Incarnation(1), 1, 1009);
        ClusterView stranger = new(view.Epoch, view.Members.Append(member), view.Rule, view.Timing, view.Master, view.ViceMaster);
        Assert.Equal(DropReason.UnknownNode, cluster.Say(1, 3, new JoinStartMessage(Join, new NodeId(3), cluster[3].Core.Incarnation, stranger), stranger.Id).Dropped);
        Assert.Equal(NodePhase.Starting, cluster[3].Core.Phase);
    }

    [Fact]
    public void A_member_is_not_let_in_again_and_promises_nothing_in_a_regroup_nor_a_second_view_of_its_epoch()
    {
        SteppedCluster cluster = SteppedCluster.Formed(3);
        ClusterView view = cluster[2].Core.InForce!;
        Assert.Equal(DropReason.UnexpectedKind, cluster.Say(1, 2, new JoinStartMessage(Join, new NodeId(2), cluster[2].Core.Incarnation, view)).Dropped);
        Assert.Equal(NodePhase.Member, cluster[2].Core.Phase);
        ClusterView second = SteppedCluster.After(view, 0, master: 3);
        Assert.NotEqual(view.Id, second.Id);
        Assert.Equal(DropReason.StaleActivation, cluster.Say(1, 2, new JoinPrepareMessage(Join, view, second, null)).Dropped);
        Assert.Empty(cluster[2].Core.TakeSnapshot(cluster.Now).Pending);

        cluster.UntilInstalled(1, 2, 3);
        view = cluster[2].Core.InForce!;
        cluster[2].HoldCallback = CallbackKind.HoldAllIO;
        cluster[2].Ask(static (core, id, now) => core.ForceRegroup(id, now));
        Assert.Equal(RegroupStage.Activate, cluster[2].Core.Stage);
        Assert.Equal(DropReason.StaleActivation, cluster.Say(1, 2, new JoinPrepareMessage(Join, view, SteppedCluster.After(view, 1), null)).Dropped);
        Assert.Empty(cluster[2].Core.TakeSnapshot(cluster.Now).Pending);
    }

    [Fact]
    public void A_member_on_whose_disk_a_view_without_it_comes_into_force_halts()
    {
        SteppedCluster cluster = SteppedCluster.Formed(3);
        ClusterView view = cluster[2].Core.InForce!;
        ClusterView without = new(view.Epoch.Next, view.Members.Where(static member => member.Node.Value != 2), view.Rule, view.Timing, view.Master, baseEpoch: view.Epoch);
        cluster.Cut(1, 2);
        cluster.Cut(2, 3);
        Assert.Equal(DropReason.None, cluster.Say(1, 2, new JoinPrepareMessage(Join, view, without, null)).Dropped);
        cluster.Run(0.002);
        cluster.Say(1, 2, null, without.Id);
        cluster.Run(0.002);
        Assert.Equal((HaltCode.Removed, without.Id), (cluster[2].Halted, cluster.Disk(2).InForceId));
    }

    [Fact]
    public void What_epochs_a_member_has_heard_of_are_exceeded_by_the_joined_view()
    {
        (SteppedCluster cluster, PetitionMessage petition) = Asking();
        ClusterView view = cluster[1].Core.InForce!;
        var start = cluster.Say(3, 1, petition).Said.Select(static one => one.Body).OfType<JoinStartMessage>().First();
        cluster.Say(2, 1, new JoinReadyMessage(start.JoinId, new Epoch(view.Epoch.Value + 40), false, 1002));
        cluster.Heal();
        Assert.Equal(view.Epoch.Value + 41, cluster.UntilInstalled(1, 2, 3).Epoch.Value);
    }

    [Fact]
    public void Whoever_is_let_in_knows_the_others_disks_by_the_view()
    {
        var cluster = new SteppedCluster(3);
        cluster[1].Start();
        cluster[2].Start();
        cluster.UntilInstalled(1, 2);
        cluster[3].Start();
        cluster.UntilInstalled(1, 2, 3);
        var another = SteppedCluster.StatusOf(1, new ActivationId(Epoch.None, 1)) with { StoreId = 77 };
        Assert.Equal(DropReason.OldIncarnation, cluster.Say(1, 3, another).Dropped);
        Assert.NotEqual(DropReason.OldIncarnation, cluster.Say(1, 3, another with { StoreId = 1001 }).Dropped);
    }

    [Fact]
    public void Whoever_is_let_in_keeps_the_clusters_time_not_its_own()
    {
        ClusterTiming slow = ClusterTiming.Local with { ClockPeriod = 10 * ClusterTiming.Local.ClockPeriod };
        var cluster = new SteppedCluster(3, options => options with { Timing = options.Self.Value == 3 ? slow : ClusterTiming.Local });
        cluster[1].Start();
        cluster[2].Start();
        cluster.UntilInstalled(1, 2);
        cluster[3].Start();
        cluster.UntilInstalled(1, 2, 3);
        cluster.Run(1);
        cluster.CutOneWay(1, 3);
        cluster.CutOneWay(2, 3);
        MonotonicTime cut = cluster.Now;
        cluster.Until(() => cluster[3].Core.Stage != RegroupStage.None);
        Assert.InRange(cluster.Now - cut, TimeSpan.Zero, 1.1 * ClusterTiming.Local.LossPeriod);
        Assert.True(cluster[3].Core.Lease.ValidUntil <= cut + ClusterTiming.Local.LossPeriod);
    }

    private static (SteppedCluster Cluster, PetitionMessage Petition) Asking()
    {
        var cluster = new SteppedCluster(3);
        cluster[1].Start();
        cluster[2].Start();
        cluster.UntilInstalled(1, 2);
        cluster.Cut(1, 3);
        cluster.Cut(2, 3);
        PetitionMessage? petition = null;
        cluster[3].Sent = body => petition ??= body as PetitionMessage;
        cluster[3].Start();
        cluster.Until(() => petition is not null);
        cluster[3].Sent = null;
        return (cluster, petition! with { HighestEpochSeen = Epoch.None });
    }

    /// <summary>Node 3 asks to be let in, and hears only what the test says to it.</summary>
    private static (SteppedCluster Cluster, ClusterView View) Petitioner()
    {
        (SteppedCluster cluster, _) = Asking();
        return (cluster, cluster[1].Core.InForce!);
    }

    private static (SteppedCluster Cluster, ClusterView View) Joining()
    {
        (SteppedCluster cluster, ClusterView view) = Petitioner();
        Assert.Equal(DropReason.None, cluster.Say(1, 3, new JoinStartMessage(Join, new NodeId(3), cluster[3].Core.Incarnation, view)).Dropped);
        Assert.Equal(NodePhase.Joining, cluster[3].Core.Phase);
        return (cluster, view);
    }
}
