// A visit to a witness LUN by somebody who is no node: is anybody there, and, after a contest, leaving it as it was found. Blocking.
using System.Collections.Immutable;
using System.Globalization;
using Membership.Arbiters.Scsi.Commands;
using Membership.Arbiters.Scsi.Record;
using Membership.Arbiters.Scsi.Reservations;
using Membership.Arbiters.Scsi.Transports;
using Membership.Engine.Arbitration;
using Membership.Engine.Runtime;

namespace Membership.Arbiters.Scsi;

/// <summary>Who was there at one look.</summary>
/// <param name="IsBlank">Nobody has written to it yet.</param>
/// <param name="Users">For people: who is registered or has it reserved; empty when nobody.</param>
/// <param name="Heads">The claims in the record.</param>
internal sealed record UnitUse(bool IsBlank, ImmutableArray<string> Users, ImmutableArray<SlotHead> Heads)
{
    /// <summary>How long to wait before a second look shows that every claim was left by somebody who is gone.</summary>
    public TimeSpan LongestClaim => Heads.Where(static head => head.State == ClaimState.Active).Select(static head => head.Period * (1 + SlotWatch.ClockMargin)).DefaultIfEmpty(TimeSpan.Zero).Max();

    /// <summary>For people: who is there by this look or has written since the earlier one; empty when nobody.</summary>
    public ImmutableArray<string> UsersSince(UnitUse earlier) =>
    [
        .. Users,
        .. Heads.Where(head => head.Node.Value > earlier.Heads.Length || !earlier.Heads[head.Node.Value - 1].IsSameWrite(head)).Select(static head => $"node {head.Node} (it renews its claim)"),
    ];
}

internal sealed class UnitVisit : IDisposable
{
    private const int Contenders = 2;

    private readonly ScsiReservationOptions _options;
    private readonly ScsiUnit _unit;
    private readonly WitnessDisk _disk;
    private readonly IReservation _reservation;

    /// <param name="options">Which LUN.</param>
    /// <param name="identity">As whom.</param>
    public UnitVisit(ScsiReservationOptions options, ArbiterIdentity identity)
    {
        _options = options;
        _unit = ScsiUnit.For(options, identity);
        _disk = new WitnessDisk(_unit, identity.ClusterId, Math.Max(options.MaxNodes, 2));
        _reservation = options.Mode == ScsiReservationMode.Classic ? new ClassicReservation(_unit) : new PersistentReservation(_unit, ReservationKey.For(identity), options.AbortPreempted);
    }

    private Deadline Soon => new(MonotonicClock.System.Now + _options.CommandTimeout * 12, CancellationToken.None);

    /// <summary>Looks, and changes nothing.</summary>
    /// <exception cref="ScsiException">It cannot be reached, or is not this cluster's.</exception>
    /// <exception cref="OperationCanceledException">It did not answer in time.</exception>
    public UnitUse Look()
    {
        Deadline deadline = Soon;
        if (_unit.Run(ScsiCommand.TestUnitReady(), deadline).IsConflict) return new UnitUse(IsBlank: false, ["somebody with a classic reservation"], []);
        List<string> users = [.. _reservation.Keys(deadline).Distinct().Select(NameOf)];
        if (users.Count == 0 && _reservation.Look(deadline) is { Kind: not Holding.Nobody } holder) users.Add(NameOf(holder.Key));
        return _disk.TryReadHeads(deadline) is { } heads
            ? new UnitUse(_disk.IsBlank, [.. users], heads)
            : new UnitUse(IsBlank: false, [.. users, "somebody whose reservation does not even let it be read"], []);
    }

    /// <summary>Makes the LUN blank again, and leaves nothing there.</summary>
    /// <returns>Null, or why that could not be done.</returns>
    public string? Erase()
    {
        try
        {
            Deadline deadline = Soon;
            bool taken = _reservation.TryTake(_reservation.Look(deadline), deadline), erased = taken && _disk.TryErase(Contenders, deadline);
            if (taken) _reservation.GiveUp(deadline);
            _reservation.Leave(deadline);
            return erased ? null : $"{_unit.Description} could not be made blank again: somebody else has reserved it meanwhile.";
        }
        catch (Exception failure) when (failure is ScsiException or OperationCanceledException)
        {
            return $"{_unit.Description} could not be made blank again: {failure.Message}";
        }
    }

    public void Dispose() => _unit.Dispose();

    private string NameOf(ulong value)
    {
        var key = new ReservationKey(value);
        return _reservation is PersistentReservation own && own.IsOfThisCluster(key)
            ? string.Create(CultureInfo.InvariantCulture, $"node {key.Node} (key {key})")
            : $"something else (key {key})";
    }
}
