// The small values that the protocol counts on: the defaults of its options, the order of activations, how far a log goes, and what is left of a
// peer when another life answers under its number (nothing of that life).
using Membership.Engine.Protocol;
using Xunit;

namespace Membership.Engine.Tests.Protocol;

public sealed class ProtocolValuesTests
{
    private static readonly MonotonicTime Start = new(TimeSpan.TicksPerHour);

    private static readonly ViewId SomeView = new(new Epoch(7), 99);

    [Fact]
    public void The_defaults_are_those_that_the_documentation_names()
    {
        var options = new ProtocolOptions { Self = new NodeId(1), Nodes = [new ConfiguredNode(new NodeId(1), 1)] };
        Assert.Equal((1, 2, 4), (options.Paths, options.ActivateTicks, options.StageTicks));
        Assert.Equal(0.01, options.ClockRateBound);
        Assert.Equal((60.0, 0.0, 3.0, 60.0, 30.0, 10.0), (
            options.ArbitrationTimeout.TotalSeconds, options.ArbitrationEqualizer.TotalSeconds, options.DiscoveryTime.TotalSeconds, options.JoinTimeout.TotalSeconds,
            options.CallbackLimit.TotalSeconds, options.PersistLimit.TotalSeconds));
        Assert.Equal((4.0, 10.0), (options.MembershipFrameInterval.TotalSeconds, options.StaleAfter.TotalSeconds));
        Assert.Equal((true, true, true), (options.WitnessKeepsRecord, options.Qualified, options.StoreLocked));
        Assert.Equal((false, false, false, false), (options.Bootstrap, options.HasWitness, options.AdmitOnRequest, options.TrustConnectionRefused));
        Assert.Equal(PlantedDefects.None, options.Defects);
    }

    [Theory]
    [InlineData(3, 1, 3, 1, 0)]
    [InlineData(3, 1, 3, 2, -1)]
    [InlineData(3, 9, 4, 1, -1)]
    [InlineData(0, 5, 1, 1, -1)]
    public void Activations_are_ordered_by_epoch_then_attempt(long epoch, int attempt, long otherEpoch, int otherAttempt, int order)
    {
        var one = new ActivationId(new Epoch(epoch), attempt);
        var other = new ActivationId(new Epoch(otherEpoch), otherAttempt);
        Assert.Equal((order < 0, order <= 0, order > 0, order >= 0), (one < other, one <= other, one > other, one >= other));
        Assert.Equal((order > 0, order >= 0, order < 0, order <= 0), (other < one, other <= one, other > one, other >= one));
        Assert.Equal(epoch == 0, one.IsForming);
    }

    [Theory]
    [InlineData(5, 0, 5)]
    [InlineData(5, 6, 6)]
    [InlineData(6, 6, 6)]
    public void A_log_goes_as_far_as_what_was_carried_out_or_promised(long applied, long pending, long highest)
        => Assert.Equal(highest, new StateTip(applied, new Epoch(2), pending).Highest);

    [Fact]
    public void Another_life_takes_over_nothing_of_the_one_before()
    {
        var fresh = new Peer(new NodeId(2), 3, 2, Start);
        var peer = new Peer(new NodeId(2), 3, 2, Start)
        {
            StoreId = 5, CannotVote = true, AckedSentAt = Start, WitnessUntil = Start, OwnerClaimUntil = Start, HeardByAt = Start, HeardSequence = 6, AckableSequence = 7, StatusSequence = 8,
            AckedView = SomeView, AckableView = SomeView, AckGivenView = SomeView, StatusInForce = SomeView, HeardView = SomeView, Status = Status, HeldStatus = Status, StatusAt = Start, TripwireLost = true,
            Silences = 2, AlarmAt = Start, SilentAt = Start, NamedSequence = 9, ToldView = SomeView,
        };
        peer.BeginLife(new Incarnation(4));
        Assert.Equal(4, peer.Incarnation.Value);
        Assert.Equal((fresh.StoreId, fresh.CannotVote, fresh.TripwireLost, fresh.Silences), (peer.StoreId, peer.CannotVote, peer.TripwireLost, peer.Silences));
        Assert.Equal((fresh.AckedSentAt, fresh.WitnessUntil, fresh.OwnerClaimUntil, fresh.HeardByAt), (peer.AckedSentAt, peer.WitnessUntil, peer.OwnerClaimUntil, peer.HeardByAt));
        Assert.Equal((fresh.HeardSequence, fresh.AckableSequence, fresh.StatusSequence), (peer.HeardSequence, peer.AckableSequence, peer.StatusSequence));
        Assert.Equal((fresh.AckedView, fresh.AckableView, fresh.AckGivenView, fresh.StatusInForce, fresh.HeardView), (peer.AckedView, peer.AckableView, peer.AckGivenView, peer.StatusInForce, peer.HeardView));
        Assert.Equal((fresh.StatusAt, fresh.AlarmAt, fresh.SilentAt), (peer.StatusAt, peer.AlarmAt, peer.SilentAt));
        Assert.Equal((null, null), (peer.Status, peer.HeldStatus));
        Assert.Equal((fresh.NamedSequence, fresh.ToldView), (peer.NamedSequence, peer.ToldView));
    }

    [Fact]
    public void The_time_of_a_message_is_known_for_the_last_64_and_for_the_view_it_was_sent_under_only()
    {
        var peer = new Peer(new NodeId(2), 1, 1, Start);
        Assert.False(peer.TryGetSendTime(0, default, anyView: true, out _));
        for (int i = 1; i <= 70; i++) Assert.Equal((ulong)i, peer.RecordSend(Start + TimeSpan.FromMilliseconds(i), SomeView, i == 70 ? Status : null));
        Assert.False(peer.TryGetSendTime(6, SomeView, anyView: false, out _));
        Assert.True(peer.TryGetSendTime(7, SomeView, anyView: false, out MonotonicTime oldest));
        Assert.Equal(7, (oldest - Start).TotalMilliseconds);
        Assert.False(peer.TryGetSendTime(70, ViewId.None, anyView: false, out _));
        Assert.True(peer.TryGetSendTime(70, ViewId.None, anyView: true, out _));
        Assert.False(peer.TryGetSendTime(71, SomeView, anyView: true, out _));
        Assert.Equal((70UL, Start + TimeSpan.FromMilliseconds(70)), (peer.SentStatusSequence, peer.SentStatusAt));
        peer.NoteAcknowledged(69);
        Assert.Null(peer.HeldStatus);
        peer.NoteAcknowledged(6);
        Assert.Null(peer.HeldStatus);
        peer.NoteAcknowledged(70);
        Assert.Same(Status, peer.HeldStatus);
    }

    [Fact]
    public void A_lease_is_known_to_be_over_only_for_that_life_on_that_store()
    {
        var peer = new Peer(new NodeId(2), 1, 1, Start) { Released = new Incarnation(3), ReleasedStore = 11 };
        ClusterMember Member(long life, long store) => new(new NodeId(2), new Incarnation(life), 1, store);
        Assert.True(peer.IsReleased(Member(3, 11)));
        Assert.False(peer.IsReleased(Member(4, 11)));
        Assert.False(peer.IsReleased(Member(3, 12)));
        Assert.False(new Peer(new NodeId(2), 1, 1, Start).IsReleased(Member(0, 0)));
    }

    [Fact]
    public void Two_statuses_are_the_same_if_their_promises_and_rows_are_whoever_made_the_lists()
    {
        ClusterView One() => QuorumTests.View(default, [1, 1]);
        ClusterView other = QuorumTests.View(default, [1, 1, 1]);
        ConnectivityRow Row(int heard) => new(new NodeId(2), new Incarnation(1), NodeSet.Of(heard), NodeSet.Of(1, 2), StatusFlags.None);
        StatusMessage Said(ClusterView pending, int heard) => Status with { Pending = [pending], Rows = [Row(heard)] };
        Assert.Equal(Said(One(), 1), Said(One(), 1));
        Assert.NotEqual(Said(One(), 1), Said(other, 1));
        Assert.NotEqual(Said(One(), 1), Said(One(), 2));
        StatusMessage said = Said(One(), 1);
        Assert.Equal(said, said with { Rows = [Row(1)] });
        Assert.Equal(said, said with { Pending = [One()] });
    }

    private static readonly StatusMessage Status = new(
        new ActivationId(new Epoch(7), 1), RegroupStage.Close, StatusFlags.None, default, default, [], null, [], new Epoch(7), new Epoch(7), 5, 1, null, 0, default, default, default);
}
