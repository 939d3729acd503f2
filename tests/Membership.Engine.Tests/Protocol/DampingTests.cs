// What keeps trouble that comes again and again from costing a hold each time: how long a peer that falls silent is given, when a broken
// connection is believed, who is kept out and for how long, and that an operator's word reaches all.
using Membership.Engine.Protocol;
using Membership.Engine.Tests.Seeds;
using Xunit;

namespace Membership.Engine.Tests.Protocol;

public sealed class DampingTests
{
    private static readonly TimeSpan L = ClusterTiming.Local.LossPeriod, T = ClusterTiming.Local.ClockPeriod;

    [Fact]
    public void A_peer_that_was_silent_and_there_all_the_same_is_given_longer_after_three_times_and_after_six_until_all_was_calm_for_long()
    {
        SteppedCluster cluster = SteppedCluster.Formed(3);
        double Given()
        {
            cluster.Run(1);
            cluster.Until(() => cluster[1].Core.TakeSnapshot(cluster.Now).Peers[1].Heard == TimeSpan.Zero);
            MonotonicTime heard = cluster.Now;
            cluster.CutOneWay(3, 1);
            cluster.Until(() => cluster[1].Core.Stage != RegroupStage.None);
            cluster.Heal();
            double given = (cluster.Now - heard) / L;
            cluster.UntilInstalled(1, 2, 3);
            return given;
        }

        Assert.Equal([1, 1, 1, 2, 2, 2, 4, 4], Enumerable.Range(0, 8).Select(_ => Math.Round(Given())));
        cluster.Run(251 * L.TotalSeconds);
        Assert.Equal([4.0], [Math.Round(Given())]);
        Assert.Equal([1, 1, 2], Enumerable.Range(0, 3).Select(_ => Math.Round(Given())));
    }

    [Fact]
    public void The_second_broken_connection_to_a_peer_that_was_there_is_asked_about_and_believed_after_two_ticks_without_an_answer()
    {
        SteppedCluster cluster = SteppedCluster.Formed(3);
        void Break() => cluster[1].Do((core, now) => core.TripwireLost(new NodeId(3), cluster[3].Core.Incarnation, now));
        cluster.Run(1);
        Break();
        Assert.Equal(RegroupStage.Activate, cluster[1].Core.Stage);
        cluster.UntilInstalled(1, 2, 3);
        Assert.False(cluster[1].Core.TakeSnapshot(cluster.Now).Peers[1].TripwireLost);
        // Asked at once, and it answers: no regroup, now and later.
        int stages = cluster[1].Stages.Count;
        for (int i = 0; i < 3; i++)
        {
            var asked = new List<int>();
            cluster[1].Said = (header, _) => { if ((header.Flags & HeaderFlags.AckRequested) != 0) asked.Add(header.To.Value); };
            Break();
            cluster[1].Said = null;
            Assert.Equal([3], asked);
            cluster.Run(1);
        }
        Assert.Equal(stages, cluster[1].Stages.Count);
        // It does not answer: a regroup on the second tick from then on, long before it would be silent for L.
        cluster.Until(() => cluster[1].Core.TakeSnapshot(cluster.Now).Peers[1].Heard == TimeSpan.Zero);
        cluster.Cut(1, 3);
        cluster.Run(0.001);
        MonotonicTime broken = cluster.Now;
        Break();
        cluster.Until(() => cluster[1].Core.Stage != RegroupStage.None);
        Assert.InRange((cluster.Now - broken) / T, 2, 3);
        Assert.True(cluster[1].Core.TakeSnapshot(cluster.Now).Peers[1].TripwireLost);
    }

    [Fact]
    public void The_first_broken_connection_of_a_new_life_is_believed_at_once()
    {
        SteppedCluster cluster = SteppedCluster.Formed(3);
        cluster[1].Do((core, now) => core.TripwireLost(new NodeId(3), cluster[3].Core.Incarnation, now));
        cluster.UntilInstalled(1, 2, 3);
        cluster.Kill(3);
        cluster.UntilInstalled(1, 2);
        cluster.Restart(3).Start();
        cluster.UntilInstalled(1, 2, 3);
        cluster[1].Do((core, now) => core.TripwireLost(new NodeId(3), cluster[3].Core.Incarnation, now));
        Assert.Equal(RegroupStage.Activate, cluster[1].Core.Stage);
        // Of a life that is none of the view nothing is believed.
        cluster.UntilInstalled(1, 2, 3);
        cluster[1].Do((core, now) => core.TripwireLost(new NodeId(3), cluster[3].Core.Incarnation.Next, now));
        Assert.Equal(RegroupStage.None, cluster[1].Core.Stage);
    }

    [Fact]
    public void Who_loses_its_place_again_and_again_is_kept_out_twice_as_long_each_time_and_it_is_forgotten_after_the_window()
    {
        var quarantine = new QuarantineOptions { After = 2, Time = TimeSpan.FromSeconds(10), Limit = TimeSpan.FromSeconds(35), Window = TimeSpan.FromSeconds(100) };
        SteppedCluster cluster = SteppedCluster.Formed(5, options => options with { Quarantine = quarantine });
        double OutFor()
        {
            cluster.Kill(5);
            cluster.UntilInstalled(1, 2, 3, 4);
            MonotonicTime removed = cluster.Now;
            cluster.Restart(5).Start();
            cluster.Until(() => cluster[5].Core.Installed is not null, seconds: 60);
            return Math.Round((cluster.Now - removed).TotalSeconds);
        }

        Assert.Equal([0, 10, 20, 35, 35], Enumerable.Range(0, 5).Select(_ => OutFor()));
        Assert.Equal([2, 3, 4, 5], cluster[2].Quarantines.Select(static one => one.Removals));
        Assert.Empty(cluster[2].Core.TakeSnapshot(cluster.Now).Quarantined);
        // The time since the end of the last quarantine counts, and after the window nothing is left of it.
        cluster.Run(90);
        Assert.Equal(35, OutFor());
        cluster.Run(101);
        Assert.Equal([0, 10], [OutFor(), OutFor()]);
    }

    [Fact]
    public void The_operators_word_that_a_node_is_well_reaches_every_member_although_most_of_what_is_said_is_lost()
    {
        var quarantine = new QuarantineOptions { After = 1, Time = TimeSpan.FromMinutes(10) };
        SteppedCluster cluster = SteppedCluster.Formed(4, options => options with { Quarantine = quarantine });
        cluster.Kill(4);
        cluster.UntilInstalled(1, 2, 3);
        cluster.Run(0.5);
        foreach (int number in (int[])[1, 2, 3])
        {
            QuarantinedNode kept = Assert.Single(cluster[number].Core.TakeSnapshot(cluster.Now).Quarantined);
            Assert.Equal((new NodeId(4), 1, true), (kept.Node, kept.Removals, kept.Applies));
            Assert.InRange(kept.Remaining.TotalMinutes, 9.9, 10);
        }
        int words = 0;
        cluster[2].Said = (header, body) => words += body is RoleChangeMessage { Change: RoleChange.ClearQuarantine } && header.To.Value == 1 ? 1 : 0;
        // The first three words to node 1 are lost.
        cluster.CutOneWay(2, 1);
        long asked = cluster[2].Ask(static (core, id, now) => core.ClearQuarantine(id, new NodeId(4), now));
        Assert.Equal(MembershipStatus.Ok, cluster[2].StatusOf(asked));
        Assert.Empty(cluster[2].Core.TakeSnapshot(cluster.Now).Quarantined);
        cluster.Until(() => words == 3);
        Assert.Single(cluster[1].Core.TakeSnapshot(cluster.Now).Quarantined);
        Assert.Empty(cluster[3].Core.TakeSnapshot(cluster.Now).Quarantined);
        cluster.Heal();
        cluster.Run(1);
        Assert.Equal(4, words);
        Assert.Empty(cluster[1].Core.TakeSnapshot(cluster.Now).Quarantined);
        Assert.Equal((new NodeId(4), 0), (cluster[1].Quarantines[^1].Node, cluster[1].Quarantines[^1].Removals));
        // Said twice in a row: the second word begins the repeats anew and does not double them.
        words = 0;
        cluster[2].Ask(static (core, id, now) => core.ClearQuarantine(id, new NodeId(4), now));
        cluster[2].Ask(static (core, id, now) => core.ClearQuarantine(id, new NodeId(4), now));
        cluster.Run(1);
        Assert.Equal(5, words);
        cluster.Restart(4).Start();
        cluster.UntilInstalled(1, 2, 3, 4);
    }

    [Fact]
    public void Who_leaves_or_is_ejected_has_not_lost_its_place()
    {
        SteppedCluster cluster = SteppedCluster.Formed(4, static options => options with { Quarantine = new QuarantineOptions { After = 1, Time = TimeSpan.FromMinutes(10) } });
        cluster[4].Ask(static (core, id, now) => core.Leave(id, now));
        cluster.UntilInstalled(1, 2, 3);
        cluster[1].Ask(static (core, id, now) => core.Eject(id, new NodeId(3), now));
        cluster.UntilInstalled(1, 2);
        Assert.All((int[])[1, 2], number => Assert.Empty(cluster[number].Quarantines));
        cluster[4].Start();
        cluster.UntilInstalled(1, 2, 4);
    }
}
