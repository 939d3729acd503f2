// The clear header of every datagram. It is authenticated with the datagram, and it says which key, which sender, which
// life and which counter, that is: everything the receiver needs to open it or to drop it early.
using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;

namespace Membership.Engine.Wire;

/// <summary>What a sealed thing is for; nonces of different purposes never meet.</summary>
internal enum SealPurpose : byte
{
    Datagram = 0,
    TripwireHello = 1,
}

/// <summary>The clear header of a datagram.</summary>
/// <remarks>64 bytes: "RGMD", u8 format version, u8 flags (1 = sealed), u8 purpose, u8 zero, u32 key id, u16 sender, u16 receiver,
/// u64 cluster hash, i64 sender's incarnation, 128-bit start id, u64 counter, u8 fragment index, u8 fragment count, 6 zero bytes.</remarks>
internal struct DatagramHeader
{
    public const int Size = 64;
    public const byte FormatVersion = 1;

    /// <summary>The AES-GCM tag; in plain text a CRC-32C and zeros.</summary>
    public const int SealSize = 16;

    /// <summary>What a datagram adds to its content.</summary>
    public const int Overhead = Size + SealSize;

    public const int StartIdSize = 16;

    private const byte SealedFlag = 1;

    public bool Sealed;
    public SealPurpose Purpose;
    public uint KeyId;
    public int Sender;
    public int Receiver;
    public byte FragmentIndex;
    public byte FragmentCount;
    public ulong ClusterHash;
    public Incarnation Incarnation;
    public UInt128 StartId;
    public ulong Counter;

    public static ReadOnlySpan<byte> Magic => "RGMD"u8;

    /// <summary>64 bits of a hash of a cluster id.</summary>
    public static ulong HashCluster(string clusterId)
    {
        Span<byte> digest = stackalloc byte[SHA256.HashSizeInBytes];
        SHA256.HashData(Encoding.UTF8.GetBytes(clusterId), digest);
        return BinaryPrimitives.ReadUInt64LittleEndian(digest);
    }

    /// <param name="to">At least <see cref="Size"/> bytes.</param>
    public readonly void Write(Span<byte> to)
    {
        to = to[..Size];
        Magic.CopyTo(to);
        to[4] = FormatVersion;
        to[5] = Sealed ? SealedFlag : (byte)0;
        to[6] = (byte)Purpose;
        to[7] = 0;
        BinaryPrimitives.WriteUInt32LittleEndian(to[8..], KeyId);
        BinaryPrimitives.WriteUInt16LittleEndian(to[12..], (ushort)Sender);
        BinaryPrimitives.WriteUInt16LittleEndian(to[14..], (ushort)Receiver);
        BinaryPrimitives.WriteUInt64LittleEndian(to[16..], ClusterHash);
        BinaryPrimitives.WriteInt64LittleEndian(to[24..], Incarnation.Value);
        BinaryPrimitives.WriteUInt128LittleEndian(to[32..], StartId);
        BinaryPrimitives.WriteUInt64LittleEndian(to[48..], Counter);
        to[56] = FragmentIndex;
        to[57] = FragmentCount;
        to[58..].Clear();
    }

    /// <summary>Reads a header; says why it cannot be one.</summary>
    public static DatagramDropReason TryRead(ReadOnlySpan<byte> datagram, out DatagramHeader header)
    {
        header = default;
        if (datagram.Length >= 4 && !datagram[..4].SequenceEqual(Magic)) return DatagramDropReason.BadMagic;
        if (datagram.Length < Overhead) return DatagramDropReason.TooShort;
        if (datagram[4] != FormatVersion) return DatagramDropReason.BadVersion;
        if ((datagram[5] & ~SealedFlag) != 0 || datagram[6] > (byte)SealPurpose.TripwireHello) return DatagramDropReason.BadVersion;
        header.Sealed = (datagram[5] & SealedFlag) != 0;
        header.Purpose = (SealPurpose)datagram[6];
        header.KeyId = BinaryPrimitives.ReadUInt32LittleEndian(datagram[8..]);
        header.Sender = BinaryPrimitives.ReadUInt16LittleEndian(datagram[12..]);
        header.Receiver = BinaryPrimitives.ReadUInt16LittleEndian(datagram[14..]);
        header.ClusterHash = BinaryPrimitives.ReadUInt64LittleEndian(datagram[16..]);
        header.Incarnation = new Incarnation(BinaryPrimitives.ReadInt64LittleEndian(datagram[24..]));
        header.StartId = BinaryPrimitives.ReadUInt128LittleEndian(datagram[32..]);
        header.Counter = BinaryPrimitives.ReadUInt64LittleEndian(datagram[48..]);
        header.FragmentIndex = datagram[56];
        header.FragmentCount = datagram[57];
        return header.FragmentCount == 0 || header.FragmentIndex >= header.FragmentCount || header.Incarnation.Value < 0
            ? DatagramDropReason.Malformed
            : DatagramDropReason.None;
    }
}
