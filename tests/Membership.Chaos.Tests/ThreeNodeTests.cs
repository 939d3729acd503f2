// Three real processes without a witness, and everything that a network and a machine can do to one of them. Master-only
// work runs all the while: the verdict of every story is that no two ever served where only one may.
using Xunit;

namespace Membership.Testbed.Tests;

public sealed class ThreeNodeTests(ITestOutputHelper output)
{
    private static readonly ClusterPlan Plan = new() { Nodes = 3 };

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_master_that_is_cut_off_stops_before_the_others_go_on_and_comes_back_after_the_cut()
    {
        await using Incident incident = await Incident.StartAsync(Plan, output);
        NodeLife victim = incident.Cluster[incident.View.Master];
        int[] others = incident.Cluster.Except(victim.Node);
        long cut = TestbedCluster.Now;
        incident.Cluster.Network.Links = LinkState.Healthy.Split([victim.Node], others);
        long operational = await incident.OperationalAsync(others, cut);
        incident.Measured("cut to the last survivor serving", cut, operational, Plan.LossPeriod);
        incident.Measured("cut to the last moment of the one cut off", cut, victim.LastServedAt, Plan.LossPeriod);
        Assert.InRange(victim.LastServedAt, cut, operational);
        incident.Cluster.Network.Links = LinkState.Healthy;
        await incident.HaltAndReturnAsync(victim);
        incident.Judge();
    }

    [Fact]
    public async Task A_node_that_hears_nothing_but_is_heard_is_removed_and_stops_before_that()
    {
        await using Incident incident = await Incident.StartAsync(Plan, output);
        NodeLife victim = incident.Cluster[incident.View.Master];
        int[] others = incident.Cluster.Except(victim.Node);
        long cut = TestbedCluster.Now;
        incident.Cluster.Network.Links = LinkState.Healthy.CutOneWay(others, [victim.Node]);
        incident.Measured("one-way cut to the last survivor serving", cut, await incident.OperationalAsync(others, cut), Plan.LossPeriod);
        incident.Cluster.Network.Links = LinkState.Healthy;
        await incident.HaltAndReturnAsync(victim);
        incident.Judge();
    }

    [Fact]
    public async Task In_a_chain_one_end_goes_and_the_middle_stays_with_the_other()
    {
        await using Incident incident = await Incident.StartAsync(Plan, output);
        long cut = TestbedCluster.Now;
        incident.Cluster.Network.Links = LinkState.Healthy.Split([1], [3]);
        incident.Measured("cut of one link to the last survivor serving", cut, await incident.OperationalAsync([1, 2], cut), Plan.LossPeriod);
        incident.Cluster.Network.Links = LinkState.Healthy;
        await incident.HaltAndReturnAsync(incident.Cluster[3]);
        incident.Judge();
    }

    [Fact]
    public async Task After_kill_of_the_master_another_takes_over_and_it_may_come_back()
    {
        await using Incident incident = await Incident.StartAsync(Plan, output);
        NodeLife victim = incident.Cluster[incident.View.Master];
        long killed = victim.Send(Signal.Kill);
        incident.Measured("kill -9 to the last survivor serving", killed, await incident.OperationalAsync(incident.Cluster.Except(victim.Node), killed), Plan.LossPeriod);
        Assert.NotEqual(victim.Node, incident.View.Master);
        await incident.ReturnAsync(victim.Node);
        incident.Judge();
    }

    [Fact]
    public async Task A_master_that_is_frozen_past_its_lease_finds_it_gone_when_it_wakes_and_halts()
    {
        await using Incident incident = await Incident.StartAsync(Plan, output);
        NodeLife victim = incident.Cluster[incident.View.Master];
        long frozen = victim.Send(Signal.Stop);
        long operational = await incident.OperationalAsync(incident.Cluster.Except(victim.Node), frozen);
        incident.Measured("SIGSTOP to the last survivor serving", frozen, operational, Plan.LossPeriod);
        long woken = victim.Send(Signal.Continue);
        await incident.HaltAndReturnAsync(victim);
        Assert.True(victim.LastServedAt < woken, "it served after it was woken");
        incident.Judge();
    }

    [Fact]
    public async Task A_freeze_shorter_than_the_lease_costs_nobody_its_place()
    {
        await using Incident incident = await Incident.StartAsync(Plan, output);
        NodeLife victim = incident.Cluster[incident.View.Master];
        long until = victim.Send(Signal.Stop) + (long)(Plan.LossPeriod.TotalNanoseconds / 4);
        await incident.Cluster.UntilAsync("a quarter of L has passed", () => TestbedCluster.Now > until ? "yes" : null, Token);
        long woken = victim.Send(Signal.Continue);
        await incident.Cluster.UntilAsync("it serves on", () => victim.LastServedAt > woken ? "yes" : null, Token);
        Assert.All(incident.Cluster.Lives, static life => Assert.False(life.HasExited));
        Assert.Equal(incident.View.Members, victim.LastView!.Members);
        incident.Judge();
    }

    [Fact]
    public async Task A_node_that_loses_most_of_what_is_sent_to_it_never_costs_a_healthy_one_its_place()
    {
        await using Incident incident = await Incident.StartAsync(Plan, output);
        NodeLife victim = incident.Cluster[3];
        int[] healthy = [1, 2];
        long until = TestbedCluster.Now + (long)(Plan.LossPeriod.TotalNanoseconds * 4);
        incident.Cluster.Network.Links = LinkState.Healthy.LoseIngress(victim.Node, 80);
        await incident.Cluster.UntilAsync("four loss periods have passed", () => TestbedCluster.Now > until ? "yes" : null, Token);
        incident.Cluster.Network.Links = LinkState.Healthy;
        Assert.All(healthy, node => Assert.All(incident.Cluster[node].Events.Where(static found => found.What == "view"), view => Assert.Superset(healthy.ToHashSet(), view.Members.Keys.ToHashSet())));
        Assert.All(healthy, node => Assert.False(incident.Cluster[node].HasExited));
        output.WriteLine($"views under loss: {incident.Cluster[1].Events.Count(found => found.What == "view" && found.Epoch > incident.View.Epoch)}, the lossy node {(victim.HasExited ? "was removed" : "stayed")}");
        incident.Judge();
    }

    [Fact]
    public async Task A_link_that_flaps_never_costs_the_nodes_with_good_links_their_place()
    {
        await using Incident incident = await Incident.StartAsync(Plan, output);
        int[] healthy = [1, 2];
        LinkState cut = LinkState.Healthy.Split([3], healthy);
        for (int flap = 0; flap < 10; flap++)
        {
            long until = TestbedCluster.Now + (long)(Plan.LossPeriod.TotalNanoseconds * 0.3);
            incident.Cluster.Network.Links = flap % 2 == 0 ? cut : LinkState.Healthy;
            await incident.Cluster.UntilAsync("0.3 L have passed", () => TestbedCluster.Now > until ? "yes" : null, Token);
        }
        incident.Cluster.Network.Links = LinkState.Healthy;
        Assert.All(healthy, node => Assert.All(incident.Cluster[node].Events.Where(static found => found.What == "view"), view => Assert.Superset(healthy.ToHashSet(), view.Members.Keys.ToHashSet())));
        Assert.All(healthy, node => Assert.False(incident.Cluster[node].HasExited));
        incident.Judge();
    }
}
