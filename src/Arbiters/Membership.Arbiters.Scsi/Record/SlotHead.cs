// The head of a node's slot, in one block: its claim of the witness, the renewal counter that defends it, and which
// body copy holds its views. Two copies, written in turn by the number of the write, so that a torn write loses nothing.
using System.Security.Cryptography;
using Membership.Engine;
using Membership.Engine.Wire;

namespace Membership.Arbiters.Scsi.Record;

internal enum ClaimState : byte
{
    /// <summary>This node never claimed the witness.</summary>
    None = 0,

    /// <summary>Claimed; counts until a period after its last renewal.</summary>
    Active = 1,

    /// <summary>Given up by its owner.</summary>
    Released = 2,
}

/// <summary>A slot's head.</summary>
/// <param name="Node">Whose slot.</param>
/// <param name="Sequence">Number of this write of the slot; the higher of the two copies counts. 0 = never written.</param>
/// <param name="State">What the claim is worth.</param>
/// <param name="Generation">The claim's generation: above every claim its writer had seen.</param>
/// <param name="Incarnation">The life that wrote it.</param>
/// <param name="Claimant">Random id of the arbiter object that wrote it.</param>
/// <param name="Renewals">How often the claim was renewed.</param>
/// <param name="Period">How long the claim counts after a renewal, by the writer's options.</param>
/// <param name="BodyCopy">Which body copy holds the views, 0 or 1.</param>
/// <param name="BodyLength">Bytes of it that count; 0 = no views.</param>
/// <param name="BodyHash">SHA-256 of them.</param>
internal sealed record SlotHead(
    NodeId Node, long Sequence, ClaimState State, long Generation, Incarnation Incarnation, Guid Claimant, long Renewals, TimeSpan Period,
    int BodyCopy, int BodyLength, byte[] BodyHash)
{
    private static ReadOnlySpan<byte> Magic => "RGSLOT1\n"u8;

    public static SlotHead Blank(NodeId node) => new(node, 0, ClaimState.None, 0, default, Guid.Empty, 0, TimeSpan.Zero, 0, 0, new byte[SHA256.HashSizeInBytes]);

    /// <summary>Whether this is the very write that <paramref name="other"/> is.</summary>
    public bool IsSameWrite(SlotHead other) => Sequence == other.Sequence && Claimant == other.Claimant;

    /// <summary>Claims are ordered by generation, then by node number: no two are equal.</summary>
    public bool IsClaimAbove(SlotHead other) => Generation != other.Generation ? Generation > other.Generation : Node > other.Node;

    public byte[] Encode(WitnessLayout layout)
    {
        var block = new byte[layout.BlockSize];
        var writer = new WireWriter(block.AsSpan(0, WitnessLayout.FrameBytes - SHA256.HashSizeInBytes));
        writer.Bytes(Magic);
        writer.Bytes(layout.ClusterHash);
        writer.Node(Node);
        writer.I64(Sequence);
        writer.U8((byte)State);
        writer.I64(Generation);
        writer.I64(Incarnation.Value);
        writer.Bytes(Claimant.ToByteArray());
        writer.I64(Renewals);
        writer.I64(Period.Ticks);
        writer.U8((byte)BodyCopy);
        writer.I32(BodyLength);
        writer.Bytes(BodyHash);
        WitnessLayout.Seal(block);
        return block;
    }

    /// <summary>The newer intact one of a slot's two copies.</summary>
    /// <param name="layout">The layout.</param>
    /// <param name="node">Whose slot.</param>
    /// <param name="first">Copy 0 as read.</param>
    /// <param name="second">Copy 1 as read.</param>
    /// <returns>Blank when both copies are zeros; null when something is there and neither copy is intact.</returns>
    public static SlotHead? Decode(WitnessLayout layout, NodeId node, ReadOnlySpan<byte> first, ReadOnlySpan<byte> second)
    {
        SlotHead? left = DecodeCopy(layout, node, first), right = DecodeCopy(layout, node, second);
        if (left is not null && right is not null) return left.Sequence >= right.Sequence ? left : right;
        if ((left ?? right) is { } intact) return intact;
        return first.ContainsAnyExcept((byte)0) && second.ContainsAnyExcept((byte)0) ? null : Blank(node);
    }

    private static SlotHead? DecodeCopy(WitnessLayout layout, NodeId node, ReadOnlySpan<byte> block)
    {
        if (!block[..Magic.Length].SequenceEqual(Magic) || !WitnessLayout.IsSealed(block)) return null;
        var reader = new WireReader(block[Magic.Length..(WitnessLayout.FrameBytes - SHA256.HashSizeInBytes)], tolerateExtra: true);
        Span<byte> cluster = stackalloc byte[SHA256.HashSizeInBytes], claimant = stackalloc byte[16];
        for (int i = 0; i < cluster.Length; i++) cluster[i] = reader.U8();
        NodeId writer = reader.Node();
        long sequence = reader.I64();
        byte state = reader.U8();
        long generation = reader.I64(), incarnation = reader.I64();
        for (int i = 0; i < claimant.Length; i++) claimant[i] = reader.U8();
        long renewals = reader.I64(), period = reader.I64();
        int copy = reader.U8(), length = reader.I32();
        var hash = new byte[SHA256.HashSizeInBytes];
        for (int i = 0; i < hash.Length; i++) hash[i] = reader.U8();
        bool possible = !reader.Failed && writer == node && cluster.SequenceEqual(layout.ClusterHash) && sequence > 0
            && state <= (byte)ClaimState.Released && period >= 0 && copy <= 1 && length >= 0 && length <= layout.BodyBytes;
        return possible
            ? new SlotHead(node, sequence, (ClaimState)state, generation, new Incarnation(incarnation), new Guid(claimant), renewals, new TimeSpan(period), copy, length, hash)
            : null;
    }
}
