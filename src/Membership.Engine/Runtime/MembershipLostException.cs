// Why a guarded piece of work may not go on.
namespace Membership.Engine.Runtime;

/// <summary>The right to serve was lost, or never was there: nothing may be done on shared things.</summary>
/// <param name="epoch">The last epoch in which it was there; none when it never was.</param>
public sealed class MembershipLostException(Epoch epoch)
    : InvalidOperationException(epoch == Epoch.None ? "This node is not a member." : $"The membership of this node ended in epoch {epoch}: its lease lapsed, or it left or halted.")
{
    /// <summary>The last epoch in which it was there.</summary>
    public Epoch Epoch { get; } = epoch;
}

/// <summary>A regroup or join has held the lease for longer than the caller wanted to wait. It may come back.</summary>
/// <param name="epoch">The epoch of the lease that is held.</param>
/// <param name="limit">How long was waited.</param>
public sealed class MembershipHeldException(Epoch epoch, TimeSpan limit) : TimeoutException($"The lease of epoch {epoch} was still held after {limit}: a regroup is in progress.")
{
    /// <summary>The epoch of the lease that is held.</summary>
    public Epoch Epoch { get; } = epoch;
}
