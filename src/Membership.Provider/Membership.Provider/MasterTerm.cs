// One term of master-only work: the running task, the lease it works under, and why and until when it must stop.
using System.Diagnostics;
using Membership.Engine;
using Membership.Engine.Runtime;

namespace Membership.Provider;

internal sealed class MasterTerm : IDisposable
{
    private readonly CancellationTokenSource _stop = new();
    private readonly long _started = Stopwatch.GetTimestamp();
    private CancellationTokenRegistration _lost;
    private TimeSpan _deadline = TimeSpan.MaxValue;
    private volatile bool _isLeaseLost;
    private readonly Action<AggregateException> _signalFailed;
    private int _signalled;
    private TimeSpan _toldAt;
    private Epoch _heldEpoch;
    private MembershipLease? _lapsed;

    /// <param name="work">What runs.</param>
    /// <param name="lease">The lease it starts under.</param>
    /// <param name="signalFailed">Told what callbacks that the work has on its token threw.</param>
    public MasterTerm(MasterBackgroundService work, MembershipLease lease, Action<AggregateException> signalFailed)
    {
        _signalFailed = signalFailed;
        Lease = new MasterLease(lease);
        Follow(lease);
        Task = System.Threading.Tasks.Task.Run(() => work.RunTermAsync(Lease, _stop.Token));
    }

    public MasterLease Lease { get; }

    public Task Task { get; }

    /// <summary>A lease that the work ran under was lost for good; the token fires then. Seen here at once, however late the callbacks of tokens run.</summary>
    public bool IsLeaseLost => _isLeaseLost || Lease.Current.Lost.IsCancellationRequested;

    public bool WasToldToStop => _stop.IsCancellationRequested;

    /// <summary>Why the work was told to stop; null while it was not.</summary>
    public string? StopReason { get; private set; }

    public bool IsOverrun => !Task.IsCompleted && Age > _deadline;

    private TimeSpan Age => Stopwatch.GetElapsedTime(_started);

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
        (StopReason, _toldAt) = (reason, Age);
        Signal();
        return true;
    }

    /// <summary>What is left of the stop time: all of it for work that has not been told yet.</summary>
    public TimeSpan LeftOf(TimeSpan stopTime)
    {
        if (StopReason is null) return stopTime;
        TimeSpan left = _toldAt + stopTime - Age;
        return left > TimeSpan.Zero ? left : TimeSpan.Zero;
    }

    /// <summary>It was neither valid nor held at two looks in a row, whether or not anybody could say so: the loop of a node that stands still cannot.</summary>
    public bool HasLapsed(MembershipLease lease)
    {
        bool looked = _lapsed == lease;
        _lapsed = lease.IsValid || lease.IsHeld ? null : lease;
        return looked && _lapsed is not null;
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
        Signal();
    }

    // Elsewhere: what the work does on the thread that tells it, it does to itself and not to the watch.
    private void Signal()
    {
        if (Interlocked.Exchange(ref _signalled, 1) == 0) _ = SignalAsync();
    }

    private async Task SignalAsync()
    {
        try
        {
            await _stop.CancelAsync().ConfigureAwait(false);
        }
        catch (AggregateException failure)
        {
            _signalFailed(failure);
        }
    }
}
