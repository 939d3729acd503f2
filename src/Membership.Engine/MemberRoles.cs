// Who has which role at one moment, as one immutable value, and what a notification makes of it.
namespace Membership.Engine;

/// <summary>The roles over one view. Members with no role of their own are "in", everybody else is "out".</summary>
/// <param name="Members">The members; empty while this node is not a member.</param>
/// <param name="Master">The master, or none.</param>
/// <param name="ViceMaster">The vice-master, or none.</param>
/// <param name="Disqualified">Members that may hold no role; notifications do not tell, so it is as of the view.</param>
public readonly record struct MemberRoles(NodeSet Members, NodeId Master, NodeId ViceMaster, NodeSet Disqualified)
{
    /// <summary>The roles of a view.</summary>
    /// <param name="view">A view, or null for no membership.</param>
    /// <returns>The roles; nobody is anything without a view.</returns>
    public static MemberRoles Of(ClusterView? view) => view is null ? default : new MemberRoles(view.Nodes, view.Master, view.ViceMaster, view.Disqualified);

    /// <summary>The role of one node.</summary>
    /// <param name="node">Its number.</param>
    /// <returns>Its role; Out for who is not a member.</returns>
    public MemberRole RoleOf(NodeId node)
        => !Members.Contains(node) ? MemberRole.Out : node == Master ? MemberRole.Master : node == ViceMaster ? MemberRole.ViceMaster : MemberRole.In;

    /// <summary>The roles after a notification: applying all of a sequence to the roles before it gives the roles after it.</summary>
    /// <param name="notification">The notification.</param>
    /// <returns>The roles then; the same when it says nothing about roles.</returns>
    public MemberRoles After(ClusterChangeNotification notification)
    {
        NodeId node = notification.Node;
        return notification.Change switch
        {
            // A role implies membership, and whoever had another role has quit it.
            ClusterChange.MasterElected => Without(node) with { Members = Members.With(node), Master = node },
            ClusterChange.ViceMasterElected => Without(node) with { Members = Members.With(node), ViceMaster = node },
            ClusterChange.MemberJoined => Without(node) with { Members = Members.With(node) },
            ClusterChange.MasterDemoted or ClusterChange.ViceMasterDemoted => Without(node),
            ClusterChange.MemberLeft => Without(node) with { Members = Members.Without(node), Disqualified = Disqualified.Without(node) },
            ClusterChange.NotificationsLost => notification.Lost?.Roles ?? this,
            _ => this,
        };
    }

    private MemberRoles Without(NodeId holder)
        => this with { Master = Master == holder ? NodeId.Invalid : Master, ViceMaster = ViceMaster == holder ? NodeId.Invalid : ViceMaster };
}
