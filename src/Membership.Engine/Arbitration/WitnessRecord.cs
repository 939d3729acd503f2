// The witness record: who owns it, since which renewal, and one slot of views per node that only its node writes.
// Immutable; one file holds exactly one, and a change is a new generation.
using System.Collections.Immutable;
using Membership.Engine.Storage;
using Membership.Engine.Wire;

namespace Membership.Engine.Arbitration;

/// <summary>An owner: one life of a node, by one arbiter object of it.</summary>
/// <param name="Node">The node; Invalid = nobody.</param>
/// <param name="Incarnation">Its life.</param>
/// <param name="Claimant">Random id of the arbiter object that claimed, so that nobody renews what another object won.</param>
internal readonly record struct WitnessOwner(NodeId Node, Incarnation Incarnation, Guid Claimant)
{
    public bool IsNobody => !Node.IsValid;
}

/// <summary>What one node put into the record.</summary>
internal sealed record WitnessSlot(NodeId Node, ImmutableArray<ClusterView> Views);

internal sealed record WitnessRecord(
    string ClusterId, long Generation, WitnessOwner Owner, long Renewals, TimeSpan OwnershipPeriod, ImmutableArray<WitnessSlot> Slots)
{
    private const ushort Version = 1;

    private static readonly WitnessOwner Somebody = new(new NodeId(NodeId.MaxValue), new Incarnation(-1), Guid.AllBitsSet);

    private static ReadOnlySpan<byte> Magic => "RGWITNS\n"u8;

    public static WitnessRecord Blank(string clusterId) => new(clusterId, 0, default, 0, TimeSpan.Zero, []);

    /// <summary>Stands for a generation whose content is not all there: somebody made it, and nobody knows who. What its predecessor recorded still counts.</summary>
    public static WitnessRecord Unfinished(WitnessRecord previous, long generation, TimeSpan period)
        => previous with { Generation = generation, Owner = Somebody, Renewals = 0, OwnershipPeriod = period };

    public bool IsUnfinished => Owner == Somebody;

    /// <summary>Every view any node recorded, once each, by epoch.</summary>
    public ImmutableArray<ClusterView> AllViews()
        => [.. Slots.SelectMany(static slot => slot.Views).DistinctBy(static view => view.Id).OrderBy(static view => view.Epoch.Value)];

    /// <summary>This record with a node's slot replaced; views newer than all the new ones stay, so that no slot ever goes back in epoch.</summary>
    public WitnessRecord WithSlot(NodeId node, ImmutableArray<ClusterView> views)
    {
        Epoch newest = Epoch.None;
        foreach (ClusterView view in views) newest = Epoch.Max(newest, view.Epoch);
        WitnessSlot? old = Slots.FirstOrDefault(slot => slot.Node == node);
        IEnumerable<ClusterView> kept = old is null ? [] : old.Views.Where(view => view.Epoch > newest);
        var merged = new WitnessSlot(node, [.. views.Concat(kept).DistinctBy(static view => view.Id).OrderBy(static view => view.Epoch.Value)]);
        return this with { Slots = [.. Slots.Where(slot => slot.Node != node).Append(merged).OrderBy(static slot => slot.Node)] };
    }

    public byte[] Encode()
    {
        var content = new ContentWriter();
        content.Write(ClusterId);
        content.Write(Generation);
        content.Write(Owner.Node.Value);
        content.Write(Owner.Incarnation.Value);
        content.Write(Owner.Claimant);
        content.Write(Renewals);
        content.Write(OwnershipPeriod.Ticks);
        content.Write(Slots.Length);
        foreach (WitnessSlot slot in Slots)
        {
            content.Write(slot.Node.Value);
            content.Write(slot.Views.Length);
            foreach (ClusterView view in slot.Views) content.Write(view);
        }
        return RecordFile.Frame(Magic, Version, content.Written);
    }

    /// <exception cref="RecordFormatException">Not an intact record.</exception>
    public static WitnessRecord Decode(ReadOnlyMemory<byte> file)
    {
        var content = new ContentReader(RecordFile.Open(Magic, Version, file).Span);
        string clusterId = content.ReadString();
        long generation = content.ReadInt64();
        var owner = new WitnessOwner(content.ReadNode(), new Incarnation(content.ReadInt64()), content.ReadGuid());
        long renewals = content.ReadInt64();
        var period = new TimeSpan(content.ReadInt64());
        var slots = new WitnessSlot[content.ReadCount(8)];
        for (int i = 0; i < slots.Length; i++)
        {
            NodeId node = content.ReadNode();
            var views = new ClusterView[content.ReadCount(ViewCodec.MinBytes)];
            for (int v = 0; v < views.Length; v++) views[v] = content.ReadView();
            slots[i] = new WitnessSlot(node, ImmutableArray.Create(views));
        }
        if (!content.AtEnd) throw new RecordFormatException("there is more content than its fields take");
        return new WitnessRecord(clusterId, generation, owner, renewals, period, ImmutableArray.Create(slots));
    }
}
