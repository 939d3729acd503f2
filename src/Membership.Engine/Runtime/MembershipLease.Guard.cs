// Waiting through a hold: a regroup or join that takes the lease away for a moment is no reason to fail, a loss is.
namespace Membership.Engine.Runtime;

public sealed partial class MembershipLease
{
    /// <summary>How long <see cref="Guard(CancellationToken)"/> waits through a hold: 30 s.</summary>
    public static readonly TimeSpan DefaultHoldLimit = TimeSpan.FromSeconds(30);

    private volatile MembershipLease? _next;
    private TaskCompletionSource? _changed;

    /// <summary>As <see cref="Guard(TimeSpan, CancellationToken)"/> with <see cref="DefaultHoldLimit"/>.</summary>
    /// <param name="cancellationToken">Ends the waiting.</param>
    /// <returns>The lease that is valid now.</returns>
    /// <exception cref="MembershipLostException">The right to serve was lost.</exception>
    /// <exception cref="MembershipHeldException">It was still held at the limit.</exception>
    public ValueTask<MembershipLease> Guard(CancellationToken cancellationToken = default) => Guard(DefaultHoldLimit, cancellationToken);

    /// <summary>
    /// The lease that is valid now: this one, at once and without an allocation, or the one that follows it without a loss, after the regroup
    /// or join that holds it. Guard what is about to be done on shared things; for longer work pass <see cref="Lost"/> of the result along
    /// and check <see cref="IsValid"/> before each effect.
    /// </summary>
    /// <param name="holdLimit">The longest to wait through a hold; zero does not wait.</param>
    /// <param name="cancellationToken">Ends the waiting.</param>
    /// <returns>The lease that is valid now; its <see cref="Epoch"/> is the fencing token.</returns>
    /// <exception cref="MembershipLostException">The right to serve was lost: the lease lapsed, or the node left, halted or never was a member.</exception>
    /// <exception cref="MembershipHeldException">It was still held at the limit.</exception>
    /// <exception cref="OperationCanceledException">The token fired.</exception>
    public ValueTask<MembershipLease> Guard(TimeSpan holdLimit, CancellationToken cancellationToken = default)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(holdLimit, TimeSpan.Zero);
        cancellationToken.ThrowIfCancellationRequested();
        MembershipLease newest = Newest;
        return newest.IsValid ? new ValueTask<MembershipLease>(newest) : WaitThroughHoldAsync(holdLimit, cancellationToken);
    }

    private MembershipLease Newest
    {
        get
        {
            MembershipLease lease = this;
            while (lease._next is { } next) lease = next;
            return lease;
        }
    }

    private async ValueTask<MembershipLease> WaitThroughHoldAsync(TimeSpan holdLimit, CancellationToken cancellationToken)
    {
        MonotonicTime end = _clock.Now + holdLimit;
        while (true)
        {
            MembershipLease lease = Newest;
            // The wait begins before the look, so that nothing in between is missed.
            Task changed = lease.NextChange();
            if (lease.IsValid) return lease;
            if (lease._next is not null) continue;
            if (lease.Lost.IsCancellationRequested) throw new MembershipLostException(lease.Epoch);
            TimeSpan left = end - _clock.Now;
            if (left <= TimeSpan.Zero) throw new MembershipHeldException(lease.Epoch, holdLimit);
            try
            {
                await changed.WaitAsync(left, _clock.Provider, cancellationToken).ConfigureAwait(false);
            }
            catch (TimeoutException)
            {
                throw new MembershipHeldException(lease.Epoch, holdLimit);
            }
        }
    }

    private Task NextChange()
    {
        if (Volatile.Read(ref _changed) is { } waiting) return waiting.Task;
        var changed = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        return (Interlocked.CompareExchange(ref _changed, changed, null) ?? changed).Task;
    }

    /// <summary>Costs a fence and a read while nobody waits.</summary>
    private void WakeGuards()
    {
        Interlocked.MemoryBarrier();
        if (Volatile.Read(ref _changed) is not null) Interlocked.Exchange(ref _changed, null)?.TrySetResult();
    }
}
