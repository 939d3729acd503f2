// The status as minor version 1 says it: sets of nodes as ranges where that is shorter, a view that was said before in the same message as
// its place in it, and, to whoever holds them, views by their ids instead of in full.
using System.Collections.Immutable;
using Membership.Engine.Protocol;

namespace Membership.Engine.Wire;

/// <summary>Encodes and decodes <see cref="MessageKind.BriefStatus"/>. Stateless; safe from any thread.</summary>
/// <remarks>A view: u8 0 = none, 1 = in full, then its record, 2 = named, then i64 epoch, u64 hash, u16 quorum owner (which is no part of the
/// hash), 3 = the same as an earlier one in this message, then u8 which one, from 0.</remarks>
internal static class BriefStatusCodec
{
    /// <summary>The first minor version that knows it.</summary>
    public const byte SinceMinor = 1;

    private const byte NoView = 0, InFull = 1, Named = 2, Repeated = 3;

    /// <summary>So that a place is one byte. A node has seldom more than two.</summary>
    private const int MaxPending = 250;

    private const int MinRowBytes = 4 + 2 + 8 + 1 + 1 + 2;

    /// <summary>Whether it has a brief form.</summary>
    public static bool CanWrite(StatusMessage status) => status.Pending.Length <= MaxPending;

    public static void Write(ref WireWriter writer, StatusMessage status, bool named)
    {
        int place = 0;
        writer.I64(status.Activation.Epoch.Value);
        writer.I32(status.Activation.Attempt);
        writer.U8((byte)status.Stage);
        writer.U16((ushort)status.Flags);
        writer.CompactSet(status.Heard);
        writer.CompactSet(status.Closed);
        writer.U32((uint)status.Rows.Length);
        foreach (ConnectivityRow row in status.Rows)
        {
            int start = writer.BeginRecord();
            writer.Node(row.Node);
            writer.I64(row.Incarnation.Value);
            writer.CompactSet(row.Heard);
            writer.CompactSet(row.Closed);
            writer.U16((ushort)row.Flags);
            writer.EndRecord(start);
        }
        if (status.StoredInForce is null) writer.U8(NoView);
        else WriteView(ref writer, status, place++, named);
        writer.U32((uint)status.Pending.Length);
        for (int i = 0; i < status.Pending.Length; i++) WriteView(ref writer, status, place++, named);
        writer.I64(status.HighestEpochSeen.Value);
        writer.I64(status.HighestEpochPersisted.Value);
        writer.I64(status.StoreId);
        writer.U64(status.ConfigurationHash);
        writer.Bool(status.Decision is not null);
        if (status.Decision is { } decision)
        {
            int start = writer.BeginRecord();
            writer.Node(decision.Decider);
            writer.I64(decision.DeciderIncarnation.Value);
            WriteView(ref writer, status, place, named);
            writer.CompactSet(decision.Voters);
            writer.CompactSet(decision.Removed);
            writer.EndRecord(start);
        }
        writer.I32(status.ArbitrationFailures);
        writer.CompactSet(status.Ejected);
        writer.CompactSet(status.Released);
        writer.I64(status.Tip.Applied);
        writer.I64(status.Tip.PendingEpoch.Value);
        writer.I64(status.Tip.Pending);
    }

    /// <summary>Reads a status.</summary>
    /// <param name="reader">Its bytes; it has failed when they are malformed.</param>
    /// <param name="views">The views that may be named; null = none.</param>
    /// <param name="unknownView">The status is well formed, but names a view that is not known here.</param>
    /// <returns>The status, or null when it is malformed or names a view that is not known here.</returns>
    public static StatusMessage? Read(ref WireReader reader, ViewMemory? views, out bool unknownView)
    {
        var heard = new HeardViews(views);
        var activation = new ActivationId(reader.Epoch(), reader.I32());
        byte stage = reader.U8();
        var flags = (StatusFlags)reader.U16();
        NodeSet hears = reader.CompactSet(), closed = reader.CompactSet();
        var rows = new ConnectivityRow[reader.Count(MinRowBytes)];
        for (int i = 0; i < rows.Length && !reader.Failed; i++)
        {
            WireReader row = reader.Record();
            rows[i] = new ConnectivityRow(row.Node(), row.Incarnation(), row.CompactSet(), row.CompactSet(), (StatusFlags)row.U16());
            if (!rows[i].Node.IsValid) row.Fail();
            reader.End(row);
        }
        ClusterView? inForce = heard.Read(ref reader, mayLack: true);
        int count = reader.Count(1);
        if (count > MaxPending) reader.Fail();
        var pending = new ClusterView[reader.Failed ? 0 : count];
        for (int i = 0; i < pending.Length && !reader.Failed; i++) pending[i] = heard.Read(ref reader)!;
        Epoch highestSeen = reader.Epoch(), highestPersisted = reader.Epoch();
        long storeId = reader.I64();
        ulong configurationHash = reader.U64();
        Decision? decision = null;
        if (reader.Bool())
        {
            WireReader record = reader.Record();
            decision = new Decision(record.Node(), record.Incarnation(), heard.Read(ref record)!, record.CompactSet(), record.CompactSet());
            reader.End(record);
        }
        int arbitrationFailures = reader.I32();
        NodeSet ejected = reader.CompactSet(), released = reader.CompactSet();
        long applied = reader.Count64();
        var tip = new StateTip(applied, reader.Epoch(), reader.Count64());
        if (activation.Attempt < 0 || stage > (byte)RegroupStage.Stabilised) reader.Fail();
        unknownView = heard.Unknown && !reader.Failed;
        return heard.Unknown || reader.Failed ? null : new StatusMessage(
            activation, (RegroupStage)stage, flags, hears, closed, ImmutableArray.Create(rows), inForce, ImmutableArray.Create(pending),
            highestSeen, highestPersisted, storeId, configurationHash, decision, arbitrationFailures, ejected, released, tip);
    }

    private static void WriteView(ref WireWriter writer, StatusMessage status, int place, bool named)
    {
        ClusterView view = ViewAt(status, place);
        for (int earlier = 0; earlier < place; earlier++)
        {
            ClusterView same = ViewAt(status, earlier);
            if (same.Id != view.Id || same.QuorumOwner != view.QuorumOwner) continue;
            writer.U8(Repeated);
            writer.U8((byte)earlier);
            return;
        }
        writer.U8(named ? Named : InFull);
        if (named)
        {
            writer.I64(view.Epoch.Value);
            writer.U64(view.Id.Hash);
            writer.Node(view.QuorumOwner);
        }
        else ViewCodec.Write(ref writer, view);
    }

    /// <summary>The views of a status in the order in which they are written.</summary>
    private static ClusterView ViewAt(StatusMessage status, int place)
    {
        if (status.StoredInForce is { } stored && place-- == 0) return stored;
        return place < status.Pending.Length ? status.Pending[place] : status.Decision!.View;
    }

    // What the message being read has said; null stands for one that is not known here.
    private struct HeardViews(ViewMemory? memory)
    {
        private List<ClusterView?>? _heard;

        public bool Unknown { get; private set; }

        public ClusterView? Read(ref WireReader reader, bool mayLack = false)
        {
            switch (reader.U8())
            {
                case NoView when mayLack: return null;
                case InFull:
                    ViewCodec.TryRead(ref reader, out ClusterView? view);
                    return Add(view);
                case Named:
                    var id = new ViewId(reader.Epoch(), reader.U64());
                    NodeId owner = reader.Node();
                    return Add(reader.Failed ? null : Resolve(id, owner));
                case Repeated when reader.U8() is var place && _heard is { } heard && place < heard.Count: return Add(heard[place]);
                default:
                    reader.Fail();
                    return null;
            }
        }

        private ClusterView? Add(ClusterView? view)
        {
            (_heard ??= []).Add(view);
            return view;
        }

        private ClusterView? Resolve(ViewId id, NodeId owner)
        {
            ClusterView? view = memory?.Find(id);
            Unknown |= view is null;
            return view is null || view.QuorumOwner == owner ? view
                : new ClusterView(view.Epoch, view.Members, view.Rule, view.Timing, view.Master, view.ViceMaster, owner, view.Disqualified, view.FormerMaster, view.BaseEpoch);
        }
    }
}
