// Even clusters whose ties are broken by the witness directory: in every split and after every fault exactly one side lives,
// and the other one has stopped before. The directory is not on the network, so no cut keeps anybody from it.
using Xunit;

namespace Membership.Testbed.Tests;

public sealed class WitnessFileTests(ITestOutputHelper output)
{
    private static readonly ClusterPlan Two = new() { Nodes = 2, Witness = WitnessBackend.File };

    /// <summary>Silence, then the rest of the former owner's period, at most; the owner itself needs only the first.</summary>
    private static readonly TimeSpan Bound = Two.LossPeriod + Two.Takeover;

    [Fact]
    public async Task Of_two_nodes_that_lose_each_other_exactly_one_lives()
    {
        await using Incident incident = await Incident.StartAsync(Two, output);
        await incident.ExactlyOneSideLivesAsync(LinkState.Healthy.Split([1], [2]), [1], [2], Bound);
    }

    [Fact]
    public async Task Of_four_nodes_split_in_halves_exactly_one_half_lives()
    {
        await using Incident incident = await Incident.StartAsync(Two with { Nodes = 4 }, output);
        await incident.ExactlyOneSideLivesAsync(LinkState.Healthy.Split([1, 2], [3, 4]), [1, 2], [3, 4], Bound);
    }

    [Fact]
    public async Task When_the_owner_of_the_witness_is_killed_the_other_one_lives_alone()
    {
        await using Incident incident = await Incident.StartAsync(Two, output);
        NodeLife owner = incident.Cluster[await incident.WitnessOwnerAsync()];
        long killed = owner.Send(Signal.Kill);
        incident.Measured("kill -9 of the owner to the other one serving", killed, await incident.OperationalAsync(incident.Cluster.Except(owner.Node), killed), Bound);
        await incident.ReturnAsync(owner.Node);
        incident.Judge();
    }

    [Fact]
    public async Task When_the_owner_of_the_witness_is_frozen_the_other_one_lives_and_it_halts_on_waking()
    {
        await using Incident incident = await Incident.StartAsync(Two, output);
        NodeLife owner = incident.Cluster[await incident.WitnessOwnerAsync()];
        long frozen = owner.Send(Signal.Stop);
        incident.Measured("SIGSTOP of the owner to the other one serving", frozen, await incident.OperationalAsync(incident.Cluster.Except(owner.Node), frozen), Bound);
        owner.Send(Signal.Continue);
        await incident.HaltAndReturnAsync(owner);
        incident.Judge();
    }
}
