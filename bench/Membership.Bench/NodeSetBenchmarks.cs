// The set of node numbers beside the sets that the framework has: one word's worth of nodes, and all 1024.
using System.Collections;
using BenchmarkDotNet.Attributes;
using BenchmarkDotNet.Configs;
using Membership.Engine;

namespace Membership.Bench;

[GroupBenchmarksBy(BenchmarkLogicalGroupRule.ByCategory)]
public class NodeSetBenchmarks
{
    private NodeSet _left;
    private NodeSet _right;
    private NodeSet _same;
    private HashSet<int> _leftHash = [];
    private HashSet<int> _sameHash = [];
    private BitArray _leftBits = new(0);
    private BitArray _rightBits = new(0);
    private NodeId _probe;

    [Params(64, NodeId.MaxValue)]
    public int Highest { get; set; }

    [GlobalSetup]
    public void Fill()
    {
        int[] left = [.. Enumerable.Range(1, Highest).Where(static number => number % 3 != 0)], right = [.. Enumerable.Range(1, Highest).Where(static number => number % 2 == 0)];
        (_left, _same, _right) = (NodeSet.Of(left), NodeSet.Of(left), NodeSet.Of(right));
        (_leftHash, _sameHash) = ([.. left], [.. left]);
        (_leftBits, _rightBits) = (new BitArray(Highest + 1), new BitArray(Highest + 1));
        foreach (int number in left) _leftBits[number] = true;
        foreach (int number in right) _rightBits[number] = true;
        _probe = new NodeId(left[left.Length / 2]);
    }

    [Benchmark(Baseline = true, Description = "HashSet<int>")]
    [BenchmarkCategory("NodeSet: contains")]
    public bool HashContains() => _leftHash.Contains(_probe.Value);

    [Benchmark(Description = "NodeSet")]
    [BenchmarkCategory("NodeSet: contains")]
    public bool Contains() => _left.Contains(_probe);

    [Benchmark(Baseline = true, Description = "BitArray, new")]
    [BenchmarkCategory("NodeSet: union")]
    public BitArray BitUnion() => new BitArray(_leftBits).Or(_rightBits);

    [Benchmark(Description = "NodeSet")]
    [BenchmarkCategory("NodeSet: union")]
    public NodeSet Union() => _left | _right;

    [Benchmark(Baseline = true, Description = "BitArray, new")]
    [BenchmarkCategory("NodeSet: intersection")]
    public BitArray BitIntersection() => new BitArray(_leftBits).And(_rightBits);

    [Benchmark(Description = "NodeSet")]
    [BenchmarkCategory("NodeSet: intersection")]
    public NodeSet Intersection() => _left & _right;

    [Benchmark(Baseline = true, Description = "HashSet<int>")]
    [BenchmarkCategory("NodeSet: is subset of an equal set")]
    public bool HashSubset() => _leftHash.IsSubsetOf(_sameHash);

    [Benchmark(Description = "NodeSet")]
    [BenchmarkCategory("NodeSet: is subset of an equal set")]
    public bool Subset() => _left.IsSubsetOf(_same);

    [Benchmark(Baseline = true, Description = "HashSet<int>")]
    [BenchmarkCategory("NodeSet: enumerate")]
    public int HashEnumerate()
    {
        int sum = 0;
        foreach (int number in _leftHash) sum += number;
        return sum;
    }

    [Benchmark(Description = "NodeSet")]
    [BenchmarkCategory("NodeSet: enumerate")]
    public int Enumerate()
    {
        int sum = 0;
        foreach (NodeId node in _left) sum += node.Value;
        return sum;
    }
}
