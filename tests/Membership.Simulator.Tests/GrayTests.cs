// Gray failures: whoever is at fault goes, nobody else does, and what it costs is bounded. The large table is eng/simulate --gray all.
using Membership.Engine;
using Membership.Engine.Protocol;
using Membership.Simulator.Commands;
using Membership.Simulator.Gray;
using Membership.Simulator.World;
using Xunit;

namespace Membership.Simulator.Tests;

public sealed class GrayTests(ITestOutputHelper output)
{
    private static readonly long L = ClusterTiming.Default.LossPeriod.Ticks;

    [Theory]
    [InlineData(3)]
    [InlineData(4)]
    [InlineData(5)]
    [InlineData(7)]
    public void A_node_that_loses_most_of_what_is_sent_to_it_takes_no_healthy_one_with_it(int nodes)
    {
        // The seed says which node: the lowest, the master and the coordinator, is one of them.
        for (ulong seed = 1; seed <= 12; seed++) Run(nodes, GrayFault.IngressLoss, TimeSpan.FromMinutes(3), seed);
    }

    [Fact]
    public void Ten_crashes_at_once_of_a_hundred_nodes_are_one_view_change()
    {
        GrayResult result = Run(100, GrayFault.Crashes, TimeSpan.FromSeconds(30), seed: 1);
        Assert.Equal((1, 10), (result.Views, result.Removals));
        Assert.InRange(result.Out, 0, 2 * L);
    }

    [Fact]
    public void A_node_of_a_hundred_that_hears_nothing_is_removed_once()
    {
        GrayResult result = Run(100, GrayFault.OneWayCut, TimeSpan.FromSeconds(60), seed: 2);
        Assert.Equal((1, 1), (result.Views, result.Removals));
        Assert.InRange(result.Out, 0, 4 * L);
    }

    [Theory]
    [InlineData(nameof(GrayFault.FlipFlop))]
    [InlineData(nameof(GrayFault.LinkFlap))]
    public void A_node_that_keeps_coming_back_is_kept_out_longer_each_time(string name)
    {
        GrayFault fault = Enum.Parse<GrayFault>(name);
        GrayResult result = Run(5, fault, TimeSpan.FromHours(1), seed: 1);
        // Three, and then after 1, 2, 4, 8, 16 and 32 minutes.
        Assert.InRange(result.Removals, 4, 9);
        Assert.InRange(result.Incidents, 4, 18);
        Assert.InRange(result.IncidentsPerHour, 0, 8);
        // The coordinator forgets to look: the checker of quarantines notices.
        GrayResult without = GrayRun.Run(GrayRun.Options(5, ClusterTiming.Default, 1) with { Defects = PlantedDefects.NoQuarantine }, fault, TimeSpan.FromHours(1).Ticks);
        Assert.Equal("quarantine", without.Violation?.Checker);
    }

    [Fact]
    public void Connections_that_something_on_the_way_keeps_closing_cost_one_regroup_and_no_node()
    {
        GrayResult result = Run(5, GrayFault.TripwireResets, TimeSpan.FromMinutes(10), seed: 1);
        Assert.Equal(0, result.Removals);
        Assert.InRange(result.Incidents, 1, 2);
        GrayResult without = Run(5, GrayFault.TripwireResets, TimeSpan.FromMinutes(10), seed: 1, PlantedDefects.TripwireAlwaysBelieved);
        Assert.True(without.Incidents > 100, $"without the rule: {GrayCommand.Line(without, 1)}");
    }

    [Fact]
    public void A_link_that_is_silent_for_just_a_loss_period_again_and_again_is_given_longer()
    {
        GrayResult result = Run(5, GrayFault.Blinks, TimeSpan.FromMinutes(10), seed: 1);
        Assert.InRange(result.Incidents, 1, 12);
        GrayResult without = Run(5, GrayFault.Blinks, TimeSpan.FromMinutes(10), seed: 1, PlantedDefects.NoPatience);
        Assert.True(without.Incidents > 2 * result.Incidents, $"without the rule: {GrayCommand.Line(without, 1)}");
    }

    private GrayResult Run(int nodes, GrayFault fault, TimeSpan duration, ulong seed, PlantedDefects defects = PlantedDefects.None)
    {
        GrayResult result = GrayRun.Run(GrayRun.Options(nodes, ClusterTiming.Default, seed) with { Defects = defects }, fault, duration.Ticks);
        output.WriteLine(GrayCommand.Line(result, seed));
        Assert.True(result.Violation is null, $"seed {seed}: {result.Violation}");
        Assert.True(result.HealthyRemoved == 0, $"seed {seed}: {result.HealthyRemoved} healthy nodes lost their place: {GrayCommand.Line(result, seed)}");
        Assert.True(result.Whole >= 0, $"seed {seed}: not whole again after the fault: {GrayCommand.Line(result, seed)}");
        return result;
    }
}
