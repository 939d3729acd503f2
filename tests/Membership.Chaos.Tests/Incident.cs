// What every story needs: a cluster that serves, the verdict at its end with what was measured, and files kept on failure.
using Xunit;

namespace Membership.Testbed.Tests;

internal sealed class Incident : IAsyncDisposable
{
    private readonly ITestOutputHelper _output;

    private Incident(ClusterPlan plan, ITestOutputHelper output)
    {
        _output = output;
        // Until the judge has found nothing: then nobody needs them any more.
        Cluster = new TestbedCluster(plan) { KeepFiles = true };
    }

    public static CancellationToken Token => TestContext.Current.CancellationToken;

    public TestbedCluster Cluster { get; }

    /// <summary>The view all nodes have, after everyone in it has served.</summary>
    public NodeEvent View { get; private set; } = null!;

    public static async Task<Incident> StartAsync(ClusterPlan plan, ITestOutputHelper output)
    {
        var incident = new Incident(plan, output);
        try
        {
            await incident.Cluster.FormAsync(Token);
            await incident.SettleAsync(0);
            return incident;
        }
        catch
        {
            await incident.DisposeAsync();
            throw;
        }
    }

    /// <summary>Waits for the whole cluster in one view, everyone serving, and the master at work.</summary>
    public async Task SettleAsync(long aboveEpoch)
    {
        View = (await Cluster.ViewAsync(Cluster.All, aboveEpoch, Token))[0];
        long epoch = View.Epoch - 1;
        await Cluster.UntilAsync("everyone serves", () => Cluster.All.All(node => Cluster[node].FirstServedAfter(0, epoch) is not null) ? "yes" : null, Token);
        await Cluster.UntilAsync("the master works", () => Cluster[View.Master].Read().MasterServing.Any(served => served.Epoch > epoch) ? "yes" : null, Token);
    }

    /// <summary>Waits until these have a view of their own and all serve in it, and the new master works.</summary>
    /// <returns>When the last of them began to serve, on the host-wide clock.</returns>
    public async Task<long> OperationalAsync(IReadOnlyCollection<int> survivors, long fault)
    {
        NodeEvent view = (await Cluster.ViewAsync(survivors, View.Epoch, Token))[0];
        long[] served = [.. (await Cluster.UntilAsync("the survivors serve", () => survivors.Select(node => Cluster[node].FirstServedAfter(fault, View.Epoch)).ToArray() is var all && all.All(static at => at is not null) ? all : null, Token)).Select(static at => at!.Value)];
        await Cluster.UntilAsync("the new master works", () => Cluster[view.Master].Read().MasterServing.Any(work => work.Epoch >= view.Epoch) ? "yes" : null, Token);
        View = view;
        return served.Max();
    }

    public void Measured(string what, long from, long to, TimeSpan bound)
        => _output.WriteLine($"{what}: {(to - from) / 1e6:0} ms (bound {bound.TotalMilliseconds:0} ms)");

    /// <summary>A halted node's process ends with its code, and a new one is let in again.</summary>
    public async Task<NodeEvent> HaltAndReturnAsync(NodeLife life)
    {
        NodeEvent halt = await Cluster.HaltAsync(life, Token);
        Assert.Equal("False", halt["lease_valid"]);
        Assert.Equal(int.Parse(halt["exit_code"], System.Globalization.CultureInfo.InvariantCulture), life.ExitCode);
        _output.WriteLine($"node {life.Node} halted: {halt["code"]}, exit code {life.ExitCode}");
        await ReturnAsync(life.Node);
        return halt;
    }

    /// <summary>Starts nodes again once their processes have ended, and waits until they are let in.</summary>
    public async Task ReturnAsync(params int[] nodes)
    {
        foreach (int node in nodes) await Cluster[node].WaitForExitAsync(Token);
        foreach (int node in nodes) Cluster.Start(node);
        await SettleAsync(View.Epoch);
    }

    /// <summary>Splits the cluster: one side must go on alone, the other one must give up by itself, with the cut still there.</summary>
    /// <returns>The side that lives.</returns>
    public async Task<int[]> ExactlyOneSideLivesAsync(LinkState split, int[] left, int[] right, TimeSpan bound)
    {
        long cut = TestbedCluster.Now;
        Cluster.Network.Links = split;
        int[] winners = await Cluster.UntilAsync(
            "one side has a view of its own", () => Cluster.CommonView(left, View.Epoch) is not null ? left : Cluster.CommonView(right, View.Epoch) is not null ? right : null, Token);
        int[] losers = Cluster.Except(winners);
        Measured($"split to the whole side {{{string.Join(',', winners)}}} serving", cut, await OperationalAsync(winners, cut), bound);
        foreach (int node in losers) await Cluster.HaltAsync(Cluster[node], Token);
        Assert.All(winners, node => Assert.False(Cluster[node].HasExited));
        Cluster.Network.Links = LinkState.Healthy;
        await ReturnAsync(losers);
        Judge();
        return winners;
    }

    /// <summary>A view names the owner as far as its decider knew; the first view of an even cluster has been decided with the witness' vote.</summary>
    public async Task<int> WitnessOwnerAsync()
    {
        string owner = await Cluster.UntilAsync("an owner is known", () => Cluster.All.Select(node => Cluster[node].LastView!["owner"]).FirstOrDefault(static owner => owner is not ("" or "0")), Token);
        return int.Parse(owner, System.Globalization.CultureInfo.InvariantCulture);
    }

    /// <summary>Nobody served twice, no master's work met another's; and there was something to judge.</summary>
    public void Judge()
    {
        Verdict verdict = Cluster.Judge();
        _output.WriteLine($"views={verdict.Views} overlap_ms={verdict.Overlap.TotalMilliseconds} master_overlap_ms={verdict.MasterOverlap.TotalMilliseconds} served_ms={verdict.Served.TotalMilliseconds:0} master_served_ms={verdict.MasterServed.TotalMilliseconds:0}");
        Assert.Empty(verdict.Violations);
        Assert.Equal(TimeSpan.Zero, verdict.Overlap + verdict.MasterOverlap + verdict.RunOverlap);
        Assert.True(verdict.Served > TimeSpan.Zero && verdict.MasterServed > TimeSpan.Zero, "nobody served");
        Cluster.KeepFiles = false;
    }

    public ValueTask DisposeAsync() => Cluster.DisposeAsync();
}
