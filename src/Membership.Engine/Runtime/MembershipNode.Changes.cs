// Roles and their changes, as the change-notification guide has them: who hears of changes, who is what, who may be
// what, and handing the mastership over.
using System.Collections.Immutable;
using Membership.Engine.Protocol;

namespace Membership.Engine.Runtime;

public sealed partial class MembershipNode
{
    private readonly ChangeHub _changes;
    private volatile bool _isStale;

    /// <summary>More than timers take: as good as no limit.</summary>
    private static readonly TimeSpan LongestWait = TimeSpan.FromDays(40);

    /// <summary>No frame of the master has come for <see cref="MembershipNodeOptions.StaleAfter"/>: what this node knows may be out of date. Never blocks.</summary>
    /// <remarks>Between <see cref="ClusterChange.StaleCluster"/> and <see cref="ClusterChange.ValidState"/>. Queries answer Again meanwhile.</remarks>
    public bool IsStale => _isStale;

    /// <summary>
    /// Registers a handler of change notifications. It gets every change from now on that its filter lets through, in order of occurrence: the
    /// same sequence on every member, whatever its role. It has a queue and a dispatcher of its own: a slow handler delays neither the protocol nor another handler.
    /// </summary>
    /// <param name="handler">Called with the notification and <paramref name="clientData"/>, one call at a time, on the thread pool.</param>
    /// <param name="filter">What it hears of; default everything.</param>
    /// <param name="clientData">Given to every call; the engine does not use it.</param>
    /// <returns>The registration; dispose it to unregister.</returns>
    /// <remarks>cmm_cmc_register. A notification is a value: keeping it beyond the call needs no copy.</remarks>
    public ClusterChangeRegistration Register(Func<ClusterChangeNotification, object?, ValueTask> handler, ClusterChangeFilter filter = default, object? clientData = null)
    {
        ArgumentNullException.ThrowIfNull(handler);
        return new ClusterChangeRegistration(_changes, handler, filter, clientData, Self, _logger);
    }

    /// <summary>Registers a handler that is called by <see cref="ClusterChangeDispatcher.Dispatch"/> only, on the thread that calls that; for code with a loop of its own.</summary>
    /// <param name="handler">Called with the notification and <paramref name="clientData"/>.</param>
    /// <param name="filter">What it hears of; default everything.</param>
    /// <param name="clientData">Given to every call; the engine does not use it.</param>
    /// <returns>What to wait on and to dispatch with; dispose it to unregister.</returns>
    public ClusterChangeDispatcher RegisterForDispatch(Action<ClusterChangeNotification, object?> handler, ClusterChangeFilter filter = default, object? clientData = null)
    {
        ArgumentNullException.ThrowIfNull(handler);
        return new ClusterChangeDispatcher(_changes, handler, filter, clientData, Self, _logger);
    }

    /// <summary>The change notifications from the first reading on, for <c>await foreach</c>. A reader that falls behind gets a <see cref="ClusterChange.NotificationsLost"/>.</summary>
    /// <param name="filter">Which; default all.</param>
    /// <param name="cancellationToken">Ends the stream.</param>
    /// <returns>The notifications in order of occurrence, until the node has stopped.</returns>
    public IAsyncEnumerable<ClusterChangeNotification> ChangesAsync(ClusterChangeFilter filter = default, CancellationToken cancellationToken = default)
        => _changes.WatchAsync(filter, cancellationToken);

    /// <summary>Who is the master.</summary>
    /// <param name="timeout">The longest to wait for the answer; zero answers at once from what was published last, <see cref="Timeout.InfiniteTimeSpan"/> has no limit.</param>
    /// <param name="cancellationToken">Ends the waiting.</param>
    /// <returns>The master; no value when there is none.</returns>
    /// <exception cref="ArgumentOutOfRangeException">The time-out is negative and not infinite.</exception>
    public async Task<MembershipAnswer<ClusterMemberInfo>> GetMasterAsync(TimeSpan timeout, CancellationToken cancellationToken = default)
        => Answer(await AskAsync(timeout, cancellationToken).ConfigureAwait(false), view => InfoOf(view, view.Master));

    /// <summary>Who is the vice-master.</summary>
    /// <param name="timeout">As with <see cref="GetMasterAsync"/>.</param>
    /// <param name="cancellationToken">Ends the waiting.</param>
    /// <returns>The vice-master; no value when there is none.</returns>
    /// <exception cref="ArgumentOutOfRangeException">The time-out is negative and not infinite.</exception>
    public async Task<MembershipAnswer<ClusterMemberInfo>> GetViceMasterAsync(TimeSpan timeout, CancellationToken cancellationToken = default)
        => Answer(await AskAsync(timeout, cancellationToken).ConfigureAwait(false), view => InfoOf(view, view.ViceMaster));

    /// <summary>What one configured node is.</summary>
    /// <param name="node">Its number.</param>
    /// <param name="timeout">As with <see cref="GetMasterAsync"/>.</param>
    /// <param name="cancellationToken">Ends the waiting.</param>
    /// <returns>The node, with the role Out when it is not a member; Fault when the number is no configured node's.</returns>
    /// <exception cref="ArgumentOutOfRangeException">The time-out is negative and not infinite.</exception>
    public async Task<MembershipAnswer<ClusterMemberInfo>> GetMemberAsync(NodeId node, TimeSpan timeout, CancellationToken cancellationToken = default)
        => _options.Nodes.All(configured => configured.Number != node.Value)
            ? new MembershipAnswer<ClusterMemberInfo>(MembershipStatus.Fault, null)
            : Answer(await AskAsync(timeout, cancellationToken).ConfigureAwait(false), view => InfoOf(view, node));

    /// <summary>The members, in numeric order.</summary>
    /// <param name="timeout">As with <see cref="GetMasterAsync"/>.</param>
    /// <param name="cancellationToken">Ends the waiting.</param>
    /// <returns>The members.</returns>
    /// <exception cref="ArgumentOutOfRangeException">The time-out is negative and not infinite.</exception>
    public async Task<MembershipAnswer<IReadOnlyList<ClusterMemberInfo>>> GetMembersAsync(TimeSpan timeout, CancellationToken cancellationToken = default)
        => Answer<IReadOnlyList<ClusterMemberInfo>>(await AskAsync(timeout, cancellationToken).ConfigureAwait(false), view => [.. view.Members.Select(member => InfoOf(view, member.Node)!)]);

    /// <summary>The configured nodes, members or not, in numeric order.</summary>
    /// <param name="timeout">As with <see cref="GetMasterAsync"/>.</param>
    /// <param name="cancellationToken">Ends the waiting.</param>
    /// <returns>The nodes that may be members, each with what it is now.</returns>
    /// <exception cref="ArgumentOutOfRangeException">The time-out is negative and not infinite.</exception>
    public async Task<MembershipAnswer<IReadOnlyList<ClusterMemberInfo>>> GetPotentialMembersAsync(TimeSpan timeout, CancellationToken cancellationToken = default)
        => Answer<IReadOnlyList<ClusterMemberInfo>>(
            await AskAsync(timeout, cancellationToken).ConfigureAwait(false), view => [.. _options.Nodes.Select(static node => new NodeId(node.Number)).Order().Select(node => InfoOf(view, node)!)]);

    /// <summary>How many members there are.</summary>
    /// <param name="timeout">As with <see cref="GetMasterAsync"/>.</param>
    /// <param name="cancellationToken">Ends the waiting.</param>
    /// <returns>The number; 0 unless Ok or Again.</returns>
    /// <exception cref="ArgumentOutOfRangeException">The time-out is negative and not infinite.</exception>
    public async Task<MembershipAnswer<int>> GetMemberCountAsync(TimeSpan timeout, CancellationToken cancellationToken = default)
        => Answer(await AskAsync(timeout, cancellationToken).ConfigureAwait(false), static view => view.Members.Length);

    /// <summary>Lets a node hold roles, or not: a disqualified master or vice-master hands its role over. It stays so until it is qualified again.</summary>
    /// <param name="node">The member.</param>
    /// <param name="qualified">Whether it may hold a role.</param>
    /// <param name="cancellationToken">Stops waiting; the request goes on.</param>
    /// <returns>Ok when it is in force; Already; NotMember when this node or that one is none; Fault for a number that is no configured node's; Transient when the cluster changed meanwhile. Requests of one node are carried out one after another.</returns>
    /// <remarks>The option <see cref="MembershipNodeOptions.Qualified"/> says how a node starts.</remarks>
    public Task<MembershipStatus> SetQualificationAsync(NodeId node, bool qualified, CancellationToken cancellationToken = default)
        => RequestAsync($"{(qualified ? "qualification" : "disqualification")} of {node}", (core, id, now) => core.SetQualification(id, node, qualified, now), cancellationToken);

    /// <summary>Switchover: the master, which must be this node, hands its role to the vice-master and becomes vice-master itself.</summary>
    /// <param name="cancellationToken">Stops waiting; the switchover goes on.</param>
    /// <returns>Ok when the other is the master; NotMaster on any other node; Cancelled when nobody can take over; NotMember; Transient when the cluster changed meanwhile.</returns>
    public Task<MembershipStatus> ReleaseMastershipAsync(CancellationToken cancellationToken = default)
        => RequestAsync("release of the mastership", static (core, id, now) => core.ReleaseMastership(id, now), cancellationToken);

    /// <summary>The loop has a notification.</summary>
    internal void Changed(ClusterChangeNotification change)
    {
        if (change.Change is ClusterChange.StaleCluster or ClusterChange.InvalidCluster) _logger.ClusterDoubtful(Self, change);
        else _logger.Changed(Self, change);
        _journal.Add(change.ToString());
        _history.Noted(change);
        _changes.Publish(change);
    }

    /// <summary>The view that counts now and whether it is to be trusted, as the loop has it; so an answer is never older than the question.</summary>
    private async Task<(MembershipStatus Status, ClusterView? View)> AskAsync(TimeSpan timeout, CancellationToken cancellationToken)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(timeout, Timeout.InfiniteTimeSpan);
        if (timeout < TimeSpan.Zero && timeout != Timeout.InfiniteTimeSpan) throw new ArgumentOutOfRangeException(nameof(timeout), timeout, "Use zero or more, or Timeout.InfiniteTimeSpan.");
        if (Volatile.Read(ref _parts) is not { } parts) return (MembershipStatus.NotMember, null);
        if (timeout == TimeSpan.Zero || parts.Loop.IsLoopThread) return Known(_isStale);
        var answer = new TaskCompletionSource<(MembershipStatus, ClusterView?)>(TaskCreationOptions.RunContinuationsAsynchronously);
        bool posted = parts.Loop.Post((core, now) =>
        {
            // A process that stood still asks before it has noticed: first what the time that has passed says.
            core.Tick(now);
            Stepped(core);
            answer.TrySetResult(Known(core.IsStale));
        });
        if (!posted) return (MembershipStatus.NotMember, null);
        try
        {
            TimeSpan limit = timeout < LongestWait ? timeout : Timeout.InfiniteTimeSpan;
            await Task.WhenAny(answer.Task, parts.Loop.Ended).WaitAsync(limit, _clock.Provider, cancellationToken).ConfigureAwait(false);
        }
        catch (TimeoutException)
        {
            return (MembershipStatus.Timeout, null);
        }
        return answer.Task.IsCompleted ? await answer.Task.ConfigureAwait(false) : (MembershipStatus.NotMember, null);
    }

    private (MembershipStatus Status, ClusterView? View) Known(bool stale)
    {
        ClusterView? view = _currentView;
        return (view is null ? MembershipStatus.NotMember : stale ? MembershipStatus.Again : MembershipStatus.Ok, view);
    }

    private static MembershipAnswer<T> Answer<T>((MembershipStatus Status, ClusterView? View) known, Func<ClusterView, T?> read)
        => new(known.Status, known.View is null ? default : read(known.View));

    private ClusterMemberInfo? InfoOf(ClusterView view, NodeId node)
    {
        MembershipNodeAddress? configured = _options.Nodes.FirstOrDefault(address => address.Number == node.Value);
        if (!node.IsValid || configured is null) return null;
        ImmutableArray<string> endpoints = [.. configured.Endpoints];
        if (!view.Contains(node)) return new ClusterMemberInfo(node, MemberRole.Out, true, Incarnation.None, configured.Votes, endpoints);
        ClusterMember member = view.Find(node);
        return new ClusterMemberInfo(node, RoleIn(view, node), !view.Disqualified.Contains(node), member.Incarnation, member.Votes, endpoints);
    }
}
