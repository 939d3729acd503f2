// Wall clocks that jump by minutes to years, forwards and back, under running nodes: nothing of membership reads them, so nothing happens.
using System.Globalization;
using Xunit;

namespace Membership.Testbed.Tests;

public sealed class ClockJumpTests(ITestOutputHelper output)
{
    private static readonly ClusterPlan Plan = new() { Nodes = 3, MovableClocks = true };

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Jumps_of_the_wall_clock_cost_nobody_a_place_or_a_hold_and_no_one_serves_twice()
    {
        await using Incident incident = await Incident.StartAsync(Plan, output);
        long epoch = incident.View.Epoch;
        NodeLife[] lives = [.. incident.Cluster.All.Select(node => incident.Cluster[node])];
        foreach (TimeSpan jump in (TimeSpan[])[TimeSpan.FromMinutes(5), TimeSpan.FromDays(-400), TimeSpan.FromDays(3650), TimeSpan.Zero])
        {
            foreach (NodeLife life in lives)
            {
                int seen = life.Events.Count(static said => said.What == "clock");
                incident.Cluster.MoveClock(life.Node, life.Node == 2 ? -jump : jump);
                NodeEvent said = await incident.Cluster.UntilAsync($"node {life.Node} sees its clock jump", () => life.Events.Where(static said => said.What == "clock").Skip(seen).FirstOrDefault(), Token);
                output.WriteLine($"node {life.Node}: clock jumped by {said["by"]} s");
            }
            // Longer than a lease: whoever judged by the wall clock would have lost or kept its own wrongly by now.
            long now = TestbedCluster.Now;
            await incident.Cluster.UntilAsync("everyone serves on", () => lives.All(life => life.LastServedAt > now + (long)Plan.LossPeriod.TotalNanoseconds * 3 / 2) ? "yes" : null, Token);
        }
        Assert.All(lives, life => Assert.False(life.HasExited));
        // A busy machine may cost a regroup of its own; nobody lost a place.
        output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"epochs {epoch}..{lives.Max(static life => life.LastView!.Epoch)}"));
        Assert.All(lives, life => Assert.All(life.Events.Where(said => said.What == "view" && said.Epoch >= epoch), static view => Assert.Equal(3, view.Members.Count)));

        // And with clocks that are years apart the loss of a node is noticed in the usual time, by the survivors and by itself.
        incident.Cluster.MoveClock(1, TimeSpan.FromDays(2000));
        incident.Cluster.MoveClock(2, TimeSpan.FromDays(-2000));
        NodeLife victim = lives[2];
        long cut = TestbedCluster.Now;
        incident.Cluster.Network.Links = LinkState.Healthy.Split([3], [1, 2]);
        incident.Measured("cut to the last survivor serving", cut, await incident.OperationalAsync([1, 2], cut), Plan.LossPeriod);
        incident.Cluster.Network.Links = LinkState.Healthy;
        await incident.HaltAndReturnAsync(victim);
        incident.Judge();
    }
}
