// The bounds of what one message may claim, each at its last number that is believed and at the first that is not: lives, epochs, attempts, in
// every place of every message that names one. Node 1 of three hears it from node 2.
using System.Collections.Immutable;
using Membership.Engine.Protocol;
using Membership.Engine.Tests.Seeds;
using Xunit;

namespace Membership.Engine.Tests.Protocol;

public sealed class ClaimBoundsTests
{
    private const long HighestLife = 1L << 62, FarthestView = 1L << 56, FarthestClaim = 1L << 40, HighestEpoch = long.MaxValue - 4 * FarthestClaim, SameChain = 1L << 31;
    private const int FarthestAttempt = 1 << 24;

    private static readonly Dictionary<string, Func<long, long, (Func<MessageHeader, MessageHeader>?, MessageBody?)>> Lives = new()
    {
        ["sender"] = static (life, _) => (header => header with { FromIncarnation = new Incarnation(life) }, null),
        ["floor"] = static (life, _) => (null, new PetitionReplyMessage(MembershipStatus.Ok, NodeId.Invalid, new Incarnation(life), "")),
        ["joiner"] = static (life, epoch) => (null, new JoinStartMessage(1, new NodeId(3), new Incarnation(life), ViewOf(epoch + 1, 1))),
        ["member of the joined view"] = static (life, epoch) => (null, new JoinStartMessage(1, new NodeId(3), new Incarnation(1), ViewOf(epoch + 1, life))),
        ["member of the prepared view"] = static (life, epoch) => (null, new JoinPrepareMessage(1, ViewOf(epoch, 1), ViewOf(epoch + 1, life), null)),
        ["member of a pending view"] = static (life, epoch) => (null, Status(epoch) with { Pending = [ViewOf(epoch + 1, 1), ViewOf(epoch + 2, life)] }),
        ["member of the view in force"] = static (life, epoch) => (null, Status(epoch) with { StoredInForce = ViewOf(epoch + 1, life) }),
        ["member of the decided view"] = static (life, epoch) => (null, Status(epoch) with { Decision = Deciding(ViewOf(epoch + 1, life)) }),
    };

    private static readonly Dictionary<string, Func<long, long, (Func<MessageHeader, MessageHeader>?, MessageBody?)>> Epochs = new()
    {
        ["header"] = static (epoch, _) => (header => header with { InForce = ViewOf(epoch, 1).Id }, null),
        ["activation"] = static (epoch, known) => (null, Status(known) with { Activation = new ActivationId(new Epoch(epoch), 1) }),
        ["view in force"] = static (epoch, known) => (null, Status(known) with { StoredInForce = ViewOf(epoch, 1) }),
        ["pending view"] = static (epoch, known) => (null, Status(known) with { Pending = [ViewOf(epoch, 1)] }),
        ["decided view"] = static (epoch, known) => (null, Status(known) with { Decision = Deciding(ViewOf(epoch, 1)) }),
        ["stored view of a petition"] = static (epoch, _) => (null, new PetitionMessage(1, 1, 1002, true, false, ViewOf(epoch, 1).Id, Epoch.None, false)),
        ["joined view"] = static (epoch, _) => (null, new JoinStartMessage(1, new NodeId(3), new Incarnation(1), ViewOf(epoch, 1))),
        ["prepared view"] = static (epoch, known) => (null, new JoinPrepareMessage(1, ViewOf(known, 1), ViewOf(epoch, 1), null)),
    };

    public static TheoryData<string> PlacesOfLives() => [.. Lives.Keys];

    public static TheoryData<string> PlacesOfEpochs() => [.. Epochs.Keys];

    [Theory]
    [MemberData(nameof(PlacesOfLives))]
    public void A_life_is_believed_up_to_the_highest_there_is(string place)
    {
        SteppedCluster cluster = SteppedCluster.Formed(3);
        long epoch = Known(cluster);
        Assert.Equal(DropReason.Malformed, Hear(cluster, Lives[place](HighestLife + 1, epoch)));
        Assert.NotEqual(DropReason.Malformed, Hear(cluster, Lives[place](HighestLife, epoch)));
    }

    [Theory]
    [MemberData(nameof(PlacesOfEpochs))]
    public void A_view_is_believed_up_to_so_far_above_those_that_are_known(string place)
    {
        SteppedCluster cluster = SteppedCluster.Formed(3);
        long epoch = Known(cluster);
        Assert.Equal(DropReason.Malformed, Hear(cluster, Epochs[place](epoch + FarthestView + 1, epoch)));
        Assert.NotEqual(DropReason.Malformed, Hear(cluster, Epochs[place](epoch + FarthestView, epoch)));
    }

    [Theory]
    [MemberData(nameof(PlacesOfEpochs))]
    public void No_view_is_above_the_highest_epoch_there_is(string place)
    {
        SteppedCluster cluster = new(3);
        foreach (Stepped node in cluster.Nodes.Values.ToArray())
        {
            cluster.Write(node.Number, cluster.Disk(node.Number).WithInForce(ViewOf(HighestEpoch - 10, 1)) with { Incarnation = new Incarnation(5) });
            cluster.Restart(node.Number).Start();
        }
        cluster.UntilInstalled(1, 2, 3);
        long epoch = Known(cluster);
        Assert.InRange(epoch, HighestEpoch - 9, HighestEpoch - 1);
        Assert.Equal(DropReason.Malformed, Hear(cluster, Epochs[place](HighestEpoch + 1, epoch)));
        Assert.NotEqual(DropReason.Malformed, Hear(cluster, Epochs[place](HighestEpoch, epoch)));
    }

    [Theory]
    [InlineData(-1, true)]
    [InlineData(0, false)]
    [InlineData(1 + FarthestAttempt, false)]
    [InlineData(2 + FarthestAttempt, true)]
    [InlineData((1 << 30) + 1, true)]
    public void An_attempt_is_believed_up_to_so_far_above_the_highest_that_was_seen(int attempt, bool malformed)
    {
        // Formed in the first attempt, and none since.
        SteppedCluster cluster = SteppedCluster.Formed(3);
        Assert.Equal(1, cluster[1].Core.Activation.Attempt);
        Assert.Equal(malformed, Hear(cluster, (null, Status(Known(cluster)) with { Activation = new ActivationId(new Epoch(Known(cluster)), attempt) })) == DropReason.Malformed);
    }

    [Fact]
    public void Nobody_is_led_above_the_highest_attempt_not_even_step_by_step()
    {
        const int Highest = 1 << 30;
        SteppedCluster cluster = SteppedCluster.Formed(3);
        DropReason Follow(int attempt) => Hear(cluster, (null, Status(Known(cluster)) with { Activation = new ActivationId(new Epoch(Known(cluster)), attempt) }));
        for (int attempt = FarthestAttempt; attempt <= Highest; attempt += FarthestAttempt)
        {
            Assert.NotEqual(DropReason.Malformed, Follow(attempt));
            Assert.Equal(attempt, cluster[1].Core.Activation.Attempt);
        }
        Assert.Equal(DropReason.Malformed, Follow(Highest + 1));
    }

    [Theory]
    [InlineData(FarthestClaim, 0)]
    [InlineData(FarthestClaim + 1, 1)]
    public void An_epoch_that_somebody_heard_of_is_counted_as_malformed_beyond_the_farthest_claim(long above, int malformed)
    {
        SteppedCluster cluster = SteppedCluster.Formed(3);
        Hear(cluster, (null, Status(Known(cluster)) with { HighestEpochSeen = new Epoch(Known(cluster) + above) }));
        Assert.Equal(malformed, cluster[1].Drops.GetValueOrDefault(DropReason.Malformed));
        // A cluster that runs obeys no order that it only heard of.
        Assert.Equal(Known(cluster) + 1, Regrouped(cluster));
    }

    [Theory]
    [InlineData(SameChain, true)]
    [InlineData(SameChain + 1, false)]
    public void The_next_view_exceeds_what_was_heard_of_if_it_can_be_of_the_same_chain(long above, bool exceeds)
    {
        SteppedCluster cluster = SteppedCluster.Formed(3);
        long known = Known(cluster);
        Hear(cluster, (null, Status(known) with { HighestEpochSeen = new Epoch(known + above) }));
        Assert.Equal(exceeds ? known + above + 1 : known + 1, Regrouped(cluster));
    }

    private static long Known(SteppedCluster cluster) => cluster.Disk(1).HighestEpochPersisted.Value;

    private static long Regrouped(SteppedCluster cluster)
    {
        ViewId before = cluster[1].Core.InForce!.Id;
        cluster[1].Ask(static (core, id, now) => core.ForceRegroup(id, now));
        cluster.Until(() => cluster[1].Core.InForce?.Id != before);
        return cluster.UntilInstalled(1, 2, 3).Epoch.Value;
    }

    private static DropReason Hear(SteppedCluster cluster, (Func<MessageHeader, MessageHeader>? Change, MessageBody? Body) said)
    {
        var header = new MessageHeader
        {
            From = new NodeId(2), FromIncarnation = cluster[2].Core.Incarnation, To = new NodeId(1), ToIncarnation = cluster[1].Core.Incarnation, InForce = cluster[2].Core.InForce!.Id, Sequence = 1,
        };
        if (said.Change is { } change) header = change(header);
        cluster[1].LastDrop = DropReason.None;
        cluster[1].Do((core, now) => core.Receive(in header, 0, said.Body, now));
        return cluster[1].LastDrop;
    }

    private static ClusterView ViewOf(long epoch, long life)
        => new(new Epoch(epoch), Enumerable.Range(1, 3).Select(node => new ClusterMember(new NodeId(node), new Incarnation(life), 1, 1000 + node)), new QuorumRule(QuorumPolicy.NodeMajority, TieBreaker.None, false), ClusterTiming.Local);

    private static Decision Deciding(ClusterView view) => new(new NodeId(2), new Incarnation(1), view, default, default);

    private static StatusMessage Status(long epoch) => new(
        new ActivationId(new Epoch(epoch), 1), RegroupStage.Activate, StatusFlags.None, default, default, ImmutableArray<ConnectivityRow>.Empty, null, [], new Epoch(epoch), new Epoch(epoch), 1002, 1, null, 0,
        default, default, default);
}
