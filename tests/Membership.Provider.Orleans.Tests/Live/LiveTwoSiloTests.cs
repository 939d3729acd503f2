// Two silos and a witness of each kind, on its real server: whichever silo is killed, the other serves on alone. Limits have ten seconds
// more than the documentation says, for the machine is shared.
using System.Diagnostics;
using Xunit;

namespace Membership.Provider.Orleans.Tests.Live;

[Collection(Silos.OneClusterAtATime)]
public sealed class LiveTwoSiloTests(ITestOutputHelper output)
{
    private const double Patience = 10;

    [LiveTheory]
    [InlineData("file")]
    [InlineData("share")]
    [InlineData("scsi")]
    [InlineData("blob")]
    public Task Of_two_silos_with_a_witness_the_second_serves_on_alone_when_the_first_is_killed(string witness) => SurviveAsync(witness, victim: 1);

    [LiveTheory]
    [InlineData("file")]
    [InlineData("share")]
    [InlineData("scsi")]
    [InlineData("blob")]
    [Trait("Run", "Full")]
    public Task Of_two_silos_with_a_witness_the_first_serves_on_alone_when_the_second_is_killed(string witness) => SurviveAsync(witness, victim: 2);

    private async Task SurviveAsync(string kind, int victim)
    {
        await using LiveWitness witness = await LiveWitness.StartAsync(kind);
        await using var cluster = new LiveCluster(2, "--preset=Lan", witness.Argument);
        await cluster.StartAsync();
        int survivor = 3 - victim;
        string key = await cluster.GrainOnAsync(victim, survivor);
        cluster[survivor].Tell($"hammer {key} 20");
        await cluster[survivor].LineAsync($"an answer of {key}", line => line.StartsWith($"call {key} ", StringComparison.Ordinal) && line.Contains(" ok ", StringComparison.Ordinal));

        long killed = cluster[victim].Send(Signal.Kill);

        Call first = await cluster.AnswerElsewhereAsync(survivor, key, victim, killed);
        double took = LiveCluster.Seconds(killed, first.Ended), bound = 1 + witness.TakeoverBound.TotalSeconds;
        output.WriteLine($"{kind}: answered {took:0.00} s after kill -9 of silo {victim} of two (L + the witness' bound: {bound:0.0} s)");
        await cluster.HearsAsync(survivor, victim, "Dead", killed);
        Assert.InRange(took, 0, bound + Patience);
        // The other comes back, and both serve: what the dead one left at the witness is no obstacle.
        long back = Stopwatch.GetTimestamp();
        await cluster.Launch(victim).LineAsync("ready", static line => line == "ready");
        await cluster.HearsAsync(survivor, victim, "Active", back);
    }
}
