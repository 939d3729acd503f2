// How long two halves both claim the right to serve after an even split, ours (a LUN as the witness) and the peer's (qnetd) by turns:
// once with the witness in sight of both halves, once with the half that would win cut off from its peers and from the witness.
using System.Globalization;
using Membership.Testbed;

namespace Membership.Bench.Cluster;

/// <summary>What happens to a cluster with an even number of nodes.</summary>
internal enum SplitFault
{
    /// <summary>Both halves see the witness.</summary>
    Split,

    /// <summary>The half of the witness' owner (the peer's: the half with the lowest number) sees neither the other half nor the witness.</summary>
    Isolated,
}

internal sealed class OverlapBench(Options options, TextWriter output)
{
    private static readonly TimeSpan Settling = TimeSpan.FromSeconds(1);

    /// <summary>How long the peer is watched at most; what both its halves still claim then is counted until then.</summary>
    private static readonly TimeSpan Watch = TimeSpan.FromSeconds(40);

    /// <returns>How many targets were missed.</returns>
    public async Task<int> RunAsync(CancellationToken cancellationToken)
    {
        int missed = 0;
        var table = new MarkdownTable(options.Markdown, 3, "nodes", "timing", "fault", "Regroup: both claim, ms", "Corosync + qnetd: both claim, ms", "ratio", "Regroup: the other half serves alone after, ms", "Corosync + qnetd, ms", "ratio of both");
        foreach (int nodes in options.Nodes)
        {
            SplitFault[] faults = [.. options.Splits.Where(fault => !table.Has(Key(nodes, fault)))];
            if (faults.Length == 0) continue;
            await using var ours = new TestbedCluster(new ClusterPlan { Nodes = nodes, ClockPeriod = options.ClockPeriod, Witness = WitnessBackend.Scsi });
            await using CorosyncCluster? peer = options.Peer ? new CorosyncCluster(nodes, options.Token, witness: true) : null;
            await Task.WhenAll(ours.FormAsync(cancellationToken), peer?.FormAsync(cancellationToken) ?? Task.CompletedTask);
            foreach (SplitFault fault in faults)
            {
                (Measured Both, Measured Alone) our = (new Measured(), new Measured()), theirs = (new Measured(), new Measured());
                for (int run = 0; run < options.Runs; run++)
                {
                    await Task.Delay(Settling, cancellationToken);
                    await OursAsync(ours, fault, our.Both, our.Alone, cancellationToken);
                    if (peer is not null) await TheirsAsync(peer, fault, theirs.Both, theirs.Alone, cancellationToken);
                }
                Report(table, nodes, fault, our, peer is null ? null : theirs, ref missed);
            }
        }
        return missed;
    }

    private static LinkState Links(SplitFault fault, int[] owners, int[] others)
        => LinkState.Healthy.Split(owners, fault == SplitFault.Isolated ? [.. others, LinkState.Witness] : others);

    private static async Task OursAsync(TestbedCluster cluster, SplitFault fault, Measured both, Measured alone, CancellationToken cancellationToken)
    {
        NodeEvent view = (await cluster.ViewAsync(cluster.All, 0, cancellationToken))[0];
        // Somebody owns the witness soon after the first view; until then a split would not be about it.
        await cluster.UntilAsync("every node has kept how far the witness' record had come", () => cluster.All.All(cluster.HasSeenTheWitness) ? "yes" : null, cancellationToken);
        int owner = int.TryParse(cluster[cluster.All[0]].LastView?["owner"], NumberStyles.None, CultureInfo.InvariantCulture, out int named) ? named : 1;
        int[] owners = [owner, .. cluster.All.Where(node => node != owner).Take(cluster.All.Count / 2 - 1)], others = cluster.Except(owners);
        TimeSpan before = Clean(cluster);
        long from = TestbedCluster.Now;
        cluster.Network.Links = Links(fault, owners, others);
        int[] winners = await cluster.UntilAsync("one half goes on without the other", () => cluster.CommonView(owners, view.Epoch) is not null ? owners : cluster.CommonView(others, view.Epoch) is not null ? others : null, cancellationToken);
        long[] served = [.. (await cluster.UntilAsync("it serves", () => winners.Select(node => cluster[node].FirstServedAfter(from, view.Epoch)).ToArray() is var all && all.All(static at => at is not null) ? all : null, cancellationToken)).Select(static at => at!.Value)];
        alone.Add(from, served.Max());
        foreach (int node in cluster.Except(winners)) await cluster.HaltAsync(cluster[node], cancellationToken);
        both.Add(0, (long)(Clean(cluster) - before).TotalNanoseconds);
        long epoch = cluster[winners[0]].LastView!.Epoch;
        cluster.Network.Links = LinkState.Healthy;
        foreach (int node in cluster.Except(winners)) cluster.Start(node);
        await cluster.ViewAsync(cluster.All, epoch, cancellationToken);
    }

    // What the judge of the tests says: somebody served while the members of a newer view without it did, too.
    private static TimeSpan Clean(TestbedCluster cluster)
    {
        Verdict verdict = cluster.Judge();
        return verdict.Served > TimeSpan.Zero ? verdict.Overlap : throw new TestbedException("Nobody served: there is nothing to judge.");
    }

    private static async Task TheirsAsync(CorosyncCluster cluster, SplitFault fault, Measured both, Measured alone, CancellationToken cancellationToken)
    {
        int[] all = cluster.All, owners = all[..(all.Length / 2)], others = all[(all.Length / 2)..];
        long from = TestbedCluster.Now, deadline = from + (long)Watch.TotalNanoseconds;
        cluster.Network.Links = Links(fault, owners, others);
        while (TestbedCluster.Now < deadline && !Over(cluster, owners, others)) await Task.Delay(10, cancellationToken);
        long until = TestbedCluster.Now;
        IReadOnlyDictionary<int, IReadOnlyList<QuorumClaim>> claims = cluster.Claims();
        both.Add(0, ClaimOverlap.Of(claims, from, until));
        // When the half that won was in a membership of its own with quorum; if none was, all of the time that it was watched for.
        long[] served = [.. ((int[][])[owners, others]).Where(half => half.All(node => Alone(claims[node], half))).Select(half => half.Max(node => Since(claims[node], half)))];
        alone.Add(from, served.Length > 0 ? served.Min() : until);
        cluster.Network.Links = LinkState.Healthy;
        await cluster.AgreedAsync(all, from, cancellationToken);
        await cluster.VotedAsync(cancellationToken);
    }

    private static bool Over(CorosyncCluster cluster, int[] owners, int[] others)
    {
        IReadOnlyDictionary<int, IReadOnlyList<QuorumClaim>> claims = cluster.Claims();
        return (owners.All(node => Alone(claims[node], owners)) && others.All(node => !claims[node][^1].Quorate))
            || (others.All(node => Alone(claims[node], others)) && owners.All(node => !claims[node][^1].Quorate));
    }

    private static bool Alone(IReadOnlyList<QuorumClaim> claims, int[] half) => claims[^1].Quorate && claims[^1].Members.SequenceEqual(half);

    private static long Since(IReadOnlyList<QuorumClaim> claims, int[] half)
        => claims.Reverse().TakeWhile(claim => claim.Quorate && claim.Members.SequenceEqual(half)).Last().At;

    private string[] Key(int nodes, SplitFault fault) => [nodes.ToString(CultureInfo.InvariantCulture), options.Timing, fault.ToString().ToLowerInvariant()];

    private void Report(MarkdownTable table, int nodes, SplitFault fault, (Measured Both, Measured Alone) ours, (Measured Both, Measured Alone)? peer, ref int missed)
    {
        string[] key = Key(nodes, fault);
        string ratio = peer is not { } measured ? "" : measured.Both.Median > 0 ? (ours.Both.Median / measured.Both.Median).ToString("0.000", CultureInfo.InvariantCulture) : "0/0";
        string alone = peer is { } other ? (ours.Alone.Median / other.Alone.Median).ToString("0.000", CultureInfo.InvariantCulture) : "";
        output.WriteLine($"overlap nodes={nodes} fault={key[2]} timing={key[1]} ours_ms={ours.Both}{(peer is { } a ? $" corosync_ms={a.Both}" : "")} ({Target.Judge(ours.Both.Maximum == 0, "=0", ref missed).Trim()}){(ratio.Length > 0 ? $" ratio={ratio}" : "")}");
        output.WriteLine($"alone   nodes={nodes} fault={key[2]} timing={key[1]} ours_ms={ours.Alone}{(peer is { } b ? $" corosync_ms={b.Alone}" : "")}{(alone.Length > 0 ? $" ratio={alone}" : "")}");
        table.Add([.. key, ours.Both.ToString(), peer?.Both.ToString() ?? "", ratio, ours.Alone.ToString(), peer?.Alone.ToString() ?? "", alone]);
    }
}
