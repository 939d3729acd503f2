// What a host's own code asks of its cluster.
using Membership.Engine;
using Membership.Engine.Replication;
using Membership.Engine.Runtime;
using Membership.Engine.Wire;
using Membership.Provider.Inspection;

namespace Membership.Provider;

/// <summary>The cluster as this node knows it. Safe from any thread; no property blocks.</summary>
public interface IClusterMembership
{
    /// <summary>This node's number.</summary>
    NodeId Self { get; }

    /// <summary>The installed view, or null while this node is not a member.</summary>
    ClusterView? CurrentView { get; }

    /// <summary>The lease of the current epoch; not valid while this node is not a member. Check <see cref="MembershipLease.IsValid"/> at the point of use.</summary>
    MembershipLease Lease { get; }

    /// <summary>
    /// The lease that is valid now, at once in quiet times; waits through a hold, at most <see cref="MembershipLease.DefaultHoldLimit"/>, and fails only on a loss.
    /// </summary>
    /// <param name="cancellationToken">Ends the waiting.</param>
    /// <returns>The lease; its epoch is the fencing token, its <see cref="MembershipLease.Lost"/> fires at the loss.</returns>
    /// <exception cref="MembershipLostException">This node is not a member.</exception>
    /// <exception cref="MembershipHeldException">A regroup takes longer than that.</exception>
    ValueTask<MembershipLease> Guard(CancellationToken cancellationToken = default) => Lease.Guard(cancellationToken);

    /// <summary>This node's role in the installed view.</summary>
    MemberRole Role { get; }

    /// <summary>The installed views from the current one on. Latest wins: a slow reader skips views, it never delays the protocol.</summary>
    /// <param name="cancellationToken">Ends the stream.</param>
    /// <returns>An endless stream, until this node has left or halted.</returns>
    IAsyncEnumerable<ClusterView> ViewsAsync(CancellationToken cancellationToken = default);

    /// <summary>Whether a node is a member of the installed view.</summary>
    /// <param name="node">Its number.</param>
    /// <returns>False also while this node itself is not a member.</returns>
    bool IsNodeUp(NodeId node);

    /// <summary>The role of a configured node in the installed view.</summary>
    /// <param name="node">Its number.</param>
    /// <returns><see cref="MemberRole.Out"/> for everyone who is not a member.</returns>
    MemberRole RoleOf(NodeId node);

    /// <summary>The roles of all configured nodes in the installed view, by number.</summary>
    IReadOnlyDictionary<NodeId, MemberRole> Roles { get; }

    /// <summary>No frame of the master has come for <see cref="RegroupMembershipOptions.StaleAfter"/>: what this node knows may be out of date.</summary>
    bool IsStale { get; }

    /// <summary>
    /// Registers a handler of change notifications, with a queue and a dispatcher of its own: a slow one delays nobody, a full queue is told
    /// to it as <see cref="ClusterChange.NotificationsLost"/>, an exception is logged and counted. Every member delivers the same sequence.
    /// </summary>
    /// <param name="handler">Called with the notification and <paramref name="clientData"/>, one call at a time, on the thread pool.</param>
    /// <param name="filter">What it hears of; default everything.</param>
    /// <param name="clientData">Given to every call.</param>
    /// <returns>Dispose it to unregister.</returns>
    ClusterChangeRegistration Register(Func<ClusterChangeNotification, object?, ValueTask> handler, ClusterChangeFilter filter = default, object? clientData = null);

    /// <summary>Registers a handler for code with a loop of its own: it is called by <see cref="ClusterChangeDispatcher.Dispatch"/> only, on the thread that calls that.</summary>
    /// <param name="handler">Called with the notification and <paramref name="clientData"/>.</param>
    /// <param name="filter">What it hears of; default everything.</param>
    /// <param name="clientData">Given to every call.</param>
    /// <returns>What to wait on and to dispatch with; dispose it to unregister.</returns>
    ClusterChangeDispatcher RegisterForDispatch(Action<ClusterChangeNotification, object?> handler, ClusterChangeFilter filter = default, object? clientData = null);

    /// <summary>The change notifications from the first reading on.</summary>
    /// <param name="filter">Which; default all.</param>
    /// <param name="cancellationToken">Ends the stream.</param>
    /// <returns>The notifications in order of occurrence, until the node has stopped.</returns>
    IAsyncEnumerable<ClusterChangeNotification> ChangesAsync(ClusterChangeFilter filter = default, CancellationToken cancellationToken = default);

    /// <summary>Who is the master. While stale the status is Again, and the value the last known.</summary>
    /// <param name="timeout">The longest to wait; zero answers at once from what was published last.</param>
    /// <param name="cancellationToken">Ends the waiting.</param>
    /// <returns>The master; no value when there is none.</returns>
    Task<MembershipAnswer<ClusterMemberInfo>> GetMasterAsync(TimeSpan timeout, CancellationToken cancellationToken = default);

    /// <summary>Who is the vice-master.</summary>
    /// <param name="timeout">As with <see cref="GetMasterAsync"/>.</param>
    /// <param name="cancellationToken">Ends the waiting.</param>
    /// <returns>The vice-master; no value when there is none.</returns>
    Task<MembershipAnswer<ClusterMemberInfo>> GetViceMasterAsync(TimeSpan timeout, CancellationToken cancellationToken = default);

    /// <summary>What one configured node is.</summary>
    /// <param name="node">Its number.</param>
    /// <param name="timeout">As with <see cref="GetMasterAsync"/>.</param>
    /// <param name="cancellationToken">Ends the waiting.</param>
    /// <returns>The node; Fault when the number is no configured node's.</returns>
    Task<MembershipAnswer<ClusterMemberInfo>> GetMemberAsync(NodeId node, TimeSpan timeout, CancellationToken cancellationToken = default);

    /// <summary>The members, in numeric order.</summary>
    /// <param name="timeout">As with <see cref="GetMasterAsync"/>.</param>
    /// <param name="cancellationToken">Ends the waiting.</param>
    /// <returns>The members.</returns>
    Task<MembershipAnswer<IReadOnlyList<ClusterMemberInfo>>> GetMembersAsync(TimeSpan timeout, CancellationToken cancellationToken = default);

    /// <summary>The configured nodes, members or not, in numeric order.</summary>
    /// <param name="timeout">As with <see cref="GetMasterAsync"/>.</param>
    /// <param name="cancellationToken">Ends the waiting.</param>
    /// <returns>The nodes that may be members.</returns>
    Task<MembershipAnswer<IReadOnlyList<ClusterMemberInfo>>> GetPotentialMembersAsync(TimeSpan timeout, CancellationToken cancellationToken = default);

    /// <summary>How many members there are.</summary>
    /// <param name="timeout">As with <see cref="GetMasterAsync"/>.</param>
    /// <param name="cancellationToken">Ends the waiting.</param>
    /// <returns>The number.</returns>
    Task<MembershipAnswer<int>> GetMemberCountAsync(TimeSpan timeout, CancellationToken cancellationToken = default);

    /// <summary>Lets a member hold roles, or not: a disqualified master or vice-master hands its role over.</summary>
    /// <param name="node">The member.</param>
    /// <param name="qualified">Whether it may hold a role.</param>
    /// <param name="cancellationToken">Stops waiting; the request goes on.</param>
    /// <returns>Ok when it is in force; Already; NotMember; Fault; Transient.</returns>
    Task<MembershipStatus> SetQualificationAsync(NodeId node, bool qualified, CancellationToken cancellationToken = default);

    /// <summary>Switchover: the master, which must be this node, stops its master-only work and hands its role over.</summary>
    /// <param name="cancellationToken">Stops waiting; the switchover goes on.</param>
    /// <returns>Ok when the other is the master; NotMaster elsewhere; Cancelled when nobody can take over; NotMember; Transient.</returns>
    Task<MembershipStatus> ReleaseMastershipAsync(CancellationToken cancellationToken = default);

    /// <summary>Leaves the cluster cleanly: serving stops first, and nobody has to wait for this node's lease.</summary>
    /// <param name="cancellationToken">Stops waiting; the leave goes on.</param>
    /// <returns><see cref="MembershipStatus.NotMember"/> when it is not a member.</returns>
    Task<MembershipStatus> LeaveAsync(CancellationToken cancellationToken = default);

    /// <summary>Removes another node by order of the operator.</summary>
    /// <param name="node">Its number.</param>
    /// <param name="cancellationToken">Stops waiting; the removal goes on.</param>
    /// <returns>Ok once the node was told; the view without it follows.</returns>
    Task<MembershipStatus> EjectAsync(NodeId node, CancellationToken cancellationToken = default);

    /// <summary>The operator's word that a node that is kept out because it kept losing its place is well again: it is let in when it next asks.</summary>
    /// <param name="node">Its number.</param>
    /// <param name="cancellationToken">Stops waiting.</param>
    /// <returns>Ok, also when nobody kept it out; NotMember when this node is none; Fault for this node itself or an unknown one.</returns>
    Task<MembershipStatus> ClearQuarantineAsync(NodeId node, CancellationToken cancellationToken = default);

    /// <summary>Starts a regroup: the connectivity is looked at anew, and the view gets a new epoch.</summary>
    /// <param name="cancellationToken">Stops waiting; the regroup goes on.</param>
    /// <returns>Ok once it is under way.</returns>
    Task<MembershipStatus> ForceRegroupAsync(CancellationToken cancellationToken = default);

    /// <summary>
    /// The operator's override, at a node that is no member because too many of the others are lost for good: forms a cluster without a quorum over
    /// what is on disk. Refused by nature while a node that can be reached has a valid lease. Whatever a lost majority decided without this node is void.
    /// </summary>
    /// <param name="reason">Who orders it and why; it goes to the log and the journal. Not empty.</param>
    /// <param name="cancellationToken">Stops waiting; the forming goes on.</param>
    /// <returns>Ok when this node is a member; Already when it was one; Fault when it has halted, or the cluster that it met refuses it.</returns>
    Task<MembershipStatus> FormByForceAsync(string reason, CancellationToken cancellationToken = default);

    /// <summary>All that people may look at, as of now: nodes, view, lease, who hears whom, regroups with their stages, witness, counters, notifications, journal.</summary>
    /// <param name="journalLines">How many of the newest lines of the journal come along, 0 or more; there are at most 1024.</param>
    /// <param name="cancellationToken">Stops waiting.</param>
    /// <returns>The snapshot; <see cref="SnapshotJsonContext"/> writes it as JSON.</returns>
    Task<MembershipSnapshot> TakeSnapshotAsync(int journalLines = 0, CancellationToken cancellationToken = default);

    /// <summary>The keys in use, for a rotation without restart: Accept the new key on every node, Use it on every node, Drop the old one.</summary>
    /// <remarks>Null when the cluster runs in plain text. Safe from any thread. A restarted node reads its options again: change those too.</remarks>
    KeyRing? Keys { get; }

    /// <summary>Ends when this node halts, or is refused by a running cluster, with the reason; never for a node that leaves or goes on.</summary>
    Task<MembershipHalt> Halted { get; }

    /// <summary>Updates one table of the cluster's replicated state; answered when every member has it. See <see cref="MembershipNode.UpdateTableAsync"/>.</summary>
    /// <param name="update">Conditions and changes; all happen or none.</param>
    /// <param name="cancellationToken">Stops waiting; an update that is under way goes on.</param>
    /// <returns>Ok with the verdict; NotMember; Fault; Timeout when it is not known whether it was carried out.</returns>
    Task<TableUpdateResult> UpdateTableAsync(TableUpdate update, CancellationToken cancellationToken = default);

    /// <summary>Reads a table; it contains every update that was answered anywhere before the call. Waits through a hold.</summary>
    /// <param name="table">Its name.</param>
    /// <param name="cancellationToken">Stops waiting.</param>
    /// <returns>Ok with the table, or NotMember.</returns>
    Task<TableReadResult> ReadTableAsync(string table, CancellationToken cancellationToken = default);

    /// <summary>A table as this node has it, whenever it changes. Latest wins.</summary>
    /// <param name="table">Its name.</param>
    /// <param name="cancellationToken">Ends the stream.</param>
    /// <returns>An endless stream, until this node has stopped.</returns>
    IAsyncEnumerable<TableSnapshot> WatchTableAsync(string table, CancellationToken cancellationToken = default);
}
