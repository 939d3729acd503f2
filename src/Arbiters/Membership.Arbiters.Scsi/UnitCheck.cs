// Whether a LUN is fit to be the witness, in plain words: is it there, is it a disk, can it be written, is it large
// enough, whose is it, and does it do the reservations asked for.
using Membership.Arbiters.Scsi.Commands;
using Membership.Arbiters.Scsi.Record;
using Membership.Arbiters.Scsi.Reservations;
using Membership.Arbiters.Scsi.Transports;
using Membership.Engine.Arbitration;

namespace Membership.Arbiters.Scsi;

internal static class UnitCheck
{
    private const byte SerialNumberPage = 0x80, IdentificationPage = 0x83;
    private const ushort InquiryBytes = 252;
    private const int MostResets = 5;

    /// <returns>Null when it is fit, else what is wrong, with the value and what to do.</returns>
    public static string? Run(ScsiUnit unit, WitnessDisk disk, IReservation reservation, ArbiterIdentity identity, ScsiReservationOptions options, Deadline deadline)
    {
        ScsiReply answer = unit.Run(ScsiCommand.Inquiry(InquiryBytes), deadline);
        if (UnitInquiry.Parse(answer.Data) is not { } inquiry) return $"{unit.Description} does not say what it is (INQUIRY: {answer}).";
        if (inquiry.Qualifier != 0) return $"{unit.Description} is not there: the target has no such LUN. Check the LUN number and what the target shows to this initiator.";
        if (inquiry.DeviceType != 0) return $"{unit.Description} is no disk (device type {inquiry.DeviceType:x2}h, {inquiry.Vendor} {inquiry.Product}).";
        if (unit.Run(ScsiCommand.TestUnitReady(), deadline).IsConflict)
        {
            // A classic reservation keeps everybody out, from looking too. Resetting shows that the unit can be reset; an owner that lives reserves it again.
            if (options.Mode == ScsiReservationMode.Persistent) return $"{unit.Description} is held by a classic reservation: something else uses it, or a node with Mode=Classic.";
            // A visitor leaves it alone, and will find that it is in use.
            if (options.Visitor is not null) return null;
            reservation.Break(deadline);
        }
        string? name = IdentityOf(unit, deadline);
        if (options.ExpectedUnit is { } expected && !string.Equals(expected, name, StringComparison.OrdinalIgnoreCase))
            return $"{unit.Description} is {name ?? "nameless"} and ExpectedUnit is {expected}: this is another LUN than the one configured.";
        if (ModeHeader.IsWriteProtected(unit.Run(ScsiCommand.ModeSense(192), deadline).Data) == true)
            return $"{unit.Description} is write-protected: export it read-write to every node.";
        bool readable = disk.TryOpen(deadline);
        // An owner that lives may have reserved it again before it was read.
        for (int attempt = 0; !readable && options is { Mode: ScsiReservationMode.Classic, Visitor: null } && attempt < MostResets; attempt++)
        {
            reservation.Break(deadline);
            readable = disk.TryOpen(deadline);
        }
        // On a block device a visitor is the same nexus as the node of this machine: what it reserves or registers would be that node's.
        bool isAlone = options.Visitor is null || options.Device is null || (options.Mode == ScsiReservationMode.Persistent && reservation.Keys(deadline).IsEmpty);
        if (reservation.Check(isAlone, deadline) is { } trouble) return $"{unit.Description} ({inquiry.Vendor} {inquiry.Product}) {trouble}";
        if (!readable) return options.Mode == ScsiReservationMode.Classic ? null : $"{unit.Description} is reserved so that it cannot even be read: remove that reservation, or use a LUN of its own.";
        return identity.Node.Value > disk.Layout!.MaxNodes
            ? $"{unit.Description} has room for node numbers 1 to {disk.Layout.MaxNodes} and this is node {identity.Node}: initialise the witness with a larger MaxNodes."
            : null;
    }

    /// <summary>The unit's own name.</summary>
    public static string? IdentityOf(ScsiUnit unit, Deadline deadline)
        => UnitIdentity.FromDesignators(unit.Run(ScsiCommand.Inquiry(InquiryBytes, IdentificationPage), deadline).Data)
            ?? UnitIdentity.FromSerialNumber(unit.Run(ScsiCommand.Inquiry(InquiryBytes, SerialNumberPage), deadline).Data);
}
