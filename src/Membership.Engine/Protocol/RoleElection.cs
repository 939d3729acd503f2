// Who is master and vice-master over a view (design 7): the master stays while it is in and qualified; then the
// vice-master; then the lowest qualified number. A change from one living master to another takes two views.
namespace Membership.Engine.Protocol;

/// <summary>The roles of a view about to be made.</summary>
internal readonly record struct ElectedRoles(NodeId Master, NodeId ViceMaster, NodeId FormerMaster);

internal static class RoleElection
{
    /// <summary>
    /// The roles over the next view. <paramref name="handedOver"/>: the former master, if it is still in, has stopped its master-only
    /// work (or never was this process' life). Without that a living master that may not stay is only demoted.
    /// </summary>
    /// <param name="current">The view before; null for a first one.</param>
    /// <param name="members">The next view's members.</param>
    /// <param name="disqualified">Those of them that may hold no role.</param>
    /// <param name="handedOver">See above.</param>
    public static ElectedRoles Next(ClusterView? current, NodeSet members, NodeSet disqualified, bool handedOver)
    {
        NodeId master = current?.Master ?? default, vice = current?.ViceMaster ?? default, former = current?.FormerMaster ?? default;
        NodeSet able = members - disqualified;
        if (!handedOver)
        {
            NodeId demoted = former.IsValid ? former : able.Contains(master) ? NodeId.Invalid : master;
            if (members.Contains(demoted)) return new ElectedRoles(default, able.Contains(vice) ? vice : default, demoted);
        }
        // Whoever released the mastership gets it back only when nobody else is there.
        NodeSet others = able.Without(former);
        NodeId elected = able.Contains(master) ? master : others.Contains(vice) ? vice : others.IsEmpty ? able.Lowest : others.Lowest;
        NodeSet rest = able.Without(elected);
        NodeId second = rest.Contains(former) ? former : rest.Contains(vice) ? vice : rest.Lowest;
        return new ElectedRoles(elected, second, default);
    }

    /// <summary>The view that demotes a master which released the mastership.</summary>
    public static ElectedRoles Release(ClusterView current) => new(default, current.ViceMaster, current.Master);

    /// <summary>Somebody other than the master could be it.</summary>
    public static bool CanTakeOver(ClusterView view) => !(view.Nodes - view.Disqualified).Without(view.Master).IsEmpty;
}
