// The one wait that only a second fault makes necessary: a crash starts a regroup within milliseconds, long before a node
// that has just been cut off can know that it is. Its lease must still be waited for.
using Xunit;

namespace Membership.Testbed.Tests;

public sealed class LeaseWaitTests(ITestOutputHelper output)
{
    [Fact]
    public async Task A_master_cut_off_right_before_another_node_crashes_serves_to_the_end_of_its_lease_and_nobody_else_does_until_then()
    {
        await using Incident incident = await Incident.StartAsync(new ClusterPlan { Nodes = 5 }, output);
        NodeLife master = incident.Cluster[incident.View.Master];
        NodeLife victim = incident.Cluster[incident.Cluster.Except(master.Node)[^1]];
        int[] survivors = incident.Cluster.Except(master.Node, victim.Node);
        long cut = TestbedCluster.Now;
        incident.Cluster.Network.Links = LinkState.Healthy.Split([master.Node], incident.Cluster.Except(master.Node));
        long killed = victim.Send(Signal.Kill);
        long operational = await incident.OperationalAsync(survivors, killed);
        await incident.Cluster.UntilAsync("the one cut off has stopped", () => TestbedCluster.Now > cut + (long)(incident.Cluster.Plan.LossPeriod.TotalNanoseconds * 1.5) ? "yes" : null, Incident.Token);
        incident.Measured("cut to the last moment of the one cut off", cut, master.LastServedAt, incident.Cluster.Plan.LossPeriod);
        incident.Measured("kill to the last survivor serving", killed, operational, incident.Cluster.Plan.LossPeriod);
        incident.Judge();
    }
}
