// The lease objects: valid exactly until the published time, never again once lapsed, one loss token per unbroken run.
using Membership.Engine.Protocol;
using Membership.Engine.Runtime;
using Xunit;

namespace Membership.Engine.Tests.Runtime;

public sealed class MembershipLeaseTests
{
    private static readonly TimeSpan Second = TimeSpan.FromSeconds(1);

    private readonly ManualTime _time = new();
    private readonly MonotonicClock _clock;
    private readonly LeasePublisher _publisher;

    public MembershipLeaseTests()
    {
        _clock = new MonotonicClock(_time);
        _publisher = new LeasePublisher(_clock);
    }

    [Fact]
    public void Before_any_membership_there_is_a_lease_that_is_not_valid()
    {
        Assert.False(_publisher.Current.IsValid);
        Assert.False(_publisher.Current.IsHeld);
        Assert.Equal(Epoch.None, _publisher.Current.Epoch);
        Assert.True(_publisher.Current.Lost.IsCancellationRequested);
    }

    [Fact]
    public void It_is_valid_until_the_published_time_without_anybody_doing_anything()
    {
        Valid(1, Second);
        MembershipLease lease = _publisher.Current;
        Assert.True(lease.IsValid);
        Assert.Equal(Second, lease.Remaining);
        _time.Advance(Second - TimeSpan.FromTicks(1));
        Assert.True(lease.IsValid);
        _time.Advance(TimeSpan.FromTicks(1));
        Assert.False(lease.IsValid);
        Assert.Equal(TimeSpan.Zero, lease.Remaining);
    }

    [Fact]
    public void A_renewal_extends_the_same_object()
    {
        Valid(1, Second);
        MembershipLease lease = _publisher.Current;
        _time.Advance(Second / 2);
        Valid(1, Second);
        _time.Advance(Second * 0.9);
        Assert.True(lease.IsValid);
        Assert.Same(lease, _publisher.Current);
    }

    [Fact]
    public async Task Once_lapsed_it_is_never_valid_again_in_its_epoch_and_is_lost()
    {
        Valid(1, Second);
        MembershipLease lease = _publisher.Current;
        _time.Advance(Second);
        Valid(1, Second);
        Assert.False(lease.IsValid);
        await Fired(lease);
        Valid(1, Second);
        Assert.False(_publisher.Current.IsValid);
        Valid(2, Second);
        Assert.True(_publisher.Current.IsValid);
        Assert.False(lease.IsValid);
        Assert.False(_publisher.Current.Lost.IsCancellationRequested);
    }

    [Fact]
    public void A_hold_is_not_a_loss_and_the_next_epoch_goes_on_with_the_same_token()
    {
        Valid(1, Second);
        MembershipLease first = _publisher.Current;
        Hold(1);
        Assert.False(first.IsValid);
        Assert.True(first.IsHeld);
        _time.Advance(3 * Second);
        Valid(2, Second);
        MembershipLease second = _publisher.Current;
        Assert.NotSame(first, second);
        Assert.True(second.IsValid);
        Assert.False(first.IsHeld);
        Assert.False(first.Lost.IsCancellationRequested);
        Assert.Equal(first.Lost, second.Lost);
    }

    [Fact]
    public void A_held_lease_does_not_come_back_in_the_same_epoch()
    {
        Valid(1, Second);
        Hold(1);
        Valid(1, Second);
        Assert.False(_publisher.Current.IsValid);
    }

    [Fact]
    public void A_new_epoch_may_begin_held_and_become_valid()
    {
        Valid(1, Second);
        Hold(2);
        Assert.Equal(2, _publisher.Current.Epoch.Value);
        Assert.True(_publisher.Current.IsHeld);
        Valid(2, Second);
        Assert.True(_publisher.Current.IsValid);
        Assert.False(_publisher.Current.Lost.IsCancellationRequested);
    }

    [Fact]
    public async Task Losing_membership_fires_the_token_of_every_lease_of_the_run()
    {
        Valid(1, Second);
        MembershipLease first = _publisher.Current;
        Hold(1);
        Valid(2, Second);
        MembershipLease second = _publisher.Current;
        _publisher.Publish(default(LeaseState) with { ValidUntil = MonotonicTime.MinValue });
        Assert.False(second.IsValid);
        Assert.False(second.IsHeld);
        await Fired(first);
        await Fired(second);
    }

    [Fact]
    public void A_sole_voters_lease_has_no_end()
    {
        _publisher.Publish(new LeaseState(new Epoch(1), MonotonicTime.MaxValue, Held: false, MonotonicTime.MinValue));
        _time.Advance(TimeSpan.FromDays(1000));
        Assert.True(_publisher.Current.IsValid);
        Assert.Equal(TimeSpan.MaxValue, _publisher.Current.Remaining);
    }

    [Fact]
    public void Checking_a_lease_allocates_nothing()
    {
        var publisher = new LeasePublisher(MonotonicClock.System);
        publisher.Publish(new LeaseState(new Epoch(1), MonotonicClock.System.Now + TimeSpan.FromHours(1), Held: false, MonotonicTime.MinValue));
        MembershipLease lease = publisher.Current;
        bool valid = lease.IsValid;
        Assert.Equal(0, Allocation.LeastOf(() =>
        {
            for (int i = 0; i < 10_000; i++) valid &= lease.IsValid;
        }));
        Assert.True(valid);
    }

    [Fact]
    public async Task A_guard_lets_a_valid_lease_through_at_once_and_allocates_nothing()
    {
        Valid(1, Second);
        MembershipLease lease = _publisher.Current;
        Assert.Same(lease, await lease.Guard(TestContext.Current.CancellationToken));
        long least = long.MaxValue;
        for (int round = 0; round < 5; round++)
        {
            long before = GC.GetAllocatedBytesForCurrentThread();
            for (int i = 0; i < 1000; i++) await lease.Guard(TimeSpan.Zero, TestContext.Current.CancellationToken);
            least = Math.Min(least, GC.GetAllocatedBytesForCurrentThread() - before);
        }
        Assert.Equal(0, least);
    }

    [Fact]
    public async Task A_guard_waits_through_a_hold_into_the_next_epoch()
    {
        Valid(1, Second);
        MembershipLease lease = _publisher.Current;
        Hold(1);
        ValueTask<MembershipLease> guarded = lease.Guard(TestContext.Current.CancellationToken);
        Assert.False(guarded.IsCompleted);
        Hold(2);
        Valid(2, Second);
        MembershipLease next = await guarded;
        Assert.Equal(new Epoch(2), next.Epoch);
        Assert.True(next.IsValid);
        // Who still has the lease of long ago is led to the present one.
        Valid(3, Second);
        Assert.Equal(new Epoch(3), (await lease.Guard(TestContext.Current.CancellationToken)).Epoch);
    }

    [Fact]
    public async Task A_guard_fails_on_a_loss_and_does_not_go_over_into_a_later_membership()
    {
        Valid(1, Second);
        MembershipLease lease = _publisher.Current;
        Hold(1);
        ValueTask<MembershipLease> waiting = lease.Guard(TestContext.Current.CancellationToken);
        _publisher.Lose();
        Assert.Equal(new Epoch(1), (await Assert.ThrowsAsync<MembershipLostException>(async () => await waiting)).Epoch);
        Valid(5, Second);
        await Assert.ThrowsAsync<MembershipLostException>(async () => await lease.Guard(TestContext.Current.CancellationToken));
        Assert.Equal(new Epoch(5), (await _publisher.Current.Guard(TestContext.Current.CancellationToken)).Epoch);
        await Assert.ThrowsAsync<MembershipLostException>(async () => await new LeasePublisher(_clock).Current.Guard(TestContext.Current.CancellationToken));
    }

    [Fact]
    public async Task A_guard_of_a_lease_that_ran_out_fails_once_the_loss_is_known()
    {
        Valid(1, Second);
        MembershipLease lease = _publisher.Current;
        _time.Advance(Second * 2);
        ValueTask<MembershipLease> waiting = lease.Guard(TestContext.Current.CancellationToken);
        Assert.False(waiting.IsCompleted);
        Hold(1);
        await Assert.ThrowsAsync<MembershipLostException>(async () => await waiting);
    }

    [Fact]
    public async Task A_guard_waits_no_longer_than_its_limit_and_stops_when_told_to()
    {
        Valid(1, Second);
        MembershipLease lease = _publisher.Current;
        Hold(1);
        await Assert.ThrowsAsync<MembershipHeldException>(async () => await lease.Guard(TimeSpan.Zero, TestContext.Current.CancellationToken));
        ValueTask<MembershipLease> limited = lease.Guard(TimeSpan.FromMilliseconds(20), TestContext.Current.CancellationToken);
        Assert.IsAssignableFrom<TimeoutException>(await Assert.ThrowsAsync<MembershipHeldException>(async () => await limited));
        using var stop = new CancellationTokenSource();
        ValueTask<MembershipLease> cancelled = lease.Guard(stop.Token);
        await stop.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(async () => await cancelled);
    }

    [Fact]
    public void While_held_it_says_how_long_nobody_can_serve_in_this_nodes_place_and_otherwise_nothing()
    {
        Valid(1, TimeSpan.FromSeconds(1));
        Assert.Equal(TimeSpan.Zero, _publisher.Current.HeldRemaining);
        _heldUntil = _clock.Now + TimeSpan.FromSeconds(2);
        Hold(1);
        Assert.InRange(_publisher.Current.HeldRemaining, TimeSpan.FromTicks(1), TimeSpan.FromSeconds(2));
        Hold(2);
        Assert.InRange(_publisher.Current.HeldRemaining, TimeSpan.FromTicks(1), TimeSpan.FromSeconds(2));
        Valid(2, TimeSpan.FromSeconds(1));
        Assert.Equal(TimeSpan.Zero, _publisher.Current.HeldRemaining);
    }

    private void Valid(long epoch, TimeSpan length) => _publisher.Publish(new LeaseState(new Epoch(epoch), _clock.Now + length, Held: false, MonotonicTime.MinValue));

    private MonotonicTime _heldUntil = MonotonicTime.MinValue;

    private void Hold(long epoch) => _publisher.Publish(new LeaseState(new Epoch(epoch), MonotonicTime.MinValue, Held: true, _heldUntil));

    private static async Task Fired(MembershipLease lease)
    {
        var fired = new TaskCompletionSource();
        await using CancellationTokenRegistration registration = lease.Lost.Register(fired.SetResult);
        await fired.Task.WaitAsync(TimeSpan.FromSeconds(10), TestContext.Current.CancellationToken);
    }
}
