// The node set against the plainest set there is, over all numbers 1..1024.
using FsCheck;
using FsCheck.Fluent;
using Xunit;

namespace Membership.Engine.Tests.Vocabulary;

public sealed class NodeSetTests
{
    // Small sets, sets around the word borders, and large ones.
    private static readonly Gen<int[]> Numbers = Gen.OneOf(
        Gen.Choose(1, 64).ArrayOf(),
        Gen.Elements(1, 2, 63, 64, 65, 66, 127, 128, 129, 192, 193, 1023, 1024).ArrayOf(),
        Gen.Choose(1, NodeId.MaxValue).ArrayOf(),
        Gen.Choose(1, NodeId.MaxValue).ArrayOf(400));

    private static readonly Gen<(int[] Left, int[] Right)> Pairs = from left in Numbers from right in Numbers select (left, right);

    [Fact]
    public void Set_algebra_agrees_with_a_hash_set() => ForAll(Pairs, pair =>
    {
        (NodeSet left, NodeSet right) = (NodeSet.Of(pair.Left), NodeSet.Of(pair.Right));
        (HashSet<int> a, HashSet<int> b) = ([.. pair.Left], [.. pair.Right]);
        return Same(left | right, a.Union(b)) && Same(left & right, a.Intersect(b)) && Same(left - right, a.Except(b))
            && left.IsSubsetOf(right) == a.IsSubsetOf(b) && left.Overlaps(right) == a.Overlaps(b)
            && left.Count == a.Count && left.IsEmpty == (a.Count == 0) && left.Lowest.Value == a.DefaultIfEmpty().Min();
    });

    [Fact]
    public void Adding_and_removing_one_node_agrees_with_a_hash_set() => ForAll(Pairs, pair =>
    {
        NodeSet set = default;
        var model = new HashSet<int>();
        foreach (int number in pair.Left)
        {
            set = set.With(new NodeId(number));
            model.Add(number);
        }
        foreach (int number in pair.Right)
        {
            set = set.Without(new NodeId(number));
            model.Remove(number);
            if (set.Contains(new NodeId(number))) return false;
        }
        return Same(set, model) && !set.Contains(NodeId.Invalid);
    });

    [Fact]
    public void Equal_sets_are_equal_however_they_were_made() => ForAll(Pairs, pair =>
    {
        NodeSet made = NodeSet.Of(pair.Left);
        NodeSet unmade = (NodeSet.Of([.. pair.Left, .. pair.Right]) - NodeSet.Of(pair.Right)) | made;
        NodeSet backwards = NodeSet.From(pair.Left.Reverse().Select(static number => new NodeId(number)));
        return made == unmade && made == backwards && made.GetHashCode() == unmade.GetHashCode() && made.Equals((object)backwards)
            && made.WordCount == unmade.WordCount && (made != NodeSet.Of(pair.Right)) == !new HashSet<int>(pair.Left).SetEquals(pair.Right);
    });

    [Fact]
    public void Enumeration_is_in_rising_order_and_complete() => ForAll(Numbers, numbers =>
    {
        var seen = new List<int>();
        foreach (NodeId node in NodeSet.Of(numbers)) seen.Add(node.Value);
        return seen.SequenceEqual(numbers.Distinct().Order());
    });

    [Fact]
    public void Words_carry_the_whole_set() => ForAll(Numbers, numbers =>
    {
        NodeSet set = NodeSet.Of(numbers);
        ulong[] words = [.. Enumerable.Range(0, set.WordCount).Select(set.Word)];
        return NodeSet.FromWords(words) == set && NodeSet.FromWords([.. words, .. new ulong[16 - words.Length]]) == set;
    });

    [Trait("Category", "Seeds")]
    [Fact]
    public void All_1024_numbers_fit()
    {
        NodeSet all = NodeSet.Of([.. Enumerable.Range(1, NodeId.MaxValue)]);
        Assert.Equal(NodeId.MaxValue, all.Count);
        Assert.Equal(16, all.WordCount);
        Assert.Throws<ArgumentException>(() => NodeSet.FromWords(new ulong[17]));
        Assert.Throws<ArgumentException>(() => default(NodeSet).With(NodeId.Invalid));
        Assert.Equal("{1,64,65,1024}", NodeSet.Of(1024, 65, 64, 1).ToString());
    }

    [Fact]
    public void Up_to_node_64_nothing_is_allocated()
    {
        int checksum = 0;
        Use(ref checksum);
        Assert.Equal(0, Allocation.LeastOf(() =>
        {
            for (int i = 0; i < 1000; i++) Use(ref checksum);
        }));
        Assert.NotEqual(0, checksum);

        static void Use(ref int checksum)
        {
            NodeSet left = NodeSet.Of(new NodeId(1)).With(new NodeId(5)).With(new NodeId(64)), right = NodeSet.Of(new NodeId(5)).With(new NodeId(33));
            foreach (NodeId node in (left | right) - NodeSet.Of(new NodeId(1)) & left) checksum += node.Value;
            left = left.With(new NodeId(40)).Without(new NodeId(5));
            checksum += left.Count + left.GetHashCode() + left.Lowest.Value + (left == right ? 1 : 0) + (left.Overlaps(right) ? 1 : 0);
        }
    }

    private static bool Same(NodeSet set, IEnumerable<int> model)
        => set.ToString() == "{" + string.Join(',', model.Order()) + "}";

    private static void ForAll<T>(Gen<T> gen, Func<T, bool> holds) => Check.One(Config.QuickThrowOnFailure.WithMaxTest(500), Prop.ForAll(gen.ToArbitrary(), holds));
}
