// The quorum rule: what keeps two halves from both going on, over every view of up to six weighted nodes.
using FsCheck;
using FsCheck.Fluent;
using Membership.Engine.Protocol;
using Xunit;

namespace Membership.Engine.Tests.Protocol;

public sealed class QuorumTests
{
    private static readonly Gen<ClusterView> Views =
        from count in Gen.Choose(1, 6)
        from votes in Gen.Choose(0, 3).ArrayOf(count)
        from policy in Gen.Elements(Enum.GetValues<QuorumPolicy>())
        from tie in Gen.Elements(Enum.GetValues<TieBreaker>())
        from pinned in Gen.Elements(false, true)
        select View(new QuorumRule(policy, tie, pinned), votes);

    [Fact]
    public void Two_disjoint_groups_never_both_have_quorum_when_at_most_one_holds_the_witness() => ForAll(Views, view =>
    {
        foreach (NodeSet left in Subsets(view.Nodes))
            foreach (NodeSet right in Subsets(view.Nodes - left))
                if (Quorum.Has(view, left, true) && Quorum.Has(view, right, false)) return false;
        return true;
    });

    [Fact]
    public void More_nodes_or_the_witness_never_lose_a_quorum() => ForAll(Views, view =>
    {
        foreach (NodeSet group in Subsets(view.Nodes))
        {
            if (Quorum.Has(view, group, false) && !Quorum.Has(view, group, true)) return false;
            foreach (NodeId node in view.Nodes)
                if (Quorum.Has(view, group, false) && !Quorum.Has(view, group.With(node), false)) return false;
        }
        return true;
    });

    [Fact]
    public void A_group_without_node_votes_never_has_quorum() => ForAll(Views, view =>
        Subsets(view.Nodes).All(group => view.VotesOf(group) > 0 || !Quorum.Has(view, group, true)));

    [Theory]
    [InlineData(QuorumPolicy.NodeMajority, false, "no")]
    [InlineData(QuorumPolicy.NodeAndWitnessMajority, false, "even")]
    [InlineData(QuorumPolicy.NodeAndWitnessMajority, true, "always")]
    [InlineData(QuorumPolicy.WitnessOnly, false, "always")]
    [InlineData(QuorumPolicy.TwoNodeWitness, false, "two")]
    public void The_witness_has_a_vote_in_the_views_that_the_policy_names(QuorumPolicy policy, bool pinned, string when)
    {
        for (int nodes = 1; nodes <= 6; nodes++)
        {
            ClusterView view = View(new QuorumRule(policy, TieBreaker.None, pinned), [.. Enumerable.Repeat(1, nodes)]);
            Assert.Equal(when switch { "always" => true, "even" => nodes % 2 == 0, "two" => nodes == 2, _ => false }, Quorum.WitnessHasVote(view));
        }
    }

    [Theory]
    [InlineData(QuorumPolicy.NodeMajority, TieBreaker.None, false, "1,2", "1", false)]
    [InlineData(QuorumPolicy.NodeMajority, TieBreaker.LowestNode, false, "1,2", "1", true)]
    [InlineData(QuorumPolicy.NodeMajority, TieBreaker.LowestNode, false, "1,2", "2", false)]
    [InlineData(QuorumPolicy.NodeMajority, TieBreaker.LowestNode, false, "1,2,3,4", "1,4", true)]
    [InlineData(QuorumPolicy.NodeMajority, TieBreaker.LowestNode, false, "1,2,3,4", "2,3", false)]
    [InlineData(QuorumPolicy.NodeMajority, TieBreaker.None, true, "1,2", "1", false)]
    [InlineData(QuorumPolicy.NodeAndWitnessMajority, TieBreaker.None, true, "1,2", "2", true)]
    [InlineData(QuorumPolicy.NodeAndWitnessMajority, TieBreaker.None, false, "1,2", "2", false)]
    [InlineData(QuorumPolicy.NodeAndWitnessMajority, TieBreaker.None, true, "1,2,3", "1", false)]
    [InlineData(QuorumPolicy.NodeAndWitnessMajority, TieBreaker.None, true, "1,2,3,4", "3,4", true)]
    [InlineData(QuorumPolicy.TwoNodeWitness, TieBreaker.None, true, "1,2", "2", true)]
    [InlineData(QuorumPolicy.TwoNodeWitness, TieBreaker.None, true, "1,2,3,4", "3,4", false)]
    [InlineData(QuorumPolicy.WitnessOnly, TieBreaker.None, true, "1,2,3,4,5", "5", true)]
    [InlineData(QuorumPolicy.WitnessOnly, TieBreaker.None, false, "1,2,3,4,5", "1,2,3,4", false)]
    public void Each_policy_counts_as_the_table_says(QuorumPolicy policy, TieBreaker tie, bool witness, string members, string group, bool quorum)
    {
        int[] numbers = [.. members.Split(',').Select(int.Parse)];
        ClusterView view = View(new QuorumRule(policy, tie, false), [.. numbers.Select(_ => 1)]);
        Assert.Equal(quorum, Quorum.Has(view, NodeSet.Of([.. group.Split(',').Select(int.Parse)]), witness));
    }

    [Fact]
    public void A_dynamic_witness_has_a_vote_only_while_the_node_votes_are_even() => ForAll(Views, view =>
        view.Rule.Policy != QuorumPolicy.NodeAndWitnessMajority || view.Rule.WitnessPinned
        || Quorum.WitnessHasVote(view) == (view.TotalVotes % 2 == 0));

    internal static ClusterView View(QuorumRule rule, int[] votes) => new(
        new Epoch(5), votes.Select((weight, index) => new ClusterMember(new NodeId(index + 1), new Incarnation(1), weight, index + 1)), rule, ClusterTiming.Default);

    internal static IEnumerable<NodeSet> Subsets(NodeSet set)
    {
        NodeId[] nodes = [.. set];
        for (int mask = 0; mask < 1 << nodes.Length; mask++)
        {
            NodeSet subset = default;
            for (int i = 0; i < nodes.Length; i++)
                if ((mask >> i & 1) != 0) subset = subset.With(nodes[i]);
            yield return subset;
        }
    }

    internal static void ForAll<T>(Gen<T> values, Func<T, bool> property)
        => Check.One(Config.QuickThrowOnFailure.WithMaxTest(300), Prop.ForAll(values.ToArbitrary(), property));
}
