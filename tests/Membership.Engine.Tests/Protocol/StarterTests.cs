// What a member takes of a node that starts again: its disk tells lives apart that have one number, a newer life ends its former one's place even
// if nothing else of it is liked, and a restarted life votes only where its former one had a vote.
using Membership.Engine.Protocol;
using Membership.Engine.Tests.Seeds;
using Xunit;

namespace Membership.Engine.Tests.Protocol;

public sealed class StarterTests
{
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Whoever_has_the_number_of_a_life_on_another_disk_is_told_to_begin_above_it(bool byPetition)
    {
        (SteppedCluster cluster, PetitionMessage petition) = Petitioner([1, 2]);
        Incarnation life = cluster[3].Core.Incarnation;
        // The first one with this number, by whichever message it shows its disk.
        cluster.Say(3, 1, byPetition ? petition : SteppedCluster.StatusOf(3, new ActivationId(Epoch.None, 1)));
        (DropReason dropped, var said) = cluster.Say(3, 1, petition with { StoreId = petition.StoreId + 1 });
        Assert.Equal(DropReason.OldIncarnation, dropped);
        Assert.Equal((3, life), (said[0].To, Assert.IsType<PetitionReplyMessage>(said[0].Body).IncarnationFloor));
        // Anything but a petition is not answered.
        Assert.Equal(DropReason.OldIncarnation, cluster.Say(3, 1, SteppedCluster.StatusOf(7, new ActivationId(Epoch.None, 2))).Dropped);
        Assert.DoesNotContain(cluster.Say(3, 1, SteppedCluster.StatusOf(7, new ActivationId(Epoch.None, 2))).Said, static one => one.Body is PetitionReplyMessage);
    }

    [Fact]
    public void A_member_that_comes_back_with_another_configuration_is_refused_and_its_former_life_loses_its_place_at_once()
    {
        (SteppedCluster cluster, PetitionMessage petition) = Petitioner([1, 2, 3]);
        Assert.Equal(RegroupStage.None, cluster[1].Core.Stage);
        (_, var said) = cluster.Say(3, 1, petition with { ConfigurationHash = petition.ConfigurationHash + 1 });
        Assert.Equal(MembershipStatus.Fault, Assert.Single(said.Select(static one => one.Body).OfType<PetitionReplyMessage>()).Outcome);
        Assert.Equal(RegroupStage.Activate, cluster[1].Core.Stage);
        cluster.UntilInstalled(1, 2);
    }

    [Fact]
    public void A_member_that_restarts_while_the_view_with_its_former_life_is_being_written_is_noticed_when_it_asks_again()
    {
        SteppedCluster cluster = SteppedCluster.Formed(4);
        Epoch former = cluster[1].Core.InForce!.Epoch;
        int writing = 0;
        MonotonicTime restarted = MonotonicTime.MinValue;
        foreach (int each in (int[])[1, 2])
        {
            Stepped node = cluster[each];
            node.Disk = (id, state) =>
            {
                if (state.InForce!.Epoch == former)
                {
                    node.Write(id, state);
                    return;
                }
                cluster.After(TimeSpan.FromMilliseconds(10), () => node.Write(id, state));
                node.Disk = null;
                if (++writing < 2) return;
                restarted = cluster.Now;
                cluster[3].Alive = false;
                cluster.Restart(3).Start();
            };
        }
        cluster.Kill(4);
        cluster.Until(() => restarted > MonotonicTime.MinValue);
        ClusterTiming timing = cluster[1].Core.InForce!.Timing;
        ClusterView view = cluster.UntilInstalled(1, 2, 3);
        Assert.Equal(cluster[3].Core.Incarnation, view.Find(new NodeId(3)).Incarnation);
        Assert.InRange((cluster.Now - restarted).TotalMilliseconds, 0, (3 * timing.LossPeriod).TotalMilliseconds);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void A_restarted_life_votes_only_in_a_view_that_its_former_life_was_in(bool wasIn)
    {
        SteppedCluster formed = SteppedCluster.Formed(3);
        ClusterView view = formed[1].Core.InForce!;
        if (!wasIn) view = new ClusterView(view.Epoch, view.Members.Where(static member => member.Node.Value != 3), view.Rule, view.Timing, view.Master);
        formed[3].Alive = false;
        formed.Cut(1, 3);
        formed.Cut(2, 3);
        formed.Write(3, formed.Disk(3) with { InForce = view, Pending = [] });
        Stepped starter = formed.Restart(3);
        starter.Start();
        formed.Run(0.01);
        (DropReason dropped, _) = formed.Say(1, 3, SteppedCluster.StatusOf(1, new ActivationId(view.Epoch, 1)), view.Id);
        Assert.Equal((wasIn ? DropReason.None : DropReason.NotMember, wasIn ? view.Epoch : Epoch.None), (dropped, starter.Core.Activation.Epoch));
        // Of that very view, not of another one that has its epoch.
        Assert.Equal(DropReason.NotMember, formed.Say(1, 3, SteppedCluster.StatusOf(1, new ActivationId(view.Epoch.Next, 1)), view.Id).Dropped);
    }

    [Fact]
    public void A_word_from_its_start_that_comes_late_does_not_make_a_member_one_that_has_no_vote()
    {
        SteppedCluster cluster = SteppedCluster.Formed(3);
        cluster.Say(2, 1, SteppedCluster.StatusOf(2, new ActivationId(Epoch.None, 9)), ViewId.None);
        // It is waited for as anybody else is, and says what it has to say a little late.
        cluster.CutOneWay(2, 1);
        cluster.After(TimeSpan.FromMilliseconds(20), cluster.Heal);
        cluster[1].Ask(static (core, id, now) => core.ForceRegroup(id, now));
        cluster.Until(() => cluster[1].Core.Stage == RegroupStage.CleanUp1);
        Assert.Equal((1, NodeSet.Of(1, 2, 3)), (cluster[1].Core.Activation.Attempt, cluster[1].Core.InForce!.Nodes));
    }

    [Fact]
    public void A_promise_of_the_epoch_that_the_others_came_to_without_it_keeps_nobody_out()
    {
        var cluster = new SteppedCluster(3);
        cluster[1].Start();
        cluster[2].Start();
        ClusterView view = cluster.UntilInstalled(1, 2), promised = SteppedCluster.After(view, 0, master: 2);
        Assert.NotEqual(view.Id, promised.Id);
        cluster.Write(3, cluster.Disk(3).WithPending(promised));
        cluster.Restart(3).Start();
        cluster.UntilInstalled(1, 2, 3);
        Assert.Equal(view.Epoch.Next, cluster[3].Core.InForce!.Epoch);
    }

    [Fact]
    public void Whoever_voted_where_a_node_was_ejected_forms_with_that_node_all_the_same()
    {
        SteppedCluster cluster = SteppedCluster.Formed(3);
        ClusterView view = cluster[1].Core.InForce!;
        foreach (Stepped node in cluster.Nodes.Values.ToArray()) node.Alive = false;
        Stepped voter = cluster.Restart(2);
        voter.Start();
        cluster.Run(0.01);
        cluster.Say(3, 2, SteppedCluster.StatusOf(3, new ActivationId(view.Epoch, 1)) with { Ejected = NodeSet.Of(1) }, view.Id);
        Assert.Equal(new ActivationId(view.Epoch, 1), voter.Core.Activation);
        cluster.Until(() => voter.Core.Activation.IsForming);
        cluster.Restart(1).Start();
        cluster.Restart(3).Start();
        cluster.Until(() => voter.Core.InForce is not null);
        Assert.Equal(NodeSet.Of(1, 2, 3), voter.Core.InForce!.Nodes);
        cluster.UntilInstalled(1, 2, 3);
    }

    /// <summary>Some are a cluster; node 3 starts, and nobody hears it but by what the test says for it.</summary>
    private static (SteppedCluster Cluster, PetitionMessage Petition) Petitioner(int[] formed)
    {
        var cluster = new SteppedCluster(3);
        foreach (int each in formed) cluster[each].Start();
        cluster.UntilInstalled(formed);
        cluster.Run(0.5);
        cluster.Cut(1, 3);
        cluster.Cut(2, 3);
        cluster[3].Alive = false;
        Stepped starter = cluster.Restart(3);
        PetitionMessage? petition = null;
        starter.Sent = body => petition ??= body as PetitionMessage;
        starter.Start();
        cluster.Until(() => petition is not null);
        starter.Sent = null;
        return (cluster, petition! with { HighestEpochSeen = Epoch.None });
    }
}
