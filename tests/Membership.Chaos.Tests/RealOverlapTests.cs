// The judge on real recordings of what must never be. An operator can bring it about: he forms a cluster by force out of a node that is only cut
// off, while the others serve. If the judge had nothing to say to that, its silence after a campaign would mean nothing.
using Membership.Engine;
using Membership.Provider.Control;
using Xunit;

namespace Membership.Testbed.Tests;

public sealed class RealOverlapTests(ITestOutputHelper output)
{
    [Fact]
    public async Task Two_clusters_made_by_a_wrong_order_of_the_operator_are_noticed_with_both_masters()
    {
        await using Incident incident = await Incident.StartAsync(new ClusterPlan { Nodes = 3 }, output);
        TestbedCluster cluster = incident.Cluster;
        int alone = cluster.Except(incident.View.Master)[0];
        Assert.Empty(cluster.Judge().Violations);
        cluster.Network.Links = LinkState.Healthy.Split([alone], cluster.Except(alone));
        cluster[alone].Send(Signal.Kill);
        await cluster[alone].WaitForExitAsync(Incident.Token);
        await incident.OperationalAsync(cluster.Except(alone), TestbedCluster.Now);
        cluster.Start(alone);
        await cluster.UntilAsync("it has formed a cluster by force", () => FormByForce(Path.Combine(cluster.Directory, $"node.{alone}")) ? "yes" : null, Incident.Token);
        await cluster.UntilAsync("its master works beside the other one", () => cluster[alone].Read().MasterServing.Count > 0 && cluster.Judge().RunOverlap > TimeSpan.FromMilliseconds(100) ? "yes" : null, Incident.Token);
        Verdict verdict = cluster.Judge();
        output.WriteLine($"overlap {verdict.Overlap}, masters {verdict.MasterOverlap}, running {verdict.RunOverlap}");
        Assert.True(verdict.Overlap > TimeSpan.Zero && verdict.MasterOverlap > TimeSpan.Zero);
        foreach (string what in (string[])["served while a newer view without it served", "did master-only work under a valid lease while another did", "was running master-only work while another was"])
            Assert.Contains(verdict.Violations, violation => violation.Contains(what, StringComparison.Ordinal));
        cluster.KeepFiles = false;
    }

    private static bool FormByForce(string store)
    {
        try
        {
            return Task.Run(async () =>
            {
                await using MembershipControlClient client = await MembershipControlClient.ConnectToStoreAsync(store, Incident.Token);
                return (await client.AskAsync(new ControlRequest { Verb = ControlVerb.FormByForce, Text = "a test of the judge", Timeout = TimeSpan.FromSeconds(10) }, Incident.Token)).Status == MembershipStatus.Ok;
            }).GetAwaiter().GetResult();
        }
        catch (IOException)
        {
            // Its process has only begun.
            return false;
        }
    }
}
