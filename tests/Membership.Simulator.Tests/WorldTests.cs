// The simulator's own parts: if the clock, the queue or the witness were wrong, every verdict would be worthless.
using Membership.Engine;
using Membership.Simulator.Checkers;
using Membership.Simulator.World;
using Xunit;

namespace Membership.Simulator.Tests;

public sealed class WorldTests
{
    [Theory]
    [InlineData(0)]
    [InlineData(5000)]
    [InlineData(-5000)]
    [InlineData(1)]
    public void A_clock_and_its_inverse_agree_to_the_tick(int rate)
    {
        var clock = new NodeClock(123_456_789, rate);
        var rng = new Rng(7);
        for (int i = 0; i < 10_000; i++)
        {
            var local = new MonotonicTime(123_456_789 + rng.Span(1, 1000 * Ticks.Second));
            long instant = clock.FirstInstantAt(local);
            Assert.True(clock.Local(instant) >= local);
            Assert.True(clock.Local(instant - 1) < local);
        }
    }

    [Fact]
    public void Events_leave_the_queue_in_order_of_time_and_then_of_arrival()
    {
        var queue = new EventQueue();
        var rng = new Rng(3);
        for (int round = 0; round < 5; round++)
        {
            for (int i = 0; i < 3000; i++) queue.Push(rng.Span(0, 500)).Id = i;
            (long Time, long Id) last = (-1, -1);
            while (queue.TryPop(out long time, out SimEvent next))
            {
                Assert.True(time > last.Time || (time == last.Time && next.Id > last.Id));
                last = (time, next.Id);
            }
        }
    }

    [Fact]
    public void Chance_depends_on_the_seed_and_the_part_only()
    {
        Assert.Equal(Rng.For(5, "disks").Next(), Rng.For(5, "disks").Next());
        Assert.NotEqual(Rng.For(5, "disks").Next(), Rng.For(5, "clocks").Next());
        Assert.NotEqual(Rng.For(5, "disks").Next(), Rng.For(6, "disks").Next());
        var rng = new Rng(1);
        var counts = new int[7];
        for (int i = 0; i < 70_000; i++) counts[rng.Below(7)]++;
        Assert.All(counts, static count => Assert.InRange(count, 9_500, 10_500));
    }

    [Theory]
    [InlineData(QuorumPolicy.NodeMajority, TieBreaker.None, 4, new[] { 1, 2 }, false, false)]
    [InlineData(QuorumPolicy.NodeMajority, TieBreaker.LowestNode, 4, new[] { 1, 2 }, false, true)]
    [InlineData(QuorumPolicy.NodeMajority, TieBreaker.LowestNode, 4, new[] { 3, 4 }, false, false)]
    [InlineData(QuorumPolicy.NodeMajority, TieBreaker.None, 5, new[] { 3, 4, 5 }, false, true)]
    [InlineData(QuorumPolicy.NodeAndWitnessMajority, TieBreaker.None, 4, new[] { 3, 4 }, true, true)]
    [InlineData(QuorumPolicy.NodeAndWitnessMajority, TieBreaker.LowestNode, 4, new[] { 1, 2 }, false, false)]
    [InlineData(QuorumPolicy.NodeAndWitnessMajority, TieBreaker.None, 5, new[] { 3, 4 }, true, false)]
    [InlineData(QuorumPolicy.TwoNodeWitness, TieBreaker.None, 2, new[] { 2 }, true, true)]
    [InlineData(QuorumPolicy.TwoNodeWitness, TieBreaker.None, 4, new[] { 3, 4 }, true, false)]
    [InlineData(QuorumPolicy.WitnessOnly, TieBreaker.None, 5, new[] { 5 }, true, true)]
    [InlineData(QuorumPolicy.WitnessOnly, TieBreaker.None, 5, new[] { 1, 2, 3, 4 }, false, false)]
    public void The_checkers_own_quorum_rule_follows_the_design(QuorumPolicy policy, TieBreaker tieBreaker, int nodes, int[] group, bool witness, bool expected)
    {
        var view = new ClusterView(new Epoch(1), Enumerable.Range(1, nodes).Select(static number => new ClusterMember(new NodeId(number), new Incarnation(1), 1, 1)),
            new QuorumRule(policy, tieBreaker, false), ClusterTiming.Local);
        Assert.Equal(expected, QuorumAudit.HasQuorum(NodeSet.Of(group), witness, view, policy != QuorumPolicy.NodeMajority));
    }
}
