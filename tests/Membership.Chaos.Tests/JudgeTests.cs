// The judge of all runs must be able to say no, and must not say it of what is allowed.
using System.Collections.Immutable;
using Membership.Testbed.Node;
using Xunit;

namespace Membership.Testbed.Tests;

public sealed class JudgeTests
{
    private static readonly ViewRecord Both = View(5, (1, 10), (2, 20));
    private static readonly ViewRecord OnlyTwo = View(6, (2, 20));

    [Fact]
    public void Members_of_one_view_may_serve_at_once()
        => Assert.Empty(Verdict(Life(1, [new(5, 0, 100)], Both), Life(2, [new(5, 50, 150)], Both)).Violations);

    [Fact]
    public void A_removed_node_may_serve_until_just_before_the_view_without_it_serves()
        => Assert.Empty(Verdict(Life(1, [new(5, 0, 99)], Both), Life(2, [new(5, 0, 50), new(6, 100, 150)], Both, OnlyTwo)).Violations);

    [Fact]
    public void A_removed_node_that_serves_while_the_view_without_it_serves_is_a_violation_for_as_long_as_both_do()
    {
        Verdict verdict = Verdict(Life(1, [new(5, 0, 1_000_100)], Both), Life(2, [new(6, 100, 2_000_000)], Both, OnlyTwo));
        Assert.Equal(TimeSpan.FromMilliseconds(1), verdict.Overlap);
        Assert.Single(verdict.Violations);
    }

    [Fact]
    public void A_single_late_instant_is_a_violation()
        => Assert.True(Verdict(Life(1, [new(5, 0, 10), new(6, 70, 70)], Both), Life(2, [new(7, 50, 100)], Both, View(7, (2, 20)))).Overlap > TimeSpan.Zero);

    [Fact]
    public void A_member_may_still_serve_in_the_old_epoch_when_the_new_one_has_it_too()
        => Assert.Empty(Verdict(Life(1, [new(5, 0, 100)], Both), Life(2, [new(6, 90, 200)], Both, View(6, (1, 10), (2, 20), (3, 30)))).Violations);

    [Fact]
    public void A_newer_view_with_another_life_of_the_node_does_not_cover_the_old_life()
        => Assert.NotEmpty(Verdict(Life(1, [new(5, 0, 100)], Both), Life(2, [new(7, 90, 200)], Both, View(7, (1, 11), (2, 20)))).Violations);

    [Fact]
    public void Two_lives_of_one_node_never_serve_at_once()
        => Assert.NotEmpty(Verdict(Life(1, [new(5, 0, 100)], Both), Life(1, [new(5, 50, 150)], Both) with { Life = 2 }).Violations);

    [Fact]
    public void One_epoch_with_two_memberships_is_a_violation()
        => Assert.Contains("epoch 6 has two memberships", Assert.Single(Verdict(Life(1, [], View(6, (1, 10))), Life(2, [], OnlyTwo)).Violations), StringComparison.Ordinal);

    [Fact]
    public void An_epoch_that_goes_back_is_a_violation()
        => Assert.NotEmpty(Verdict(Life(1, [new(6, 0, 10), new(5, 20, 30)])).Violations);

    [Fact]
    public void Two_masters_at_work_are_a_violation_even_in_one_view()
    {
        Verdict verdict = Verdict(
            Life(1, [], Both) with { MasterServing = [new(5, 0, 1_000_000)] }, Life(2, [], Both) with { MasterServing = [new(5, 0, 2_000_000)] });
        Assert.Equal(TimeSpan.FromMilliseconds(1), verdict.MasterOverlap);
        Assert.NotEmpty(verdict.Violations);
    }

    [Fact]
    public void Master_work_that_runs_on_without_a_lease_is_a_violation_except_in_a_process_that_was_frozen()
    {
        LifeRecord late = Life(1, [], Both) with { MasterRunning = [new(5, 0, 1_000_000)] };
        LifeRecord next = Life(2, [], Both) with { MasterRunning = [new(6, 0, 2_000_000)] };
        Assert.NotEmpty(Verdict(late, next).Violations);
        Assert.Empty(Verdict(late with { WasStopped = true }, next).Violations);
    }

    [Fact]
    public void A_view_that_nobody_lived_to_tell_leaves_its_overlaps_unjudged_and_counted()
        => Assert.Equal(1, Verdict(Life(1, [new(5, 0, 100)], Both), Life(2, [new(9, 50, 60)], Both)).Unjudged);

    [Fact]
    public void A_recording_is_read_back_as_it_was_made_also_while_it_is_being_made()
    {
        string file = Path.Combine(Path.GetTempPath(), Path.GetRandomFileName());
        try
        {
            using var recording = new IntervalFile(file);
            recording.Begin(7, 1000);
            recording.Extend(1500);
            recording.Begin(8, 2000);
            Assert.Equal([new RecordedInterval(7, 1000, 1500), new RecordedInterval(8, 2000, 2000)], IntervalFile.Read(file));
        }
        finally
        {
            File.Delete(file);
        }
    }

    private static Verdict Verdict(params LifeRecord[] lives) => Judge.Of(lives);

    private static LifeRecord Life(int node, RecordedInterval[] serving, params ViewRecord[] views) => new(node, 1, false, serving, [], [], views);

    private static ViewRecord View(long epoch, params (int Node, long Incarnation)[] members)
        => new(epoch, string.Join(',', members), members.ToImmutableSortedDictionary(static member => member.Node, static member => member.Incarnation));
}
