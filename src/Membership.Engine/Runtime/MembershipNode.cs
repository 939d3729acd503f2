// One node of a cluster: the parts put together, their start and their end, and the calls a host makes. The protocol
// runs on the node's own loop; every call here either reads a published value or hands the loop a request.
using System.Collections.Concurrent;
using Membership.Engine.Arbitration;
using Membership.Engine.Protocol;
using Membership.Engine.Storage;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;

namespace Membership.Engine.Runtime;

/// <summary>A node of a membership cluster: the membership manager. Safe from any thread; properties never block.</summary>
/// <remarks>
/// Its constructor is the header's MMInit: own number and all callbacks, once per object, sends nothing, does not block. Every other function
/// of the header is a member here, or follows from one; <c>docs/api-map.md</c> is the table, <see cref="Compat.ClusterMembershipManager"/> the same with the header's names.
/// Make it, <see cref="StartAsync"/> it, wait for the first view with <see cref="WaitForViewAsync"/>; watch <see cref="Halted"/>: a
/// node that halts must stop serving, and its process should end. It disposes the arbiter it was given.
/// </remarks>
public sealed partial class MembershipNode : IAsyncDisposable
{
    private const int MaxOutstandingRequests = 256;

    private MembershipNodeOptions _options;
    private readonly IQuorumArbiter? _arbiter;
    private readonly IMembershipCallbacks _callbackHost;
    private readonly ILogger _logger;
    private readonly MonotonicClock _clock;
    private readonly LeasePublisher _lease;
    private readonly NodeJournal _journal;
    private readonly NodeHistory _history;
    private readonly LoopCounters _counters = new();
    private readonly LatestStream<ClusterView> _views = new(backlog: 16);
    private readonly ConcurrentDictionary<long, PendingRequest> _requests = new();
    private readonly TaskCompletionSource<NodeHalt> _halted = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource<string> _refused = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly SemaphoreSlim _lifetime = new(1, 1);
    private readonly Lock _gate = new();
    private TaskCompletionSource<ClusterView> _firstView = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private volatile ClusterView? _currentView;
    private Parts? _parts;
    private Task? _shutDown;
    private bool _started;
    private int _starts;
    private long _lastRequest;

    /// <summary>Makes a node; touches neither files nor network.</summary>
    /// <param name="options">Its options.</param>
    /// <param name="arbiter">The witness' arbiter, or null for none; the node disposes it.</param>
    /// <param name="callbacks">The host's callbacks, or null.</param>
    /// <param name="loggerFactory">Where it logs, or null.</param>
    /// <exception cref="OptionsValidationException">The options are not usable; the message lists every failure.</exception>
    public MembershipNode(
        MembershipNodeOptions options, IQuorumArbiter? arbiter = null, IMembershipCallbacks? callbacks = null, ILoggerFactory? loggerFactory = null)
    {
        ArgumentNullException.ThrowIfNull(options);
        List<string> failures = [.. options.Validate(arbiter is not null)];
        if (arbiter is { KeepsRecord: false } && options.Policy != QuorumPolicy.TwoNodeWitness)
            failures.Add($"Policy is {options.Policy?.ToString() ?? "not set"} and the {arbiter.Description} keeps no record of views: use TwoNodeWitness, or an arbiter with a record.");
        if (failures.Count > 0) throw new OptionsValidationException(nameof(MembershipNodeOptions), typeof(MembershipNodeOptions), failures);
        _options = options;
        _arbiter = arbiter;
        _callbackHost = callbacks ?? NoCallbacks.Instance;
        _logger = (loggerFactory ?? NullLoggerFactory.Instance).CreateLogger("Membership.Engine.Node");
        _clock = new MonotonicClock(options.TimeProvider);
        _lease = new LeasePublisher(_clock);
        _journal = new NodeJournal(_clock);
        _history = new NodeHistory(_clock);
        _changes = new ChangeHub(options.NotificationQueueLength);
        Self = new NodeId(options.Self);
    }

    /// <summary>This node's number.</summary>
    public NodeId Self { get; }

    /// <summary>The members, as the cluster information has them: null while this node is not a member. Never blocks.</summary>
    /// <remarks>MMClusterInfo. Changes before the callbacks about the change are made; during a regroup it is the view before.</remarks>
    public ClusterView? CurrentView => _currentView;

    /// <summary>The lease of the newest epoch. Check <see cref="MembershipLease.IsValid"/> at the point of use; take it from here anew after a hold.</summary>
    public MembershipLease Lease => _lease.Current;

    /// <summary>Completes when this node halts; never when it leaves or is disposed.</summary>
    public Task<NodeHalt> Halted => _halted.Task;

    /// <summary>Ends, with the reason, when a running cluster has refused this node for good: it is down, and does not ask again by itself.</summary>
    internal Task<string> Refused => _refused.Task;

    /// <summary>This node's role over <see cref="CurrentView"/>.</summary>
    public MemberRole Role => RoleOf(Self);

    /// <summary>The last lines of what happened, oldest first.</summary>
    public IReadOnlyList<JournalLine> Journal => _journal.Snapshot();

    /// <summary>Whether a node is a member of <see cref="CurrentView"/>.</summary>
    /// <param name="node">Its number.</param>
    /// <returns>True if it is.</returns>
    /// <remarks>MMIsNodeUp.</remarks>
    public bool IsNodeUp(NodeId node) => _currentView?.Contains(node) ?? false;

    /// <summary>The role of any node over <see cref="CurrentView"/>.</summary>
    /// <param name="node">Its number.</param>
    /// <returns>Its role; Out also while this node itself is not a member.</returns>
    public MemberRole RoleOf(NodeId node) => RoleIn(_currentView, node);

    /// <summary>The role of a node over a given view, for looking at several nodes of one view while views may change.</summary>
    /// <param name="view">A view, or null for no membership.</param>
    /// <param name="node">The node's number.</param>
    /// <returns>Its role in that view; Out when it is not in it.</returns>
    public static MemberRole RoleIn(ClusterView? view, NodeId node)
    {
        if (view is null || !view.Contains(node)) return MemberRole.Out;
        return view.Master == node ? MemberRole.Master : view.ViceMaster == node ? MemberRole.ViceMaster : MemberRole.In;
    }

    /// <summary>What was counted so far; zeros before the start.</summary>
    /// <returns>A snapshot.</returns>
    public MembershipCounters GetCounters()
    {
        Parts? parts = Volatile.Read(ref _parts);
        var counters = new MembershipCounters
        {
            MessagesDropped = _counters.Dropped,
            Regroups = _counters.Regroups,
            ViewsInstalled = _counters.Installed,
            StoreWrites = _counters.Writes,
            HeartbeatsMissed = _counters.Missed,
            Notifications = _changes.PublishedCount,
            NotificationsLost = _changes.LostCount,
        };
        return parts is null ? counters : parts.Network.Count(counters) with
        {
            QueueOverflows = parts.Loop.Overflows,
            SlowCallbacks = parts.Callbacks.SlowCount,
            FailedCallbacks = parts.Callbacks.FailedCount,
            LatestWakeup = parts.Loop.Latest,
            LoopAllocatedBytes = parts.Loop.AllocatedBytes,
        };
    }

    /// <summary>
    /// Opens the store, checks the witness, binds the ports, and begins to look for a cluster: to join it, or to take part in forming one.
    /// Also after a <see cref="LeaveAsync"/>, to come back. Does not wait for a view.
    /// </summary>
    /// <param name="cancellationToken">Ends the start; what was opened is closed again.</param>
    /// <returns>A task that ends when the node is looking for its cluster.</returns>
    /// <exception cref="ViewStoreException">The store is locked, corrupt, foreign or inaccessible.</exception>
    /// <exception cref="Transport.TransportStartException">A host name does not resolve, or a port is in use.</exception>
    /// <exception cref="InvalidOperationException">The witness cannot be used, the node has halted, or it was started already.</exception>
    public Task StartAsync(CancellationToken cancellationToken = default) => BeginAsync(null, cancellationToken);

    /// <summary>
    /// As <see cref="StartAsync"/>, but forms a cluster by order of the operator, even without a quorum over what is on
    /// disk. Refused while any node that can be reached has a valid lease. Whatever a lost majority decided without this node is void.
    /// </summary>
    /// <param name="reason">Who orders it and why; it goes to the log and the journal.</param>
    /// <param name="cancellationToken">Ends the start.</param>
    /// <returns>A task that ends when the node is looking for its cluster.</returns>
    public Task StartByForceAsync(string reason, CancellationToken cancellationToken = default)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(reason);
        return BeginAsync(reason, cancellationToken);
    }

    /// <summary>Waits until this node is a member, then gives the installed view.</summary>
    /// <param name="cancellationToken">Ends the waiting.</param>
    /// <returns>The view.</returns>
    /// <exception cref="InvalidOperationException">The node halted, was refused by its cluster, or was disposed.</exception>
    public Task<ClusterView> WaitForViewAsync(CancellationToken cancellationToken = default)
    {
        lock (_gate) return _currentView is not null || !_firstView.Task.IsCompletedSuccessfully ? _firstView.Task.WaitAsync(cancellationToken) : Task.FromException<ClusterView>(new InvalidOperationException($"Node {Self} is not a member any more; start it again."));
    }

    /// <summary>
    /// The installed views, from the current one on. Each watcher has a queue of its own that keeps the latest 16: a slow one skips
    /// views, it never delays the protocol. Ends when the node halts or is disposed.
    /// </summary>
    /// <param name="cancellationToken">Ends the watching.</param>
    /// <returns>The views in order.</returns>
    public IAsyncEnumerable<ClusterView> ViewsAsync(CancellationToken cancellationToken = default) => _views.WatchAsync(cancellationToken);

    /// <summary>Leaves cleanly: stops serving at once, votes in the regroup without itself, and goes.</summary>
    /// <param name="cancellationToken">Stops waiting; the leave goes on.</param>
    /// <returns>Ok, or NotMember.</returns>
    /// <remarks>MMLeave.</remarks>
    public Task<MembershipStatus> LeaveAsync(CancellationToken cancellationToken = default) => FollowLeaveAsync().WaitAsync(cancellationToken);

    /// <summary>Removes another member: it is told to die, and a regroup goes on without it.</summary>
    /// <param name="node">The member.</param>
    /// <param name="cancellationToken">Stops waiting; the removal goes on.</param>
    /// <returns>Ok when it has been told to die; NotMember when this node or that one is none; Transient during a regroup or join; Fault for this node itself, or when the rest would have no quorum.</returns>
    /// <remarks>MMEject.</remarks>
    public Task<MembershipStatus> EjectAsync(NodeId node, CancellationToken cancellationToken = default)
        => RequestAsync($"eject of {node}", (core, id, now) => core.Eject(id, node, now), cancellationToken);

    /// <summary>Runs a regroup now: connectivity is looked at anew, and the view gets a new epoch.</summary>
    /// <param name="cancellationToken">Stops waiting; the regroup goes on.</param>
    /// <returns>Ok when the new view is in force, or NotMember.</returns>
    /// <remarks>MMForceRegroup.</remarks>
    public Task<MembershipStatus> ForceRegroupAsync(CancellationToken cancellationToken = default)
        => RequestAsync("forced regroup", static (core, id, now) => core.ForceRegroup(id, now), cancellationToken);

    /// <summary>Lets this node decide and arbitrate, or not. A node that forms a cluster may; a joiner may from the end of its join on, by itself.</summary>
    /// <param name="allowed">Whether it may.</param>
    /// <param name="cancellationToken">Stops waiting.</param>
    /// <returns>Ok, Already, or Transient when disallowed during a regroup.</returns>
    /// <remarks>MmSetRegroupAllowed.</remarks>
    public Task<MembershipStatus> SetRegroupAllowedAsync(bool allowed, CancellationToken cancellationToken = default)
        => RequestAsync("set regroup allowed", (core, id, now) => core.SetRegroupAllowed(id, allowed, now), cancellationToken);

    /// <summary>The host's messaging cannot reach a node from here on any path: the next regroup counts no edge to it. Returns at once.</summary>
    /// <param name="node">The node.</param>
    /// <remarks>MMNodeUnreachable.</remarks>
    public void NodeUnreachable(NodeId node)
    {
        // A host may say so on every failed send: one input at a time carries all that was said.
        if (!node.IsValid || Volatile.Read(ref _parts) is not { } parts) return;
        lock (_gate)
        {
            if (!ReferenceEquals(_unreachableAt, parts)) (_unreachableAt, _unreachable) = (parts, default);
            bool posted = !_unreachable.IsEmpty;
            _unreachable = _unreachable.With(node);
            if (posted) return;
        }
        parts.Loop.Post((core, now) =>
        {
            foreach (NodeId unreachable in TakeUnreachable()) core.NodeUnreachable(unreachable, now);
        });
    }

    private NodeSet _unreachable;
    private Parts? _unreachableAt;

    private NodeSet TakeUnreachable()
    {
        lock (_gate)
        {
            NodeSet taken = _unreachable;
            _unreachable = default;
            return taken;
        }
    }

    /// <summary>
    /// Stops the node: leaves first if <see cref="MembershipNodeOptions.LeaveOnDispose"/> says so, else stops at once, as a crash would
    /// look to the others. From here on no lease of it is valid. Bounded.
    /// </summary>
    /// <returns>A task that ends when its ports and its store are free again.</returns>
    public async ValueTask DisposeAsync()
    {
        if (_options.LeaveOnDispose > TimeSpan.Zero && _currentView is not null && !_halted.Task.IsCompleted)
        {
            using var limit = new CancellationTokenSource(_options.LeaveOnDispose, _clock.Provider);
            try
            {
                await LeaveAsync(limit.Token).ConfigureAwait(false);
            }
            catch (OperationCanceledException)
            {
                _logger.StopTookTooLong(Self, "leaving");
            }
        }
        await ShutDownAsync().ConfigureAwait(false);
    }

    /// <summary>For tests: peers with a live tripwire.</summary>
    internal int TripwireCount => Volatile.Read(ref _parts)?.Network.TripwireCount ?? 0;

    internal void CompleteRequest(RequestId request, MembershipStatus status, string? detail)
    {
        if (!_requests.TryRemove(request.Value, out PendingRequest? pending)) return;
        // Whoever asked to leave must not see the old view when the answer is there.
        if (Volatile.Read(ref _parts) is { } parts && parts.Loop.IsLoopThread) Stepped(parts.Core);
        _logger.RequestEnded(Self, pending.What, status, detail ?? "");
        _journal.Add($"{pending.What}: {status} {detail}");
        pending.Completion.TrySetResult((status, detail));
    }

    private async Task<MembershipStatus> RequestAsync(string what, Action<MembershipCore, RequestId, MonotonicTime> ask, CancellationToken cancellationToken)
        => (await Request(what, ask).WaitAsync(cancellationToken).ConfigureAwait(false)).Status;

    /// <summary>Hands the loop a request; it completes in any case, at the latest when the node has stopped.</summary>
    private Task<(MembershipStatus Status, string? Detail)> Request(string what, Action<MembershipCore, RequestId, MonotonicTime> ask, bool ofManager = true)
    {
        if (Volatile.Read(ref _parts) is not { } parts) return Task.FromResult((MembershipStatus.NotMember, (string?)"not started"));
        if (ofManager && _requests.Count >= MaxOutstandingRequests + 2 * Replication.TableLimits.MaxWaiting) return Task.FromResult((MembershipStatus.Transient, (string?)$"{MaxOutstandingRequests} requests are waiting already"));
        var pending = new PendingRequest(what);
        var id = new RequestId(Interlocked.Increment(ref _lastRequest));
        _requests[id.Value] = pending;
        if (!parts.Loop.Post((core, now) => ask(core, id, now)) || parts.Loop.Ended.IsCompleted)
            CompleteRequest(id, MembershipStatus.NotMember, "the node has stopped");
        return pending.Completion.Task;
    }

    private sealed class PendingRequest(string what)
    {
        public string What { get; } = what;

        public TaskCompletionSource<(MembershipStatus Status, string? Detail)> Completion { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);
    }
}
