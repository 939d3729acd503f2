// What a logical unit says about itself: INQUIRY, its identification pages, its capacity and its write protection.
// Parsing is total.
using System.Buffers.Binary;
using System.Text;

namespace Membership.Arbiters.Scsi.Commands;

/// <summary>Standard inquiry data.</summary>
/// <param name="Qualifier">Peripheral qualifier; 0 = the unit is there.</param>
/// <param name="DeviceType">Peripheral device type; 0 = disk.</param>
/// <param name="Vendor">T10 vendor.</param>
/// <param name="Product">Product.</param>
internal sealed record UnitInquiry(int Qualifier, int DeviceType, string Vendor, string Product)
{
    public static UnitInquiry? Parse(ReadOnlySpan<byte> data)
        => data.Length < 5 ? null : new UnitInquiry(data[0] >> 5, data[0] & 0x1f, UnitIdentity.Ascii(data, 8, 8), UnitIdentity.Ascii(data, 16, 16));
}

/// <summary>What tells this unit from every other.</summary>
internal static class UnitIdentity
{
    /// <summary>The best designator of the device identification page (83h): NAA, EUI-64, SCSI name, T10 vendor; of the unit, not of the port.</summary>
    /// <returns>E.g. <c>naa.60014051234</c>; null when there is none.</returns>
    public static string? FromDesignators(ReadOnlySpan<byte> data)
    {
        if (data.Length < 4 || data[1] != 0x83) return null;
        int length = Math.Min(BinaryPrimitives.ReadUInt16BigEndian(data[2..]), data.Length - 4);
        ReadOnlySpan<byte> rest = data.Slice(4, length);
        string? best = null;
        int bestRank = int.MaxValue;
        while (rest.Length >= 4 && rest.Length - 4 >= rest[3])
        {
            ReadOnlySpan<byte> designator = rest.Slice(4, rest[3]);
            bool ofUnit = (rest[1] >> 4 & 3) == 0;
            (int rank, string? text) = (rest[1] & 0x0f) switch
            {
                3 => (0, "naa." + Convert.ToHexStringLower(designator)),
                2 => (1, "eui." + Convert.ToHexStringLower(designator)),
                8 => (2, Ascii(designator, 0, designator.Length)),
                1 => (3, "t10." + Ascii(designator, 0, designator.Length)),
                _ => (int.MaxValue, null),
            };
            if (ofUnit && rank < bestRank && !designator.IsEmpty) (bestRank, best) = (rank, text);
            rest = rest[(4 + rest[3])..];
        }
        return best;
    }

    /// <summary>The unit serial number page (80h).</summary>
    public static string? FromSerialNumber(ReadOnlySpan<byte> data)
    {
        if (data.Length < 4 || data[1] != 0x80) return null;
        string serial = Ascii(data, 4, BinaryPrimitives.ReadUInt16BigEndian(data[2..]));
        return serial.Length == 0 ? null : "serial." + serial;
    }

    /// <summary>Printable ASCII of a field that may be cut short, without the padding.</summary>
    internal static string Ascii(ReadOnlySpan<byte> data, int start, int length)
    {
        var text = new StringBuilder();
        for (int i = start; i < data.Length && i < start + length; i++) text.Append(data[i] is >= 0x20 and < 0x7f ? (char)data[i] : ' ');
        return text.ToString().Trim();
    }
}

/// <summary>How large the unit is.</summary>
internal readonly record struct UnitCapacity(long Blocks, int BlockSize)
{
    /// <returns>Null when cut short or impossible; Blocks = 2^32 when only READ CAPACITY(16) can tell.</returns>
    public static UnitCapacity? Parse10(ReadOnlySpan<byte> data)
        => data.Length < 8 ? null : Checked(BinaryPrimitives.ReadUInt32BigEndian(data) + 1L, BinaryPrimitives.ReadUInt32BigEndian(data[4..]));

    public static UnitCapacity? Parse16(ReadOnlySpan<byte> data)
        => data.Length < 12 ? null : Checked(BinaryPrimitives.ReadInt64BigEndian(data) + 1, BinaryPrimitives.ReadUInt32BigEndian(data[8..]));

    private static UnitCapacity? Checked(long blocks, uint size) => blocks <= 0 || size is 0 or > 1 << 20 ? null : new UnitCapacity(blocks, (int)size);
}

/// <summary>The header of MODE SENSE(6).</summary>
internal static class ModeHeader
{
    /// <returns>Null when cut short.</returns>
    public static bool? IsWriteProtected(ReadOnlySpan<byte> data) => data.Length < 4 ? null : (data[2] & 0x80) != 0;
}
