// Reads and writes the record on the LUN: layout, heads, bodies. A conflict is an answer (null or false); damage and
// foreign data are exceptions that name what to do.
using System.Collections.Immutable;
using System.Security.Cryptography;
using Membership.Arbiters.Scsi.Commands;
using Membership.Arbiters.Scsi.Transports;
using Membership.Engine;

namespace Membership.Arbiters.Scsi.Record;

internal sealed class WitnessDisk(ScsiUnit unit, string clusterId, int maxNodesWhenBlank)
{
    private const int BlankProbeBytes = 8 * 1024 * 1024;

    public string ClusterId => clusterId;

    /// <summary>What the LUN was last seen to hold; null until it was read.</summary>
    public WitnessLayout? Layout { get; private set; }

    /// <summary>The LUN is all zeros: whoever owns it first writes the header.</summary>
    public bool IsBlank { get; private set; }

    public void Forget() => Layout = null;

    /// <returns>False on a reservation conflict.</returns>
    /// <exception cref="ScsiException">Too small, or somebody else's data.</exception>
    public bool TryOpen(Deadline deadline)
    {
        if (Layout is not null && !IsBlank) return true;
        if (unit.TryCapacity(deadline) is not { } capacity) return false;
        if (capacity.BlockSize < WitnessLayout.FrameBytes)
            throw new ScsiException($"{unit.Description} has blocks of {capacity.BlockSize} bytes: 512 or more are needed.");
        if (unit.TryRead(0, WitnessLayout.HeaderBlocks, deadline) is not { } header) return false;
        ReadOnlySpan<byte> bytes = header;
        WitnessLayout? found = WitnessLayout.Decode(bytes[..capacity.BlockSize], out string? trouble) ?? WitnessLayout.Decode(bytes[capacity.BlockSize..], out _);
        if (found is null)
        {
            if (WitnessLayout.LaterVersion(bytes[..capacity.BlockSize]) is { } later)
                throw new ScsiException($"{unit.Description} cannot be read: it has format version {later} and this program reads version {WitnessLayout.Version}. Start this node with the program version that wrote it, or a later one, and leave the LUN as it is: what it records still binds the cluster.");
            if (IsBlank && !bytes.ContainsAnyExcept((byte)0)) return true;
            var wanted = WitnessLayout.For(clusterId, maxNodesWhenBlank, capacity.BlockSize);
            RefuseSmall(wanted, capacity);
            if (bytes.ContainsAnyExcept((byte)0)) throw NotOurs($"{trouble}.");
            if (IsEmpty(wanted, capacity, deadline) is not { } empty) return false;
            if (!empty) throw NotOurs("its first blocks are zero, but data follows (a file system or a partition table).");
            (Layout, IsBlank) = (wanted, true);
            return true;
        }
        if (!found.ClusterHash.AsSpan().SequenceEqual(WitnessLayout.HashOf(clusterId)))
            throw NotOurs($"it is the witness of cluster '{found.ClusterId}' and was asked for by '{clusterId}'.");
        RefuseSmall(found, capacity);
        (Layout, IsBlank) = (found, false);
        return true;
    }

    /// <summary>Makes the LUN this cluster's witness, whatever it held: zeros in all heads, then the header.</summary>
    /// <returns>False on a reservation conflict.</returns>
    public bool TryFormat(Deadline deadline, bool wipe)
    {
        if (unit.TryCapacity(deadline) is not { } capacity) return false;
        WitnessLayout layout = wipe ? WitnessLayout.For(clusterId, maxNodesWhenBlank, capacity.BlockSize) : Layout!;
        RefuseSmall(layout, capacity);
        if (wipe && !unit.TryWrite(0, new byte[(WitnessLayout.HeaderBlocks + layout.HeadBlocks) * layout.BlockSize], deadline)) return false;
        byte[] header = layout.Encode();
        if (!unit.TryWrite(1, header, deadline) || !unit.TryWrite(0, header, deadline)) return false;
        unit.Flush(deadline);
        (Layout, IsBlank) = (layout, false);
        return true;
    }

    /// <summary>Makes it blank again as far as nodes up to <paramref name="lastNode"/> have written it.</summary>
    /// <returns>False on a reservation conflict.</returns>
    public bool TryErase(int lastNode, Deadline deadline)
    {
        if (!TryOpen(deadline)) return false;
        WitnessLayout layout = Layout!;
        if (!unit.TryWrite(0, new byte[layout.BodyBlock(lastNode + 1, 0) * layout.BlockSize], deadline)) return false;
        unit.Flush(deadline);
        Forget();
        return true;
    }

    /// <summary>All heads, by node number - 1.</summary>
    /// <returns>Null on a reservation conflict.</returns>
    public ImmutableArray<SlotHead>? TryReadHeads(Deadline deadline)
    {
        // What was blank may have been written by another node since.
        if (!TryOpen(deadline)) return null;
        WitnessLayout layout = Layout!;
        if (IsBlank) return [.. Enumerable.Range(1, layout.MaxNodes).Select(static node => SlotHead.Blank(new NodeId(node)))];
        if (unit.TryRead(WitnessLayout.HeaderBlocks, layout.HeadBlocks, deadline) is not { } blocks) return null;
        var heads = ImmutableArray.CreateBuilder<SlotHead>(layout.MaxNodes);
        ReadOnlySpan<byte> rest = blocks;
        for (int node = 1; node <= layout.MaxNodes; node++)
        {
            SlotHead head = SlotHead.Decode(layout, new NodeId(node), rest[..layout.BlockSize], rest.Slice(layout.BlockSize, layout.BlockSize))
                ?? throw new ScsiException($"The slot of node {node} on {unit.Description} is damaged in both copies: restore the LUN, or, with every node stopped, initialise the witness anew.");
            heads.Add(head);
            rest = rest[(2 * layout.BlockSize)..];
        }
        return heads.MoveToImmutable();
    }

    public bool TryWriteHead(SlotHead head, Deadline deadline)
        => unit.TryWrite(WitnessLayout.HeadBlock(head.Node.Value, (int)(head.Sequence & 1)), head.Encode(Layout!), deadline);

    /// <returns>Null on a reservation conflict.</returns>
    public ImmutableArray<ClusterView>? TryReadViews(SlotHead head, Deadline deadline)
    {
        if (head.BodyLength == 0) return [];
        WitnessLayout layout = Layout!;
        int blocks = (head.BodyLength + layout.BlockSize - 1) / layout.BlockSize;
        if (unit.TryRead(layout.BodyBlock(head.Node.Value, head.BodyCopy), blocks, deadline) is not { } bytes) return null;
        ReadOnlySpan<byte> body = bytes.AsSpan(0, head.BodyLength);
        return SHA256.HashData(body).AsSpan().SequenceEqual(head.BodyHash) && SlotBody.TryDecode(body, out ImmutableArray<ClusterView> views)
            ? views
            : throw new ScsiException($"The views of node {head.Node} on {unit.Description} are damaged: restore the LUN, or, with every node stopped, initialise the witness anew.");
    }

    /// <summary>Writes views into the body copy that <paramref name="head"/> does not use.</summary>
    /// <returns>The head that refers to them, not yet written; null on a reservation conflict.</returns>
    public SlotHead? TryWriteViews(SlotHead head, ImmutableArray<ClusterView> views, Deadline deadline)
    {
        WitnessLayout layout = Layout!;
        byte[] body = SlotBody.Encode(views);
        if (body.Length > layout.BodyBytes)
            throw new ScsiException($"{views.Length} views take {body.Length} bytes and a slot on {unit.Description} has {layout.BodyBytes}: initialise the witness with a larger MaxNodes (now {layout.MaxNodes}).");
        var padded = new byte[(body.Length + layout.BlockSize - 1) / layout.BlockSize * layout.BlockSize];
        body.CopyTo(padded, 0);
        int copy = 1 - head.BodyCopy;
        if (!unit.TryWrite(layout.BodyBlock(head.Node.Value, copy), padded, deadline)) return null;
        unit.Flush(deadline);
        return head with { BodyCopy = copy, BodyLength = body.Length, BodyHash = SHA256.HashData(body) };
    }

    public void Flush(Deadline deadline) => unit.Flush(deadline);

    private bool? IsEmpty(WitnessLayout layout, UnitCapacity capacity, Deadline deadline)
    {
        int blocks = (int)Math.Min(Math.Min(layout.TotalBlocks, capacity.Blocks), BlankProbeBytes / capacity.BlockSize);
        if (unit.TryRead(0, blocks, deadline) is not { } start || unit.TryRead(capacity.Blocks - 1, 1, deadline) is not { } end) return null;
        return !start.AsSpan().ContainsAnyExcept((byte)0) && !end.AsSpan().ContainsAnyExcept((byte)0);
    }

    private void RefuseSmall(WitnessLayout layout, UnitCapacity capacity)
    {
        if (capacity.Blocks < layout.TotalBlocks)
            throw new ScsiException($"{unit.Description} is too small: {capacity.Blocks * capacity.BlockSize} bytes, and {layout.TotalBlocks * layout.BlockSize} are needed for {layout.MaxNodes} nodes. Use a larger LUN or a smaller MaxNodes.");
    }

    private ScsiException NotOurs(string why)
        => new($"{unit.Description} is neither blank nor this cluster's witness: {why} Use a small LUN of its own, or, if its content may be lost, initialise it explicitly.");
}
