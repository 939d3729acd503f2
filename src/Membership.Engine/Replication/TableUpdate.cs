// What a host asks of the replicated state: conditions on a table and its rows, and changes, carried out together or not at all.
using System.Collections.Immutable;

namespace Membership.Engine.Replication;

/// <summary>What is done to one row.</summary>
public enum RowChangeKind : byte
{
    /// <summary>The row must not exist.</summary>
    Insert = 0,

    /// <summary>The row must exist, with the etag given (0 = any).</summary>
    Update = 1,

    /// <summary>The row is written whether it exists or not; with an etag given it must exist and have it.</summary>
    Put = 2,

    /// <summary>The row must exist, with the etag given (0 = any), and goes.</summary>
    Delete = 3,

    /// <summary>The row must exist; its value changes and its etag stays. For data that no condition rests on.</summary>
    Touch = 4,
}

/// <summary>One row's change.</summary>
/// <param name="Kind">What is done.</param>
/// <param name="Key">The row's key, 1..256 bytes of UTF-8.</param>
/// <param name="Value">The new value, up to <see cref="TableLimits.MaxRowBytes"/>; ignored by Delete. Not copied: do not change it afterwards.</param>
/// <param name="Etag">The etag the row must have; 0 where none is asked for.</param>
public sealed record RowChange(RowChangeKind Kind, string Key, ReadOnlyMemory<byte> Value, long Etag = 0);

/// <summary>An update of one table: all of it happens, or none of it.</summary>
/// <param name="Table">The table's name, 1..64 bytes of UTF-8. A table comes into being with its first update, at version 0 before it.</param>
/// <param name="Changes">The changes, at most <see cref="TableLimits.MaxChanges"/>, each of another row; none only with <paramref name="Clear"/>.</param>
/// <param name="ExpectedVersion">The version the table must have; null = any.</param>
/// <param name="KeepVersion">Leaves the table's version as it is; else it grows by one.</param>
/// <param name="Clear">Removes every row first.</param>
public sealed record TableUpdate(
    string Table, ImmutableArray<RowChange> Changes, long? ExpectedVersion = null, bool KeepVersion = false, bool Clear = false);

/// <summary>How an update was judged, once, by the coordinator.</summary>
public enum TableUpdateOutcome : byte
{
    /// <summary>It happened.</summary>
    Applied = 0,

    /// <summary>The table has another version.</summary>
    VersionMismatch = 1,

    /// <summary>A row has another etag.</summary>
    EtagMismatch = 2,

    /// <summary>A row to be inserted exists.</summary>
    RowExists = 3,

    /// <summary>A row to be changed does not exist.</summary>
    RowMissing = 4,

    /// <summary>The state would be larger than <see cref="TableLimits.MaxStateBytes"/>: delete rows first.</summary>
    Full = 5,
}

/// <summary>The verdict on an update.</summary>
/// <param name="Outcome">Whether it happened, and why not.</param>
/// <param name="Version">The table's version after it.</param>
/// <param name="StateVersion">Which update of the whole state it was part of: whoever reads this one or a later one sees it.</param>
/// <param name="Etags">When applied: the rows' new etags, in the order of the changes (0 for a deleted one). Else empty.</param>
/// <param name="Key">When a row stood in the way: its key.</param>
public sealed record TableUpdateVerdict(TableUpdateOutcome Outcome, long Version, long StateVersion, ImmutableArray<long> Etags, string? Key = null);

/// <summary>One row as read.</summary>
/// <param name="Value">Its value.</param>
/// <param name="Etag">Its etag: grows with every change of any row of the table, never 0, never used twice.</param>
public sealed record TableRow(ReadOnlyMemory<byte> Value, long Etag);

/// <summary>A table as it was at one moment. Immutable.</summary>
/// <param name="Version">0 for a table that never was updated.</param>
/// <param name="Rows">The rows by key, in ordinal order.</param>
/// <param name="StateVersion">Which update of the whole state was the last one before it; with the generation it orders reads of different tables.</param>
/// <param name="Generation">The epoch in which the cluster formed; a cluster that forms anew starts with empty tables and another generation.</param>
public sealed record TableSnapshot(long Version, IReadOnlyDictionary<string, TableRow> Rows, long StateVersion, Epoch Generation);

/// <summary>Bounds of the replicated state: every member holds all of it, and a joiner gets it in one message.</summary>
public static class TableLimits
{
    /// <summary>Bytes of one row's value.</summary>
    public const int MaxRowBytes = 64 * 1024;

    /// <summary>Changes in one update.</summary>
    public const int MaxChanges = 256;

    /// <summary>Bytes of one update, keys and overhead counted.</summary>
    public const int MaxUpdateBytes = 128 * 1024;

    /// <summary>Bytes of all tables together, keys and overhead counted.</summary>
    public const int MaxStateBytes = 640 * 1024;

    /// <summary>Updates of one node that wait or are under way; further callers wait for room.</summary>
    public const int MaxWaiting = 256;
}
