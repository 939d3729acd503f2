// What a cluster costs while nothing happens: CPU, packets, bytes and memory per node and second, ours and the peer's at the
// same time; and how many packets it takes in all to agree that one node is gone.
using System.Diagnostics;
using System.Globalization;
using Membership.Testbed;

namespace Membership.Bench.Cluster;

internal sealed class RestBench(Options options, TextWriter output)
{
    private const double TicksPerSecond = 100;

    /// <returns>How many targets were missed.</returns>
    public async Task<int> RunAsync(CancellationToken cancellationToken)
    {
        int missed = 0;
        double runtime = MemoryOfAnIdle("--idle"), host = MemoryOfAnIdleHost();
        foreach (int nodes in options.Nodes)
        {
            await using var ours = new RegroupCluster(nodes, options.ClockPeriod, crashEvidence: false);
            await using CorosyncCluster? peer = options.Peer ? new CorosyncCluster(nodes, options.Token) : null;
            await ours.FormAsync(cancellationToken);
            if (peer is not null) await peer.FormAsync(cancellationToken);
            // The first seconds of a process are its compiler's.
            await Task.Delay(TimeSpan.FromSeconds(10), cancellationToken);
            BenchCluster[] both = peer is null ? [ours] : [ours, peer];
            Usage[] before = [.. both.Select(Look)];
            await Task.Delay(TimeSpan.FromSeconds(options.Seconds), cancellationToken);
            Usage[] rates = [.. both.Select((cluster, index) => Look(cluster).Since(before[index], nodes))];
            foreach ((BenchCluster cluster, Usage rate) in both.Zip(rates))
                output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"rest nodes={nodes} timing={options.Timing} {cluster.Name}: per node cpu_ms_per_s={rate.Cpu:0.00} packets_per_s={rate.Packets:0.0} bytes_per_s={rate.Bytes:0} rss_mb={rate.Memory:0.0}"));
            if (peer is not null)
            {
                output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"  cpu{Target.Judge(rates[0].Cpu <= rates[1].Cpu, "<=1", ref missed)} ratio={rates[0].Cpu / rates[1].Cpu:0.00}\n  packets{(options.EqualDetection ? Target.Judge(rates[0].Packets <= rates[1].Packets, "<=1", ref missed) : "")} ratio={rates[0].Packets / rates[1].Packets:0.00}\n  rss ratio={rates[0].Memory / rates[1].Memory:0.00}"));
            }
            output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"  rss {rates[0].Memory:0.0} MB{Target.Judge(rates[0].Memory < 60, "<60 MB", ref missed)}; a .NET process that does nothing takes {runtime:0.0} MB of it, the node's host without the membership {host:0.0} MB"));

            var changes = new List<double>();
            foreach (BenchCluster cluster in both)
            {
                Usage start = Look(cluster);
                long from = cluster.Make(BenchFault.Kill, nodes);
                await cluster.AgreedAsync([.. Enumerable.Range(1, nodes - 1)], from, cancellationToken);
                // What is still under way when the last survivor has said so belongs to the change, too.
                await Task.Delay(TimeSpan.FromSeconds(1), cancellationToken);
                changes.Add(Look(cluster).Packets - start.Packets);
            }
            output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"change nodes={nodes} packets={string.Join(" / ", both.Zip(changes, static (cluster, packets) => string.Create(CultureInfo.InvariantCulture, $"{cluster.Name} {packets:0}")))}{(nodes == 16 ? Target.Judge(changes[0] < 3000, "<3000", ref missed) : "")}{(peer is null ? "" : string.Create(CultureInfo.InvariantCulture, $" ratio={changes[0] / changes[1]:0.000}"))}"));
        }
        return missed;
    }

    private static Usage Look(BenchCluster cluster)
    {
        double cpu = 0, memory = 0;
        (long packets, long bytes) = cluster.Network.SentByNodes();
        int live = 0;
        foreach (int node in cluster.All)
        {
            if (!File.Exists($"/proc/{cluster.ProcessOf(node)}/stat")) continue;
            live++;
            string stat = File.ReadAllText($"/proc/{cluster.ProcessOf(node)}/stat");
            string[] fields = stat[(stat.LastIndexOf(')') + 2)..].Split(' ');
            cpu += (long.Parse(fields[11], CultureInfo.InvariantCulture) + long.Parse(fields[12], CultureInfo.InvariantCulture)) / TicksPerSecond * 1000;
            memory += MemoryOf(cluster.ProcessOf(node));
        }
        return new Usage(TestbedCluster.Now, cpu, packets, bytes, memory / Math.Max(1, live));
    }

    /// <summary>Resident, in MB.</summary>
    private static double MemoryOf(int process)
    {
        string resident = File.ReadLines($"/proc/{process}/status").First(static line => line.StartsWith("VmRSS:", StringComparison.Ordinal));
        return long.Parse(resident.Split(' ', StringSplitOptions.RemoveEmptyEntries)[1], CultureInfo.InvariantCulture) / 1024.0;
    }

    // Its configuration and its log, as a node has them.
    private static double MemoryOfAnIdleHost()
    {
        string settings = Path.GetTempFileName();
        try
        {
            File.WriteAllLines(settings, ["Logging:LogLevel:Default=Warning", "Logging:LogLevel:Membership=Information", "RegroupMembership:ClusterId=idle"]);
            return MemoryOfAnIdle("--idle-host", "--node", "1", "--config", settings);
        }
        finally
        {
            File.Delete(settings);
        }
    }

    /// <summary>What the node's program takes that does less than a node, started as nodes are.</summary>
    private static double MemoryOfAnIdle(params string[] arguments)
    {
        var start = new ProcessStartInfo(NodeLife.ProgramFile(), arguments) { RedirectStandardInput = true, RedirectStandardOutput = true };
        NodeLife.SetRuntime(start);
        using Process idle = Process.Start(start)!;
        string? said = idle.StandardOutput.ReadLine();
        if (said != "idle") throw new TestbedException($"The idle process ({string.Join(' ', arguments)}) said {said ?? "nothing"} instead of \"idle\".");
        double memory = MemoryOf(idle.Id);
        idle.StandardInput.Close();
        idle.WaitForExit();
        return memory;
    }

    /// <summary>Sums over all nodes; memory is per node.</summary>
    private sealed record Usage(long At, double Cpu, double Packets, double Bytes, double Memory)
    {
        public Usage Since(Usage before, int nodes)
        {
            double seconds = (At - before.At) / 1e9;
            return new Usage(At, (Cpu - before.Cpu) / seconds / nodes, (Packets - before.Packets) / seconds / nodes, (Bytes - before.Bytes) / seconds / nodes, Memory);
        }
    }
}
