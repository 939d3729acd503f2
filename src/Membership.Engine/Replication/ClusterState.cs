// The replicated state (design 6) as an immutable value: tables, and who was answered last. Judging an update and carrying a
// verdict out are two things: the coordinator judges once, every member carries out.
using System.Collections.Immutable;
using System.Text;

namespace Membership.Engine.Replication;

/// <summary>Rows written and removed by one applied update, as the coordinator judged it.</summary>
/// <param name="Table">The table.</param>
/// <param name="Verdict">For whoever asked.</param>
/// <param name="Writes">What is done to the rows; a null value removes one. Empty unless applied.</param>
/// <param name="Clear">Every row goes first.</param>
internal sealed record JudgedUpdate(string Table, TableUpdateVerdict Verdict, ImmutableArray<RowWrite> Writes, bool Clear);

internal readonly record struct RowWrite(string Key, ReadOnlyMemory<byte>? Value, long Etag);

/// <summary>Updates that one node sent together. Numbers grow by one within a life.</summary>
internal sealed record UpdateBatch(NodeId Origin, Incarnation Life, long Number, ImmutableArray<TableUpdate> Updates);

/// <summary>A batch with its verdicts.</summary>
internal sealed record JudgedBatch(NodeId Origin, Incarnation Life, long Number, ImmutableArray<JudgedUpdate> Updates);

/// <summary>One step of the log. Its identity is (epoch, sequence); a recovery repeats it under its own epoch.</summary>
internal sealed record LogEntry(long Sequence, Epoch Epoch, ImmutableArray<JudgedBatch> Batches);

/// <summary>One table.</summary>
internal sealed record TableState(long Version, long LastEtag, ImmutableSortedDictionary<string, TableRow> Rows)
{
    public static readonly TableState Empty = new(0, 0, ImmutableSortedDictionary.Create<string, TableRow>(StringComparer.Ordinal));
}

/// <summary>The last batch of a node that was carried out, so that one asked for again by a new coordinator is not carried out twice.</summary>
internal readonly record struct OriginState(Incarnation Life, long Number);

/// <param name="Generation">The epoch in which the cluster formed.</param>
/// <param name="Sequence">The last entry carried out; 0 before the first.</param>
/// <param name="LastEpoch">That entry's epoch: together its identity.</param>
/// <param name="Tables">By name.</param>
/// <param name="Origins">Who asked for what last.</param>
/// <param name="Bytes">What all rows take.</param>
internal sealed record ClusterState(
    Epoch Generation, long Sequence, Epoch LastEpoch, ImmutableSortedDictionary<string, TableState> Tables, ImmutableSortedDictionary<NodeId, OriginState> Origins, int Bytes)
{
    /// <summary>What a row costs beside key and value: etag and lengths.</summary>
    private const int RowOverhead = 16;

    private const int TableOverhead = 32;

    public static readonly ClusterState Empty = new(
        Epoch.None, 0, Epoch.None, ImmutableSortedDictionary.Create<string, TableState>(StringComparer.Ordinal), ImmutableSortedDictionary<NodeId, OriginState>.Empty, 0);

    /// <summary>What is wrong with an update by itself; null when nothing is.</summary>
    public static string? Refuse(TableUpdate update)
    {
        if (update.Table is null) return "the table's name is missing (null)";
        if (NotText(update.Table) is { } noName) return $"the table name {noName}";
        if (Encoding.UTF8.GetByteCount(update.Table) is 0 or > 64) return $"the table name '{update.Table}' must have 1..64 bytes of UTF-8";
        if (update.Changes.IsDefault || (update.Changes.IsEmpty && !update.Clear)) return "an update without changes does nothing; give at least one";
        if (update.Changes.Length > TableLimits.MaxChanges) return $"{update.Changes.Length} changes are more than {TableLimits.MaxChanges} in one update; split it";
        var keys = new HashSet<string>(StringComparer.Ordinal);
        int size = 0;
        foreach (RowChange change in update.Changes)
        {
            if (change?.Key is null) return "a change, or its row key, is missing (null)";
            if (NotText(change.Key) is { } noKey) return $"the row key {noKey}";
            if (Encoding.UTF8.GetByteCount(change.Key) is 0 or > 256) return $"the row key '{change.Key}' must have 1..256 bytes of UTF-8";
            if (!keys.Add(change.Key)) return $"the row '{change.Key}' is changed twice in one update";
            if (change.Kind > RowChangeKind.Touch) return $"{change.Kind} is no kind of change";
            if (change.Value.Length > TableLimits.MaxRowBytes) return $"the value of row '{change.Key}' has {change.Value.Length} bytes; at most {TableLimits.MaxRowBytes} fit";
            size += SizeOf(change.Key, change.Value.Length);
        }
        return size > TableLimits.MaxUpdateBytes ? $"the update takes {size} bytes; at most {TableLimits.MaxUpdateBytes} fit: split it" : null;
    }

    /// <summary>Half of a surrogate pair is no UTF-8: it would arrive as another character, and two keys as one.</summary>
    private static string? NotText(string text)
    {
        for (int at = 0; at < text.Length; at++)
        {
            if (!char.IsSurrogate(text[at])) continue;
            if (at + 1 < text.Length && char.IsSurrogatePair(text[at], text[at + 1])) at++;
            else return $"has half of a surrogate pair (U+{(int)text[at]:X4}) at {at}: use whole characters";
        }
        return null;
    }

    /// <summary>Bytes of an update on its way.</summary>
    public static int SizeOf(TableUpdate update)
    {
        int size = TableOverhead;
        foreach (RowChange change in update.Changes) size += SizeOf(change.Key, change.Value.Length);
        return size;
    }

    public TableSnapshot Read(string table)
    {
        TableState state = Tables.GetValueOrDefault(table, TableState.Empty);
        return new TableSnapshot(state.Version, state.Rows, Sequence, Generation);
    }

    /// <summary>A batch of this life with this number, or a later one, was carried out.</summary>
    public bool Knows(NodeId origin, Incarnation life, long number)
        => Origins.TryGetValue(origin, out OriginState last) && last.Life == life && last.Number >= number;

    /// <summary>Judges the batches one after another, each on the state that the ones before it make.</summary>
    public LogEntry Judge(Epoch epoch, IEnumerable<UpdateBatch> batches)
    {
        ClusterState state = this;
        var judged = ImmutableArray.CreateBuilder<JudgedBatch>();
        foreach (UpdateBatch batch in batches)
        {
            var updates = ImmutableArray.CreateBuilder<JudgedUpdate>(batch.Updates.Length);
            foreach (TableUpdate update in batch.Updates)
            {
                JudgedUpdate verdict = state.Judge(update);
                state = state.Carry(verdict);
                updates.Add(verdict);
            }
            judged.Add(new JudgedBatch(batch.Origin, batch.Life, batch.Number, updates.MoveToImmutable()));
        }
        return new LogEntry(Sequence + 1, epoch, judged.ToImmutable());
    }

    /// <summary>Carries an entry out.</summary>
    public ClusterState Apply(LogEntry entry)
    {
        ClusterState state = this;
        foreach (JudgedBatch batch in entry.Batches)
        {
            foreach (JudgedUpdate update in batch.Updates) state = state.Carry(update);
            state = state with { Origins = state.Origins.SetItem(batch.Origin, new OriginState(batch.Life, batch.Number)) };
        }
        return state with { Sequence = entry.Sequence, LastEpoch = entry.Epoch };
    }

    /// <summary>Lives that are out of the view will never ask again.</summary>
    public ClusterState Forget(ClusterView view)
    {
        ImmutableSortedDictionary<NodeId, OriginState> kept = Origins;
        foreach ((NodeId node, OriginState last) in Origins)
            if (!view.Contains(node, last.Life)) kept = kept.Remove(node);
        return kept == Origins ? this : this with { Origins = kept };
    }

    private static int SizeOf(string key, int value) => Encoding.UTF8.GetByteCount(key) + value + RowOverhead;

    private JudgedUpdate Judge(TableUpdate update)
    {
        TableState table = Tables.GetValueOrDefault(update.Table, TableState.Empty);
        JudgedUpdate Refused(TableUpdateOutcome outcome, string? key = null) => new(update.Table, new TableUpdateVerdict(outcome, table.Version, Sequence + 1, [], key), [], false);

        if (update.ExpectedVersion is { } version && version != table.Version) return Refused(TableUpdateOutcome.VersionMismatch);
        long etag = table.LastEtag;
        int bytes = Bytes + (Tables.ContainsKey(update.Table) ? 0 : TableOverhead + update.Table.Length);
        if (update.Clear)
            foreach ((string key, TableRow row) in table.Rows) bytes -= SizeOf(key, row.Value.Length);
        var writes = ImmutableArray.CreateBuilder<RowWrite>(update.Changes.Length);
        var etags = ImmutableArray.CreateBuilder<long>(update.Changes.Length);
        foreach (RowChange change in update.Changes)
        {
            TableRow? row = update.Clear ? null : table.Rows.GetValueOrDefault(change.Key);
            bool mustExist = change.Kind is not (RowChangeKind.Insert or RowChangeKind.Put) || (change.Kind == RowChangeKind.Put && change.Etag != 0);
            if (row is null && mustExist) return Refused(TableUpdateOutcome.RowMissing, change.Key);
            if (row is not null && change.Kind == RowChangeKind.Insert) return Refused(TableUpdateOutcome.RowExists, change.Key);
            if (row is not null && change.Etag != 0 && change.Etag != row.Etag) return Refused(TableUpdateOutcome.EtagMismatch, change.Key);
            if (row is not null) bytes -= SizeOf(change.Key, row.Value.Length);
            if (change.Kind == RowChangeKind.Delete)
            {
                writes.Add(new RowWrite(change.Key, null, 0));
                etags.Add(0);
                continue;
            }
            bytes += SizeOf(change.Key, change.Value.Length);
            long next = change.Kind == RowChangeKind.Touch ? row!.Etag : ++etag;
            writes.Add(new RowWrite(change.Key, change.Value, next));
            etags.Add(next);
        }
        if (bytes > TableLimits.MaxStateBytes && bytes > Bytes) return Refused(TableUpdateOutcome.Full);
        var verdict = new TableUpdateVerdict(TableUpdateOutcome.Applied, table.Version + (update.KeepVersion ? 0 : 1), Sequence + 1, etags.MoveToImmutable());
        return new JudgedUpdate(update.Table, verdict, writes.MoveToImmutable(), update.Clear);
    }

    private ClusterState Carry(JudgedUpdate update)
    {
        if (update.Verdict.Outcome != TableUpdateOutcome.Applied) return this;
        int bytes = Bytes;
        if (!Tables.TryGetValue(update.Table, out TableState? table))
        {
            table = TableState.Empty;
            bytes += TableOverhead + update.Table.Length;
        }
        ImmutableSortedDictionary<string, TableRow>.Builder rows = table.Rows.ToBuilder();
        if (update.Clear)
        {
            foreach ((string key, TableRow row) in table.Rows) bytes -= SizeOf(key, row.Value.Length);
            rows.Clear();
        }
        long etag = table.LastEtag;
        foreach (RowWrite write in update.Writes)
        {
            if (rows.TryGetValue(write.Key, out TableRow? old)) bytes -= SizeOf(write.Key, old.Value.Length);
            if (write.Value is not { } value)
            {
                rows.Remove(write.Key);
                continue;
            }
            rows[write.Key] = new TableRow(value, write.Etag);
            bytes += SizeOf(write.Key, value.Length);
            etag = Math.Max(etag, write.Etag);
        }
        return this with { Tables = Tables.SetItem(update.Table, new TableState(update.Verdict.Version, etag, rows.ToImmutable())), Bytes = bytes };
    }
}
