// The quorum rule (design 4): whether a group may stand for a view, counted with that view's own weights,
// witness parity and tie-breaker.
namespace Membership.Engine.Protocol;

internal static class Quorum
{
    /// <summary>Whether the witness has a vote in this view.</summary>
    public static bool WitnessHasVote(ClusterView view) => view.Rule.Policy switch
    {
        QuorumPolicy.NodeAndWitnessMajority => view.Rule.WitnessPinned || view.TotalVotes % 2 == 0,
        QuorumPolicy.WitnessOnly => true,
        QuorumPolicy.TwoNodeWitness => view.Members.Length == 2,
        _ => false,
    };

    /// <summary>Whether <paramref name="group"/> has quorum over <paramref name="view"/>, holding the witness' vote or not.</summary>
    public static bool Has(ClusterView view, NodeSet group, bool witnessVote) => Has(view, group, view.VotesOf(group), witnessVote);

    /// <summary>The same when the group's node votes are already counted.</summary>
    public static bool Has(ClusterView view, NodeSet group, int nodeVotes, bool witnessVote)
        => Has(view, nodeVotes, witnessVote, group.Contains(view.Nodes.Lowest));

    /// <summary>The same when only the votes matter and whether the view's lowest number is in the group.</summary>
    public static bool Has(ClusterView view, int nodeVotes, bool witnessVote, bool withLowest)
    {
        if (nodeVotes <= 0) return false;
        if (view.Rule.Policy == QuorumPolicy.WitnessOnly) return witnessVote;
        bool witness = WitnessHasVote(view);
        int total = view.TotalVotes + (witness ? 1 : 0);
        int have = nodeVotes + (witness && witnessVote ? 1 : 0);
        if (2 * have != total) return 2 * have > total;
        return view.Rule.TieBreaker == TieBreaker.LowestNode && withLowest;
    }
}
