// The heaviest clique against brute force over every subset of small matrices, and its speed limits on large ones.
using FsCheck;
using FsCheck.Fluent;
using Membership.Engine.Protocol;
using Xunit;

namespace Membership.Engine.Tests.Protocol;

public sealed class CliqueTests
{
    private sealed record Matrix(NodeSet[] Rows, int[] Votes, int Owner, NodeSet Voters)
    {
        public NodeSet Nodes => NodeSet.From(Enumerable.Range(1, Rows.Length).Select(static n => new NodeId(n)));

        public bool Edge(NodeId a, NodeId b) => Rows[a.Value - 1].Contains(b) && Rows[b.Value - 1].Contains(a);

        public Func<NodeId, bool>? LeavesOut { get; init; }

        public NodeSet Heaviest() => Clique.Heaviest(
            Nodes, node => Rows[node.Value - 1], false, LeavesOut ?? (static _ => false), node => Votes[node.Value - 1], Owner == 0 ? default : new NodeId(Owner), Voters);
    }

    private static readonly Gen<Matrix> Matrices =
        from count in Gen.Choose(1, 8)
        from density in Gen.Choose(2, 9)
        from bits in Gen.Choose(0, 9).ArrayOf(count * count)
        from votes in Gen.Choose(0, 2).ArrayOf(count)
        from owner in Gen.Choose(0, count)
        from voters in Gen.Choose(0, 4).ArrayOf(count)
        select new Matrix(
            [.. Enumerable.Range(0, count).Select(row => NodeSet.From(Enumerable.Range(0, count).Where(column => column == row || bits[row * count + column] < density).Select(static n => new NodeId(n + 1))))],
            votes, owner, NodeSet.From(Enumerable.Range(0, count).Where(index => voters[index] == 0).Select(static n => new NodeId(n + 1))));

    [Fact]
    public void The_clique_is_the_one_that_brute_force_finds() => QuorumTests.ForAll(Matrices, matrix =>
    {
        NodeSet best = default;
        (int, int, int, int, int) bestKey = (-1, 0, 0, 0, 0);
        foreach (NodeSet set in QuorumTests.Subsets(matrix.Nodes))
        {
            if (set.Any(a => set.Any(b => a != b && !matrix.Edge(a, b)))) continue;
            var key = (set.Sum(node => matrix.Votes[node.Value - 1]), set.Any(node => node.Value == matrix.Owner) ? 1 : 0, (set - matrix.Voters).Count, set.Count,
                -set.Sum(node => (matrix.Nodes - matrix.Rows[node.Value - 1]).Count));
            if (key.CompareTo(bestKey) > 0 || (key == bestKey && string.CompareOrdinal(Order(set), Order(best)) < 0)) (best, bestKey) = (set, key);
        }
        return matrix.Heaviest() == best;
    });

    [Fact]
    public void A_one_way_link_is_no_edge()
    {
        var matrix = new Matrix([NodeSet.Of(1, 2, 3), NodeSet.Of(1, 2, 3), NodeSet.Of(2, 3)], [1, 1, 1], 0, default);
        Assert.Equal(NodeSet.Of(1, 2), matrix.Heaviest());
    }

    [Fact]
    public void Of_two_ends_the_deaf_one_goes()
    {
        // Node 1 does not hear node 2, which hears everybody: what loses packets is mostly the receiver.
        NodeSet[] deaf = [NodeSet.Of(1, 3), NodeSet.Of(1, 2, 3), NodeSet.Of(1, 2, 3)];
        Assert.Equal(NodeSet.Of(2, 3), new Matrix(deaf, [1, 1, 1], 0, default).Heaviest());
        // Node 1 hears node 2, and leaves it out on purpose.
        Assert.Equal(NodeSet.Of(1, 3), new Matrix(deaf, [1, 1, 1], 0, default) { LeavesOut = static node => node.Value == 1 }.Heaviest());
        // Not against the witness' owner, nor against a vote.
        Assert.Equal(NodeSet.Of(1, 3), new Matrix(deaf, [1, 1, 1], 1, default).Heaviest());
        Assert.Equal(NodeSet.Of(1, 3), new Matrix(deaf, [2, 1, 1], 0, default).Heaviest());
    }

    [Fact]
    public void Of_a_chain_the_pair_with_the_quorum_owner_survives()
    {
        NodeSet[] chain = [NodeSet.Of(1, 2), NodeSet.Of(1, 2, 3), NodeSet.Of(2, 3)];
        Assert.Equal(NodeSet.Of(1, 2), new Matrix(chain, [1, 1, 1], 0, default).Heaviest());
        Assert.Equal(NodeSet.Of(2, 3), new Matrix(chain, [1, 1, 1], 3, default).Heaviest());
    }

    [Fact]
    public void A_large_matrix_with_random_faults_ends_within_the_search_limit_and_is_fully_connected()
    {
        var random = new Random(7);
        NodeSet[] rows = [.. Enumerable.Range(1, 256).Select(row => NodeSet.From(Enumerable.Range(1, 256).Where(column => column == row || random.Next(100) != 0).Select(static n => new NodeId(n))))];
        var matrix = new Matrix(rows, [.. Enumerable.Repeat(1, 256)], 0, default);
        NodeSet clique = matrix.Heaviest();
        Assert.True(clique.Count > 60, $"only {clique.Count}");
        Assert.DoesNotContain(clique, a => clique.Any(b => a != b && !matrix.Edge(a, b)));
        Assert.Equal(clique, matrix.Heaviest());
    }

    [Fact]
    public void Of_many_broken_links_apart_from_each_other_every_deaf_end_goes()
    {
        // Each fourth node does not hear its neighbour: two choices for each of 64 pairs.
        NodeSet all = NodeSet.From(Enumerable.Range(1, 256).Select(static n => new NodeId(n)));
        NodeSet[] rows = [.. Enumerable.Range(1, 256).Select(row => row % 4 == 1 ? all.Without(new NodeId(row + 1)) : all)];
        var matrix = new Matrix(rows, [.. Enumerable.Repeat(1, 256)], 0, default);
        Assert.Equal(NodeSet.From(Enumerable.Range(1, 256).Where(static n => n % 4 != 1).Select(static n => new NodeId(n))), matrix.Heaviest());
    }

    // Two sets of one size compare by their lowest differing number: the membership string reversed in sense.
    private static string Order(NodeSet set) => string.Concat(Enumerable.Range(1, 8).Select(n => set.Contains(new NodeId(n)) ? '0' : '1'));
}
