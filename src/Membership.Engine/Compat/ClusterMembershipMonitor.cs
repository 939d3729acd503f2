// The change-notification guide's names, one to one, for code being ported: thin, with no logic of its own.
using Membership.Engine.Runtime;

namespace Membership.Engine.Compat;

#pragma warning disable CA1707, IDE1006 // These are the guide's own names.

/// <summary>The guide's <c>cmm_cmchanges_t</c>: what changed.</summary>
public enum cmm_cmchanges_t
{
    /// <summary>A critical problem, e.g. two masters; the node number is of no use.</summary>
    CMM_INVALID_CLUSTER = ClusterChange.InvalidCluster,

    /// <summary>The node is a previous master that was demoted.</summary>
    CMM_MASTER_DEMOTED = ClusterChange.MasterDemoted,

    /// <summary>The node is the new master.</summary>
    CMM_MASTER_ELECTED = ClusterChange.MasterElected,

    /// <summary>The node joined.</summary>
    CMM_MEMBER_JOINED = ClusterChange.MemberJoined,

    /// <summary>The node is out of the cluster.</summary>
    CMM_MEMBER_LEFT = ClusterChange.MemberLeft,

    /// <summary>No frame of the master for too long; the node number is of no use.</summary>
    CMM_STALE_CLUSTER = ClusterChange.StaleCluster,

    /// <summary>The node is a previous vice-master that was demoted because it was disqualified.</summary>
    CMM_VICEMASTER_DEMOTED = ClusterChange.ViceMasterDemoted,

    /// <summary>The node is the new vice-master.</summary>
    CMM_VICEMASTER_ELECTED = ClusterChange.ViceMasterElected,

    /// <summary>The cluster is valid again; the node number is of no use.</summary>
    CMM_VALID_STATE = ClusterChange.ValidState,

    /// <summary>Not in the guide: the callback was too slow, and notifications were dropped.</summary>
    CMM_NOTIFICATIONS_LOST = ClusterChange.NotificationsLost,
}

/// <summary>The guide's <c>cmm_cmc_notification_t</c>.</summary>
/// <param name="cmchange">The type of change.</param>
/// <param name="nodeid">The node on which it occurred; 0 when it concerns all.</param>
public readonly record struct cmm_cmc_notification_t(cmm_cmchanges_t cmchange, uint nodeid);

/// <summary>The guide's callback.</summary>
/// <param name="change_notification">What changed, and where. A value: keeping it needs no copy.</param>
/// <param name="client_data">What was given to <see cref="ClusterMembershipMonitor.cmm_cmc_register"/>.</param>
public delegate void cmm_notify_t(cmm_cmc_notification_t change_notification, object? client_data);

/// <summary>The guide's function and codes. New code should use <see cref="MembershipNode.Register"/> and the queries of <see cref="MembershipNode"/>.</summary>
public static class ClusterMembershipMonitor
{
    /// <summary>All is well.</summary>
    public const uint CMM_OK = (uint)MembershipStatus.Ok;

    /// <summary>The cluster is stale: the answer may be out of date.</summary>
    public const uint CMM_EAGAIN = (uint)MembershipStatus.Again;

    /// <summary>Registers a callback for all changes; it is called on the thread pool, one call at a time.</summary>
    /// <param name="node">The node.</param>
    /// <param name="callback">The callback.</param>
    /// <param name="client_data">Given to every call.</param>
    /// <param name="registration">Dispose it to unregister.</param>
    /// <returns><see cref="CMM_OK"/>.</returns>
    public static uint cmm_cmc_register(this MembershipNode node, cmm_notify_t callback, object? client_data, out ClusterChangeRegistration registration)
    {
        ArgumentNullException.ThrowIfNull(node);
        ArgumentNullException.ThrowIfNull(callback);
        registration = node.Register(
            (change, data) =>
            {
                callback(new cmm_cmc_notification_t((cmm_cmchanges_t)change.Change, (uint)change.Node.Value), data);
                return default;
            },
            clientData: client_data);
        return CMM_OK;
    }
}
