// The minimum of notifications that describes a change of roles (design 7), computed from the roles before and
// after alone, so that every member of both views says the same.
namespace Membership.Engine.Protocol;

internal static class ChangeNotifications
{
    /// <summary>Appends the notifications for one change, in order of occurrence: elections, demotions, who came, who went.</summary>
    public static void Append(List<ClusterChangeNotification> list, MemberRoles before, MemberRoles after)
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
    private static bool LostRole(NodeId holder, MemberRoles after)
        => holder.IsValid && after.Members.Contains(holder) && holder != after.Master && holder != after.ViceMaster;
}
