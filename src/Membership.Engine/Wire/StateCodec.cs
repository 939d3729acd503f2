// The replicated state, its log entries and what hosts ask of it, as bytes. Pairs of write and read side by side; everything that a
// table's own rules would refuse is refused here first.
using System.Collections.Immutable;
using Membership.Engine.Replication;

namespace Membership.Engine.Wire;

/// <summary>Encodes and decodes replicated state. Stateless; safe from any thread.</summary>
internal static class StateCodec
{
    private const int MinUpdateBytes = 2 + 4 + 1 + 1 + 1;
    private const int MinChangeBytes = 1 + 2 + 4 + 8;
    private const int MinBatchBytes = 2 + 8 + 8 + 4;
    private const int MinJudgedBytes = 2 + 1 + 8 + 4 + 1 + 4 + 1;
    private const int MinWriteBytes = 2 + 1 + 8;
    private const int MinTableBytes = 2 + 8 + 8 + 4;
    private const int MinRowBytes = 2 + 4 + 8;
    private const int MinOriginBytes = 2 + 8 + 8;

    public static void Write(ref WireWriter writer, UpdateBatch batch)
    {
        WriteHead(ref writer, batch.Origin, batch.Life, batch.Number);
        writer.U32((uint)batch.Updates.Length);
        foreach (TableUpdate update in batch.Updates)
        {
            writer.Text(update.Table);
            writer.Bool(update.ExpectedVersion is not null);
            if (update.ExpectedVersion is { } version) writer.I64(version);
            writer.Bool(update.KeepVersion);
            writer.Bool(update.Clear);
            writer.U32((uint)update.Changes.Length);
            foreach (RowChange change in update.Changes)
            {
                writer.U8((byte)change.Kind);
                writer.Text(change.Key);
                writer.Blob(change.Value.Span);
                writer.I64(change.Etag);
            }
        }
    }

    public static UpdateBatch ReadBatch(ref WireReader reader)
    {
        NodeId origin = reader.Node();
        var life = new Incarnation(reader.Count64());
        long number = reader.Count64();
        var updates = new TableUpdate[reader.Count(MinUpdateBytes)];
        for (int i = 0; i < updates.Length && !reader.Failed; i++)
        {
            string table = reader.Text();
            long? version = reader.Bool() ? reader.I64() : null;
            bool keep = reader.Bool(), clear = reader.Bool();
            var changes = new RowChange[reader.Count(MinChangeBytes)];
            for (int j = 0; j < changes.Length && !reader.Failed; j++) changes[j] = new RowChange((RowChangeKind)reader.U8(), reader.Text(), reader.Blob(), reader.I64());
            if (reader.Failed) break;
            updates[i] = new TableUpdate(table, ImmutableArray.Create(changes), version, keep, clear);
            if (ClusterState.Refuse(updates[i]) is not null) reader.Fail();
        }
        if (!origin.IsValid) reader.Fail();
        return new UpdateBatch(origin, life, number, reader.Failed ? [] : ImmutableArray.Create(updates));
    }

    public static void Write(ref WireWriter writer, LogEntry entry)
    {
        writer.I64(entry.Sequence);
        writer.I64(entry.Epoch.Value);
        writer.U32((uint)entry.Batches.Length);
        foreach (JudgedBatch batch in entry.Batches)
        {
            WriteHead(ref writer, batch.Origin, batch.Life, batch.Number);
            writer.U32((uint)batch.Updates.Length);
            foreach (JudgedUpdate update in batch.Updates) Write(ref writer, update);
        }
    }

    public static LogEntry ReadEntry(ref WireReader reader)
    {
        long sequence = reader.Count64();
        var epoch = new Epoch(reader.Count64());
        var batches = new JudgedBatch[reader.Count(MinBatchBytes)];
        for (int i = 0; i < batches.Length && !reader.Failed; i++)
        {
            NodeId origin = reader.Node();
            var life = new Incarnation(reader.Count64());
            long number = reader.Count64();
            var updates = new JudgedUpdate[reader.Count(MinJudgedBytes)];
            for (int j = 0; j < updates.Length && !reader.Failed; j++) updates[j] = ReadJudged(ref reader);
            if (!origin.IsValid) reader.Fail();
            batches[i] = new JudgedBatch(origin, life, number, ImmutableArray.Create(updates));
        }
        return new LogEntry(sequence, epoch, reader.Failed ? [] : ImmutableArray.Create(batches));
    }

    public static void Write(ref WireWriter writer, ClusterState state)
    {
        writer.I64(state.Generation.Value);
        writer.I64(state.Sequence);
        writer.I64(state.LastEpoch.Value);
        writer.U32((uint)state.Bytes);
        writer.U32((uint)state.Tables.Count);
        foreach ((string name, TableState table) in state.Tables)
        {
            writer.Text(name);
            writer.I64(table.Version);
            writer.I64(table.LastEtag);
            writer.U32((uint)table.Rows.Count);
            foreach ((string key, TableRow row) in table.Rows)
            {
                writer.Text(key);
                writer.Blob(row.Value.Span);
                writer.I64(row.Etag);
            }
        }
        writer.U32((uint)state.Origins.Count);
        foreach ((NodeId node, OriginState last) in state.Origins) WriteHead(ref writer, node, last.Life, last.Number);
    }

    public static ClusterState ReadState(ref WireReader reader)
    {
        var generation = new Epoch(reader.Count64());
        long sequence = reader.Count64();
        var lastEpoch = new Epoch(reader.Count64());
        uint bytes = reader.U32();
        if (bytes > int.MaxValue) reader.Fail();
        ImmutableSortedDictionary<string, TableState>.Builder tables = ClusterState.Empty.Tables.ToBuilder();
        for (int left = reader.Count(MinTableBytes); left > 0 && !reader.Failed; left--)
        {
            string name = reader.Text();
            long version = reader.Count64(), etag = reader.Count64();
            ImmutableSortedDictionary<string, TableRow>.Builder rows = TableState.Empty.Rows.ToBuilder();
            for (int row = reader.Count(MinRowBytes); row > 0 && !reader.Failed; row--) rows[reader.Text()] = new TableRow(reader.Blob(), reader.I64());
            tables[name] = new TableState(version, etag, rows.ToImmutable());
        }
        ImmutableSortedDictionary<NodeId, OriginState>.Builder origins = ClusterState.Empty.Origins.ToBuilder();
        for (int left = reader.Count(MinOriginBytes); left > 0 && !reader.Failed; left--) origins[reader.Node()] = new OriginState(new Incarnation(reader.Count64()), reader.Count64());
        return new ClusterState(generation, sequence, lastEpoch, tables.ToImmutable(), origins.ToImmutable(), (int)bytes);
    }

    private static void Write(ref WireWriter writer, JudgedUpdate update)
    {
        writer.Text(update.Table);
        writer.U8((byte)update.Verdict.Outcome);
        writer.I64(update.Verdict.Version);
        writer.I64(update.Verdict.StateVersion);
        writer.U32((uint)update.Verdict.Etags.Length);
        foreach (long etag in update.Verdict.Etags) writer.I64(etag);
        writer.Bool(update.Verdict.Key is not null);
        if (update.Verdict.Key is { } key) writer.Text(key);
        writer.U32((uint)update.Writes.Length);
        foreach (RowWrite write in update.Writes)
        {
            writer.Text(write.Key);
            writer.Bool(write.Value is not null);
            if (write.Value is { } value) writer.Blob(value.Span);
            writer.I64(write.Etag);
        }
        writer.Bool(update.Clear);
    }

    private static JudgedUpdate ReadJudged(ref WireReader reader)
    {
        string table = reader.Text();
        byte outcome = reader.U8();
        long version = reader.Count64(), step = reader.Count64();
        var etags = new long[reader.Count(sizeof(long))];
        for (int i = 0; i < etags.Length; i++) etags[i] = reader.I64();
        string? key = reader.Bool() ? reader.Text() : null;
        var writes = new RowWrite[reader.Count(MinWriteBytes)];
        for (int i = 0; i < writes.Length && !reader.Failed; i++) writes[i] = new RowWrite(reader.Text(), reader.Bool() ? new ReadOnlyMemory<byte>(reader.Blob()) : (ReadOnlyMemory<byte>?)null, reader.I64());
        bool clear = reader.Bool();
        if (outcome > (byte)TableUpdateOutcome.Full) reader.Fail();
        return new JudgedUpdate(table, new TableUpdateVerdict((TableUpdateOutcome)outcome, version, step, ImmutableArray.Create(etags), key), ImmutableArray.Create(writes), clear);
    }

    private static void WriteHead(ref WireWriter writer, NodeId origin, Incarnation life, long number)
    {
        writer.Node(origin);
        writer.I64(life.Value);
        writer.I64(number);
    }
}
