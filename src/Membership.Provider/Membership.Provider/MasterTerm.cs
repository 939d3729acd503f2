// One term of master-only work: the running task, the lease it works under, and why and until when it must stop.
using Membership.Engine;
using Membership.Engine.Runtime;

namespace Membership.Provider;

internal sealed class MasterTerm : IDisposable
{
    private readonly CancellationTokenSource _stop = new();
    private readonly TimeProvider _time;
    private readonly long _started;
    private CancellationTokenRegistration _lost;
    private TimeSpan _deadline = TimeSpan.MaxValue;
    private volatile bool _isLeaseLost;
    private Epoch _heldEpoch;

    public MasterTerm(MasterBackgroundService work, MembershipLease lease, TimeProvider time)
    {
        _time = time;
        _started = time.GetTimestamp();
        Lease = new MasterLease(lease);
        Follow(lease);
        Task = System.Threading.Tasks.Task.Run(() => work.RunTermAsync(Lease, _stop.Token));
    }

    public MasterLease Lease { get; }

    public Task Task { get; }

    /// <summary>A lease that the work ran under was lost for good; the token fired then.</summary>
    public bool IsLeaseLost => _isLeaseLost;

    public bool WasToldToStop => _stop.IsCancellationRequested;

    /// <summary>Why the work was told to stop; null while it was not.</summary>
    public string? StopReason { get; private set; }

    public bool IsOverrun => !Task.IsCompleted && Age > _deadline;

    private TimeSpan Age => _time.GetElapsedTime(_started);

    /// <summary>Goes on under the lease of a newer epoch in which this node is the master too.</summary>
    public void Follow(MembershipLease lease)
    {
        _lost.Dispose();
        Lease.Current = lease;
        _lost = lease.Lost.UnsafeRegister(static term => ((MasterTerm)term!).LeaseLost(), this);
    }

    /// <summary>Tells the work to stop, and counts the time it has; a later reason can only shorten it.</summary>
    /// <returns>True for the first reason.</returns>
    public bool Stop(string reason, TimeSpan timeLeft)
    {
        if (timeLeft != TimeSpan.MaxValue && Age + timeLeft < _deadline) _deadline = Age + timeLeft;
        if (StopReason is not null) return false;
        StopReason = reason;
        _stop.Cancel();
        return true;
    }

    /// <summary>The time left when the work must stop because the hold will last longer than the lease it holds; null while it need not.</summary>
    /// <remarks>In a new epoch nothing is known before the first acknowledgements: the first look at it is not the last word.</remarks>
    public TimeSpan? HoldOutlasts(MembershipLease lease, TimeSpan stopTime)
    {
        bool looked = _heldEpoch == lease.Epoch;
        TimeSpan left = lease.HeldRemaining;
        bool held = lease.IsHeld;
        _heldEpoch = held ? lease.Epoch : Epoch.None;
        return held && left < stopTime && (looked || left > TimeSpan.Zero) ? left : null;
    }

    public void Dispose()
    {
        _lost.Dispose();
        _stop.Dispose();
    }

    private void LeaseLost()
    {
        _isLeaseLost = true;
        _stop.Cancel();
    }
}
