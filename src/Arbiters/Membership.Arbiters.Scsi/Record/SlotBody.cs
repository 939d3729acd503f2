// The views a node put into its slot, as bytes.
using System.Buffers.Binary;
using System.Collections.Immutable;
using Membership.Engine;
using Membership.Engine.Wire;

namespace Membership.Arbiters.Scsi.Record;

internal static class SlotBody
{
    public static byte[] Encode(ImmutableArray<ClusterView> views)
    {
        var bytes = new byte[sizeof(int) + views.Sum(ViewCodec.Measure)];
        BinaryPrimitives.WriteInt32LittleEndian(bytes, views.Length);
        int at = sizeof(int);
        foreach (ClusterView view in views) at += ViewCodec.Write(view, bytes.AsSpan(at));
        return bytes;
    }

    /// <returns>False when the bytes are no such list.</returns>
    public static bool TryDecode(ReadOnlySpan<byte> bytes, out ImmutableArray<ClusterView> views)
    {
        views = [];
        if (bytes.IsEmpty) return true;
        if (bytes.Length < sizeof(int)) return false;
        int count = BinaryPrimitives.ReadInt32LittleEndian(bytes);
        ReadOnlySpan<byte> rest = bytes[sizeof(int)..];
        if (count < 0 || count > rest.Length / ViewCodec.MinBytes) return false;
        var found = ImmutableArray.CreateBuilder<ClusterView>(count);
        for (int i = 0; i < count; i++)
        {
            if (!ViewCodec.TryRead(rest, out ClusterView? view, out int consumed) || view is null) return false;
            found.Add(view);
            rest = rest[consumed..];
        }
        if (!rest.IsEmpty) return false;
        views = found.MoveToImmutable();
        return true;
    }

    /// <summary>A slot's new views: what is newer than all of them stays, so that no slot ever goes back in epoch.</summary>
    public static ImmutableArray<ClusterView> Merge(ImmutableArray<ClusterView> old, ImmutableArray<ClusterView> views)
    {
        Epoch newest = Epoch.None;
        foreach (ClusterView view in views) newest = Epoch.Max(newest, view.Epoch);
        return [.. views.Concat(old.Where(view => view.Epoch > newest)).DistinctBy(static view => view.Id).OrderBy(static view => view.Epoch.Value)];
    }
}
