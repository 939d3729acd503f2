// The framework's membership table on the replicated state: one table of the cluster, two rows for each silo (what it is, and
// its last sign of life), every write judged once under the table's version and the row's etag.
using System.Collections.Immutable;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Membership.Engine;
using Membership.Engine.Replication;

namespace Membership.Provider.Silos;

/// <summary>A silo as read.</summary>
internal readonly record struct StoredSilo(SiloRow Row, string Etag, long RawEtag);

/// <summary>The table at one moment.</summary>
internal sealed record SiloTableContent(long Version, string VersionEtag, ImmutableArray<StoredSilo> Silos)
{
    public StoredSilo? Find(string silo)
    {
        foreach (StoredSilo stored in Silos)
            if (stored.Row.Silo == silo) return stored;
        return null;
    }
}

/// <summary>The table could not be read or written; whether a write was carried out is not known.</summary>
public sealed class SiloTableException(string message) : IOException(message);

internal sealed class SiloTable
{
    private const string RowPrefix = "s/";
    private const string AlivePrefix = "t/";

    /// <summary>Rows removed in one update: two changes each.</summary>
    private const int CleanupBatch = TableLimits.MaxChanges / 2;

    private readonly IClusterMembership _membership;

    /// <param name="membership">The cluster.</param>
    /// <param name="silosCluster">The framework's own name of its cluster: each has a table of its own.</param>
    public SiloTable(IClusterMembership membership, string silosCluster)
    {
        _membership = membership;
        SilosCluster = silosCluster;
        Name = NameFor("silos", silosCluster);
    }

    public string SilosCluster { get; }

    /// <summary>The name in the replicated state.</summary>
    public string Name { get; }

    /// <summary>This node's own silo, in text form, once it is known.</summary>
    public string? LocalSilo { get; set; }

    /// <summary>A table's name: readable when the cluster's name is short, else with its hash.</summary>
    public static string NameFor(string kind, string silosCluster)
    {
        string name = $"{kind}/{silosCluster}";
        return Encoding.UTF8.GetByteCount(name) <= 64 ? name : $"{kind}/{Convert.ToHexString(SHA256.HashData(Encoding.UTF8.GetBytes(silosCluster)))[..40]}";
    }

    public async Task<SiloTableContent> ReadAsync(CancellationToken cancellationToken = default)
    {
        TableReadResult read = await _membership.ReadTableAsync(Name, cancellationToken).ConfigureAwait(false);
        return read.Table is { } table ? Content(table) : throw new SiloTableException($"The silo table cannot be read: node {_membership.Self} is not a member of the cluster ({read.Status}).");
    }

    public static SiloTableContent Content(TableSnapshot table)
    {
        var silos = ImmutableArray.CreateBuilder<StoredSilo>();
        foreach ((string key, TableRow row) in table.Rows)
        {
            if (!key.StartsWith(RowPrefix, StringComparison.Ordinal)) continue;
            if (!table.Rows.TryGetValue(string.Concat(AlivePrefix, key.AsSpan(RowPrefix.Length)), out TableRow? alive))
                throw new InvalidDataException($"Row '{key}' of the silo table has no sign of life beside it.");
            silos.Add(new StoredSilo(SiloRowCodec.Decode(row.Value, alive.Value), Etag(table.Generation, row.Etag), row.Etag));
        }
        return new SiloTableContent(table.Version, Etag(table.Generation, table.Version), silos.ToImmutable());
    }

    /// <summary>Adds a silo and raises the version, or does nothing.</summary>
    /// <param name="row">The silo.</param>
    /// <param name="versionEtag">The etag of the version the table must have.</param>
    /// <param name="newVersion">What the version becomes: one more than it is.</param>
    /// <param name="cancellationToken">Stops waiting.</param>
    /// <returns>False when the silo is there already, or the table has another version.</returns>
    public async Task<bool> InsertAsync(SiloRow row, string? versionEtag, long newVersion, CancellationToken cancellationToken = default)
    {
        SiloTableContent now = await ReadAsync(cancellationToken).ConfigureAwait(false);
        if (now.VersionEtag != versionEtag) return false;
        CheckNext(now, newVersion);
        if (row.Silo == LocalSilo)
        {
            // Without its node's life nobody could tell later that the silo is gone.
            ClusterView view = _membership.CurrentView ?? throw new SiloTableException($"The silo table cannot be written: node {_membership.Self} is not a member of the cluster.");
            row = row with { Node = _membership.Self, Life = view.Find(_membership.Self).Incarnation, Since = view.Epoch };
        }
        row = row with { Writer = _membership.Self };
        return await ApplyAsync(now.Version, false, cancellationToken, Put(RowChangeKind.Insert, row, 0), PutAlive(row)).ConfigureAwait(false);
    }

    /// <summary>Replaces a silo's row and raises the version, or does nothing.</summary>
    /// <param name="row">The silo as it is to be.</param>
    /// <param name="etag">The etag the row must have.</param>
    /// <param name="versionEtag">The etag of the version the table must have.</param>
    /// <param name="newVersion">What the version becomes: one more than it is.</param>
    /// <param name="cancellationToken">Stops waiting.</param>
    /// <returns>False when the silo is not there, its row has another etag, or the table another version.</returns>
    public async Task<bool> UpdateAsync(SiloRow row, string? etag, string? versionEtag, long newVersion, CancellationToken cancellationToken = default)
    {
        SiloTableContent now = await ReadAsync(cancellationToken).ConfigureAwait(false);
        if (now.VersionEtag != versionEtag || now.Find(row.Silo) is not { } stored || stored.Etag != etag) return false;
        CheckNext(now, newVersion);
        row = row with { Node = stored.Row.Node, Life = stored.Row.Life, Since = stored.Row.Since, Writer = _membership.Self };
        return await ApplyAsync(now.Version, false, cancellationToken, Put(RowChangeKind.Update, row, stored.RawEtag), PutAlive(row)).ConfigureAwait(false);
    }

    /// <summary>Renews a silo's sign of life. Neither the version nor the row's etag changes; for a silo that is not there nothing happens.</summary>
    public Task UpdateAliveAsync(string silo, DateTime time, CancellationToken cancellationToken = default)
        => ApplyAsync(null, true, cancellationToken, new RowChange(RowChangeKind.Touch, AlivePrefix + silo, SiloRowCodec.EncodeTime(time)));

    /// <summary>Marks silos dead in one update.</summary>
    /// <param name="seen">The table as it was when they were found to be gone.</param>
    /// <param name="gone">Those silos.</param>
    /// <param name="time">Now.</param>
    /// <param name="cancellationToken">Stops waiting.</param>
    /// <returns>False when the table has changed since.</returns>
    public Task<bool> BuryAsync(SiloTableContent seen, IEnumerable<StoredSilo> gone, DateTime time, CancellationToken cancellationToken = default)
    {
        ImmutableArray<RowChange> changes = [.. gone.Take(CleanupBatch).Select(silo => Put(RowChangeKind.Update, Bury(silo.Row, time), silo.RawEtag))];
        return ApplyAsync(seen.Version, false, cancellationToken, changes);
    }

    /// <summary>Removes the rows of all silos that are not active and of which nothing was heard since a time. The version stays.</summary>
    public async Task CleanUpAsync(DateTimeOffset before, CancellationToken cancellationToken = default)
    {
        while (true)
        {
            SiloTableContent now = await ReadAsync(cancellationToken).ConfigureAwait(false);
            ImmutableArray<RowChange> changes =
            [
                .. now.Silos
                    .Where(silo => silo.Row.Status != SiloRowStatus.Active && DateTime.SpecifyKind(silo.Row.LastUpdate, DateTimeKind.Utc) < before.UtcDateTime)
                    .Take(CleanupBatch)
                    .SelectMany(static silo => new[]
                    {
                        new RowChange(RowChangeKind.Delete, RowPrefix + silo.Row.Silo, default, silo.RawEtag),
                        new RowChange(RowChangeKind.Delete, AlivePrefix + silo.Row.Silo, default),
                    }),
            ];
            // A row that changed meanwhile fails the whole batch: look again.
            if (changes.IsEmpty) return;
            await ApplyAsync(null, true, cancellationToken, changes).ConfigureAwait(false);
        }
    }

    /// <summary>Removes every row of one cluster's table; the name of another cluster does nothing.</summary>
    public async Task DeleteAsync(string silosCluster, CancellationToken cancellationToken = default)
    {
        if (silosCluster != SilosCluster) return;
        Judge(await _membership.UpdateTableAsync(new TableUpdate(Name, [], Clear: true), cancellationToken).ConfigureAwait(false));
    }

    private SiloRow Bury(SiloRow row, DateTime time)
    {
        ImmutableArray<SiloVote> votes = row.Suspects.IsDefault ? [] : row.Suspects;
        return row with
        {
            Status = SiloRowStatus.Dead,
            Writer = _membership.Self,
            Suspects = LocalSilo is { } self ? votes.Add(new SiloVote(self, time)) : votes,
        };
    }

    private static void CheckNext(SiloTableContent now, long newVersion)
    {
        if (newVersion != now.Version + 1)
            throw new ArgumentException($"The table has version {now.Version}; a write makes it {now.Version + 1}, and was asked to make it {newVersion}.", nameof(newVersion));
    }

    private static RowChange Put(RowChangeKind kind, SiloRow row, long etag) => new(kind, RowPrefix + row.Silo, SiloRowCodec.Encode(row), etag);

    private static RowChange PutAlive(SiloRow row) => new(RowChangeKind.Put, AlivePrefix + row.Silo, SiloRowCodec.EncodeTime(row.IAmAliveTime));

    private async Task<bool> ApplyAsync(long? expected, bool keepVersion, CancellationToken cancellationToken, params ImmutableArray<RowChange> changes)
        => Judge(await _membership.UpdateTableAsync(new TableUpdate(Name, changes, expected, keepVersion), cancellationToken).ConfigureAwait(false));

    private static bool Judge(TableUpdateResult result) => result switch
    {
        { Status: MembershipStatus.Ok, Verdict.Outcome: TableUpdateOutcome.Applied } => true,
        { Status: MembershipStatus.Ok, Verdict.Outcome: TableUpdateOutcome.Full } => throw new SiloTableException(
            $"The replicated state has no room for this row ({TableLimits.MaxStateBytes} bytes in all): remove entries of dead silos, or make them smaller."),
        { Status: MembershipStatus.Ok } => false,
        { Status: MembershipStatus.Timeout } => throw new SiloTableException("Whether the silo table was written is not known: this node left or halted meanwhile. Read it again."),
        _ => throw new SiloTableException($"The silo table cannot be written ({result.Status}): {result.Detail ?? "this node is not a member of the cluster"}."),
    };

    private static string Etag(Epoch generation, long number) => string.Create(CultureInfo.InvariantCulture, $"{generation.Value}.{number}");
}
