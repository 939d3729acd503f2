// The quorum rule once more, written from design 4 and not from the core's code: may this group be the successor
// of that view? Used by the chain checker only.
using Membership.Engine;

namespace Membership.Simulator.Checkers;

internal static class QuorumAudit
{
    /// <param name="group">The nodes that put the new view on disk.</param>
    /// <param name="witness">The new view stands in the witness' record.</param>
    /// <param name="old">The view whose votes count.</param>
    /// <param name="witnessConfigured">The cluster has a witness.</param>
    public static bool HasQuorum(NodeSet group, bool witness, ClusterView old, bool witnessConfigured)
    {
        int total = 0, have = 0;
        foreach (ClusterMember member in old.Members)
        {
            total += member.Votes;
            if (group.Contains(member.Node)) have += member.Votes;
        }
        if (have == 0 && total > 0) return false;
        // All of the old view promised: nobody is left with a node vote for another successor.
        if (old.Nodes.IsSubsetOf(group)) return true;
        bool witnessVotes = witnessConfigured && old.Rule.Policy switch
        {
            QuorumPolicy.NodeMajority => false,
            QuorumPolicy.TwoNodeWitness => old.Members.Length == 2,
            QuorumPolicy.NodeAndWitnessMajority => old.Rule.WitnessPinned || total % 2 == 0,
            _ => true,
        };
        if (old.Rule.Policy == QuorumPolicy.WitnessOnly) return witness;
        if (witnessVotes)
        {
            total++;
            if (witness) have++;
        }
        if (2 * have > total) return true;
        // Exactly half with a pinned witness: still only one half holds the lowest number.
        return 2 * have == total && old.Rule.TieBreaker == TieBreaker.LowestNode && group.Contains(old.Nodes.Lowest);
    }
}
