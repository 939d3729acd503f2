// A silo that only its membership is cut off from: Orleans' own connections stay up, and calls go on reaching it. Nothing freezes, so
// nothing but the lease keeps it from serving beside its successors.
using Xunit;

namespace Membership.Provider.Orleans.Tests.Live;

[Collection(Silos.OneClusterAtATime)]
public sealed class LiveCutTests(ITestOutputHelper output)
{
    [LiveFact]
    public async Task A_silo_cut_off_from_the_view_executes_and_acknowledges_nothing_once_the_others_go_on()
    {
        using var network = new LoopbackNamespace();
        await using var cluster = new LiveCluster(3, "--preset=Lan") { Network = network };
        await cluster.StartAsync();
        string key = await cluster.WriterOnAsync(3, asker: 2), own = await cluster.WriterOnAsync(3, asker: 3);

        long cut = System.Diagnostics.Stopwatch.GetTimestamp();
        network.Cut(cluster.MembershipPort(3));
        Call first = await cluster.AnswerElsewhereAsync(2, key, 3, cut);
        int code = await cluster[3].ExitAsync();
        foreach (int survivor in (int[])[1, 2]) await cluster.HearsAsync(survivor, 3, "Dead", cut);

        Effect[] effects = cluster.Effects();
        bool IsOfThird(Effect effect) => effect.Writer.StartsWith("3.", StringComparison.Ordinal);
        Effect last = effects.Last(IsOfThird), next = effects.First(effect => effect.Epoch > last.Epoch);
        output.WriteLine($"cut: node 3 wrote for {LiveCluster.Seconds(cut, last.Began):0.00} s more and ended with {code}; the others went on after {LiveCluster.Seconds(cut, next.Began):0.00} s, {key} answered after {LiveCluster.Seconds(cut, first.Ended):0.00} s; {effects.Length} writes");
        // It did serve until then, by calls from both sides: there was something to stop.
        Assert.Contains(effects, effect => IsOfThird(effect) && effect.Key == own && effect.Began > cut);
        Assert.True(last.Began < next.Began, $"node 3 wrote {LiveCluster.Seconds(next.Began, last.Began):0.000} s after epoch {next.Epoch} had begun to write");
        Assert.Equal(0, LiveCluster.Interleaved(effects));
        foreach (int node in (int[])[1, 2, 3]) Assert.DoesNotContain(cluster[node].Calls, call => call.Ok && call.Node == 3 && call.Started > next.Began);
        Assert.InRange(code, 100, 199);
    }
}
