// A view's identity, its order, and what its constructor refuses.
using Membership.Engine.Tests.Wire;
using FsCheck;
using FsCheck.Fluent;
using Xunit;

namespace Membership.Engine.Tests.Vocabulary;

public sealed class ClusterViewTests
{
    private static readonly ClusterMember One = new(new NodeId(1), new Incarnation(1), 1, 11);
    private static readonly ClusterMember Two = new(new NodeId(2), new Incarnation(1), 1, 22);

    [Fact]
    public void Members_are_found_whatever_order_they_came_in() => Check.One(
        Config.QuickThrowOnFailure.WithMaxTest(300),
        Prop.ForAll(Arbitrary.View.ToArbitrary(), static view =>
        {
            var mirrored = new ClusterView(view.Epoch, view.Members.Reverse(), view.Rule, view.Timing, view.Master, view.ViceMaster, view.QuorumOwner,
                view.Disqualified, view.FormerMaster, view.BaseEpoch);
            return mirrored.Equals(view) && mirrored.Id == view.Id && mirrored.GetHashCode() == view.GetHashCode()
                && mirrored.Members.SequenceEqual(view.Members) && view.Coordinator == view.Nodes.Lowest
                && view.Members.All(member => view.Find(member.Node) == member && view.Contains(member.Node, member.Incarnation) && !view.Contains(member.Node, member.Incarnation.Next))
                && Enumerable.Range(1, NodeId.MaxValue).All(number => view.Contains(new NodeId(number)) == (view.Find(new NodeId(number)) != default))
                && view.TotalVotes == view.VotesOf(view.Nodes);
        }));

    [Fact]
    public void Everything_but_the_quorum_owner_is_part_of_the_identity()
    {
        var rule = new QuorumRule(QuorumPolicy.NodeMajority, TieBreaker.LowestNode, false);
        var view = new ClusterView(new Epoch(5), [One, Two], rule, ClusterTiming.Default, One.Node, Two.Node);
        ClusterView[] others =
        [
            new(new Epoch(6), [One, Two], rule, ClusterTiming.Default, One.Node, Two.Node),
            new(new Epoch(5), [One], rule, ClusterTiming.Default, One.Node, Two.Node),
            new(new Epoch(5), [One, Two with { Incarnation = new Incarnation(2) }], rule, ClusterTiming.Default, One.Node, Two.Node),
            new(new Epoch(5), [One, Two with { Votes = 2 }], rule, ClusterTiming.Default, One.Node, Two.Node),
            new(new Epoch(5), [One, Two with { StoreId = 23 }], rule, ClusterTiming.Default, One.Node, Two.Node),
            new(new Epoch(5), [One, Two], rule with { WitnessPinned = true }, ClusterTiming.Default, One.Node, Two.Node),
            new(new Epoch(5), [One, Two], rule with { TieBreaker = TieBreaker.None }, ClusterTiming.Default, One.Node, Two.Node),
            new(new Epoch(5), [One, Two], rule, ClusterTiming.Local, One.Node, Two.Node),
            new(new Epoch(5), [One, Two], rule, ClusterTiming.Default, Two.Node, One.Node),
        ];
        Assert.All(others, other => Assert.NotEqual(view.Id, other.Id));
        Assert.Equal(view.Id, new ClusterView(new Epoch(5), [Two, One], rule, ClusterTiming.Default, One.Node, Two.Node, quorumOwner: Two.Node).Id);
    }

    [Fact]
    public void Impossible_views_are_refused()
    {
        Assert.Throws<ArgumentException>(static () => Make());
        Assert.Throws<ArgumentException>(static () => Make(One, One));
        Assert.Throws<ArgumentException>(static () => Make(One, default));
        Assert.Throws<ArgumentException>(static () => Make(One with { Votes = -1 }));

        static ClusterView Make(params ClusterMember[] members) => new(new Epoch(1), members, default, ClusterTiming.Default);
    }
}
