// How the witness LUN is laid out: header twice, then two copies of a head block per node number, then two copies of a
// body per node number. A blank LUN is all zeros; anything else that is not ours is refused.
using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;
using Membership.Engine.Wire;

namespace Membership.Arbiters.Scsi.Record;

/// <summary>The geometry and whose it is.</summary>
/// <param name="ClusterId">The cluster's name (the first 200 bytes of it, from a LUN).</param>
/// <param name="ClusterHash">SHA-256 of the whole name.</param>
/// <param name="BlockSize">Bytes per block.</param>
/// <param name="MaxNodes">Node numbers 1..MaxNodes have slots.</param>
/// <param name="BodyBlocks">Blocks of one body copy.</param>
internal sealed record WitnessLayout(string ClusterId, byte[] ClusterHash, int BlockSize, int MaxNodes, int BodyBlocks)
{
    /// <summary>Header and heads use this many bytes of their block: the smallest block there is.</summary>
    public const int FrameBytes = 512;

    public const int HeaderBlocks = 2;

    /// <summary>Of the format that this program reads and writes.</summary>
    public const ushort Version = 1;

    private const int MaxNameBytes = 200;

    /// <summary>Views a body has room for when each has all the nodes.</summary>
    private const int ViewsPerBody = 6;

    private static ReadOnlySpan<byte> Magic => "RGSCSIW\n"u8;

    public static long HeadBlock(int node, int copy) => HeaderBlocks + (node - 1) * 2L + copy;

    public int HeadBlocks => MaxNodes * 2;

    public long BodyBlock(int node, int copy) => HeaderBlocks + HeadBlocks + ((node - 1) * 2L + copy) * BodyBlocks;

    public int BodyBytes => BodyBlocks * BlockSize;

    public long TotalBlocks => HeaderBlocks + HeadBlocks + MaxNodes * 2L * BodyBlocks;

    public static byte[] HashOf(string clusterId) => SHA256.HashData(Encoding.UTF8.GetBytes(clusterId));

    public static WitnessLayout For(string clusterId, int maxNodes, int blockSize)
    {
        int viewBytes = ViewCodec.MinBytes + (maxNodes - 1) * ViewCodec.MemberBytes;
        int bodyBytes = sizeof(int) + ViewsPerBody * viewBytes;
        return new WitnessLayout(clusterId, HashOf(clusterId), blockSize, maxNodes, (bodyBytes + blockSize - 1) / blockSize);
    }

    public byte[] Encode()
    {
        var block = new byte[BlockSize];
        var writer = new WireWriter(block.AsSpan(0, FrameBytes - SHA256.HashSizeInBytes));
        writer.Bytes(Magic);
        writer.U16(Version);
        writer.I32(BlockSize);
        writer.I32(MaxNodes);
        writer.I32(BodyBlocks);
        writer.Bytes(ClusterHash);
        Span<byte> name = stackalloc byte[MaxNameBytes];
        Encoding.UTF8.GetEncoder().Convert(ClusterId, name, flush: true, out _, out int length, out _);
        writer.U16((ushort)length);
        writer.Bytes(name[..length]);
        Seal(block);
        return block;
    }

    /// <returns>The format version of an intact header that a later version of this program wrote; null of anything else.</returns>
    public static ushort? LaterVersion(ReadOnlySpan<byte> block)
    {
        if (block.Length < FrameBytes || !block[..Magic.Length].SequenceEqual(Magic) || !IsSealed(block)) return null;
        ushort version = BinaryPrimitives.ReadUInt16LittleEndian(block[Magic.Length..]);
        return version > Version ? version : null;
    }

    /// <param name="block">One block as read.</param>
    /// <param name="trouble">Why it is none, or null.</param>
    /// <returns>The layout, or null.</returns>
    public static WitnessLayout? Decode(ReadOnlySpan<byte> block, out string? trouble)
    {
        trouble = null;
        if (block.Length < FrameBytes || !block[..Magic.Length].SequenceEqual(Magic))
        {
            trouble = "it does not begin with the mark of a witness";
            return null;
        }
        if (!IsSealed(block))
        {
            trouble = "the checksum of its header does not match";
            return null;
        }
        var reader = new WireReader(block[Magic.Length..(FrameBytes - SHA256.HashSizeInBytes)], tolerateExtra: true);
        ushort version = reader.U16();
        if (version != Version)
        {
            trouble = $"its format has version {version} and this program reads version {Version}";
            return null;
        }
        int blockSize = reader.I32(), maxNodes = reader.I32(), bodyBlocks = reader.I32();
        var hash = new byte[SHA256.HashSizeInBytes];
        for (int i = 0; i < hash.Length; i++) hash[i] = reader.U8();
        string name = reader.Text();
        if (reader.Failed || blockSize != block.Length || maxNodes is < 2 or > Engine.NodeId.MaxValue || bodyBlocks is < 1 or > 1 << 16)
        {
            trouble = $"its header makes no sense (blocks of {blockSize}, {maxNodes} nodes, bodies of {bodyBlocks} blocks)";
            return null;
        }
        return new WitnessLayout(name, hash, blockSize, maxNodes, bodyBlocks);
    }

    /// <summary>Puts the checksum at the end of the first 512 bytes.</summary>
    public static void Seal(Span<byte> block)
        => SHA256.HashData(block[..(FrameBytes - SHA256.HashSizeInBytes)], block[(FrameBytes - SHA256.HashSizeInBytes)..FrameBytes]);

    public static bool IsSealed(ReadOnlySpan<byte> block)
    {
        Span<byte> sum = stackalloc byte[SHA256.HashSizeInBytes];
        SHA256.HashData(block[..(FrameBytes - SHA256.HashSizeInBytes)], sum);
        return sum.SequenceEqual(block[(FrameBytes - SHA256.HashSizeInBytes)..FrameBytes]);
    }
}
