// The minimum of notifications that describes a change of roles (design 7), computed from the roles before and
// after alone, so that every member of both views says the same.
namespace Membership.Engine.Protocol;

/// <summary>Who has which role; everybody else of the members is "in", everybody else is "out".</summary>
/// <param name="Members">The members of the view.</param>
/// <param name="Master">The master, or none.</param>
/// <param name="ViceMaster">The vice-master, or none.</param>
/// <param name="Disqualified">Members that may hold no role.</param>
internal readonly record struct ClusterRoles(NodeSet Members, NodeId Master, NodeId ViceMaster, NodeSet Disqualified)
{
    public static ClusterRoles Of(ClusterView? view) => view is null ? default : new ClusterRoles(view.Nodes, view.Master, view.ViceMaster, view.Disqualified);
}

internal static class ChangeNotifications
{
    /// <summary>Appends the notifications for one change, in order of occurrence: elections, demotions, who came, who went.</summary>
    public static void Append(List<ClusterChangeNotification> list, ClusterRoles before, ClusterRoles after)
    {
        bool masterElected = after.Master.IsValid && after.Master != before.Master;
        bool viceElected = after.ViceMaster.IsValid && after.ViceMaster != before.ViceMaster;
        if (masterElected) list.Add(new ClusterChangeNotification(ClusterChange.MasterElected, after.Master));
        if (viceElected) list.Add(new ClusterChangeNotification(ClusterChange.ViceMasterElected, after.ViceMaster));

        // An election implies that the former holder quit; a demotion is said when it was disqualified, or when nobody took over.
        if (LostRole(before.Master, after) && (!masterElected || after.Disqualified.Contains(before.Master)))
            list.Add(new ClusterChangeNotification(ClusterChange.MasterDemoted, before.Master));
        if (LostRole(before.ViceMaster, after) && (!viceElected || after.Disqualified.Contains(before.ViceMaster)))
            list.Add(new ClusterChangeNotification(ClusterChange.ViceMasterDemoted, before.ViceMaster));

        // A role implies membership: who was elected on joining is not announced twice.
        foreach (NodeId node in after.Members - before.Members)
            if (node != after.Master && node != after.ViceMaster) list.Add(new ClusterChangeNotification(ClusterChange.MemberJoined, node));
        foreach (NodeId node in before.Members - after.Members) list.Add(new ClusterChangeNotification(ClusterChange.MemberLeft, node));
    }

    /// <summary>It held a role before and is a plain member now.</summary>
    private static bool LostRole(NodeId holder, ClusterRoles after)
        => holder.IsValid && after.Members.Contains(holder) && holder != after.Master && holder != after.ViceMaster;
}
