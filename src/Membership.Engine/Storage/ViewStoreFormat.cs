// The content of the view file: whose it is (cluster, node, generation), then the stored state.
using System.Collections.Immutable;
using Membership.Engine.Protocol;
using Membership.Engine.Wire;

namespace Membership.Engine.Storage;

/// <summary>Encodes and decodes a view file. Stateless; safe from any thread.</summary>
internal static class ViewStoreFormat
{
    public const ushort Version = 1;

    public static ReadOnlySpan<byte> Magic => "RGVIEWS\n"u8;

    public static byte[] Encode(string clusterId, NodeId node, long generation, StoredState state)
    {
        var content = new ContentWriter();
        content.Write(clusterId);
        content.Write(node.Value);
        content.Write(generation);
        content.Write(state.StoreId);
        content.Write(state.Incarnation.Value);
        content.Write(state.HighestEpochSeen.Value);
        content.Write(state.HighestEpochPersisted.Value);
        content.Write((byte)(state.InForce is null ? 0 : 1));
        if (state.InForce is { } inForce) content.Write(inForce);
        content.Write(state.Pending.Length);
        foreach (ClusterView pending in state.Pending) content.Write(pending);
        return RecordFile.Frame(Magic, Version, content.Written);
    }

    /// <exception cref="RecordFormatException">Not an intact view file.</exception>
    public static (string ClusterId, NodeId Node, long Generation, StoredState State) Decode(ReadOnlyMemory<byte> file)
    {
        var content = new ContentReader(RecordFile.Open(Magic, Version, file).Span);
        string clusterId = content.ReadString();
        NodeId node = content.ReadNode();
        long generation = content.ReadInt64();
        long storeId = content.ReadInt64();
        var incarnation = new Incarnation(content.ReadInt64());
        var highestSeen = new Epoch(content.ReadInt64());
        var highestPersisted = new Epoch(content.ReadInt64());
        ClusterView? inForce = content.ReadByte() != 0 ? content.ReadView() : null;
        var pending = new ClusterView[content.ReadCount(ViewCodec.MinBytes)];
        for (int i = 0; i < pending.Length; i++) pending[i] = content.ReadView();
        if (!content.AtEnd) throw new RecordFormatException("there is more content than its fields take");
        if (storeId == 0) throw new RecordFormatException("its store id is 0");
        return (clusterId, node, generation, new StoredState(storeId, incarnation, inForce, ImmutableArray.Create(pending), highestSeen, highestPersisted));
    }
}
