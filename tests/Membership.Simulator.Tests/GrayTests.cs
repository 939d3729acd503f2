// Gray failures: whoever is at fault goes, nobody else does, and what it costs is bounded. The large table is eng/simulate --gray all.
using Membership.Engine;
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

    private GrayResult Run(int nodes, GrayFault fault, TimeSpan duration, ulong seed)
    {
        GrayResult result = GrayRun.Run(GrayRun.Options(nodes, ClusterTiming.Default, seed), fault, duration.Ticks);
        output.WriteLine(GrayCommand.Line(result, seed));
        Assert.True(result.Violation is null, $"seed {seed}: {result.Violation}");
        Assert.True(result.HealthyRemoved == 0, $"seed {seed}: {result.HealthyRemoved} healthy nodes lost their place: {GrayCommand.Line(result, seed)}");
        Assert.True(result.Whole >= 0, $"seed {seed}: not whole again after the fault: {GrayCommand.Line(result, seed)}");
        return result;
    }
}
