// The membership manager's calls that the everyday ones do not cover: forming and admitting with a time limit, the quorum
// resource of the host, arbitration results, waiting for a regroup to end, shutdown, and the diagnostic language.
using System.Collections.Immutable;
using Membership.Engine.Protocol;

namespace Membership.Engine.Runtime;

public sealed partial class MembershipNode
{
    private static readonly TimeSpan DiagnosisLimit = TimeSpan.FromSeconds(10);

    private readonly FaultSwitch _faults = new();
    private volatile bool _startRefused;

    /// <summary>The members and the clock values as this node knows them now. Any thread; never blocks; during a regroup it is the membership known before it.</summary>
    /// <returns>No nodes while this node is not a member: it knows of no cluster.</returns>
    /// <remarks>MMClusterInfo. It changes before the callbacks about the change are made, so that a callback may be about a node that is already (not) in it.</remarks>
    public ClusterInfo GetClusterInfo()
        => _currentView is { } view ? new ClusterInfo([.. view.Nodes], view.Timing, view.Epoch) : new ClusterInfo([], _options.EffectiveTiming, Epoch.None);

    /// <summary>
    /// This node's own number: becomes a member of a cluster that is formed now (or already runs), as <see cref="StartAsync"/> with
    /// <see cref="MembershipNodeOptions.Bootstrap"/> and a wait. Another number, at the coordinator: waits until that node, which must
    /// have been started in its own process and petitions by itself, is a member. One join runs at a time.
    /// </summary>
    /// <param name="joiningNode">The node.</param>
    /// <param name="timing">
    /// Clock period T 5 ms..10 s, send rate S 1..100, receive rate R 2..100; a 0 means the header's default (300 ms, 4, 2), and no value at all the options' <see cref="MembershipNodeOptions.Timing"/>. Used by the forming of a
    /// new cluster only: later members inherit the cluster's. L = R*S*T is silence until a node is suspect and the length of a lease; a
    /// crash or silence costs L and round trips until the new view is installed, a regroup that loses nobody costs round trips and disk writes.
    /// </param>
    /// <param name="timeout">Overall limit on the attempt, after which it is abandoned; zero means <see cref="MembershipNodeOptions.JoinTimeout"/>.</param>
    /// <param name="cancellationToken">Stops waiting; the attempt goes on.</param>
    /// <returns>
    /// Ok: member; its node-up callback has been or is being made everywhere. Already: a member before the call (perhaps a former life of it
    /// that the cluster has not missed yet). Fault: illegal values, an unknown number, a number in use, not the coordinator, or halted.
    /// Transient: a regroup came in between; try again. Timeout. NotMember: this node is none and cannot admit another.
    /// </returns>
    /// <exception cref="Storage.ViewStoreException">As <see cref="StartAsync"/>.</exception>
    /// <exception cref="Transport.TransportStartException">As <see cref="StartAsync"/>.</exception>
    /// <exception cref="InvalidOperationException">The witness cannot be used.</exception>
    /// <remarks>MMJoin.</remarks>
    public async Task<MembershipStatus> JoinAsync(
        NodeId joiningNode, ClusterTiming timing = default, TimeSpan timeout = default, CancellationToken cancellationToken = default)
    {
        if (timeout < TimeSpan.Zero || !joiningNode.IsValid) return MembershipStatus.Fault;
        MembershipNodeOptions wanted = WithTiming(timing);
        if (wanted.Validate(_arbiter is not null).Count > 0) return MembershipStatus.Fault;
        TimeSpan limit = timeout == TimeSpan.Zero ? _options.JoinTimeout : timeout;
        return joiningNode == Self
            ? await FormAsync(wanted, limit, cancellationToken).ConfigureAwait(false)
            : await RequestAsync($"join of {joiningNode}", (core, id, now) => core.Admit(id, joiningNode, limit, now), cancellationToken).ConfigureAwait(false);
    }

    /// <summary>
    /// Tells the engine that the host's own quorum resource is about to be owned by this node, or given up. Call it before the resource is
    /// arbitrated, brought online, taken offline or terminated, and go on only with Ok. At rest the witness follows: acquired when nobody
    /// has it, or given up.
    /// </summary>
    /// <param name="owner">This node, or <see cref="NodeId.Invalid"/> to give the ownership up.</param>
    /// <param name="block">True waits for the end of a regroup in progress; false gives up at once, whatever happens.</param>
    /// <param name="cancellationToken">Stops waiting.</param>
    /// <returns>
    /// Ok: it is set. Transient: a regroup was in progress and chose otherwise. Fault: another node's number. With it, if a regroup was in
    /// progress, the node it chose to arbitrate, or none.
    /// </returns>
    /// <remarks>MMSetQuorumOwner: Ok is ERROR_SUCCESS and Transient ERROR_RETRY.</remarks>
    public async Task<(MembershipStatus Status, NodeId SelectedOwner)> SetQuorumOwnerAsync(NodeId owner, bool block, CancellationToken cancellationToken = default)
    {
        var selected = new NodeAnswer();
        MembershipStatus status = await RequestAsync("set quorum owner", (core, id, now) => core.SetQuorumOwner(id, owner, block, selected, now), cancellationToken).ConfigureAwait(false);
        return (status, selected.Node);
    }

    /// <summary>Who won the arbitration of the last regroup.</summary>
    /// <param name="cancellationToken">Stops waiting.</param>
    /// <returns>Ok and the node, or none when that regroup needed no arbitration; Transient during a regroup.</returns>
    /// <remarks>MMGetArbitrationWinner.</remarks>
    public async Task<(MembershipStatus Status, NodeId Winner)> GetArbitrationWinnerAsync(CancellationToken cancellationToken = default)
    {
        var winner = new NodeAnswer();
        MembershipStatus status = await RequestAsync("arbitration winner", (core, id, now) => core.GetArbitrationWinner(id, winner, now), cancellationToken).ConfigureAwait(false);
        return (status, winner.Node);
    }

    /// <summary>Who won the arbitration of the last regroup that had one; waits for the end of a regroup in progress.</summary>
    /// <param name="cancellationToken">Stops waiting.</param>
    /// <returns>The node, or none.</returns>
    /// <remarks>MMApproxArbitrationWinner.</remarks>
    public async Task<NodeId> GetLastArbitrationWinnerAsync(CancellationToken cancellationToken = default)
    {
        var winner = new NodeAnswer();
        await RequestAsync("last arbitration winner", (core, id, now) => core.WaitWhileRegrouping(id, winner, now), cancellationToken).ConfigureAwait(false);
        return winner.Node;
    }

    /// <summary>Waits until no regroup is in progress; ends at once when there is none, or when this node is not a member.</summary>
    /// <param name="cancellationToken">Stops waiting.</param>
    /// <returns>A task that ends then.</returns>
    /// <remarks>MMBlockIfRegroupIsInProgress.</remarks>
    public Task WaitWhileRegroupingAsync(CancellationToken cancellationToken = default)
        => RequestAsync("wait for the regroup", static (core, id, now) => core.WaitWhileRegrouping(id, new NodeAnswer(), now), cancellationToken);

    /// <summary>
    /// Ends all membership services of this node; leave first. As <see cref="DisposeAsync"/>, but a shutdown during a regroup is reported as
    /// a halt with <see cref="HaltCode.StopRequested"/>. Nothing can be asked of the node afterwards.
    /// </summary>
    /// <returns>A task that ends when its ports and its store are free again.</returns>
    /// <remarks>MMShutdown; MM_STOP_REQUESTED.</remarks>
    public async Task ShutdownAsync()
    {
        if (_currentView is not null) await RequestAsync("shutdown", static (core, id, now) => core.Stop(id, now), CancellationToken.None).ConfigureAwait(false);
        await DisposeAsync().ConfigureAwait(false);
    }

    /// <summary>Answers a line of the diagnostic language; <c>help</c> lists it. For people and tests; the text is not an interface.</summary>
    /// <param name="command">E.g. <c>state</c>, <c>view</c>, <c>matrix</c>, <c>lease</c>, <c>paths</c>, <c>counters</c>, <c>journal 20</c>.</param>
    /// <param name="cancellationToken">Stops waiting.</param>
    /// <returns>The answer, lines separated by a line feed; an unknown or refused command is answered with what to do.</returns>
    /// <remarks>MMDiag. The verbs that break things are refused unless <see cref="MembershipNodeOptions.AllowDiagnosticFaults"/> is set.</remarks>
    public async Task<string> DiagnoseAsync(string command, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(command);
        CoreSnapshot? snapshot = await AskForSnapshotAsync(cancellationToken).ConfigureAwait(false);
        return DiagnosticLanguage.Answer(command, new DiagnosticSubject(this, _options, snapshot, _faults, Stall, _halted.Task.IsCompletedSuccessfully ? _halted.Task.Result : null));
    }

    /// <summary>Everything that people may look at, as of one moment of the loop.</summary>
    internal async Task<NodeSnapshot> TakeSnapshotAsync(CancellationToken cancellationToken)
    {
        CoreSnapshot? core = await AskForSnapshotAsync(cancellationToken).ConfigureAwait(false);
        (ImmutableArray<Incident> incidents, ImmutableArray<NotedChange> changes) = _history.Snapshot();
        return new NodeSnapshot(
            _options, core, _lease.Current, incidents, changes, GetCounters(), _journal.Snapshot(), _halted.Task.IsCompletedSuccessfully ? _halted.Task.Result : null,
            _arbiter?.Description, Volatile.Read(ref _parts)?.Witness?.LastCall, _clock.Provider.GetUtcNow());
    }

    /// <summary>Null while the node is down, or when its loop does not answer in time.</summary>
    private async Task<CoreSnapshot?> AskForSnapshotAsync(CancellationToken cancellationToken)
    {
        if (Volatile.Read(ref _parts) is not { } parts) return null;
        var taken = new TaskCompletionSource<CoreSnapshot>(TaskCreationOptions.RunContinuationsAsynchronously);
        if (!parts.Loop.Post((core, now) => taken.TrySetResult(core.TakeSnapshot(now)))) return null;
        using var answered = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        Task ended = await Task.WhenAny(taken.Task, parts.Loop.Ended, Task.Delay(DiagnosisLimit, _clock.Provider, answered.Token)).ConfigureAwait(false);
        cancellationToken.ThrowIfCancellationRequested();
        await answered.CancelAsync().ConfigureAwait(false);
        return ended == taken.Task ? await taken.Task.ConfigureAwait(false) : null;
    }

    /// <summary>A test's fault: the loop does nothing for so long, as a machine that is held up.</summary>
    private void Stall(TimeSpan time) => Volatile.Read(ref _parts)?.Loop.Post((_, _) => Thread.Sleep(time));

    private bool IsStarted
    {
        get
        {
            lock (_gate) return _started;
        }
    }

    private MembershipNodeOptions WithTiming(ClusterTiming timing)
        => timing == default ? _options : _options with { Timing = timing with { ClockPeriod = timing.ClockPeriod == TimeSpan.Zero ? ClusterTiming.Default.ClockPeriod : timing.ClockPeriod } };

    private async Task<MembershipStatus> FormAsync(MembershipNodeOptions wanted, TimeSpan limit, CancellationToken cancellationToken)
    {
        if (_halted.Task.IsCompleted) return MembershipStatus.Fault;
        if (_currentView is not null) return MembershipStatus.Already;
        if (IsStarted) return MembershipStatus.Transient;
        if (Volatile.Read(ref _parts) is null) _options = wanted with { Bootstrap = true };
        using var time = new CancellationTokenSource(limit, _clock.Provider);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(time.Token, cancellationToken);
        try
        {
            await BeginAsync(null, either.Token).ConfigureAwait(false);
            await WaitForViewAsync(either.Token).ConfigureAwait(false);
            return MembershipStatus.Ok;
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            if (IsStarted) await LeaveAsync(CancellationToken.None).ConfigureAwait(false);
            return MembershipStatus.Timeout;
        }
        catch (InvalidOperationException) when (_startRefused || _halted.Task.IsCompleted)
        {
            return MembershipStatus.Fault;
        }
    }
}
