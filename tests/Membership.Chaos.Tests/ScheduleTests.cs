// A seed is a schedule: nothing else may have a say in it.
using Membership.Chaos;
using Xunit;

namespace Membership.Testbed.Tests;

public sealed class ScheduleTests
{
    [Fact]
    public void The_same_seed_gives_the_same_faults_and_another_one_others()
    {
        Assert.Equal(Text(7, 5), Text(7, 5));
        Assert.NotEqual(Text(7, 5), Text(8, 5));
    }

    [Fact]
    public void A_round_needs_no_other_round_before_it()
        => Assert.Equal(new Schedule(7, 3, false).Round(40).Select(static fault => fault.ToString()), Rounds(7, 3).ElementAt(39).Select(static fault => fault.ToString()));

    [Fact]
    public void Every_kind_of_fault_comes_and_none_lasts_longer_than_it_may()
    {
        Fault[] faults = [.. Rounds(11, 5).SelectMany(static round => round)];
        Assert.Equal(7, faults.Select(static fault => fault.GetType()).Distinct().Count());
        Assert.All(faults, static fault => Assert.InRange(fault.For.TotalSeconds, 0, 30));
        Assert.Contains(faults, static fault => fault is ClockFault { By.TotalDays: > 365 });
        Assert.Contains(faults, static fault => fault is ClockFault { By.TotalDays: < -365 });
        Assert.Contains(faults, static fault => fault is ClockFault { By.TotalDays: > -1 and < 1 });
        Assert.Contains(faults, static fault => fault is StopFault { For.TotalSeconds: > 10 });
        Assert.Contains(Rounds(11, 5), static round => round.Count >= 3);
    }

    [Fact]
    public void A_flapping_link_is_cut_and_whole_in_turn()
    {
        LinkState cut = LinkState.Healthy.Split([1], [2]);
        var flap = new FlapFault(TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(1), "cut", cut, TimeSpan.FromSeconds(0.3));
        Assert.Equal([LinkState.Healthy, cut, LinkState.Healthy, cut, LinkState.Healthy], ((double[])[0.9, 1.1, 1.4, 1.7, 2.1]).Select(at => flap.LinksAt(TimeSpan.FromSeconds(at))));
    }

    private static IEnumerable<IReadOnlyList<Fault>> Rounds(int seed, int nodes) => Enumerable.Range(1, 200).Select(new Schedule(seed, nodes, false).Round);

    private static string Text(int seed, int nodes) => string.Join('\n', Rounds(seed, nodes).SelectMany(static round => round));
}
