// What stands in the seal's place in plain text: a CRC-32C over header and content, then zeros. It finds accidents, not attacks.
using System.Buffers.Binary;
using System.Numerics;

namespace Membership.Engine.Wire;

internal static class PlainSeal
{
    public static void Write(ReadOnlySpan<byte> header, ReadOnlySpan<byte> content, Span<byte> seal)
    {
        seal.Clear();
        BinaryPrimitives.WriteUInt32LittleEndian(seal, Checksum(header, content));
    }

    public static bool Matches(ReadOnlySpan<byte> header, ReadOnlySpan<byte> content, ReadOnlySpan<byte> seal)
        => BinaryPrimitives.ReadUInt32LittleEndian(seal) == Checksum(header, content) && seal[sizeof(uint)..].IndexOfAnyExcept((byte)0) < 0;

    private static uint Checksum(ReadOnlySpan<byte> header, ReadOnlySpan<byte> content) => ~Add(Add(uint.MaxValue, header), content);

    private static uint Add(uint crc, ReadOnlySpan<byte> bytes)
    {
        for (; bytes.Length >= sizeof(ulong); bytes = bytes[sizeof(ulong)..]) crc = BitOperations.Crc32C(crc, BinaryPrimitives.ReadUInt64LittleEndian(bytes));
        foreach (byte value in bytes) crc = BitOperations.Crc32C(crc, value);
        return crc;
    }
}
