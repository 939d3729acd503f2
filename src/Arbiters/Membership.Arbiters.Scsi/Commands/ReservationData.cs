// The answers to PERSISTENT RESERVE IN. Parsing is total: a list that claims more than was sent is what was sent.
using System.Buffers.Binary;
using System.Collections.Immutable;

namespace Membership.Arbiters.Scsi.Commands;

/// <summary>READ KEYS.</summary>
internal sealed record RegisteredKeys(uint Generation, ImmutableArray<ulong> Keys)
{
    /// <returns>Null when there is not even a header.</returns>
    public static RegisteredKeys? Parse(ReadOnlySpan<byte> data)
    {
        if (data.Length < 8) return null;
        uint length = BinaryPrimitives.ReadUInt32BigEndian(data[4..]);
        int count = (int)Math.Min(length, (uint)(data.Length - 8)) / 8;
        var keys = ImmutableArray.CreateBuilder<ulong>(count);
        for (int i = 0; i < count; i++) keys.Add(BinaryPrimitives.ReadUInt64BigEndian(data[(8 + i * 8)..]));
        return new RegisteredKeys(BinaryPrimitives.ReadUInt32BigEndian(data), keys.MoveToImmutable());
    }
}

/// <summary>READ RESERVATION.</summary>
/// <param name="Generation">The PR generation.</param>
/// <param name="IsHeld">Whether there is a reservation.</param>
/// <param name="Key">The holder's key (0 for the all-registrants types).</param>
/// <param name="Type">Its type.</param>
internal sealed record HeldReservation(uint Generation, bool IsHeld, ulong Key, ReservationType Type)
{
    /// <returns>Null when the data is cut short.</returns>
    public static HeldReservation? Parse(ReadOnlySpan<byte> data)
    {
        if (data.Length < 8) return null;
        uint generation = BinaryPrimitives.ReadUInt32BigEndian(data);
        uint length = BinaryPrimitives.ReadUInt32BigEndian(data[4..]);
        if (length == 0) return new HeldReservation(generation, false, 0, ReservationType.None);
        return length < 16 || data.Length < 24
            ? null
            : new HeldReservation(generation, true, BinaryPrimitives.ReadUInt64BigEndian(data[8..]), (ReservationType)(data[21] & 0x0f));
    }
}

/// <summary>REPORT CAPABILITIES.</summary>
/// <param name="PersistsThroughPowerLoss">PTPL_C: registrations can outlive a power loss.</param>
/// <param name="TypesAreListed">TMV: <paramref name="TypeMask"/> means something.</param>
/// <param name="TypeMask">One bit per reservation type, bytes 4 and 5 of the answer.</param>
internal sealed record ReservationCapabilities(bool PersistsThroughPowerLoss, bool TypesAreListed, ushort TypeMask)
{
    public static ReservationCapabilities? Parse(ReadOnlySpan<byte> data)
        => data.Length < 8 || BinaryPrimitives.ReadUInt16BigEndian(data) < 8
            ? null
            : new ReservationCapabilities((data[2] & 1) != 0, (data[3] & 0x80) != 0, BinaryPrimitives.ReadUInt16BigEndian(data[4..]));

    /// <summary>Whether the device says that it lacks a type; one that lists none may have it.</summary>
    public bool Lacks(ReservationType type)
    {
        if (!TypesAreListed) return false;
        int bit = type switch
        {
            ReservationType.WriteExclusive => 1 + 8,
            ReservationType.ExclusiveAccess => 3 + 8,
            ReservationType.WriteExclusiveRegistrantsOnly => 5 + 8,
            ReservationType.ExclusiveAccessRegistrantsOnly => 6 + 8,
            ReservationType.WriteExclusiveAllRegistrants => 7 + 8,
            ReservationType.ExclusiveAccessAllRegistrants => 0,
            _ => -1,
        };
        return bit < 0 || (TypeMask >> bit & 1) == 0;
    }
}

/// <summary>One registration of READ FULL STATUS.</summary>
/// <param name="Key">Its key.</param>
/// <param name="IsHolder">Holds the reservation.</param>
/// <param name="Type">The reservation's type, for the holder.</param>
/// <param name="TransportId">Who registered, as the transport names it.</param>
internal sealed record Registration(ulong Key, bool IsHolder, ReservationType Type, ImmutableArray<byte> TransportId)
{
    /// <returns>Every whole descriptor.</returns>
    public static ImmutableArray<Registration> ParseAll(ReadOnlySpan<byte> data)
    {
        if (data.Length < 8) return [];
        int length = (int)Math.Min(BinaryPrimitives.ReadUInt32BigEndian(data[4..]), (uint)(data.Length - 8));
        ReadOnlySpan<byte> rest = data.Slice(8, length);
        var found = ImmutableArray.CreateBuilder<Registration>();
        while (rest.Length >= 24)
        {
            uint extra = BinaryPrimitives.ReadUInt32BigEndian(rest[20..]);
            if (extra > (uint)(rest.Length - 24)) break;
            bool holder = (rest[12] & 1) != 0;
            found.Add(new Registration(
                BinaryPrimitives.ReadUInt64BigEndian(rest), holder, holder ? (ReservationType)(rest[13] & 0x0f) : ReservationType.None, [.. rest.Slice(24, (int)extra)]));
            rest = rest[(24 + (int)extra)..];
        }
        return found.ToImmutable();
    }
}
