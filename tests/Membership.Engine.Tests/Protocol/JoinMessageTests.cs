// What a petitioner, a member and the coordinator take of the messages of a join (design 3.4), one by one: from whom, about which life and
// which view; and what all nodes' configurations have in common.
using Membership.Engine.Protocol;
using Membership.Engine.Tests.Seeds;
using Xunit;

namespace Membership.Engine.Tests.Protocol;

public sealed class JoinMessageTests
{
    private static readonly ClusterTiming Timing = ClusterTiming.Local;

    [Fact]
    public void The_coordinator_answers_each_petition_by_what_is_wrong_with_it()
    {
        (SteppedCluster cluster, PetitionMessage petition) = WithPetitioner();
        ClusterView view = cluster[1].Core.InForce!;
        PetitionReplyMessage Reply(int to, PetitionMessage asked)
        {
            (DropReason dropped, var said) = cluster.Say(3, to, asked);
            Assert.Equal(DropReason.None, dropped);
            return Assert.IsType<PetitionReplyMessage>(Assert.Single(said, static one => one.To == 3).Body);
        }

        Assert.Equal(MembershipStatus.Fault, Reply(1, petition with { ProtocolVersion = 2 }).Outcome);
        Assert.Equal(MembershipStatus.Fault, Reply(2, petition with { ConfigurationHash = petition.ConfigurationHash + 1 }).Outcome);
        Assert.Equal(MembershipStatus.Fault, Reply(1, petition with { StoredInForce = new ViewId(view.Epoch.Next, 77) }).Outcome);
        Assert.Equal((MembershipStatus.Ok, new NodeId(1)), (Reply(2, petition).Outcome, Reply(2, petition).Coordinator));
        // A view of this very epoch, or an older one, on its disk is no obstacle; and what epochs it has heard of are exceeded.
        (_, var started) = cluster.Say(3, 1, petition with { StoredInForce = new ViewId(view.Epoch, 77), HighestEpochSeen = new Epoch(view.Epoch.Value + 40) });
        Assert.Contains(started, static one => one is { To: 3, Body: JoinStartMessage { Joiner.Value: 3 } });
        Assert.Contains(started, static one => one is { To: 2, Body: JoinStartMessage { Joiner.Value: 3 } });
        // While its join is under way it is not answered again.
        Assert.DoesNotContain(cluster.Say(3, 1, petition).Said, static one => one.Body is PetitionReplyMessage);
        // The refusals are lost on the way.
        cluster.Run(0.01);
        cluster.Heal();
        Assert.Equal(view.Epoch.Value + 41, cluster.UntilInstalled(1, 2, 3).Epoch.Value);
    }

    [Fact]
    public void A_petitioner_whose_number_had_a_later_life_begins_one_above_it()
    {
        (SteppedCluster cluster, _) = WithPetitioner();
        Incarnation life = cluster[3].Core.Incarnation;
        cluster.Say(1, 3, new PetitionReplyMessage(MembershipStatus.Ok, new NodeId(1), new Incarnation(life.Value - 1), ""));
        Assert.Equal(life, cluster[3].Core.Incarnation);
        cluster.Say(1, 3, new PetitionReplyMessage(MembershipStatus.Ok, new NodeId(1), life, ""));
        Assert.Equal(life.Next, cluster[3].Core.Incarnation);
        cluster.Run(0.05);
        cluster.Say(2, 3, new PetitionReplyMessage(MembershipStatus.Ok, new NodeId(1), new Incarnation(30), ""));
        Assert.Equal(new Incarnation(31), cluster[3].Core.Incarnation);
        cluster.Heal();
        Assert.Equal(new Incarnation(31), cluster.UntilInstalled(1, 2, 3).Find(new NodeId(3)).Incarnation);
    }

    [Fact]
    public void A_later_life_that_a_member_knows_ends_a_join_that_is_under_way_and_it_begins_again_above_it()
    {
        (SteppedCluster cluster, PetitionMessage petition) = WithPetitioner();
        cluster.Heal();
        cluster.Until(() => cluster[3].Core.Phase == NodePhase.Joining);
        // About anything else it is deaf now.
        Assert.Equal(DropReason.UnexpectedKind, cluster.Say(2, 3, new PetitionReplyMessage(MembershipStatus.Fault, new NodeId(1), Incarnation.None, "no")).Dropped);
        Assert.Equal(DropReason.UnexpectedKind, cluster.Say(2, 3, new JoinFailedMessage(1, MembershipStatus.Transient)).Dropped);
        Assert.Equal(NodePhase.Joining, cluster[3].Core.Phase);
        cluster.Say(2, 3, new PetitionReplyMessage(MembershipStatus.Ok, NodeId.Invalid, new Incarnation(30), ""));
        Assert.Equal((NodePhase.Starting, new Incarnation(31)), (cluster[3].Core.Phase, cluster[3].Core.Incarnation));
        Assert.Single(cluster[3].Callbacks, static call => call.Kind == CallbackKind.JoinFailed);
        Assert.Equal(new Incarnation(31), cluster.UntilInstalled(1, 2, 3).Find(new NodeId(3)).Incarnation);
    }

    [Fact]
    public void A_refusal_ends_the_start_and_a_reason_to_wait_is_said_once_a_minute()
    {
        (SteppedCluster cluster, _) = WithPetitioner();
        for (int second = 0; second < 130; second++)
        {
            cluster.Say(1, 3, new PetitionReplyMessage(MembershipStatus.Transient, new NodeId(1), Incarnation.None, $"quarantined {second}"));
            cluster.Say(1, 3, new PetitionReplyMessage(MembershipStatus.Transient, new NodeId(1), Incarnation.None, ""));
            Assert.Equal($"node 1: quarantined {second}", cluster[3].Core.TakeSnapshot(cluster.Now).KeptOut);
            cluster.Run(1);
        }
        Assert.Equal(["1: quarantined 0", "1: quarantined 60", "1: quarantined 120"], cluster[3].KeptOuts);
        // An answer that is no reason to wait changes nothing.
        cluster.Say(1, 3, new PetitionReplyMessage(MembershipStatus.Already, new NodeId(1), Incarnation.None, "another"));
        Assert.Equal("node 1: quarantined 129", cluster[3].Core.TakeSnapshot(cluster.Now).KeptOut);
        Assert.Empty(cluster[3].Completed);
        cluster.Say(1, 3, new PetitionReplyMessage(MembershipStatus.Fault, new NodeId(1), Incarnation.None, "other votes"));
        Assert.Equal((MembershipStatus.Fault, "node 1 refused: other votes"), Assert.Single(cluster[3].Completed).Value);
        Assert.Equal((NodePhase.Down, null), (cluster[3].Core.Phase, cluster[3].Core.TakeSnapshot(cluster.Now).KeptOut));
    }

    [Fact]
    public void A_member_promises_a_joined_view_only_if_the_coordinator_made_it_from_the_view_in_force()
    {
        SteppedCluster cluster = SteppedCluster.Formed(3);
        ClusterView view = cluster[2].Core.InForce!, next = After(view, 1), later = After(view, 4);
        var prepare = new JoinPrepareMessage(7, view, next, null);
        Assert.Equal(DropReason.StaleActivation, cluster.Say(3, 2, prepare).Dropped);
        Assert.Equal(DropReason.StaleActivation, cluster.Say(1, 2, prepare, ViewId.None).Dropped);
        Assert.Equal(DropReason.StaleActivation, cluster.Say(1, 2, prepare with { Base = next, View = later }).Dropped);
        Assert.Empty(cluster[2].Core.TakeSnapshot(cluster.Now).Pending);
        cluster[2].Disk = static (_, _) => { };
        Assert.Equal(DropReason.None, cluster.Say(1, 2, prepare).Dropped);
        Assert.Equal(next.Id, Assert.Single(cluster[2].Core.TakeSnapshot(cluster.Now).Pending).Id);
        // Not said before it is on the disk, however often it is asked.
        Assert.DoesNotContain(cluster.Say(1, 2, prepare).Said, static one => one.Body is JoinPreparedMessage);
        cluster[2].Disk = null;
        cluster[2].Write(99, cluster.Disk(2));
    }

    [Fact]
    public void A_promise_on_the_disk_is_confirmed_again_and_another_one_of_its_epoch_leads_to_a_regroup()
    {
        SteppedCluster cluster = SteppedCluster.Formed(3);
        ClusterView view = cluster[2].Core.InForce!, next = After(view, 1);
        cluster.Cut(1, 3);
        cluster.Say(1, 2, new JoinPrepareMessage(7, view, next, null));
        cluster.Until(() => cluster.Disk(2).FindPending(next.Id) is not null);
        cluster.Run(0.002);
        Assert.Equal((1, new JoinPreparedMessage(7, next.Id)), Assert.Single(cluster.Say(1, 2, new JoinPrepareMessage(7, view, next, null)).Said));
        Assert.Equal(RegroupStage.None, cluster[2].Core.Stage);
        ClusterView other = new(next.Epoch, view.Members, view.Rule, view.Timing, new NodeId(3), baseEpoch: view.Epoch);
        Assert.NotEqual(next.Id, other.Id);
        Assert.Equal(DropReason.StaleActivation, cluster.Say(1, 2, new JoinPrepareMessage(8, view, other, null)).Dropped);
        Assert.Equal(RegroupStage.Activate, cluster[2].Core.Stage);
        // Inside a regroup nothing is prepared.
        Assert.Equal(DropReason.StaleActivation, cluster.Say(1, 2, new JoinPrepareMessage(9, view, After(view, 5), null)).Dropped);
        Assert.Single(cluster[2].Core.TakeSnapshot(cluster.Now).Pending);
    }

    [Fact]
    public void A_member_that_knows_a_later_life_of_the_joiner_says_so_to_whoever_has_the_number()
    {
        (SteppedCluster cluster, PetitionMessage petition) = WithPetitioner();
        ClusterView view = cluster[1].Core.InForce!;
        Incarnation life = cluster[3].Core.Incarnation;
        cluster.Say(3, 2, petition);
        Assert.Equal(DropReason.StaleActivation, cluster.Say(1, 2, new JoinStartMessage(7, new NodeId(3), life, view), ViewId.None).Dropped);
        Assert.Equal(DropReason.NotMember, cluster.Say(1, 2, new JoinStartMessage(7, new NodeId(1), life, view)).Dropped);
        (DropReason dropped, var said) = cluster.Say(1, 2, new JoinStartMessage(7, new NodeId(3), new Incarnation(life.Value - 1), view));
        Assert.Equal(DropReason.StaleActivation, dropped);
        Assert.Equal((3, life), (said[0].To, Assert.IsType<PetitionReplyMessage>(said[0].Body).IncarnationFloor));
    }

    [Fact]
    public void A_member_that_promised_something_newer_ends_the_join_in_a_regroup()
    {
        (SteppedCluster cluster, PetitionMessage petition) = WithPetitioner();
        var start = cluster.Say(3, 1, petition).Said.Select(static one => one.Body).OfType<JoinStartMessage>().First();
        Assert.Equal(DropReason.StaleActivation, cluster.Say(2, 1, new JoinReadyMessage(start.JoinId + 1, Epoch.None, true, 0)).Dropped);
        Assert.Equal(DropReason.StaleActivation, cluster.Say(2, 1, new JoinPreparedMessage(start.JoinId, new ViewId(new Epoch(9), 9))).Dropped);
        Assert.Equal(RegroupStage.None, cluster[1].Core.Stage);
        (DropReason dropped, var said) = cluster.Say(2, 1, new JoinReadyMessage(start.JoinId, Epoch.None, true, 0));
        Assert.Equal(DropReason.None, dropped);
        Assert.Equal(RegroupStage.Activate, cluster[1].Core.Stage);
        Assert.Contains(said, one => one is { To: 3, Body: JoinFailedMessage failed } && failed.JoinId == start.JoinId);
    }

    [Fact]
    public void The_configuration_is_compared_by_a_hash_that_is_the_same_in_every_version_and_another_for_every_difference()
    {
        var hashes = new Dictionary<ulong, string>();
        foreach ((string name, Func<ProtocolOptions, ProtocolOptions> change) in ((string, Func<ProtocolOptions, ProtocolOptions>)[])[
            ("plain", static options => options),
            ("votes", static options => options with { Nodes = [.. options.Nodes.Select(static node => node with { Votes = node.Node.Value == 2 ? 2 : 1 })] }),
            ("votes of another", static options => options with { Nodes = [.. options.Nodes.Select(static node => node with { Votes = node.Node.Value == 3 ? 2 : 1 })] }),
            ("fewer", static options => options with { Nodes = [.. options.Nodes.Take(2)] }),
            ("policy", static options => options with { Rule = new QuorumRule(QuorumPolicy.NodeAndWitnessMajority, TieBreaker.None, false) }),
            ("tie-breaker", static options => options with { Rule = new QuorumRule(QuorumPolicy.NodeMajority, TieBreaker.LowestNode, false) }),
            ("pinned", static options => options with { Rule = new QuorumRule(QuorumPolicy.NodeAndWitnessMajority, TieBreaker.None, true) }),
            ("both", static options => options with { Rule = new QuorumRule(QuorumPolicy.NodeAndWitnessMajority, TieBreaker.LowestNode, true) }),
        ])
        {
            ulong hash = HashOf(change);
            Assert.True(hashes.TryAdd(hash, name), $"'{name}' is not told from '{hashes.GetValueOrDefault(hash)}'");
        }
        // In another order it is the same.
        Assert.Equal("plain", hashes[HashOf(static options => options with { Nodes = [.. options.Nodes.Reverse()] })]);
        // Nodes of other versions compare theirs with it: it must never change.
        Assert.Equal(["233BB894C7D72E6", "234BA894C7F2433"], [$"{HashOf(static options => options):X}", $"{hashes.Single(static one => one.Value == "both").Key:X}"]);
    }

    private static ulong HashOf(Func<ProtocolOptions, ProtocolOptions> change)
    {
        var cluster = new SteppedCluster(3, change);
        ulong hash = 0;
        cluster[1].Sent = body => hash = body is PetitionMessage petition ? petition.ConfigurationHash : hash;
        cluster[1].Start();
        cluster.Until(() => hash != 0);
        return hash;
    }

    private static ClusterView After(ClusterView view, long epochs) => new(new Epoch(view.Epoch.Value + epochs), view.Members, view.Rule, view.Timing, view.Master, view.ViceMaster, baseEpoch: view.Epoch);

    /// <summary>Nodes 1 and 2 are a cluster; node 3 petitions, and nobody hears it but by what the test says for it.</summary>
    private static (SteppedCluster Cluster, PetitionMessage Petition) WithPetitioner()
    {
        var cluster = new SteppedCluster(3);
        cluster[1].Ask(static (core, id, now) => core.Start(id, forceForm: true, now));
        cluster.UntilInstalled(1);
        cluster[2].Start();
        cluster.UntilInstalled(1, 2);
        cluster.Cut(1, 3);
        cluster.Cut(2, 3);
        PetitionMessage? petition = null;
        cluster[3].Sent = body => petition ??= body as PetitionMessage;
        cluster[3].Ask(static (core, id, now) => core.Start(id, forceForm: false, now));
        cluster.Until(() => petition is not null);
        cluster[3].Sent = null;
        cluster.Run(0.5);
        return (cluster, petition! with { HighestEpochSeen = Epoch.None });
    }
}
