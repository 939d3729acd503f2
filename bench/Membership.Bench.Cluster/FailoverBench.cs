// From a fault to the moment at which the last survivor said who is left; ours and the peer's by turns, on clusters that are
// up at the same time and at rest while it is the other's turn. The fault goes round the nodes.
using System.Globalization;

namespace Membership.Bench.Cluster;

internal sealed class FailoverBench(Options options, TextWriter output)
{
    private static readonly TimeSpan Settling = TimeSpan.FromSeconds(1);

    /// <returns>How many targets were missed.</returns>
    public async Task<int> RunAsync(CancellationToken cancellationToken)
    {
        int missed = 0;
        var table = new MarkdownTable(options.Markdown, 3, "nodes", "timing", "fault", "L, ms", "Regroup, ms", "median - L", "Corosync, ms", "ratio", "target", "back: Regroup, ms", "back: Corosync, ms", "ratio of both");
        foreach (int nodes in options.Nodes)
        {
            BenchFault[] faults = [.. options.Faults.Where(fault => !table.Has(Key(nodes, fault)))];
            if (faults.Length == 0) continue;
            await using var ours = new RegroupCluster(nodes, options.ClockPeriod, options.Evidence);
            await using CorosyncCluster? peer = options.Peer ? new CorosyncCluster(nodes, options.Token) : null;
            await Task.WhenAll(ours.FormAsync(cancellationToken), peer?.FormAsync(cancellationToken) ?? Task.CompletedTask);
            foreach (BenchFault fault in faults)
            {
                var our = new Series();
                var theirs = new Series();
                int peerRuns = peer is null ? 0 : options.PeerRuns ?? options.Runs;
                for (int run = 0; run < Math.Max(options.Runs, peerRuns); run++)
                {
                    int victim = nodes - run % nodes;
                    if (run < options.Runs) await MeasureAsync(ours, fault, victim, our, cancellationToken);
                    if (run < peerRuns) await MeasureAsync(peer!, fault, victim, theirs, cancellationToken);
                }
                missed += Report(table, nodes, fault, ours.LossPeriod, our, peer is null ? null : theirs);
            }
        }
        return missed;
    }

    private static async Task MeasureAsync(BenchCluster cluster, BenchFault fault, int victim, Series series, CancellationToken cancellationToken)
    {
        await Task.Delay(Settling, cancellationToken);
        long from = cluster.Make(fault, victim);
        (int lost, long at) = await cluster.SurvivedAsync(fault, victim, from, cancellationToken);
        series.Failover.Add(from, at);
        from = await cluster.MendAsync(fault, lost, cancellationToken);
        series.Return.Add(from, await cluster.AgreedAsync(cluster.All, from, cancellationToken));
    }

    private string[] Key(int nodes, BenchFault fault) => [nodes.ToString(CultureInfo.InvariantCulture), options.Evidence ? options.Timing + ", evidence" : options.Timing, fault.ToString().ToLowerInvariant()];

    private int Report(MarkdownTable table, int nodes, BenchFault fault, TimeSpan lossPeriod, Series ours, Series? peer)
    {
        string[] key = Key(nodes, fault);
        double limit = lossPeriod.TotalMilliseconds, median = ours.Failover.Median;
        int missed = 0;
        var targets = new List<string>();
        if (options.Evidence && fault == BenchFault.Kill) targets.Add($"median{Target.Judge(median <= 100, "<=100ms", ref missed)}");
        else if (options.EqualDetection) targets.Add($"median{Target.Judge(median <= 1.1 * limit + 100, string.Create(CultureInfo.InvariantCulture, $"<={1.1 * limit + 100:0}ms"), ref missed)}");
        double? ratio = null, back = null;
        if (peer is not null)
        {
            ratio = median / peer.Failover.Median;
            back = ours.Return.Median / peer.Return.Median;
            // The issue's targets: 0.40 at 3 nodes and 0.12 at 16 with the defaults of both, 0.60 at equal detection time.
            double? most = options.EqualDetection ? 0.60 : nodes switch { 3 => 0.40, 16 => 0.12, _ => null };
            if (most is { } bound) targets.Add($"ratio{Target.Judge(ratio <= bound, string.Create(CultureInfo.InvariantCulture, $"<={bound:0.00}"), ref missed)}");
        }
        string failover = string.Join(", ", targets);
        output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"failover nodes={nodes} fault={key[2]} timing={options.Timing} ours_ms={ours.Failover} loss_period_ms={limit:0} over_limit_ms={median - limit:0}{(peer is null ? "" : $" corosync_ms={peer.Failover}")}{(failover.Length > 0 ? $" ({failover})" : "")}{Ratio(ratio)}"));
        // A restart is the same thing for both; after the others our node has first to notice that it must start anew.
        string returned = back is { } share && fault == BenchFault.Kill ? $"ratio{Target.Judge(share <= 0.5, "<=0.50", ref missed)}" : "";
        output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"return   nodes={nodes} after={key[2]} timing={options.Timing} ours_ms={ours.Return}{(peer is null ? "" : $" corosync_ms={peer.Return}")}{(returned.Length > 0 ? $" ({returned})" : "")}{Ratio(back)}"));
        table.Add([
            .. key, Number(limit), ours.Failover.ToString(), Number(median - limit), peer?.Failover.ToString() ?? "", Share(ratio),
            string.Join("; ", targets.Append(returned.Length > 0 ? "back: " + returned : "").Where(static target => target.Length > 0)),
            ours.Return.ToString(), peer?.Return.ToString() ?? "", Share(back)]);
        return missed;
    }

    private static string Ratio(double? ratio) => ratio is { } share ? string.Create(CultureInfo.InvariantCulture, $" ratio={share:0.000}") : "";

    private static string Share(double? ratio) => ratio is { } share ? share.ToString("0.000", CultureInfo.InvariantCulture) : "";

    private static string Number(double value) => value.ToString("0", CultureInfo.InvariantCulture);

    private sealed class Series
    {
        public Measured Failover { get; } = new();

        public Measured Return { get; } = new();
    }
}
