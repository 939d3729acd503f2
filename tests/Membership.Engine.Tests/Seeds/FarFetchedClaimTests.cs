// A member (or whoever has the key) that names numbers no cluster comes to: epochs, attempts and lives only grow, so that one such message, once
// believed, would leave no room above it. What nobody could mean is not believed, and the others go on as if it had not been said.
using Membership.Engine.Protocol;
using Xunit;

namespace Membership.Engine.Tests.Seeds;

public sealed class FarFetchedClaimTests
{
    [Theory]
    [InlineData(long.MaxValue)]
    [InlineData(long.MaxValue - 1)]
    [InlineData(1L << 62)]
    [InlineData(1L << 41)]
    public void Epochs_that_nobody_can_have_heard_of_lead_no_view_up(long epoch)
    {
        SteppedCluster cluster = Lying(3, (header, status) => (header, status with { HighestEpochSeen = new Epoch(epoch), HighestEpochPersisted = new Epoch(epoch) }));
        long before = cluster[1].Core.InForce!.Epoch.Value;
        for (int i = 0; i < 3; i++)
        {
            cluster[2].Ask(static (core, id, now) => core.ForceRegroup(id, now));
            cluster.Run(0.5);
            cluster.UntilInstalled(1, 2, 3);
        }
        Assert.InRange(cluster[1].Core.InForce!.Epoch.Value, before + 3, before + 6);
        Assert.True(cluster[1].Drops[DropReason.Malformed] > 0);
        Assert.All(cluster.Nodes.Values, static node => Assert.Equal(HaltCode.None, node.Halted));
    }

    [Fact]
    public void A_believable_one_is_exceeded()
    {
        const long Heard = 1L << 30;
        SteppedCluster cluster = Lying(3, (header, status) => (header, status with { HighestEpochSeen = new Epoch(Heard) }));
        cluster[2].Ask(static (core, id, now) => core.ForceRegroup(id, now));
        cluster.Until(() => cluster[1].Core.InForce!.Epoch.Value > Heard);
        Assert.InRange(cluster.UntilInstalled(1, 2, 3).Epoch.Value, Heard + 1, Heard + 3);
    }

    [Theory]
    [InlineData(int.MaxValue)]
    [InlineData(-1)]
    [InlineData(1 << 30)]
    [InlineData(1 << 25)]
    public void Attempts_that_no_incident_comes_to_are_not_entered(int attempt)
    {
        bool once = false;
        SteppedCluster cluster = Lying(3, (header, status) =>
        {
            if (once) return null;
            once = true;
            return (header, status with { Activation = status.Activation with { Attempt = attempt } });
        });
        cluster[2].Ask(static (core, id, now) => core.ForceRegroup(id, now));
        cluster.Until(() => once);
        cluster.Run(1);
        cluster.UntilInstalled(1, 2, 3);
        Assert.All(cluster.Nodes.Values, static node => Assert.InRange(node.Core.Activation.Attempt, 1, 100));
        Assert.True(cluster[1].Drops[DropReason.Malformed] > 0);
    }

    [Theory]
    [InlineData(1 << 25)]
    [InlineData(1 << 29)]
    public void Who_starts_late_takes_part_in_a_forming_that_has_gone_on_for_years(int attempt)
    {
        (SteppedCluster cluster, StatusMessage status) = FormingWithoutQuorum();
        cluster.Say(2, 1, status with { Activation = new ActivationId(Epoch.None, attempt) });
        Assert.Equal(attempt, cluster[1].Core.Activation.Attempt);
        for (int late = 3; late <= 5; late++) cluster[late].Start();
        cluster.Until(() => cluster.Nodes.Values.All(static node => node.Core.Installed is not null));
        cluster.UntilInstalled(1, 2, 3, 4, 5);
    }

    [Theory]
    [InlineData((1 << 29) + 1)]
    [InlineData(int.MaxValue)]
    [InlineData(-1)]
    public void Attempts_that_no_forming_comes_to_are_not_entered(int attempt)
    {
        (SteppedCluster cluster, StatusMessage status) = FormingWithoutQuorum();
        Assert.Equal(DropReason.Malformed, cluster.Say(2, 1, status with { Activation = new ActivationId(Epoch.None, attempt) }).Dropped);
        Assert.InRange(cluster[1].Core.Activation.Attempt, 1, 100);
    }

    [Fact]
    public void A_forming_that_comes_to_the_last_number_begins_again_and_is_led_there_no_more()
    {
        const int Last = 1 << 29;
        (SteppedCluster cluster, StatusMessage status) = FormingWithoutQuorum();
        var attempts = new List<int>();
        cluster[1].Sent = body =>
        {
            if (body is StatusMessage said) attempts.Add(said.Activation.Attempt);
        };
        cluster.Say(2, 1, status with { Activation = new ActivationId(Epoch.None, Last) });
        cluster.Until(() => cluster[1].Core.Activation.Attempt == Last && cluster[2].Core.Activation.Attempt == Last);
        cluster.Until(() => cluster[1].Core.Activation.Attempt < 10 && cluster[2].Core.Activation.Attempt < 10);
        // Who has not begun again yet, or says so, is not followed; half of the numbers are enough for the next years.
        Assert.Equal(DropReason.Malformed, cluster.Say(2, 1, status with { Activation = new ActivationId(Epoch.None, Last) }).Dropped);
        Assert.Equal(DropReason.Malformed, cluster.Say(2, 1, status with { Activation = new ActivationId(Epoch.None, (Last / 2) + 1) }).Dropped);
        cluster.Run(5);
        Assert.InRange(cluster[1].Core.Activation.Attempt, 1, 1000);
        // It was the last number, and one is the first.
        Assert.Equal((Last, 1), (attempts.Max(), attempts.SkipWhile(static attempt => attempt < Last).First(static attempt => attempt < Last)));
        Assert.Equal(DropReason.Malformed, cluster.Say(2, 1, status with { Activation = new ActivationId(Epoch.None, Last) }).Dropped);
        for (int late = 3; late <= 5; late++) cluster[late].Start();
        cluster.UntilInstalled(1, 2, 3, 4, 5);
    }

    [Fact]
    public void A_forming_that_has_begun_again_comes_to_the_upper_half_in_time_and_follows_there()
    {
        const int Half = 1 << 28;
        (SteppedCluster cluster, StatusMessage status) = FormingWithoutQuorum();
        cluster.Say(2, 1, status with { Activation = new ActivationId(Epoch.None, 2 * Half) });
        cluster.Until(() => cluster[1].Core.Activation.Attempt < 10 && cluster[2].Core.Activation.Attempt < 10);
        cluster.Say(2, 1, status with { Activation = new ActivationId(Epoch.None, Half) });
        cluster.Until(() => cluster[1].Core.Activation.Attempt > Half && cluster[2].Core.Activation == cluster[1].Core.Activation);
        for (int late = 3; late <= 5; late++) cluster[late].Start();
        cluster.UntilInstalled(1, 2, 3, 4, 5);
    }

    [Fact]
    public void The_upper_half_is_believed_again_from_the_first_attempt_of_it_on_and_not_before()
    {
        const int Half = 1 << 28;
        (SteppedCluster cluster, StatusMessage status) = FormingWithoutQuorum();
        DropReason Hear(int attempt) => cluster.Say(2, 1, status with { Activation = new ActivationId(Epoch.None, attempt) }).Dropped;
        Hear(2 * Half);
        cluster.Until(() => cluster[1].Core.Activation.Attempt < 10);
        // Node 1 goes on by itself from here.
        cluster.Cut(1, 2);
        Hear(Half - 2);
        Assert.Equal(Half - 2, cluster[1].Core.Activation.Attempt);
        cluster.Until(() => cluster[1].Core.Activation.Attempt == Half - 1);
        Assert.Equal(DropReason.Malformed, Hear(Half + 1));
        cluster.Until(() => cluster[1].Core.Activation.Attempt == Half);
        Assert.NotEqual(DropReason.Malformed, Hear(Half + 1000));
        Assert.Equal(Half + 1000, cluster[1].Core.Activation.Attempt);
    }

    [Fact]
    public void A_claim_that_is_not_believed_hides_none_that_is()
    {
        (SteppedCluster cluster, StatusMessage status) = FormingWithoutQuorum();
        cluster.Say(2, 1, status with { HighestEpochSeen = new Epoch((1L << 40) + 1) });
        cluster.Say(2, 1, status with { HighestEpochSeen = new Epoch(40) });
        cluster[3].Start();
        Assert.Equal(41, cluster.UntilInstalled(1, 2, 3).Epoch.Value);
    }

    [Fact]
    public void An_order_that_a_member_only_hears_of_is_not_kept_on_its_disk_not_even_in_the_middle_of_a_regroup()
    {
        const long Order = 1L << 33;
        SteppedCluster cluster = SteppedCluster.Formed(3);
        var written = new List<long>();
        cluster[1].Disk = (id, state) =>
        {
            written.Add(state.HighestEpochSeen.Value);
            cluster[1].Write(id, state);
        };
        StatusMessage? said = null;
        cluster[2].Said = (_, body) => said = body as StatusMessage ?? said;
        cluster[2].Ask(static (core, id, now) => core.ForceRegroup(id, now));
        cluster.UntilInstalled(1, 2, 3);
        cluster.Say(2, 1, said! with { HighestEpochSeen = new Epoch(Order) });
        cluster[2].Ask(static (core, id, now) => core.ForceRegroup(id, now));
        cluster.UntilInstalled(1, 2, 3);
        Assert.True(written.Count >= 4);
        Assert.All(written, static epoch => Assert.InRange(epoch, 1, 100));
    }

    [Fact]
    public void An_order_that_a_starting_node_heard_of_is_forgotten_when_a_cluster_that_runs_without_it_takes_the_node_in()
    {
        const long Order = 1L << 33;
        var cluster = new SteppedCluster(3);
        cluster[1].Start();
        cluster[2].Start();
        cluster.UntilInstalled(1, 2);
        cluster.Cut(1, 3);
        cluster.Cut(2, 3);
        StatusMessage? said = null;
        cluster[3].Said = (_, body) => said = body as StatusMessage ?? said;
        cluster[3].Start();
        cluster.Until(() => said is not null);
        cluster.Say(1, 3, said! with { HighestEpochSeen = new Epoch(Order) }, ViewId.None);
        cluster.Until(() => cluster.Disk(3).HighestEpochSeen.Value == Order, seconds: 1);
        cluster.Heal();
        cluster.UntilInstalled(1, 2, 3);
        Assert.All(cluster.Nodes.Values, node => Assert.InRange(cluster.Disk(node.Number).HighestEpochSeen.Value, 1, 100));
    }

    /// <summary>Two of five that are configured, and what the second says.</summary>
    private static (SteppedCluster Cluster, StatusMessage Status) FormingWithoutQuorum()
    {
        var cluster = new SteppedCluster(5);
        StatusMessage? said = null;
        cluster[2].Said = (_, body) => said = body as StatusMessage ?? said;
        cluster[1].Start();
        cluster[2].Start();
        cluster.Run(1);
        return (cluster, said!);
    }

    [Fact]
    public void A_status_with_a_view_that_nobody_can_have_promised_is_not_looked_at()
    {
        SteppedCluster cluster = Lying(3, (header, status) => (header, status with { Pending = [ViewOf(long.MaxValue)] }));
        cluster[2].Ask(static (core, id, now) => core.ForceRegroup(id, now));
        cluster.Run(1);
        Assert.InRange(cluster.UntilInstalled(1, 2, 3).Epoch.Value, 2, 5);
        Assert.True(cluster[1].Drops[DropReason.Malformed] > 0);
    }

    [Fact]
    public void A_view_in_force_that_cannot_be_and_a_life_above_all_lives_change_nothing()
    {
        SteppedCluster cluster = SteppedCluster.Formed(3);
        MessageHeader header = HeaderFrom3(cluster);
        header.InForce = ViewOf(long.MaxValue).Id;
        cluster.Deliver(in header, 0, null);
        header = HeaderFrom3(cluster);
        header.FromIncarnation = new Incarnation(long.MaxValue);
        cluster.Deliver(in header, 0, new PetitionMessage(MembershipCore.ProtocolVersion, 0, cluster.Disk(3).StoreId, true, false, ViewId.None, Epoch.None, false));
        ClusterView formed = cluster[1].Core.Installed!;
        cluster.Run(2);
        Assert.Equal(2, cluster[1].Drops[DropReason.Malformed]);
        Assert.Equal(formed.Id, cluster.UntilInstalled(1, 2, 3).Id);
        Assert.DoesNotContain(cluster[1].Told, static told => told.Change == ClusterChange.InvalidCluster);
    }

    [Theory]
    [InlineData(long.MaxValue)]
    [InlineData(long.MaxValue - 1)]
    [InlineData((1L << 62) + 1)]
    public void A_starting_node_does_not_begin_a_life_above_all_lives(long floor)
    {
        SteppedCluster cluster = SteppedCluster.Formed(3);
        cluster.Kill(3);
        cluster.UntilInstalled(1, 2);
        Stepped again = cluster.Restart(3);
        again.Start();
        Assert.Equal(NodePhase.Starting, again.Core.Phase);
        var header = new MessageHeader { From = new NodeId(1), FromIncarnation = cluster[1].Core.Incarnation, To = new NodeId(3), InForce = cluster[1].Core.InForce!.Id, Sequence = 1 };
        cluster.Deliver(in header, 0, new PetitionReplyMessage(MembershipStatus.Ok, NodeId.Invalid, new Incarnation(floor), ""));
        cluster.UntilInstalled(1, 2, 3);
        Assert.InRange(again.Core.Incarnation.Value, 1, 100);
    }

    private static MessageHeader HeaderFrom3(SteppedCluster cluster) => new()
    {
        From = new NodeId(3),
        FromIncarnation = cluster[3].Core.Incarnation,
        To = new NodeId(1),
        ToIncarnation = cluster[1].Core.Incarnation,
        InForce = cluster[3].Core.InForce!.Id,
        Sequence = 1,
    };

    private static ClusterView ViewOf(long epoch)
        => new(new Epoch(epoch), [new ClusterMember(new NodeId(3), new Incarnation(1), 1, 1003)], new QuorumRule(QuorumPolicy.NodeMajority, TieBreaker.None, false), ClusterTiming.Local);

    /// <summary>A formed cluster in which the other nodes get, instead of each status of this one, what the lie makes of it (null = the status itself).</summary>
    private static SteppedCluster Lying(int liar, Func<MessageHeader, StatusMessage, (MessageHeader, StatusMessage)?> lie)
    {
        SteppedCluster cluster = SteppedCluster.Formed(3);
        cluster[liar].Said = (header, body) =>
        {
            // The true one, with the same number, comes after it, and is a repetition then.
            if (body is not StatusMessage status || lie(header, status) is not var (told, content)) return;
            cluster.Deliver(in told, 0, content);
        };
        return cluster;
    }
}
