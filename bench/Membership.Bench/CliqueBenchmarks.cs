// The search for the heaviest fully connected set in matrices with random broken links, beside a look at every pair of the matrix, which is
// the least that anybody must do.
using BenchmarkDotNet.Attributes;
using Membership.Engine;
using Membership.Engine.Protocol;

namespace Membership.Bench;

public class CliqueBenchmarks
{
    private const int Matrices = 8;

    private readonly NodeSet[][] _heard = new NodeSet[Matrices][];
    private NodeSet _all;

    [Params(16, 64, 256)]
    public int Nodes { get; set; }

    /// <summary>One directed link in eight nodes is broken, anywhere.</summary>
    [GlobalSetup]
    public void Break()
    {
        _all = NodeSet.From(Enumerable.Range(1, Nodes).Select(static number => new NodeId(number)));
        for (int matrix = 0; matrix < Matrices; matrix++)
        {
            var random = new Random(matrix);
            NodeSet[] rows = new NodeSet[Nodes + 1];
            Array.Fill(rows, _all);
            for (int cut = 0; cut < Nodes / 8; cut++)
            {
                int listener = random.Next(1, Nodes + 1), speaker = random.Next(1, Nodes + 1);
                if (listener != speaker) rows[listener] = rows[listener].Without(new NodeId(speaker));
            }
            _heard[matrix] = rows;
        }
    }

    [Benchmark(Baseline = true, Description = "every pair looked at", OperationsPerInvoke = Matrices)]
    public int Scan()
    {
        int edges = 0;
        foreach (NodeSet[] rows in _heard)
            foreach (NodeId one in _all)
                foreach (NodeId other in _all)
                    if (rows[one.Value].Contains(other) && rows[other.Value].Contains(one)) edges++;
        return edges;
    }

    [Benchmark(Description = "heaviest clique", OperationsPerInvoke = Matrices)]
    public int Heaviest()
    {
        int members = 0;
        foreach (NodeSet[] rows in _heard)
            members += Clique.Heaviest(_all, node => rows[node.Value], false, static _ => false, static _ => 1, NodeId.Invalid, default).Count;
        return members;
    }
}
