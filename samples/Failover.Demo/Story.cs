// The story the demo tells: a cluster forms, its master is killed and comes back, the next master is stopped until it is
// removed and then runs on. Each step waits for what must happen, says it, and fails the demo if it does not.
using System.Globalization;

namespace Failover.Demo;

/// <summary>What was measured; its text is the demo's last line.</summary>
internal sealed record DemoResult(int FailoverMs, int RejoinMs, int OverlapMs)
{
    public override string ToString()
        => string.Create(CultureInfo.InvariantCulture, $"demo: ok failover_ms={FailoverMs} rejoin_ms={RejoinMs} overlap_ms={OverlapMs}");
}

internal sealed class Story(DemoCluster cluster, DemoClock clock, bool crashEvidence)
{
    /// <summary>L with the default timing, plus what the regroup and this machine may add.</summary>
    private const int FailoverLimitMs = 2400 + 150;

    /// <summary>When a refused connection is trusted as proof of a crash, there is no lease to wait for.</summary>
    private const int ProvenCrashLimitMs = 100;

    /// <summary>So that there is something to see, and something to judge, before the next fault.</summary>
    private const int SomeUses = 100;

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);
    private int _failoverMs;
    private int _rejoinMs;

    public async Task<DemoResult> TellAsync(Faults faults, bool keep, CancellationToken cancellationToken)
    {
        clock.Say($"starting {cluster.Size} nodes on loopback: T=300 ms, S=4, R=2, so L=2400 ms; witness: files in a shared directory");
        foreach (int node in cluster.All) await cluster.StartAsync(node);
        NodeEvent[] views = await cluster.ViewAsync(cluster.All, 0, Patience, cancellationToken);
        Show(views);
        await ServingAsync(views[0].Master, 0, cancellationToken);
        if (faults.HasFlag(Faults.Kill)) views = await KillAsync(views[0], cancellationToken);
        if (faults.HasFlag(Faults.Stop)) views = await StopAsync(views[0], cancellationToken);
        if (!keep)
        {
            clock.Say("the nodes leave, one after the other");
            await cluster.EndAsync();
        }
        return Judge();
    }

    private async Task<NodeEvent[]> KillAsync(NodeEvent before, CancellationToken cancellationToken)
    {
        int master = before.Master;
        NodeProcess victim = cluster[master];
        long killed = DemoClock.Now;
        victim.Signal(Signal.Kill);
        clock.Say($"kill -9 of the master, node {master} (process {victim.Id})");
        NodeEvent[] views = await FailoverAsync(master, before, killed, crashEvidence ? ProvenCrashLimitMs : FailoverLimitMs, cancellationToken);
        await ServingAsync(views[0].Master, killed, cancellationToken);
        return await RejoinAsync(master, views[0], cancellationToken);
    }

    private async Task<NodeEvent[]> StopAsync(NodeEvent before, CancellationToken cancellationToken)
    {
        int master = before.Master;
        NodeProcess victim = cluster[master];
        long stopped = DemoClock.Now;
        victim.Signal(Signal.Stop);
        clock.Say($"SIGSTOP of the master, node {master} (process {victim.Id}): it does not know that time passes");
        NodeEvent[] views = await FailoverAsync(master, before, stopped, FailoverLimitMs, cancellationToken);
        await ServingAsync(views[0].Master, stopped, cancellationToken);
        long resumed = DemoClock.Now;
        victim.Signal(Signal.Continue);
        clock.Say($"SIGCONT: node {master} runs on, {DemoClock.Milliseconds(resumed - stopped)} ms later, still thinking it is the master");
        NodeEvent woke = await cluster.UntilAsync($"node {master} notices that it was away", Patience, () => victim.Last(e => e.What == "woke" && e.Time > resumed), cancellationToken);
        clock.Say($"node {master} was away for {woke["gap_ms"]} ms and finds its lease {(woke["lease_valid"] == "False" ? "invalid" : "VALID")}");
        if (woke["lease_valid"] != "False") throw new DemoFailedException($"node {master} found its lease valid after it was removed");
        return await HaltedOrBackAsync(victim, views[0], resumed, cancellationToken);
    }

    private async Task<NodeEvent[]> HaltedOrBackAsync(NodeProcess victim, NodeEvent view, long resumed, CancellationToken cancellationToken)
    {
        string outcome = await cluster.UntilAsync($"node {victim.Node} halts or rejoins", Patience, () =>
            victim.Last(e => e.What == "halt") is { } halt && victim.HasExited ? $"halted, {halt["code"]}, exit code {victim.ExitCode}"
            : victim.HasExited ? $"ended, exit code {victim.ExitCode}"
            : victim.Last(e => e.What == "view" && e.Time > resumed && e.Epoch > view.Epoch) is not null ? "rejoined" : null, cancellationToken);
        clock.Say($"node {victim.Node} {outcome}");
        if (victim.HasExited) return await RejoinAsync(victim.Node, view, cancellationToken);
        NodeEvent[] views = await cluster.ViewAsync(cluster.All, view.Epoch, Patience, cancellationToken);
        _rejoinMs = Math.Max(_rejoinMs, DemoClock.Milliseconds(views.Max(static e => e.Time) - resumed));
        Show(views);
        return views;
    }

    private async Task<NodeEvent[]> FailoverAsync(int lost, NodeEvent before, long since, int limit, CancellationToken cancellationToken)
    {
        int[] survivors = [.. cluster.All.Where(node => node != lost)];
        NodeEvent[] views = await cluster.ViewAsync(survivors, before.Epoch, Patience, cancellationToken);
        int took = DemoClock.Milliseconds(views.Max(static e => e.Time) - since);
        Show(views);
        clock.Say($"new view on all {survivors.Length} survivors after {took} ms (limit {limit} ms)");
        if (took > limit) throw new DemoFailedException($"the new view took {took} ms, more than {limit} ms");
        _failoverMs = Math.Max(_failoverMs, took);
        return views;
    }

    private async Task<NodeEvent[]> RejoinAsync(int node, NodeEvent before, CancellationToken cancellationToken)
    {
        NodeProcess started = await cluster.StartAsync(node);
        clock.Say($"node {node} is started again (process {started.Id})");
        NodeEvent[] views = await cluster.ViewAsync(cluster.All, before.Epoch, Patience, cancellationToken);
        int took = DemoClock.Milliseconds(views.Max(static e => e.Time) - started.StartedAt);
        Show(views);
        clock.Say($"node {node} is back in the view of all {cluster.Size} nodes after {took} ms");
        _rejoinMs = Math.Max(_rejoinMs, took);
        return views;
    }

    private async Task ServingAsync(int master, long since, CancellationToken cancellationToken)
    {
        NodeEvent serving = await cluster.UntilAsync(
            $"node {master} serves the shared resource", Patience, () => cluster[master].Last(e => e.What == "serving" && e.Time > since), cancellationToken);
        clock.Say($"node {master} serves the shared resource under its lease, epoch {serving.Epoch}");
        await cluster.UntilAsync($"node {master} uses it {SomeUses} times", Patience, () =>
            ServedRecords.Read(cluster.ResourceFile) is var records && records.Uses.Count(use => use.Node == master && use.Time > since) >= SomeUses ? records : null, cancellationToken);
    }

    private void Show(NodeEvent[] views)
    {
        NodeEvent view = views[0];
        clock.Say($"view epoch {view.Epoch}: members {view.Members}; " + string.Join(", ", views.Select(static e => $"{e.Node} {e["role"]}")));
    }

    private DemoResult Judge()
    {
        ServedRecords records = ServedRecords.Read(cluster.ResourceFile);
        foreach (Serving serving in records.Intervals)
            clock.Say($"served: node {serving.Node} for {(serving.To - serving.From) / 1e6:0} ms, {serving.Uses} uses");
        if (records.Intervals.Count == 0) throw new DemoFailedException("nobody served the resource");
        if (records.Overlap > 0) throw new DemoFailedException($"two nodes served at once for {records.Overlap / 1e6:0.###} ms");
        if (records.EpochsBack > 0) throw new DemoFailedException($"{records.EpochsBack} uses were made under an epoch older than one already used");
        return new DemoResult(_failoverMs, _rejoinMs, DemoClock.Milliseconds(records.Overlap));
    }
}
