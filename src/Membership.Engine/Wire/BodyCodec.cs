// One pair of write and read per message kind, side by side, so that a change to one is seen to need the other. A new
// kind adds a case to Write and to Read; a new field goes at the end of its record, with a higher minor version.
using System.Collections.Immutable;
using Membership.Engine.Protocol;

namespace Membership.Engine.Wire;

/// <summary>Encodes and decodes the bodies of messages. Stateless; safe from any thread.</summary>
internal static class BodyCodec
{
    private const int MinRowBytes = 4 + 2 + 8 + 1 + 1 + 2;

    /// <summary>Whether this version knows how to read a kind.</summary>
    public static bool Knows(MessageKind kind) => kind is > MessageKind.Heartbeat and <= MessageKind.BriefStatus;

    public static void Write(ref WireWriter writer, MessageBody body)
    {
        switch (body)
        {
            case StatusMessage status: Write(ref writer, status); break;
            case PetitionMessage petition: Write(ref writer, petition); break;
            case PetitionReplyMessage reply:
                writer.U8((byte)reply.Outcome);
                writer.Node(reply.Coordinator);
                writer.I64(reply.IncarnationFloor.Value);
                writer.Text(reply.Reason);
                break;
            case JoinStartMessage start:
                writer.I64(start.JoinId);
                writer.Node(start.Joiner);
                writer.I64(start.JoinerIncarnation.Value);
                ViewCodec.Write(ref writer, start.Current);
                break;
            case JoinReadyMessage ready:
                writer.I64(ready.JoinId);
                writer.I64(ready.HighestEpochSeen.Value);
                writer.Bool(ready.HoldsNewerPending);
                writer.I64(ready.StoreId);
                break;
            case JoinPrepareMessage prepare:
                writer.I64(prepare.JoinId);
                ViewCodec.Write(ref writer, prepare.Base);
                ViewCodec.Write(ref writer, prepare.View);
                writer.Bool(prepare.State is not null);
                if (prepare.State is { } state) StateCodec.Write(ref writer, state);
                break;
            case JoinPreparedMessage prepared:
                writer.I64(prepared.JoinId);
                Write(ref writer, prepared.View);
                break;
            case JoinFailedMessage failed:
                writer.I64(failed.JoinId);
                writer.U8((byte)failed.Reason);
                break;
            case PoisonMessage poison:
                writer.I64(poison.Target.Value);
                writer.I64(poison.Epoch.Value);
                break;
            case PoisonAcknowledgedMessage acknowledged:
                writer.I64(acknowledged.Target.Value);
                writer.I64(acknowledged.Epoch.Value);
                writer.Bool(acknowledged.SecondMaster);
                break;
            case UpdateRequestMessage request: StateCodec.Write(ref writer, request.Batch); break;
            case UpdatePrepareMessage prepare:
                StateCodec.Write(ref writer, prepare.Entry);
                writer.I64(prepare.Committed);
                writer.I64(prepare.CommittedEpoch.Value);
                break;
            case UpdatePreparedMessage prepared:
                writer.I64(prepared.Sequence);
                writer.I64(prepared.Epoch.Value);
                break;
            case UpdateCommitMessage commit:
                writer.I64(commit.Sequence);
                writer.I64(commit.Epoch.Value);
                break;
            case StateAskMessage ask:
                writer.I64(ask.Applied);
                writer.I64(ask.Promised);
                break;
            case StateOfferMessage offer:
                writer.I64(offer.Sequence);
                writer.Bool(offer.Whole is not null);
                if (offer.Whole is { } whole) StateCodec.Write(ref writer, whole);
                writer.Bool(offer.Last is not null);
                if (offer.Last is { } last) StateCodec.Write(ref writer, last);
                writer.Bool(offer.Promised is not null);
                if (offer.Promised is { } promised) StateCodec.Write(ref writer, promised);
                writer.Bool(offer.Ready);
                break;
            case RoleChangeMessage change:
                writer.U8((byte)change.Change);
                writer.Node(change.Node);
                break;
            default:
                throw new NotSupportedException($"Message kind {body.Kind} has no encoding; add it to {nameof(BodyCodec)}.");
        }
    }

    /// <summary>Reads a body of a known kind; null when it is malformed. The caller tests that nothing is left.</summary>
    public static MessageBody? Read(ref WireReader reader, MessageKind kind)
    {
        MessageBody? body = kind switch
        {
            MessageKind.Status => ReadStatus(ref reader),
            MessageKind.Petition => new PetitionMessage(
                reader.I32(), reader.U64(), reader.I64(), reader.Bool(), reader.Bool(), ReadViewId(ref reader), reader.Epoch(), reader.Bool()),
            MessageKind.PetitionReply => new PetitionReplyMessage(ReadOutcome(ref reader), reader.Node(), reader.Incarnation(), reader.Text()),
            MessageKind.JoinStart => new JoinStartMessage(reader.I64(), reader.Node(), reader.Incarnation(), ReadView(ref reader)),
            MessageKind.JoinReady => new JoinReadyMessage(reader.I64(), reader.Epoch(), reader.Bool(), reader.I64()),
            MessageKind.JoinPrepare => new JoinPrepareMessage(reader.I64(), ReadView(ref reader), ReadView(ref reader), reader.Bool() ? StateCodec.ReadState(ref reader) : null),
            MessageKind.JoinPrepared => new JoinPreparedMessage(reader.I64(), ReadViewId(ref reader)),
            MessageKind.JoinFailed => new JoinFailedMessage(reader.I64(), ReadOutcome(ref reader)),
            MessageKind.Poison => new PoisonMessage(reader.Incarnation(), reader.Epoch()),
            MessageKind.PoisonAcknowledged => new PoisonAcknowledgedMessage(reader.Incarnation(), reader.Epoch(), reader.Bool()),
            MessageKind.UpdateRequest => new UpdateRequestMessage(StateCodec.ReadBatch(ref reader)),
            MessageKind.UpdatePrepare => new UpdatePrepareMessage(StateCodec.ReadEntry(ref reader), reader.Count64(), reader.Epoch()),
            MessageKind.UpdatePrepared => new UpdatePreparedMessage(reader.Count64(), reader.Epoch()),
            MessageKind.UpdateCommit => new UpdateCommitMessage(reader.Count64(), reader.Epoch()),
            MessageKind.StateAsk => new StateAskMessage(reader.Count64(), reader.Count64()),
            MessageKind.StateOffer => new StateOfferMessage(
                reader.Count64(), reader.Bool() ? StateCodec.ReadState(ref reader) : null, reader.Bool() ? StateCodec.ReadEntry(ref reader) : null,
                reader.Bool() ? StateCodec.ReadEntry(ref reader) : null, reader.Bool()),
            MessageKind.RoleChange => new RoleChangeMessage(ReadRoleChange(ref reader), reader.Node()),
            _ => null,
        };
        return reader.Failed ? null : body;
    }

    private static void Write(ref WireWriter writer, PetitionMessage petition)
    {
        writer.I32(petition.ProtocolVersion);
        writer.U64(petition.ConfigurationHash);
        writer.I64(petition.StoreId);
        writer.Bool(petition.StoreLocked);
        writer.Bool(petition.StoreEmpty);
        Write(ref writer, petition.StoredInForce);
        writer.I64(petition.HighestEpochSeen.Value);
        writer.Bool(petition.Disqualified);
    }

    private static void Write(ref WireWriter writer, StatusMessage status)
    {
        writer.I64(status.Activation.Epoch.Value);
        writer.I32(status.Activation.Attempt);
        writer.U8((byte)status.Stage);
        writer.U16((ushort)status.Flags);
        writer.NodeSet(status.Heard);
        writer.NodeSet(status.Closed);
        writer.U32((uint)status.Rows.Length);
        foreach (ConnectivityRow row in status.Rows)
        {
            int start = writer.BeginRecord();
            writer.Node(row.Node);
            writer.I64(row.Incarnation.Value);
            writer.NodeSet(row.Heard);
            writer.NodeSet(row.Closed);
            writer.U16((ushort)row.Flags);
            writer.EndRecord(start);
        }
        writer.Bool(status.StoredInForce is not null);
        if (status.StoredInForce is { } inForce) ViewCodec.Write(ref writer, inForce);
        writer.U32((uint)status.Pending.Length);
        foreach (ClusterView pending in status.Pending) ViewCodec.Write(ref writer, pending);
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
            ViewCodec.Write(ref writer, decision.View);
            writer.NodeSet(decision.Voters);
            writer.NodeSet(decision.Removed);
            writer.EndRecord(start);
        }
        writer.I32(status.ArbitrationFailures);
        writer.NodeSet(status.Ejected);
        writer.NodeSet(status.Released);
        writer.I64(status.Tip.Applied);
        writer.I64(status.Tip.PendingEpoch.Value);
        writer.I64(status.Tip.Pending);
    }

    private static StatusMessage? ReadStatus(ref WireReader reader)
    {
        var activation = new ActivationId(reader.Epoch(), reader.I32());
        byte stage = reader.U8();
        var flags = (StatusFlags)reader.U16();
        NodeSet heard = reader.NodeSet(), closed = reader.NodeSet();
        var rows = new ConnectivityRow[reader.Count(MinRowBytes)];
        for (int i = 0; i < rows.Length && !reader.Failed; i++)
        {
            WireReader row = reader.Record();
            rows[i] = new ConnectivityRow(row.Node(), row.Incarnation(), row.NodeSet(), row.NodeSet(), (StatusFlags)row.U16());
            if (!rows[i].Node.IsValid) row.Fail();
            reader.End(row);
        }
        ClusterView? inForce = reader.Bool() ? ReadView(ref reader) : null;
        var pending = new ClusterView[reader.Count(ViewCodec.MinBytes)];
        for (int i = 0; i < pending.Length && !reader.Failed; i++) pending[i] = ReadView(ref reader);
        Epoch highestSeen = reader.Epoch(), highestPersisted = reader.Epoch();
        long storeId = reader.I64();
        ulong configurationHash = reader.U64();
        Decision? decision = reader.Bool() ? ReadDecision(ref reader) : null;
        int arbitrationFailures = reader.I32();
        NodeSet ejected = reader.NodeSet(), released = reader.NodeSet();
        long applied = reader.Count64();
        var tip = new StateTip(applied, reader.Epoch(), reader.Count64());
        if (activation.Attempt < 0 || stage > (byte)RegroupStage.Stabilised) reader.Fail();
        return reader.Failed ? null : new StatusMessage(
            activation, (RegroupStage)stage, flags, heard, closed, ImmutableArray.Create(rows), inForce, ImmutableArray.Create(pending),
            highestSeen, highestPersisted, storeId, configurationHash, decision, arbitrationFailures, ejected, released, tip);
    }

    private static Decision ReadDecision(ref WireReader reader)
    {
        WireReader record = reader.Record();
        var decision = new Decision(record.Node(), record.Incarnation(), ReadView(ref record), record.NodeSet(), record.NodeSet());
        reader.End(record);
        return decision;
    }

    // Null only when the reader has failed, and then the record around it is never handed out.
    private static ClusterView ReadView(ref WireReader reader)
    {
        ViewCodec.TryRead(ref reader, out ClusterView? view);
        return view!;
    }

    private static void Write(ref WireWriter writer, ViewId view)
    {
        writer.I64(view.Epoch.Value);
        writer.U64(view.Hash);
    }

    private static ViewId ReadViewId(ref WireReader reader) => new(reader.Epoch(), reader.U64());

    private static RoleChange ReadRoleChange(ref WireReader reader)
    {
        byte value = reader.U8();
        if (value > (byte)RoleChange.ClearQuarantine) reader.Fail();
        return (RoleChange)value;
    }

    private static MembershipStatus ReadOutcome(ref WireReader reader)
    {
        byte value = reader.U8();
        if (value > (byte)MembershipStatus.Again) reader.Fail();
        return (MembershipStatus)value;
    }
}
