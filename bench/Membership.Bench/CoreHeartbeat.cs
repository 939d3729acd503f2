// One heartbeat interval of a cluster at rest: every tick of every core, and every message they send each other for it.
using BenchmarkDotNet.Attributes;

namespace Membership.Bench;

public class CoreHeartbeat
{
    private RestingCluster _cluster = null!;

    [Params(3, 8)]
    public int Nodes { get; set; }

    [GlobalSetup]
    public void Form()
    {
        _cluster = new RestingCluster(Nodes);
        _cluster.Form();
        for (int i = 0; i < 20; i++) _cluster.RunInterval();
    }

    /// <summary>S*T of the whole cluster.</summary>
    /// <returns>The number of messages delivered.</returns>
    [Benchmark]
    public int TickSendReceive() => _cluster.RunInterval();
}
