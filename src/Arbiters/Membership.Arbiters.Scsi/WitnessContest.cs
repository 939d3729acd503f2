// The contest for the witness LUN, as one node plays it. Blocking; one thread at a time. Exclusivity rests on the record
// alone: every claimant writes its own slot and then reads all others (so of two, one sees the other), and wins only when every
// other claim has stood still for its period. The reservation serialises challengers and keeps losers from writing.
using System.Collections.Immutable;
using Membership.Arbiters.Scsi.Record;
using Membership.Arbiters.Scsi.Reservations;
using Membership.Arbiters.Scsi.Transports;
using Membership.Engine;
using Membership.Engine.Arbitration;
using Membership.Engine.Runtime;

namespace Membership.Arbiters.Scsi;

internal sealed class WitnessContest(ScsiUnit unit, WitnessDisk disk, IReservation reservation, ArbiterIdentity identity, ScsiReservationOptions options, long remembered) : IDisposable
{
    private static readonly TimeSpan LongestPause = TimeSpan.FromMilliseconds(100);

    private readonly Guid _claimant = Guid.NewGuid();
    private readonly SlotWatch _watch = new(remembered);
    private SlotHead _own = SlotHead.Blank(identity.Node);
    private long _attempted;
    private MonotonicTime _ownedUntil = MonotonicTime.MinValue;
    private (ulong Key, MonotonicTime Since) _stranger;

    public ArbiterIdentity Identity => identity;

    /// <summary>For people: what a challenge is about, for when it ends without an answer. Read from any thread.</summary>
    public string Doing { get; private set; } = "";

    public long Mark => _watch.Mark;

    public bool IsOwned => Now < _ownedUntil;

    private static MonotonicTime Now => MonotonicClock.System.Now;

    private TimeSpan Pause => options.RenewInterval / 8 < LongestPause ? options.RenewInterval / 8 : LongestPause;

    /// <summary>A holder of the reservation that has claimed nothing gets this long to do so before it is preempted. For progress, not for safety.</summary>
    private TimeSpan ClaimGrace => options.RenewInterval / 3;

    /// <summary>Looks at the record, so that a challenge need not begin to count when the owner is long dead.</summary>
    public void Observe(Deadline deadline)
    {
        if (disk.TryReadHeads(deadline) is { } heads) _watch.See(heads, Now);
    }

    public WitnessResult Challenge(Deadline deadline)
    {
        MonotonicTime called = Now;
        if (IsOwned && Extend(called, null, deadline) is { Outcome: WitnessOutcome.Success } renewed && ReadRecord(deadline) is { } known)
            return renewed with { Views = known };
        _ownedUntil = MonotonicTime.MinValue;
        SlotHead? challenged = null;
        bool took = false, broken = false;
        try
        {
            while (true)
            {
                deadline.ThrowIfOver();
                // Looked at before the record: a holder that claims meanwhile is seen there.
                Holder holder = reservation.Look(deadline);
                if (disk.TryReadHeads(deadline) is not { } heads)
                {
                    // Only a classic reservation keeps a reader out: broken once; if it is there again, its owner lives.
                    if (broken) return Lost("The owner of the witness reserved the LUN again after a reset: it defends.");
                    reservation.Break(deadline);
                    broken = true;
                    continue;
                }
                RefuseForeignNumber(heads);
                _watch.See(heads, Now);
                SlotHead? top = TopClaim(heads);
                challenged ??= top ?? SlotHead.Blank(NodeId.Invalid);
                if (top is not null && !top.IsSameWrite(challenged)) return Lost($"Node {top.Node} owns the witness and defends it (claim {top.Generation}, renewal {top.Renewals}).");

                if (holder.Kind == Holding.Foreign)
                    return Unknown($"{unit.Description} is reserved by something else (key {new ReservationKey(holder.Key)}): use a LUN of its own, or remove that reservation.");
                TimeSpan wait = _watch.Wait(_claimant, Now), grace = GraceOf(holder, heads);
                if (grace > wait) wait = grace;
                if (wait > TimeSpan.Zero)
                {
                    Doing = $"waiting for {(top is null ? $"the holder of key {new ReservationKey(holder.Key)}" : $"the claim of node {top.Node}")} to run out";
                    deadline.Wait(wait < Pause ? wait : Pause);
                    continue;
                }
                Doing = $"taking the reservation (held by {holder.Kind}, key {new ReservationKey(holder.Key)})";
                if (!reservation.TryTake(holder, deadline)) continue;
                took = true;
                // What was written before the reservation changed hands is here now; nothing more comes.
                if (disk.TryReadHeads(deadline) is { } still)
                {
                    _watch.See(still, Now);
                    if (_watch.Wait(_claimant, Now) <= TimeSpan.Zero && Claim(called, still, deadline) is { } won)
                    {
                        took = false;
                        return won;
                    }
                }
                reservation.GiveUp(deadline);
                took = false;
            }
        }
        finally
        {
            if (took) GiveUpQuietly(deadline);
        }
    }

    public WitnessResult Renew(Deadline deadline) => Extend(Now, null, deadline);

    public WitnessResult WriteSlot(ImmutableArray<ClusterView> views, Deadline deadline) => Extend(Now, views, deadline);

    public void Release(Deadline deadline)
    {
        bool owned = IsOwned || _own.State == ClaimState.Active;
        _ownedUntil = MonotonicTime.MinValue;
        if (!owned || disk.TryReadHeads(deadline) is not { } heads || !IsMine(heads) || _own.State != ClaimState.Active) return;
        if (TryWriteOwn(_own with { State = ClaimState.Released }, deadline)) reservation.GiveUp(deadline);
    }

    /// <summary>Takes the LUN away from lives that are in none of these views.</summary>
    public int Fence(ImmutableArray<ClusterView> views, Deadline deadline) => !IsOwned || views.IsEmpty
        ? 0
        : reservation.Fence((node, life) => views.Any(view => view.Find(new NodeId(Math.Min(node, NodeId.MaxValue))) is { Node.IsValid: true } member && (int)(life - (uint)member.Incarnation.Value) >= 0), deadline);

    /// <summary>Makes the LUN this cluster's witness, whatever it held.</summary>
    /// <returns>Null, or why not.</returns>
    public string? Initialize(bool clearReservations, Deadline deadline)
    {
        disk.Forget();
        _watch.Forget();
        if (clearReservations) reservation.Clear(deadline);
        Holder holder = reservation.Look(deadline);
        if (holder.Kind is Holding.Other or Holding.Foreign)
            return $"{unit.Description} is reserved (key {new ReservationKey(holder.Key)}): stop every node, then clear the reservations explicitly.";
        if (!reservation.TryTake(holder, deadline)) return $"{unit.Description} was reserved by another node meanwhile: stop every node first.";
        bool formatted = disk.TryFormat(deadline, wipe: true);
        reservation.GiveUp(deadline);
        return formatted ? null : $"{unit.Description} was taken by another node meanwhile: stop every node first.";
    }

    /// <summary>Takes the registration back, unless the witness is owned: then what it keeps others from doing counts to the end.</summary>
    public void Leave(Deadline deadline)
    {
        if (IsOwned || !unit.IsConnected) return;
        try
        {
            reservation.Leave(deadline);
        }
        catch (Exception late) when (late is ScsiException or OperationCanceledException)
        {
            // A registration that stays behind costs nobody anything; the unit ends it with the session, or the owner with its next fencing.
            unit.Dispose();
        }
    }

    public void Dispose() => unit.Dispose();

    private static WitnessResult Lost(string detail) => new(WitnessOutcome.Lost, TimeSpan.Zero, [], detail);

    private static WitnessResult Unknown(string detail) => new(WitnessOutcome.Unknown, TimeSpan.Zero, [], detail);

    /// <summary>Claims with the reservation in hand. Null when somebody else came in between: look again.</summary>
    private WitnessResult? Claim(MonotonicTime called, ImmutableArray<SlotHead> heads, Deadline deadline)
    {
        if (disk.IsBlank && !disk.TryFormat(deadline, wipe: false)) return null;
        SlotHead mine = heads[identity.Node.Value - 1];
        if (_own.Sequence < mine.Sequence || _own.Claimant != mine.Claimant) (_own, _attempted) = (mine, Math.Max(_attempted, mine.Sequence));
        SlotHead claim = _own with
        {
            State = ClaimState.Active,
            Generation = heads.Max(static head => head.Generation) + 1,
            Incarnation = identity.Incarnation,
            Claimant = _claimant,
            Renewals = -1,
            Period = options.OwnershipPeriod,
        };
        while (true)
        {
            MonotonicTime before = Now;
            claim = claim with { Renewals = claim.Renewals + 1 };
            if (!TryWriteOwn(claim, deadline) || disk.TryReadHeads(deadline) is not { } all) return null;
            _watch.See(all, Now);
            if (!IsMine(all) || RivalAbove(all) is not null) return null;
            TimeSpan wait = _watch.Wait(_claimant, Now);
            if (wait > TimeSpan.Zero)
            {
                // A renewal slipped in before the reservation changed hands: it counts, and it was the last one.
                deadline.Wait(wait < Pause ? wait : Pause);
                continue;
            }
            if (ReadViews(all, deadline) is not { } views) return null;
            return Confirm(called, before, views);
        }
    }

    /// <summary>Renews, with or without views to write.</summary>
    private WitnessResult Extend(MonotonicTime called, ImmutableArray<ClusterView>? views, Deadline deadline)
    {
        if (called >= _ownedUntil) return Disowned("The ownership of the witness has run out by this node's own clock.");
        if (!reservation.TryKeep(deadline)) return Disowned("Another node has taken the reservation of the witness.");
        if (_attempted > _own.Sequence && !TryReadOwn(deadline)) return Disowned("Another node has reserved the witness.");
        SlotHead next = _own;
        if (views is { } written)
        {
            if (disk.TryReadViews(_own, deadline) is not { } old) return Disowned("Another node has reserved the witness.");
            ImmutableArray<ClusterView> merged = SlotBody.Merge(old, written);
            if (!merged.SequenceEqual(old))
            {
                if (disk.TryWriteViews(_own, merged, deadline) is not { } moved) return Disowned("Another node has taken the reservation of the witness.");
                next = moved;
            }
        }
        MonotonicTime before = Now;
        if (before >= _ownedUntil) return Disowned("The ownership of the witness ran out during the call.");
        if (!TryWriteOwn(next with { Renewals = next.Renewals + 1 }, deadline)) return Disowned("Another node has taken the reservation of the witness.");
        if (views is not null) disk.Flush(deadline);
        if (disk.TryReadHeads(deadline) is not { } all) return Disowned("Another node has reserved the witness.");
        _watch.See(all, Now);
        SlotHead? rival = RivalAbove(all);
        if (rival is null && IsMine(all)) return Confirm(called, before, []);
        WitnessResult lost = Disowned(rival is null ? "Another life of this node has taken the witness." : $"Node {rival.Node} has taken the witness (claim {rival.Generation}).");
        reservation.GiveUp(deadline);
        return lost;
    }

    private WitnessResult Confirm(MonotonicTime called, MonotonicTime before, ImmutableArray<ClusterView> views)
    {
        MonotonicTime until = before + options.OwnershipPeriod * (1 - SlotWatch.ClockMargin);
        if (Now >= until) return Disowned("The claim succeeded so late that it had run out already.");
        _ownedUntil = until;
        return new WitnessResult(WitnessOutcome.Success, until - called, views);
    }

    private WitnessResult Disowned(string detail)
    {
        _ownedUntil = MonotonicTime.MinValue;
        return Lost(detail);
    }

    /// <summary>After a write whose effect is not known: what is there now is what the next one goes on from. Nothing comes late any more.</summary>
    /// <returns>False on a reservation conflict.</returns>
    private bool TryReadOwn(Deadline deadline)
    {
        if (disk.TryReadHeads(deadline) is not { } heads) return false;
        if (heads[identity.Node.Value - 1] is var mine && mine.Claimant == _claimant && mine.Sequence > _own.Sequence) _own = mine;
        return true;
    }

    /// <summary>Writes this node's head under the next number. A write whose effect is not known never has its number used again.</summary>
    private bool TryWriteOwn(SlotHead head, Deadline deadline)
    {
        _attempted = Math.Max(_attempted, _own.Sequence) + 1;
        SlotHead next = head with { Sequence = _attempted };
        if (!disk.TryWriteHead(next, deadline)) return false;
        _own = next;
        return true;
    }

    private bool IsMine(ImmutableArray<SlotHead> heads) => heads[identity.Node.Value - 1] is var mine && mine.Claimant == _claimant && mine.Sequence == _own.Sequence;

    private SlotHead? RivalAbove(ImmutableArray<SlotHead> heads)
        => heads.FirstOrDefault(head => head.State != ClaimState.None && head.Node != identity.Node && head.IsClaimAbove(_own));

    /// <summary>The highest claim of somebody else that was not given up.</summary>
    private SlotHead? TopClaim(ImmutableArray<SlotHead> heads)
    {
        SlotHead? top = null;
        foreach (SlotHead head in heads)
        {
            if (head.State == ClaimState.Active && head.Claimant != _claimant && (top is null || head.IsClaimAbove(top))) top = head;
        }
        return top;
    }

    private TimeSpan GraceOf(Holder holder, ImmutableArray<SlotHead> heads)
    {
        if (holder.Kind != Holding.Other)
        {
            _stranger = default;
            return TimeSpan.MinValue;
        }
        var key = new ReservationKey(holder.Key);
        // Whoever has claimed with this key is judged by its claim.
        bool hasClaimed = key.Node >= 1 && key.Node <= heads.Length && heads[key.Node - 1] is { State: ClaimState.Active } claim && (uint)claim.Incarnation.Value == key.Life
            && claim.Generation == heads.Max(static head => head.Generation);
        if (hasClaimed) return TimeSpan.MinValue;
        MonotonicTime now = Now;
        if (_stranger.Key != holder.Key) _stranger = (holder.Key, now);
        return _stranger.Since + ClaimGrace - now;
    }

    private ImmutableArray<ClusterView>? ReadRecord(Deadline deadline) => disk.TryReadHeads(deadline) is { } heads ? ReadViews(heads, deadline) : null;

    private ImmutableArray<ClusterView>? ReadViews(ImmutableArray<SlotHead> heads, Deadline deadline)
    {
        var all = new List<ClusterView>();
        foreach (SlotHead head in heads)
        {
            if (disk.TryReadViews(head, deadline) is not { } views) return null;
            all.AddRange(views);
        }
        return [.. all.DistinctBy(static view => view.Id).OrderBy(static view => view.Epoch.Value)];
    }

    private void RefuseForeignNumber(ImmutableArray<SlotHead> heads)
    {
        if (identity.Node.Value > heads.Length)
            throw new ScsiException($"{unit.Description} has room for node numbers 1 to {heads.Length} and this is node {identity.Node}: initialise the witness with a larger MaxNodes.");
    }

    /// <summary>Lets go of a reservation that was taken without winning; if that fails the next challenger waits a little longer, no more.</summary>
    private void GiveUpQuietly(Deadline deadline)
    {
        if (!unit.IsConnected || deadline.Left <= TimeSpan.Zero) return;
        try
        {
            reservation.GiveUp(deadline);
        }
        catch (Exception late) when (late is ScsiException or OperationCanceledException)
        {
            _stranger = default;
        }
    }
}
