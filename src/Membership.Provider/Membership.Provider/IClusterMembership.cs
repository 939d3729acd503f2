// What a host's own code asks of its cluster.
using Membership.Engine;
using Membership.Engine.Runtime;
using Membership.Engine.Wire;

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

    /// <summary>Leaves the cluster cleanly: serving stops first, and nobody has to wait for this node's lease.</summary>
    /// <param name="cancellationToken">Stops waiting; the leave goes on.</param>
    /// <returns><see cref="MembershipStatus.NotMember"/> when it is not a member.</returns>
    Task<MembershipStatus> LeaveAsync(CancellationToken cancellationToken = default);

    /// <summary>Removes another node by order of the operator.</summary>
    /// <param name="node">Its number.</param>
    /// <param name="cancellationToken">Stops waiting; the removal goes on.</param>
    /// <returns>Ok once the node was told; the view without it follows.</returns>
    Task<MembershipStatus> EjectAsync(NodeId node, CancellationToken cancellationToken = default);

    /// <summary>Starts a regroup: the connectivity is looked at anew, and the view gets a new epoch.</summary>
    /// <param name="cancellationToken">Stops waiting; the regroup goes on.</param>
    /// <returns>Ok once it is under way.</returns>
    Task<MembershipStatus> ForceRegroupAsync(CancellationToken cancellationToken = default);

    /// <summary>The keys in use, for a rotation without restart: Accept the new key on every node, Use it on every node, Drop the old one.</summary>
    /// <remarks>Null when the cluster runs in plain text. Safe from any thread. A restarted node reads its options again: change those too.</remarks>
    KeyRing? Keys { get; }

    /// <summary>Ends when this node halts, with the reason; never for a node that leaves or goes on.</summary>
    Task<MembershipHalt> Halted { get; }
}
