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
        _publisher.Publish(new LeaseState(new Epoch(1), MonotonicTime.MaxValue, Held: false));
        _time.Advance(TimeSpan.FromDays(1000));
        Assert.True(_publisher.Current.IsValid);
        Assert.Equal(TimeSpan.MaxValue, _publisher.Current.Remaining);
    }

    [Fact]
    public void Checking_a_lease_allocates_nothing()
    {
        var publisher = new LeasePublisher(MonotonicClock.System);
        publisher.Publish(new LeaseState(new Epoch(1), MonotonicClock.System.Now + TimeSpan.FromHours(1), Held: false));
        MembershipLease lease = publisher.Current;
        bool valid = lease.IsValid;
        Assert.Equal(0, Allocation.LeastOf(() =>
        {
            for (int i = 0; i < 10_000; i++) valid &= lease.IsValid;
        }));
        Assert.True(valid);
    }

    private void Valid(long epoch, TimeSpan length) => _publisher.Publish(new LeaseState(new Epoch(epoch), _clock.Now + length, Held: false));

    private void Hold(long epoch) => _publisher.Publish(new LeaseState(new Epoch(epoch), MonotonicTime.MinValue, Held: true));

    private static async Task Fired(MembershipLease lease)
    {
        var fired = new TaskCompletionSource();
        await using CancellationTokenRegistration registration = lease.Lost.Register(fired.SetResult);
        await fired.Task.WaitAsync(TimeSpan.FromSeconds(10), TestContext.Current.CancellationToken);
    }
}
