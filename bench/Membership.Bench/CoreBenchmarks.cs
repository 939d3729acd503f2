// Steps of the protocol's core: what a heartbeat costs the state machine, ticks included, and what a whole regroup with nobody lost costs it.
using BenchmarkDotNet.Attributes;
using BenchmarkDotNet.Configs;

namespace Membership.Bench;

[GroupBenchmarksBy(BenchmarkLogicalGroupRule.ByCategory)]
public class CoreBenchmarks : IDisposable
{
    private const int Nodes = 8;

    /// <summary>Ping, pong and ack of every pair.</summary>
    private const int MessagesPerInterval = 3 * Nodes * (Nodes - 1) / 2;

    private readonly RestingCluster _resting = new(Nodes);
    private readonly RestingCluster _regrouping = new(Nodes);
    private readonly WireBenchmarks _wire = new();

    [GlobalSetup]
    public void Form()
    {
        _resting.Form();
        _regrouping.Form();
        int delivered = 0;
        for (int i = 0; i < 20; i++) delivered = _resting.RunInterval();
        if (delivered != MessagesPerInterval) throw new InvalidOperationException($"{delivered} messages in a heartbeat interval of {Nodes} nodes, not {MessagesPerInterval}");
    }

    [Benchmark(Baseline = true, Description = "its way through the wire")]
    [BenchmarkCategory("one heartbeat in a cluster of 8 at rest")]
    public ulong Wire() => _wire.EncodeSealOpenDecode();

    [Benchmark(Description = "core: receive, answer, tick", OperationsPerInvoke = MessagesPerInterval)]
    [BenchmarkCategory("one heartbeat in a cluster of 8 at rest")]
    public int HeartbeatStep() => _resting.RunInterval();

    [Benchmark(Baseline = true, Description = "heartbeat interval")]
    [BenchmarkCategory("regroup of 8 nodes, nobody lost")]
    public int HeartbeatInterval() => _resting.RunInterval();

    [Benchmark(Description = "six stages on all nodes")]
    [BenchmarkCategory("regroup of 8 nodes, nobody lost")]
    public int RegroupStep() => _regrouping.Regroup();

    public void Dispose()
    {
        _wire.Dispose();
        GC.SuppressFinalize(this);
    }
}
