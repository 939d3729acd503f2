// The right to serve, as hosts see it: one object per epoch, checked at the point of use by one comparison with the clock.
using Membership.Engine.Protocol;

namespace Membership.Engine.Runtime;

/// <summary>
/// The time-bounded right to serve as a member, in one epoch. Check <see cref="IsValid"/> right before each effect on anything
/// shared; pass <see cref="Epoch"/> along as the fencing token to stores that can check one.
/// </summary>
/// <remarks>Safe from any thread; no member blocks. A lease that has lapsed, or was given up, never becomes valid again: the next epoch has a new one.</remarks>
public sealed partial class MembershipLease
{
    private readonly MonotonicClock _clock;
    private readonly CancellationTokenSource _lost;
    private long _validUntil = MonotonicTime.MinValue.Ticks;
    private long _heldUntil = MonotonicTime.MinValue.Ticks;
    private volatile bool _held;
    private bool _wasValid;
    private bool _over;

    internal MembershipLease(Epoch epoch, MonotonicClock clock, CancellationTokenSource lost)
    {
        Epoch = epoch;
        _clock = clock;
        _lost = lost;
        Lost = lost.Token;
    }

    /// <summary>The epoch it belongs to; <see cref="Epoch.None"/> before this node ever was a member.</summary>
    public Epoch Epoch { get; }

    /// <summary>Whether this node may serve now. One clock reading and one comparison: a stopped process that wakes up reads false.</summary>
    public bool IsValid => _clock.Now.Ticks < Volatile.Read(ref _validUntil);

    /// <summary>A regroup or join holds it: not valid, not lost. Serving may go on, in a new epoch, with <see cref="MembershipNode.Lease"/>.</summary>
    public bool IsHeld => _held && !IsValid;

    /// <summary>
    /// While it is held: for how long, at least, nobody else can serve in this node's place. It grows while a quorum still acknowledges this
    /// node, so in a regroup that it survives it hardly ever ends; cut off from the others it ends when the lease would have. Zero when nothing
    /// holds it, and for the round trip after a new epoch began.
    /// </summary>
    /// <remarks>Guarded work just waits. Work that cannot wait, such as a running task, goes on through a hold and must have stopped before this is zero.</remarks>
    public TimeSpan HeldRemaining
    {
        get
        {
            if (!IsHeld) return TimeSpan.Zero;
            long left = Volatile.Read(ref _heldUntil) - _clock.Now.Ticks;
            return left > 0 ? new TimeSpan(left) : TimeSpan.Zero;
        }
    }

    /// <summary>The time left unless it is renewed; zero when it is not valid, <see cref="TimeSpan.MaxValue"/> while this node is the only voter.</summary>
    public TimeSpan Remaining
    {
        get
        {
            long until = Volatile.Read(ref _validUntil);
            if (until >= MonotonicTime.MaxValue.Ticks) return TimeSpan.MaxValue;
            long left = until - _clock.Now.Ticks;
            return left > 0 ? new TimeSpan(left) : TimeSpan.Zero;
        }
    }

    /// <summary>
    /// Fires when the right to serve is lost for good: the lease lapsed while nothing held it, or the node left, halted or was disposed.
    /// </summary>
    /// <remarks>
    /// A hold does not fire it, nor does going over into a new epoch: leases that follow one another without a loss share one token, so
    /// the token of an old lease fires when its last successor is lost. Registered callbacks run on the thread pool. It is a courtesy for
    /// stopping work early; the guard is <see cref="IsValid"/>.
    /// </remarks>
    public CancellationToken Lost { get; }

    internal CancellationTokenSource LostSource => _lost;

    /// <summary>Takes over what the core published for this epoch. Called by the node's loop only.</summary>
    internal void Update(in LeaseState state)
    {
        if (_over) return;
        MonotonicTime until = new(Volatile.Read(ref _validUntil));
        bool lapsed = _wasValid && !_held && _clock.Now >= until;
        _held = state.Held || state.ValidUntil == MonotonicTime.MinValue;
        Volatile.Write(ref _heldUntil, state.HeldUntil.Ticks);
        if (lapsed || state.ValidUntil == MonotonicTime.MinValue)
        {
            Volatile.Write(ref _validUntil, MonotonicTime.MinValue.Ticks);
            _over = _wasValid;
            if (lapsed) Lose();
            return;
        }
        _wasValid = true;
        _held = false;
        Volatile.Write(ref _validUntil, state.ValidUntil.Ticks);
        WakeGuards();
    }

    /// <summary>A newer epoch's lease has taken its place.</summary>
    /// <param name="next">That lease, if it follows without a loss in between.</param>
    internal void Supersede(MembershipLease? next = null)
    {
        _over = true;
        _next = next;
        Volatile.Write(ref _validUntil, MonotonicTime.MinValue.Ticks);
        _held = false;
        WakeGuards();
    }

    /// <summary>Never valid again, in any epoch that follows it without a new start.</summary>
    internal void Lose()
    {
        Supersede();
        if (!_lost.IsCancellationRequested) _ = _lost.CancelAsync();
        WakeGuards();
    }
}
