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
        foreach (int nodes in options.Nodes)
        {
            await using var ours = new RegroupCluster(nodes, options.ClockPeriod, options.Evidence);
            await using CorosyncCluster? peer = options.Peer ? new CorosyncCluster(nodes, options.Token) : null;
            await ours.FormAsync(cancellationToken);
            if (peer is not null) await peer.FormAsync(cancellationToken);
            foreach (BenchFault fault in options.Faults)
            {
                var our = new Series();
                var theirs = new Series();
                for (int run = 0; run < options.Runs; run++)
                {
                    int victim = nodes - run % nodes;
                    await MeasureAsync(ours, fault, victim, our, cancellationToken);
                    if (peer is not null) await MeasureAsync(peer, fault, victim, theirs, cancellationToken);
                }
                missed += Report(nodes, fault, ours.LossPeriod, our, peer is null ? null : theirs);
            }
        }
        return missed;
    }

    private static async Task MeasureAsync(BenchCluster cluster, BenchFault fault, int victim, Series series, CancellationToken cancellationToken)
    {
        int[] all = [.. Enumerable.Range(1, cluster.Nodes)], survivors = [.. all.Where(node => node != victim)];
        await Task.Delay(Settling, cancellationToken);
        long from = cluster.Make(fault, victim);
        series.Failover.Add(from, await cluster.AgreedAsync(survivors, from, cancellationToken));
        from = await cluster.MendAsync(fault, victim, cancellationToken);
        series.Return.Add(from, await cluster.AgreedAsync(all, from, cancellationToken));
    }

    private int Report(int nodes, BenchFault fault, TimeSpan lossPeriod, Series ours, Series? peer)
    {
        string timing = options.EqualDetection ? "1000ms" : "default";
        double limit = lossPeriod.TotalMilliseconds;
        string row = string.Create(CultureInfo.InvariantCulture, $"failover nodes={nodes} fault={fault.ToString().ToLowerInvariant()} timing={timing} ours_ms={ours.Failover} loss_period_ms={limit:0} over_limit_ms={ours.Failover.Median - limit:0}");
        int missed = 0;
        if (peer is not null)
        {
            double ratio = ours.Failover.Median / peer.Failover.Median;
            row += string.Create(CultureInfo.InvariantCulture, $" corosync_ms={peer.Failover} ratio={ratio:0.000}");
            // The issue's targets: 0.40 at 3 nodes and 0.12 at 16 with the defaults of both, 0.60 at equal detection time.
            double? target = options.EqualDetection ? 0.60 : nodes switch { 3 => 0.40, 16 => 0.12, _ => null };
            if (target is { } most) row += Target.Judge(ratio <= most, string.Create(CultureInfo.InvariantCulture, $"<={most:0.00}"), ref missed);
        }
        output.WriteLine(row);
        if (options.Evidence && fault == BenchFault.Kill) output.WriteLine($"  proof by a refused connection: median{Target.Judge(ours.Failover.Median <= 100, "<=100 ms", ref missed)}");
        else if (options.EqualDetection) output.WriteLine($"  median{Target.Judge(ours.Failover.Median <= 1.1 * limit + 100, string.Create(CultureInfo.InvariantCulture, $"<= 1.10 x L + 100 ms = {1.1 * limit + 100:0} ms"), ref missed)}");
        row = string.Create(CultureInfo.InvariantCulture, $"return   nodes={nodes} after={fault.ToString().ToLowerInvariant()} timing={timing} ours_ms={ours.Return}");
        if (peer is not null)
        {
            double ratio = ours.Return.Median / peer.Return.Median;
            row += string.Create(CultureInfo.InvariantCulture, $" corosync_ms={peer.Return} ratio={ratio:0.000}");
            // A restart is the same thing for both; after the others our node has first to notice that it must start anew.
            if (fault == BenchFault.Kill) row += Target.Judge(ratio <= 0.5, "<=0.50", ref missed);
        }
        output.WriteLine(row);
        return missed;
    }

    private sealed class Series
    {
        public Measured Failover { get; } = new();

        public Measured Return { get; } = new();
    }
}
