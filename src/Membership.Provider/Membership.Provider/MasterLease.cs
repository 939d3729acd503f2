// The right to do the master's work. It follows this node from epoch to epoch for as long as it stays the master, and
// can only ever hold the lease of an epoch whose view names this node as master: so a valid one is never somebody else's.
using Membership.Engine;
using Membership.Engine.Runtime;

namespace Membership.Provider;

/// <summary>The time-bounded right to do master-only work. Safe from any thread.</summary>
/// <remarks>
/// Check <see cref="IsValid"/> at the point of use: right before each effect on the shared thing. A process that was stopped and
/// wakes up finds it invalid. During a regroup it is held: invalid, not lost; <see cref="WaitUntilValidAsync"/> waits through that.
/// </remarks>
public sealed class MasterLease
{
    private volatile MembershipLease _current;

    internal MasterLease(MembershipLease lease) => _current = lease;

    /// <summary>Whether this node may act as the master now. One comparison of the clock; never blocks.</summary>
    public bool IsValid => _current.IsValid;

    /// <summary>A regroup or join holds it: it may come back, in a new epoch.</summary>
    public bool IsHeld => _current.IsHeld;

    /// <summary>The epoch the right belongs to: the fencing token for stores that can check one.</summary>
    public Epoch Epoch => _current.Epoch;

    /// <summary>The time left unless it is renewed; zero when it is not valid.</summary>
    public TimeSpan Remaining => _current.Remaining;

    /// <summary>Waits until the lease is valid: at once in quiet times, after the hold during a regroup.</summary>
    /// <param name="cancellationToken">The token of the master's work: it fires when the lease is lost.</param>
    /// <returns>The epoch in which it is valid.</returns>
    /// <exception cref="OperationCanceledException">The lease was lost, or the host stops.</exception>
    public async ValueTask<Epoch> WaitUntilValidAsync(CancellationToken cancellationToken)
    {
        while (true)
        {
            cancellationToken.ThrowIfCancellationRequested();
            MembershipLease lease = _current;
            if (lease.IsValid) return lease.Epoch;
            await Task.Delay(PollInterval, cancellationToken).ConfigureAwait(false);
        }
    }

    /// <summary>The lease of the newest epoch in which this node is the master.</summary>
    internal MembershipLease Current
    {
        get => _current;
        set => _current = value;
    }

    private static TimeSpan PollInterval => TimeSpan.FromMilliseconds(5);
}
