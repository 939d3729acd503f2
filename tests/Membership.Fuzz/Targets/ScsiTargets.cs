// What a disk says: answers and sense to commands, and the blocks of the witness LUN.
using Membership.Arbiters.Scsi.Commands;
using Membership.Arbiters.Scsi.Record;
using Membership.Engine;

namespace Membership.Fuzz.Targets;

internal static class ScsiTargets
{
    private static readonly WitnessLayout Layout = WitnessLayout.For("plant-7", 4, 512);

    public static bool Answer(byte[] input)
    {
        bool any = RegisteredKeys.Parse(input) is not null;
        any |= HeldReservation.Parse(input) is { IsHeld: true };
        any |= ReservationCapabilities.Parse(input) is { } can && !can.Lacks(ReservationType.WriteExclusiveRegistrantsOnly);
        any |= !Registration.ParseAll(input).IsEmpty;
        any |= UnitInquiry.Parse(input) is not null;
        any |= UnitIdentity.FromDesignators(input) is not null;
        any |= UnitIdentity.FromSerialNumber(input) is not null;
        any |= UnitCapacity.Parse10(input) is not null;
        any |= UnitCapacity.Parse16(input) is not null;
        any |= ModeHeader.IsWriteProtected(input) is not null;
        SenseData sense = SenseData.Parse(input);
        return any | sense.TellsOfLostReservations | sense.IsUnsupported | sense.IsNoSuchUnit;
    }

    /// <summary>The first 512 bytes as a header and as the head of a slot, the whole as a body.</summary>
    public static bool Disk(byte[] input)
    {
        bool any = SlotBody.TryDecode(input, out _);
        if (input.Length < WitnessLayout.FrameBytes) return any;
        ReadOnlySpan<byte> block = input.AsSpan(0, WitnessLayout.FrameBytes);
        any |= WitnessLayout.Decode(block, out _) is not null;
        any |= SlotHead.Decode(Layout, new NodeId(1), block, block) is not null;
        return any;
    }

    public static byte[] RepairDisk(byte[] input)
    {
        if (input.Length >= WitnessLayout.FrameBytes) WitnessLayout.Seal(input.AsSpan(0, WitnessLayout.FrameBytes));
        return input;
    }
}
