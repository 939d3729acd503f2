// The table of gray failures on real processes: five nodes, one of them at fault, a supervisor that starts again what ended, and the quarantine
// that a user has (after two removals here, so that a short run reaches it). Whoever is healthy stays.
using System.Globalization;
using Xunit;

namespace Membership.Testbed.Tests;

public sealed class GrayFailureTests(ITestOutputHelper output)
{
    private static readonly ClusterPlan Plan = new() { Nodes = 5, QuarantineAfter = 2 };

    private static readonly TimeSpan Duration = TimeSpan.FromSeconds(45);

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Theory]
    [Trait("Run", "Full")]
    [InlineData("80 % ingress loss", 1, 0)]
    [InlineData("80 % ingress loss", 4, 0)]
    [InlineData("one-way cut", 1, 0)]
    [InlineData("one-way cut", 3, 0)]
    [InlineData("flip-flop", 1, 5)]
    [InlineData("flip-flop", 5, 5)]
    public async Task The_node_at_fault_goes_and_is_kept_out_and_every_other_one_stays(string fault, int atFault, int halfPeriodSeconds)
    {
        await using Incident incident = await Incident.StartAsync(Plan, output);
        TestbedCluster cluster = incident.Cluster;
        int[] healthy = cluster.Except(atFault);
        long began = TestbedCluster.Now, end = began + (long)Duration.TotalNanoseconds, first = incident.View.Epoch;
        LinkState bad = fault == "80 % ingress loss" ? LinkState.Healthy.LoseIngress(atFault, 80) : LinkState.Healthy.CutOneWay(healthy, [atFault]);
        var outAt = new List<long>();
        bool? isBad = null;
        NodeLife[] lives = [.. healthy.Select(node => cluster[node])];
        while (TestbedCluster.Now < end)
        {
            bool wanted = halfPeriodSeconds == 0 || (TestbedCluster.Now - began) / (halfPeriodSeconds * 1_000_000_000L) % 2 == 0;
            if (wanted != isBad) cluster.Network.Links = wanted ? bad : LinkState.Healthy;
            isBad = wanted;
            if (cluster[atFault].HasExited) cluster.Start(atFault);
            await Task.Delay(20, Token);
        }

        NodeEvent[] views = [.. lives[0].Events.Where(said => said.What == "view" && said.Epoch > first)];
        int removals = 0;
        bool inside = true;
        foreach (NodeEvent view in views)
        {
            bool now = view.Members.ContainsKey(atFault);
            if (inside && !now) removals++;
            if (inside && !now) outAt.Add(view.Time - began);
            inside = now;
            Assert.All(healthy, node => Assert.True(view.Members.ContainsKey(node), $"healthy node {node} lost its place in epoch {view.Epoch}"));
        }
        output.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"{fault} at node {atFault}: views={views.Length} removals={removals} healthy_removed=0 first_out_ms={(outAt.Count > 0 ? outAt[0] / 1_000_000 : -1)}"));
        Assert.All(lives, static life => Assert.False(life.HasExited));
        // The second removal is followed by a minute outside, which is longer than this run.
        Assert.InRange(removals, 1, 2);
        cluster.Network.Links = LinkState.Healthy;
        incident.Judge();
    }
}
