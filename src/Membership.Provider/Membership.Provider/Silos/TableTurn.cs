// Silos that start or stop together write to one table under its version, and a lost write costs the framework two seconds of waiting.
// A turn lets one write at a time: a row that says whose turn it is. It only spares the collision; nothing rests on it.
using System.Collections.Immutable;
using Membership.Engine;
using Membership.Engine.Replication;

namespace Membership.Provider.Silos;

internal sealed class TableTurn(IClusterMembership membership, string silosCluster, TimeProvider time)
{
    private const string Key = "turn";
    private static readonly TimeSpan LookInterval = TimeSpan.FromMilliseconds(10);

    private readonly string _table = SiloTable.NameFor("turns", silosCluster);
    private long _etag;

    /// <summary>Waits for the turn, at most so long, then goes on without it.</summary>
    /// <param name="limit">The longest to wait.</param>
    /// <param name="cancellationToken">Ends the waiting.</param>
    /// <returns>Whether it is this node's turn.</returns>
    public async Task<bool> TakeAsync(TimeSpan limit, CancellationToken cancellationToken)
    {
        if (_etag != 0) return true;
        long started = time.GetTimestamp();
        while (time.GetElapsedTime(started) < limit && membership.CurrentView is { } view)
        {
            byte[] me = new byte[18];
            BitConverter.TryWriteBytes(me, (ushort)membership.Self.Value);
            BitConverter.TryWriteBytes(me.AsSpan(2), view.Find(membership.Self).Incarnation.Value);
            BitConverter.TryWriteBytes(me.AsSpan(10), view.Epoch.Value);
            TableUpdateResult asked = await ChangeAsync(new RowChange(RowChangeKind.Insert, Key, me), cancellationToken).ConfigureAwait(false);
            if (asked.IsApplied)
            {
                _etag = asked.Verdict!.Etags[0];
                return true;
            }
            if (asked.Verdict is not { Outcome: TableUpdateOutcome.RowExists }) return false;
            await Task.Delay(LookInterval, time, cancellationToken).ConfigureAwait(false);
            await TakeFromTheDeadAsync(cancellationToken).ConfigureAwait(false);
        }
        return false;
    }

    /// <summary>Lets the next one.</summary>
    public async Task GiveAsync(CancellationToken cancellationToken)
    {
        long etag = Interlocked.Exchange(ref _etag, 0);
        if (etag != 0) await ChangeAsync(new RowChange(RowChangeKind.Delete, Key, default, etag), cancellationToken).ConfigureAwait(false);
    }

    /// <summary>A holder whose life is no longer in the view will not give it back.</summary>
    private async Task TakeFromTheDeadAsync(CancellationToken cancellationToken)
    {
        TableReadResult read = await membership.ReadTableAsync(_table, cancellationToken).ConfigureAwait(false);
        if (read.Table is not { } table || !table.Rows.TryGetValue(Key, out TableRow? row) || row.Value.Length < 18 || membership.CurrentView is not { } view) return;
        ReadOnlySpan<byte> value = row.Value.Span;
        var holder = new NodeId(BitConverter.ToUInt16(value));
        var life = new Incarnation(BitConverter.ToInt64(value[2..]));
        if (view.Epoch.Value >= BitConverter.ToInt64(value[10..]) && !view.Contains(holder, life))
            await ChangeAsync(new RowChange(RowChangeKind.Delete, Key, default, row.Etag), cancellationToken).ConfigureAwait(false);
    }

    private Task<TableUpdateResult> ChangeAsync(RowChange change, CancellationToken cancellationToken)
        => membership.UpdateTableAsync(new TableUpdate(_table, ImmutableArray.Create(change), KeepVersion: true), cancellationToken);
}
