// Who is master and vice-master over a view (design 7): the master stays; then the vice-master; then the lowest number.
namespace Membership.Engine.Protocol;

internal static class RoleElection
{
    /// <summary>Elects over <paramref name="members"/>, knowing who held the roles before (none for a first view).</summary>
    public static (NodeId Master, NodeId ViceMaster) Elect(NodeId master, NodeId viceMaster, NodeSet members)
    {
        NodeId elected = members.Contains(master) ? master : members.Contains(viceMaster) ? viceMaster : members.Lowest;
        NodeSet others = members.Without(elected);
        return (elected, others.Contains(viceMaster) ? viceMaster : others.Lowest);
    }
}
