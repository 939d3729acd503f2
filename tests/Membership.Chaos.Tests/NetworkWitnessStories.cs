// What every arbiter with a server must do for an even cluster, on its real server in a namespace of its own: in every
// split exactly one side lives, also when the witness' owner is on the other one; a dead witness stops nobody by itself.
using Xunit;

namespace Membership.Testbed.Tests;

public abstract class NetworkWitnessStories(WitnessBackend backend, ITestOutputHelper output)
{
    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(2)]
    [InlineData(4)]
    [Trait("Run", "Full")]
    public async Task In_an_even_split_exactly_one_side_lives(int nodes)
    {
        await using Incident incident = await StartAsync(nodes);
        (int[] owners, int[] others) = await SidesAsync(incident);
        await incident.ExactlyOneSideLivesAsync(LinkState.Healthy.Split(owners, others), owners, others, Bound(incident));
    }

    [Theory]
    [InlineData(2)]
    [InlineData(4)]
    [Trait("Run", "Full")]
    public Task The_owners_side_cut_from_its_peers_and_from_the_witness_stops_and_the_other_one_lives(int nodes) => IsolateTheOwnersSideAsync(nodes);

    private protected async Task IsolateTheOwnersSideAsync(int nodes)
    {
        await using Incident incident = await StartAsync(nodes);
        (int[] owners, int[] others) = await SidesAsync(incident);
        // Also those that never owned it, and started before there was a record: they would know a lost or a restored one.
        await incident.Cluster.UntilAsync("every node has kept how far the witness' record had come", () => incident.Cluster.All.All(incident.Cluster.HasSeenTheWitness) ? "yes" : null, Token);
        int[] winners = await incident.ExactlyOneSideLivesAsync(LinkState.Healthy.Split(owners, [.. others, LinkState.Witness]), owners, others, Bound(incident));
        Assert.Equal(others, winners);
    }

    [Theory]
    [InlineData(2)]
    [InlineData(4)]
    [Trait("Run", "Full")]
    public async Task When_the_owners_side_is_killed_the_other_one_lives(int nodes)
    {
        await using Incident incident = await StartAsync(nodes);
        (int[] owners, int[] others) = await SidesAsync(incident);
        long killed = owners.Select(node => incident.Cluster[node].Send(Signal.Kill)).Min();
        incident.Measured("kill -9 of the owner's side to the other one serving", killed, await incident.OperationalAsync(others, killed), Bound(incident));
        await incident.ReturnAsync(owners);
        incident.Judge();
    }

    [Theory]
    [InlineData(2)]
    [InlineData(4)]
    [Trait("Run", "Full")]
    public async Task When_the_owners_side_is_frozen_the_other_one_lives_and_it_halts_on_waking(int nodes)
    {
        await using Incident incident = await StartAsync(nodes);
        (int[] owners, int[] others) = await SidesAsync(incident);
        long frozen = owners.Select(node => incident.Cluster[node].Send(Signal.Stop)).Min();
        incident.Measured("SIGSTOP of the owner's side to the other one serving", frozen, await incident.OperationalAsync(others, frozen), Bound(incident));
        NodeLife[] victims = [.. owners.Select(node => incident.Cluster[node])];
        foreach (NodeLife victim in victims) victim.Send(Signal.Continue);
        foreach (NodeLife victim in victims) await incident.Cluster.HaltAsync(victim, Token);
        await incident.ReturnAsync(owners);
        incident.Judge();
    }

    [Theory]
    [InlineData(2)]
    [InlineData(4)]
    [Trait("Run", "Full")]
    public async Task A_dead_witness_stops_nobody_a_split_without_it_stops_both_sides_and_they_come_back_with_it(int nodes)
    {
        await using Incident incident = await StartAsync(nodes);
        TestbedCluster cluster = incident.Cluster;
        (int[] owners, int[] others) = await SidesAsync(incident);
        await cluster.Witness!.KillAsync();
        long until = TestbedCluster.Now + (long)(cluster.Witness.OwnershipPeriod * 1.5).TotalNanoseconds;
        await cluster.UntilAsync("everyone serves long after the witness has died", () => cluster.All.All(node => cluster[node].LastServedAt > until) ? "yes" : null, Token);
        Assert.All(cluster.All, node => Assert.False(cluster[node].HasExited));
        await SaysThatTheWitnessIsLostAsync(cluster);
        cluster.Network.Links = LinkState.Healthy.Split(owners, others);
        foreach (int node in cluster.All) await cluster.HaltAsync(cluster[node], Token);
        cluster.Network.Links = LinkState.Healthy;
        await cluster.Witness.StartAsync(Token);
        await incident.ReturnAsync([.. cluster.All]);
        incident.Judge();
    }

    [Fact]
    [Trait("Run", "Full")]
    public Task A_majority_whose_witness_hangs_fails_over_as_fast_as_with_one_that_is_well() => FailOverWithHungWitnessAsync();

    /// <summary>The owner of the witness dies: three of four need nobody else's vote, and whom they would ask does not answer.</summary>
    private protected async Task FailOverWithHungWitnessAsync()
    {
        await using Incident incident = await StartAsync(4);
        TestbedCluster cluster = incident.Cluster;
        int owner = await incident.WitnessOwnerAsync();
        int[] survivors = cluster.Except(owner);
        cluster.Witness!.Send(Signal.Stop);
        TimeSpan hung = await KillTheOwnerAsync("hangs");
        // Nothing stops, long past what was owned.
        long until = TestbedCluster.Now + (long)(cluster.Witness.OwnershipPeriod * 1.5).TotalNanoseconds;
        await cluster.UntilAsync("the majority serves on", () => survivors.All(node => cluster[node].LastServedAt > until) ? "yes" : null, Token);
        await SaysThatTheWitnessIsLostAsync(cluster);
        cluster.Witness.Send(Signal.Continue);
        await incident.ReturnAsync(owner);
        await cluster.UntilAsync("all are healthy again", () => cluster.All.All(node => cluster[node].Last("health")?["status"] == "Healthy") ? "yes" : null, Token);
        TimeSpan well = await KillTheOwnerAsync("is well");
        // A wait for the witness would be a period at least; the rest is what a loaded machine may add.
        Assert.True(hung < well + cluster.Plan.LossPeriod, $"With a hung witness it took {hung}, with a healthy one {well}.");
        await incident.ReturnAsync(owner);
        incident.Judge();

        async Task<TimeSpan> KillTheOwnerAsync(string witness)
        {
            long killed = cluster[owner].Send(Signal.Kill), served = await incident.OperationalAsync(survivors, killed);
            incident.Measured($"the witness {witness}: kill -9 of its owner, one of four, to the other three serving", killed, served, cluster.Plan.LossPeriod * 2);
            return TimeSpan.FromMicroseconds((served - killed) / 1000);
        }
    }

    /// <summary>Whoever owned it, or would ask for it, degrades and names it; the node that has nothing to do with it has nothing to say.</summary>
    private static async Task SaysThatTheWitnessIsLostAsync(TestbedCluster cluster)
        => await cluster.UntilAsync("a node's health degrades and names the witness", () => cluster.All.Select(node => cluster[node].Last("health")).FirstOrDefault(static health => health?["status"] == "Degraded" && health["trouble"].Contains("witness:", StringComparison.Ordinal)), Token);

    private async Task<Incident> StartAsync(int nodes) => await Incident.StartAsync(new ClusterPlan { Nodes = nodes, Witness = backend }, output);

    /// <summary>Detection, then the rest of the former owner's period and the challenge.</summary>
    private static TimeSpan Bound(Incident incident) => incident.Cluster.Plan.LossPeriod + incident.Cluster.Plan.Takeover;

    private static async Task<(int[] Owners, int[] Others)> SidesAsync(Incident incident)
    {
        int half = incident.Cluster.Plan.Nodes / 2, owner = await incident.WitnessOwnerAsync();
        int[] owners = [owner, .. incident.Cluster.Except(owner).Take(half - 1)];
        return ([.. owners.Order()], incident.Cluster.Except(owners));
    }
}
