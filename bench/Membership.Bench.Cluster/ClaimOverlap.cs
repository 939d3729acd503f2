// How long two sides both claimed to have quorum although one of them had already gone on without the other: what a host of
// either would have taken for its right to serve.
namespace Membership.Bench.Cluster;

internal static class ClaimOverlap
{
    /// <summary>The time in which a node claimed quorum in a membership without another one that claimed it as well.</summary>
    /// <param name="claims">Each node's claims, in order.</param>
    /// <param name="from">Only from here.</param>
    /// <param name="until">Only until here.</param>
    /// <returns>Nanoseconds: the union over all pairs of nodes.</returns>
    public static long Of(IReadOnlyDictionary<int, IReadOnlyList<QuorumClaim>> claims, long from, long until)
    {
        long[] cuts = [.. claims.Values.SelectMany(static all => all).Select(static claim => claim.At).Append(from).Append(until).Where(at => at >= from && at <= until).Distinct().Order()];
        long overlap = 0;
        for (int i = 0; i + 1 < cuts.Length; i++)
        {
            (int Node, int[] Members)[] serving = [.. claims.Select(node => (Node: node.Key, Claim: node.Value.LastOrDefault(claim => claim.At <= cuts[i]))).Where(static node => node.Claim.Quorate).Select(static node => (node.Node, node.Claim.Members))];
            if (serving.Any(one => serving.Any(other => !one.Members.Contains(other.Node)))) overlap += cuts[i + 1] - cuts[i];
        }
        return overlap;
    }
}
