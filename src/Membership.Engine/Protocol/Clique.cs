// The heaviest fully connected set of the connectivity matrix: most votes, then the one with the quorum owner, then most members
// that stay, then most nodes, then those that hear best (of two ends of a broken link the deaf one goes: what loses packets is
// mostly the receiver; whoever is left out on purpose although it is heard counts as the deaf one), then the lexicographically lowest numbers. Exact for real sizes; the search is bounded and
// deterministic, so all nodes with the same matrix find the same set. Faults that share no node are searched apart: all of the above adds up
// over them, so the best of each makes the best of all, and many small faults cost their sum instead of their product.
namespace Membership.Engine.Protocol;

internal sealed class Clique
{
    /// <summary>Branches after which the best set found so far is taken.</summary>
    public const int SearchLimit = 100_000;

    private readonly Func<NodeId, int> _votes;
    private readonly NodeId _owner;
    private readonly NodeSet _voters;
    private readonly Dictionary<NodeId, NodeSet> _missing = [];
    private readonly Dictionary<NodeId, int> _atFault = [];
    private NodeSet _best;
    private (int Votes, int Owner, int Members, int Count, int Hearing) _bestKey = (-1, 0, 0, 0, 0);
    private int _branches;

    private Clique(Func<NodeId, int> votes, NodeId owner, NodeSet voters)
    {
        _votes = votes;
        _owner = owner;
        _voters = voters;
    }

    /// <summary>Finds the heaviest clique.</summary>
    /// <param name="nodes">The nodes of the matrix.</param>
    /// <param name="heard">A node's row: whom it heard. An edge counts only if both directions work.</param>
    /// <param name="oneWayCounts">Planted defect: one direction is enough.</param>
    /// <param name="leavesOut">Whom the row of this node lacks, it hears.</param>
    /// <param name="votes">The weight of a node.</param>
    /// <param name="owner">The quorum owner, or none.</param>
    /// <param name="voters">Nodes that only vote; a set with more real members is preferred.</param>
    public static NodeSet Heaviest(NodeSet nodes, Func<NodeId, NodeSet> heard, bool oneWayCounts, Func<NodeId, bool> leavesOut, Func<NodeId, int> votes, NodeId owner, NodeSet voters)
    {
        var search = new Clique(votes, owner, voters);
        NodeSet troubled = default;
        foreach (NodeId listener in nodes)
        {
            foreach (NodeId speaker in (nodes - heard(listener)).Without(listener))
            {
                if (oneWayCounts && heard(speaker).Contains(listener)) continue;
                NodeId fault = leavesOut(listener) ? speaker : listener;
                search._atFault[fault] = search._atFault.GetValueOrDefault(fault) + 1;
                search.Miss(listener, speaker);
                search.Miss(speaker, listener);
                troubled = troubled.With(listener).With(speaker);
            }
        }
        if (troubled.IsEmpty) return nodes;
        NodeSet clique = nodes - troubled;
        while (!troubled.IsEmpty)
        {
            NodeSet together = search.Together(troubled.Lowest);
            troubled -= together;
            (search._best, search._bestKey) = (default, (-1, 0, 0, 0, 0));
            search.Explore(default, together);
            clique |= search._best;
        }
        return clique;
    }

    /// <summary>Everybody whom broken links tie to a node, over any number of steps.</summary>
    private NodeSet Together(NodeId first)
    {
        NodeSet found = NodeSet.Of(first), open = found;
        while (!open.IsEmpty)
        {
            NodeId node = open.Lowest;
            NodeSet added = _missing[node] - found;
            found |= added;
            open = (open | added).Without(node);
        }
        return found;
    }

    private void Miss(NodeId from, NodeId to) => _missing[from] = _missing.GetValueOrDefault(from).With(to);

    private (int Votes, int Owner, int Members, int Count, int Hearing) KeyOf(NodeSet set)
    {
        int votes = 0, fault = 0;
        foreach (NodeId node in set)
        {
            votes += _votes(node);
            fault += _atFault.GetValueOrDefault(node);
        }
        return (votes, set.Contains(_owner) ? 1 : 0, (set - _voters).Count, set.Count, -fault);
    }

    private void Explore(NodeSet taken, NodeSet open)
    {
        if (_branches++ > SearchLimit && _bestKey.Votes >= 0) return;
        // Nodes that miss nobody still open are free to take.
        NodeId pivot = NodeId.Invalid;
        int pivotDegree = 0;
        foreach (NodeId node in open)
        {
            int degree = (_missing[node] & open).Count;
            if (degree == 0) taken = taken.With(node);
            else if (degree > pivotDegree) (pivot, pivotDegree) = (node, degree);
        }
        open -= taken;
        if (KeyOf(taken | open).Votes < _bestKey.Votes) return;
        if (!pivot.IsValid)
        {
            var key = KeyOf(taken);
            int order = key.CompareTo(_bestKey);
            if (order > 0 || (order == 0 && IsLower(taken, _best))) (_best, _bestKey) = (taken, key);
            return;
        }
        Explore(taken.With(pivot), (open - _missing[pivot]).Without(pivot));
        Explore(taken, open.Without(pivot));
    }

    /// <summary>Lexicographic order: the set that has the lowest number of those the two do not share.</summary>
    private static bool IsLower(NodeSet left, NodeSet right)
    {
        NodeId onlyLeft = (left - right).Lowest, onlyRight = (right - left).Lowest;
        return onlyLeft.IsValid && (!onlyRight.IsValid || onlyLeft < onlyRight);
    }
}
