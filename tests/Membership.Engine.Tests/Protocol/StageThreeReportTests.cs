// Stage 3 in a larger cluster: what is done about a decision is reported to its decider and one more, and the decider says to all that all have. It
// costs a hop; the loss of whoever collects the reports costs no more than the loss of anybody else.
using Membership.Engine.Protocol;
using Membership.Engine.Tests.Seeds;
using Xunit;

namespace Membership.Engine.Tests.Protocol;

public sealed class StageThreeReportTests(ITestOutputHelper output)
{
    private const int Decider = 1, Second = 2, Dead = 10;
    private static readonly int[] Left = [1, 2, 3, 4, 5, 6, 7, 8, 9];

    [Fact]
    public void Nobody_but_the_decider_and_one_more_is_told_by_the_others_while_nothing_is_late()
    {
        SteppedCluster cluster = Rested(witness: false);
        List<(int From, int To)> reports = [];
        foreach (int each in Left[2..])
            cluster[each].Said = (header, body) =>
            {
                if (body is StatusMessage { Stage: RegroupStage.Prune } status && status.Has(StatusFlags.Persisted) && (header.Flags & HeaderFlags.AckRequested) == 0) reports.Add((each, header.To.Value));
            };
        cluster.Kill(Dead);
        cluster.Until(() => Left.All(each => cluster[each].Core.InForce!.Nodes.Count == Left.Length));
        // "It is on disk" and "the leases are over", to two each; and what is said when somebody asks after a while.
        foreach (int each in Left[2..])
            foreach (int other in Left) Assert.InRange(reports.Count(said => said == (each, other)), other is Decider or Second ? 2 : 0, other is Decider or Second ? 8 : other == each ? 0 : 3);
        // The first one carries the decision on to the next four around the ring.
        Assert.InRange(reports.Count(static said => said.To > Second), 0, 7 * (4 + 4));
        cluster.UntilInstalled(Left);
    }

    public enum Moment
    {
        /// <summary>The decision has gone out.</summary>
        Named,

        /// <summary>All have it on disk, and nobody but the decider knows it.</summary>
        OnEveryDisk,

        /// <summary>All have reported that the leases are over, and nobody but those who collect knows it.</summary>
        Reported,
    }

    [Theory]
    [InlineData(Moment.Named, false)]
    [InlineData(Moment.Named, true)]
    [InlineData(Moment.OnEveryDisk, false)]
    [InlineData(Moment.OnEveryDisk, true)]
    public void A_decider_that_dies_while_leases_are_waited_for_costs_its_own_lease_and_a_tick_or_two(Moment moment, bool witness)
    {
        SteppedCluster cluster = Rested(witness);
        cluster.Kill(Dead);
        MonotonicTime died = At(cluster, moment, () => cluster.Kill(Decider));
        cluster.UntilInstalled(Left[1..]);
        Bound(cluster, died, ticks: 2);
    }

    [Theory]
    [InlineData(Moment.Named, false)]
    [InlineData(Moment.OnEveryDisk, false)]
    [InlineData(Moment.OnEveryDisk, true)]
    public void A_decider_that_nobody_hears_any_more_is_left_out_as_soon_as_anybody_else(Moment moment, bool witness)
    {
        SteppedCluster cluster = Rested(witness);
        cluster.Kill(Dead);
        MonotonicTime died = At(cluster, moment, () =>
        {
            foreach (int other in Left[1..]) cluster.CutOneWay(Decider, other);
        });
        cluster.UntilInstalled(Left[1..]);
        // It is asked within the ticks after which neighbours ask, and counts as silent after a stage's.
        Bound(cluster, died, ticks: 10);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void The_second_who_collects_brings_the_view_into_force_if_the_decider_dies_before_it_says_so(bool witness)
    {
        SteppedCluster cluster = Rested(witness);
        cluster.Kill(Dead);
        MonotonicTime died = At(cluster, Moment.Reported, () => cluster.Kill(Decider));
        cluster.Until(() => Left[1..].All(each => cluster[each].Core.InForce!.Nodes == NodeSet.Of(Left)));
        output.WriteLine($"in force everywhere {(cluster.Now - died).TotalMilliseconds} ms after the decider died");
        // Two writes of a millisecond, one after the other, and the word between them.
        Assert.InRange((cluster.Now - died).TotalMilliseconds, 0, 3);
        cluster.UntilInstalled(Left[1..]);
        Bound(cluster, died, ticks: 2);
    }

    [Theory]
    [InlineData(Decider)]
    [InlineData(Second)]
    public void Whom_the_decider_or_the_second_cannot_tell_hears_it_from_the_other(int mute)
    {
        SteppedCluster cluster = Rested(witness: false);
        cluster.Kill(Dead);
        MonotonicTime cut = At(cluster, Moment.Reported, () => cluster.CutOneWay(mute, 7));
        cluster.Until(() => Left.All(each => cluster[each].Core.InForce!.Nodes == NodeSet.Of(Left)));
        Assert.InRange((cluster.Now - cut).TotalMilliseconds, 0, 3);
    }

    [Fact]
    public void When_both_who_collect_die_the_others_tell_each_other_and_go_on_without_them()
    {
        SteppedCluster cluster = Rested(witness: false);
        cluster.Kill(Dead);
        MonotonicTime died = At(cluster, Moment.Reported, () =>
        {
            cluster.Kill(Decider);
            cluster.Kill(Second);
        });
        cluster.UntilInstalled(Left[2..]);
        Bound(cluster, died, ticks: 3);
    }

    [Theory]
    [InlineData(Decider)]
    [InlineData(Second)]
    [InlineData(7)]
    public void Whose_disk_hangs_is_left_out_and_nobody_else_is_taken_for_late(int late)
    {
        SteppedCluster cluster = Rested(witness: false);
        cluster[late].Disk = static (_, _) => { };
        cluster.Kill(Dead);
        int[] rest = [.. Left.Where(each => each != late)];
        MonotonicTime died = cluster.Now;
        cluster.UntilInstalled(rest);
        // A stage's bound, its lease, and what it takes to agree on it; not another lease.
        Assert.InRange((cluster.Now - died) / ClusterTiming.Local.ClockPeriod, 12, 17);
        foreach (int each in rest)
            Assert.DoesNotContain(cluster[each].Log, line => line.Contains("keeps this incident waiting", StringComparison.Ordinal) && !line.Contains($"node {late} keeps", StringComparison.Ordinal) && !line.Contains($"node {Dead} keeps", StringComparison.Ordinal));
    }

    [Fact]
    public void One_that_had_reported_and_comes_back_as_another_life_is_not_waited_for_longer_than_anybody_else()
    {
        SteppedCluster cluster = Rested(witness: false);
        cluster.Kill(Dead);
        MonotonicTime restarted = At(cluster, Moment.OnEveryDisk, () => cluster.After(SteppedCluster.Delay * 3, () =>
        {
            // Too quick for anybody to have noticed.
            cluster[7].Alive = false;
            cluster.Restart(7).Start();
        }));
        int[] rest = [.. Left.Where(static each => each != 7)];
        cluster.UntilInstalled(rest);
        // The next attempt runs while the leases are waited for.
        Bound(cluster, restarted, ticks: 2);
    }

    [Fact]
    public void A_lease_that_only_one_survivor_supported_is_waited_for_by_all()
    {
        SteppedCluster cluster = Rested(witness: false);
        // The dead one's last heartbeats were acknowledged by one survivor only: half a lease later than by the others.
        foreach (int other in Left)
            if (other != 7) cluster.Cut(Dead, other);
        cluster.Run(0.15);
        MonotonicTime last = MonotonicTime.MinValue;
        cluster[7].Got = header =>
        {
            if (header.From.Value == Dead) last = cluster.Now;
        };
        cluster.Run(0.15);
        cluster.Kill(Dead);
        cluster.Until(() => Left.Any(each => cluster[each].Core.InForce!.Nodes == NodeSet.Of(Left)));
        Assert.True(last > MonotonicTime.MinValue);
        Assert.True(cluster.Now - last >= cluster[1].Core.InForce!.Timing.LossPeriod, $"in force {(cluster.Now - last).TotalMilliseconds} ms after node 7 last acknowledged it");
        cluster.UntilInstalled(Left);
    }

    [Fact]
    public void Whose_disk_is_slow_to_write_that_the_view_is_in_force_blames_nobody_meanwhile()
    {
        SteppedCluster cluster = Rested(witness: false);
        cluster[7].Disk = (id, state) =>
        {
            if (state.InForce!.Nodes.Contains(new NodeId(Dead))) cluster[7].Write(id, state);
            else cluster.After(ClusterTiming.Local.ClockPeriod * 7, () => cluster[7].Write(id, state));
        };
        cluster.Kill(Dead);
        cluster.UntilInstalled(Left);
        foreach (int each in Left)
            Assert.DoesNotContain(cluster[each].Log, static line => line.Contains("attempt raised", StringComparison.Ordinal) || (line.Contains("keeps this incident waiting", StringComparison.Ordinal) && !line.Contains($"node {Dead} keeps", StringComparison.Ordinal)));
        Assert.All(Left, each => Assert.Equal(1, cluster[each].Core.Activation.Attempt));
    }

    [Fact]
    public void A_leaver_that_votes_is_not_taken_for_late_while_the_leases_are_waited_for()
    {
        SteppedCluster cluster = Rested(witness: false);
        cluster.Kill(Dead);
        cluster.Until(() => cluster[9].Core.Stage != RegroupStage.None);
        cluster[9].Ask(static (core, id, now) => core.Leave(id, now));
        int[] rest = [.. Left.Where(static each => each != 9)];
        cluster.Until(() => rest.All(each => cluster[each].Core.InForce!.Nodes == NodeSet.Of(rest)));
        foreach (int each in Left)
            Assert.DoesNotContain(cluster[each].Log, static line => line.Contains("keeps this incident waiting", StringComparison.Ordinal) && !line.Contains($"node {Dead} keeps", StringComparison.Ordinal));
        cluster.UntilInstalled(rest);
    }

    [Fact]
    public void A_report_that_is_lost_is_said_again_half_a_tick_later()
    {
        SteppedCluster cluster = Rested(witness: false);
        bool lose = false;
        MonotonicTime lost = MonotonicTime.MinValue;
        cluster.Lose = () => lose;
        cluster[7].Said = (header, body) =>
        {
            bool reports = body is StatusMessage { Stage: RegroupStage.Prune } status && status.Has(StatusFlags.LeasesExpired);
            if (reports && lost == MonotonicTime.MinValue) lost = cluster.Now;
            lose = reports && cluster.Now == lost;
        };
        foreach (int other in Left)
            if (other != 7) cluster[other].Said = (_, _) => lose = false;
        cluster.Kill(Dead);
        cluster.Until(() => Left.All(each => cluster[each].Core.InForce!.Nodes == NodeSet.Of(Left)));
        output.WriteLine($"{(cluster.Now - lost).TotalMilliseconds} ms after the report was lost");
        Assert.InRange((cluster.Now - lost) / ClusterTiming.Local.ClockPeriod, 0.4, 0.8);
    }

    private static SteppedCluster Rested(bool witness)
    {
        var cluster = SteppedCluster.Formed(Dead, options => witness ? options with { HasWitness = true, Rule = new QuorumRule(QuorumPolicy.NodeAndWitnessMajority, TieBreaker.None, false) } : options);
        cluster.Run(2.013);
        return cluster;
    }

    /// <summary>Does it when the decider first says what it says at that moment; what it says then gets lost if it dies of it.</summary>
    private static MonotonicTime At(SteppedCluster cluster, Moment moment, Action action)
    {
        MonotonicTime at = MonotonicTime.MinValue;
        cluster[Decider].Said = (_, body) =>
        {
            if (at > MonotonicTime.MinValue || body is not StatusMessage { Stage: RegroupStage.Prune, Decision: not null } status) return;
            if (moment == Moment.OnEveryDisk && !status.Has(StatusFlags.StageDone)) return;
            if (moment == Moment.Reported && !status.Has(StatusFlags.AllDone)) return;
            at = cluster.Now;
            if (moment == Moment.Named) cluster.After(SteppedCluster.Delay * 2, action);
            else action();
        };
        cluster.Until(() => at > MonotonicTime.MinValue);
        return at;
    }

    private void Bound(SteppedCluster cluster, MonotonicTime since, int ticks)
    {
        ClusterTiming timing = cluster[3].Core.InForce!.Timing;
        double took = (cluster.Now - since).TotalMilliseconds, most = (timing.LossPeriod + timing.ClockPeriod * (ticks + 1)).TotalMilliseconds;
        output.WriteLine($"{took} ms");
        Assert.InRange(took, 0, most);
    }
}
