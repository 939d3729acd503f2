// Turns what the core says about its lease into the lease objects hosts hold: one per epoch, one loss token per
// unbroken run of epochs.
using Membership.Engine.Protocol;

namespace Membership.Engine.Runtime;

/// <summary>Written by the loop; <see cref="Current"/> is read by any thread.</summary>
internal sealed class LeasePublisher
{
    private readonly MonotonicClock _clock;
    private volatile MembershipLease _current;

    public LeasePublisher(MonotonicClock clock)
    {
        _clock = clock;
        var never = new CancellationTokenSource();
        never.Cancel();
        _current = new MembershipLease(Epoch.None, clock, never);
    }

    public MembershipLease Current => _current;

    public void Publish(in LeaseState state)
    {
        MembershipLease current = _current;
        if (state.Epoch == Epoch.None)
        {
            current.Lose();
            return;
        }
        if (state.Epoch == current.Epoch)
        {
            current.Update(in state);
            return;
        }
        // A run is unbroken while nothing fired its token.
        CancellationTokenSource lost = current.LostSource;
        bool unbroken = !lost.IsCancellationRequested;
        if (!unbroken) lost = new CancellationTokenSource();
        var next = new MembershipLease(state.Epoch, _clock, lost);
        next.Update(in state);
        _current = next;
        current.Supersede(unbroken ? next : null);
    }

    /// <summary>The node stops: nothing it ever handed out is valid from here on.</summary>
    public void Lose() => _current.Lose();
}
