// Even clusters whose ties are broken by the witness directory: in every split and after every fault exactly one side lives,
// and the other one has stopped before. The directory is not on the network, so no cut keeps anybody from it.
using Xunit;

namespace Membership.Testbed.Tests;

public sealed class WitnessFileTests(ITestOutputHelper output)
{
    private static readonly ClusterPlan Two = new() { Nodes = 2, Witness = WitnessBackend.File };

    /// <summary>Silence, then the rest of the former owner's period, at most; the owner itself needs only the first.</summary>
    private static readonly TimeSpan Bound = Two.LossPeriod + TimeSpan.FromSeconds(1.5) * 1.01;

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Of_two_nodes_that_lose_each_other_exactly_one_lives()
    {
        await using Incident incident = await Incident.StartAsync(Two, output);
        await ExactlyOneSideLivesAsync(incident, [1], [2]);
    }

    [Fact]
    public async Task Of_four_nodes_split_in_halves_exactly_one_half_lives()
    {
        await using Incident incident = await Incident.StartAsync(Two with { Nodes = 4 }, output);
        await ExactlyOneSideLivesAsync(incident, [1, 2], [3, 4]);
    }

    [Fact]
    public async Task When_the_owner_of_the_witness_is_killed_the_other_one_lives_alone()
    {
        await using Incident incident = await Incident.StartAsync(Two, output);
        NodeLife owner = incident.Cluster[await OwnerAsync(incident)];
        long killed = owner.Send(Signal.Kill);
        incident.Measured("kill -9 of the owner to the other one serving", killed, await incident.OperationalAsync(incident.Cluster.Except(owner.Node), killed), Bound);
        await owner.WaitForExitAsync(Token);
        await incident.ReturnAsync(owner.Node);
        incident.Judge();
    }

    [Fact]
    public async Task When_the_owner_of_the_witness_is_frozen_the_other_one_lives_and_it_halts_on_waking()
    {
        await using Incident incident = await Incident.StartAsync(Two, output);
        NodeLife owner = incident.Cluster[await OwnerAsync(incident)];
        long frozen = owner.Send(Signal.Stop);
        incident.Measured("SIGSTOP of the owner to the other one serving", frozen, await incident.OperationalAsync(incident.Cluster.Except(owner.Node), frozen), Bound);
        owner.Send(Signal.Continue);
        await incident.HaltAndReturnAsync(owner);
        incident.Judge();
    }

    private static async Task ExactlyOneSideLivesAsync(Incident incident, int[] left, int[] right)
    {
        TestbedCluster cluster = incident.Cluster;
        long cut = TestbedCluster.Now;
        cluster.Network.Links = LinkState.Healthy.Split(left, right);
        int[] winners = await cluster.UntilAsync(
            "one side has a view of its own", () => cluster.CommonView(left, incident.View.Epoch) is not null ? left : cluster.CommonView(right, incident.View.Epoch) is not null ? right : null, Token);
        int[] losers = cluster.Except(winners);
        incident.Measured($"even split to the whole side {{{string.Join(',', winners)}}} serving", cut, await incident.OperationalAsync(winners, cut), Bound);
        // They see nobody but the witness, which is not theirs: they give up by themselves, with the cut still there.
        foreach (int node in losers) await cluster.HaltAsync(cluster[node], Token);
        Assert.All(winners, node => Assert.False(cluster[node].HasExited));
        cluster.Network.Links = LinkState.Healthy;
        foreach (int node in losers) cluster.Start(node);
        await incident.SettleAsync(incident.View.Epoch);
        incident.Judge();
    }

    // A view names the owner as far as its decider knew; the first view has been decided with the witness' vote.
    private static async Task<int> OwnerAsync(Incident incident)
        => (await incident.Cluster.UntilAsync("an owner is known", () => incident.Cluster.All.Select(node => incident.Cluster[node].LastView!["owner"]).FirstOrDefault(static owner => owner is not ("" or "0")), Token)) is var owner
            ? int.Parse(owner, System.Globalization.CultureInfo.InvariantCulture) : 0;
}
