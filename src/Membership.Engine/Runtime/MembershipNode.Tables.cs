// The cluster's replicated tables at the host's hand: updates under conditions, reads that never miss an answered update, and a stream.
using System.Runtime.CompilerServices;
using Membership.Engine.Protocol;
using Membership.Engine.Replication;

namespace Membership.Engine.Runtime;

public sealed partial class MembershipNode
{
    private readonly LatestStream<ClusterState> _states = new(backlog: 1);
    private readonly SemaphoreSlim _updateRoom = new(TableLimits.MaxWaiting);
    private readonly SemaphoreSlim _readRoom = new(TableLimits.MaxWaiting);

    /// <summary>
    /// Updates one table of the replicated state: judged once, by the coordinator, and answered when every member has it. At most
    /// <see cref="TableLimits.MaxWaiting"/> updates of a node are under way; further callers wait for room.
    /// </summary>
    /// <param name="update">Conditions and changes; all happen or none.</param>
    /// <param name="cancellationToken">Stops waiting; an update that is under way goes on.</param>
    /// <returns>
    /// Ok with the verdict, which may be that a condition did not hold. NotMember: this node is none. Fault: the update can never be carried out
    /// (too large, a row twice). Timeout: this node left or halted, and whether the update was carried out is not known here: read the table elsewhere.
    /// </returns>
    /// <remarks>Through a regroup it waits, and is asked for again; it is carried out at most once. The state is in memory: a cluster that forms anew starts with empty tables.</remarks>
    public async Task<TableUpdateResult> UpdateTableAsync(TableUpdate update, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(update);
        var answer = new StateAnswer();
        (MembershipStatus status, string? detail) = await WithRoomAsync(
            _updateRoom, "table update", (core, id, now) => core.Update(id, update, answer, now), cancellationToken).ConfigureAwait(false);
        return new TableUpdateResult(status, status == MembershipStatus.Ok ? answer.Verdict : null, detail);
    }

    /// <summary>Reads a table as it is at one moment between call and answer, everywhere in the cluster: it contains every update that was answered before the call. Costs no message.</summary>
    /// <param name="table">Its name.</param>
    /// <param name="cancellationToken">Stops waiting.</param>
    /// <returns>Ok with the table (empty, at version 0, if it never was updated); NotMember. Waits through a hold and for updates under way.</returns>
    public async Task<TableReadResult> ReadTableAsync(string table, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(table);
        var answer = new StateAnswer();
        (MembershipStatus status, _) = await WithRoomAsync(_readRoom, "table read", (core, id, now) => core.ReadState(id, answer, now), cancellationToken).ConfigureAwait(false);
        return new TableReadResult(status, status == MembershipStatus.Ok ? answer.State!.Read(table) : null);
    }

    /// <summary>A table as this node has it, from now on, whenever it changes. Latest wins: a slow reader skips states. Not a read: another node may have a later one.</summary>
    /// <param name="table">Its name.</param>
    /// <param name="cancellationToken">Ends the stream.</param>
    /// <returns>An endless stream, until this node has stopped.</returns>
    public async IAsyncEnumerable<TableSnapshot> WatchTableAsync(string table, [EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(table);
        TableSnapshot? last = null;
        await foreach (ClusterState state in _states.WatchAsync(cancellationToken).ConfigureAwait(false))
        {
            TableSnapshot next = state.Read(table);
            if (last is not null && ReferenceEquals(last.Rows, next.Rows) && last.Version == next.Version && last.Generation == next.Generation) continue;
            last = next;
            yield return next;
        }
    }

    /// <summary>The loop has another state.</summary>
    internal void StateIs(ClusterState state) => _states.Publish(state);

    private async Task<(MembershipStatus Status, string? Detail)> WithRoomAsync(
        SemaphoreSlim room, string what, Action<MembershipCore, RequestId, MonotonicTime> ask, CancellationToken cancellationToken)
    {
        await room.WaitAsync(cancellationToken).ConfigureAwait(false);
        Task<(MembershipStatus Status, string? Detail)> asked = Request(what, ask, ofManager: false);
        // Whoever stops waiting gives no room back: the request is still under way.
        _ = asked.ContinueWith(static (_, room) => ((SemaphoreSlim)room!).Release(), room, CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
        return await asked.WaitAsync(cancellationToken).ConfigureAwait(false);
    }
}
