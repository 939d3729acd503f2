// The vocabulary of change notifications (design 7): what changed, and on which node.
namespace Membership.Engine;

/// <summary>What a change notification says.</summary>
/// <remarks>The change-notification guide's <c>cmm_cmchanges_t</c>.</remarks>
public enum ClusterChange
{
    /// <summary><c>CMM_INVALID_CLUSTER</c>: a critical problem, e.g. two masters; the node number is 0.</summary>
    InvalidCluster,

    /// <summary><c>CMM_MASTER_DEMOTED</c>: a previous master was demoted.</summary>
    MasterDemoted,

    /// <summary><c>CMM_MASTER_ELECTED</c>: a new master; the previous one, if any, quits its role. It may have joined just now.</summary>
    MasterElected,

    /// <summary><c>CMM_MEMBER_JOINED</c>: a node joined without a role.</summary>
    MemberJoined,

    /// <summary><c>CMM_MEMBER_LEFT</c>: a node is out of the cluster.</summary>
    MemberLeft,

    /// <summary><c>CMM_STALE_CLUSTER</c>: no membership frame of the master for too long; the node number is 0.</summary>
    StaleCluster,

    /// <summary><c>CMM_VICEMASTER_DEMOTED</c>: a previous vice-master was demoted; only when it was disqualified.</summary>
    ViceMasterDemoted,

    /// <summary><c>CMM_VICEMASTER_ELECTED</c>: a new vice-master; the previous one, if any, quits its role. It may have joined just now.</summary>
    ViceMasterElected,

    /// <summary><c>CMM_VALID_STATE</c>: the cluster is valid again; the node number is 0.</summary>
    ValidState,

    /// <summary>
    /// Not in the guide, and only for one registration: its queue was full, so notifications were dropped. <see cref="ClusterChangeNotification.Lost"/>
    /// says how many, and gives the roles from which to go on; the node number is 0.
    /// </summary>
    NotificationsLost,
}

/// <summary>One change notification.</summary>
/// <param name="Change">What changed (<c>cmchange</c>).</param>
/// <param name="Node">On which node (<c>nodeid</c>); <see cref="NodeId.Invalid"/> when it concerns all.</param>
/// <remarks><c>cmm_cmc_notification_t</c>. A value: it may be kept beyond the callback without copying.</remarks>
public readonly record struct ClusterChangeNotification(ClusterChange Change, NodeId Node)
{
    /// <summary>With <see cref="ClusterChange.NotificationsLost"/>: how many were dropped, and the roles after the last of them. Else null.</summary>
    public LostNotifications? Lost { get; init; }

    /// <summary>E.g. <c>MasterElected(2)</c>.</summary>
    public override string ToString() => $"{Change}({Node.Value})";
}

/// <summary>What took the place of notifications that a full queue could not hold.</summary>
/// <param name="Count">How many were dropped, of those that the registration's filter lets through.</param>
/// <param name="Roles">The roles after the last of them: what follows goes on from here.</param>
public sealed record LostNotifications(long Count, MemberRoles Roles);
