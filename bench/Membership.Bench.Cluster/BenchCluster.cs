// A cluster under measurement, ours or the peer's: the same faults on the same kind of network, and the same question of it,
// namely when the last of some nodes said that exactly these are the members.
using Membership.Testbed;

namespace Membership.Bench.Cluster;

/// <summary>What is done to a node.</summary>
internal enum BenchFault
{
    /// <summary>SIGKILL.</summary>
    Kill,

    /// <summary>SIGSTOP.</summary>
    Stop,

    /// <summary>Nothing from it or to it passes the bridge.</summary>
    Cut,

    /// <summary>Nothing from it passes the bridge; it hears all the others.</summary>
    OneWay,
}

internal abstract class BenchCluster(int nodes) : IAsyncDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(120);

    /// <summary>For people.</summary>
    public abstract string Name { get; }

    public int Nodes => nodes;

    public abstract BridgedNetwork Network { get; }

    /// <summary>All nodes' numbers.</summary>
    public int[] All => [.. Enumerable.Range(1, nodes)];

    /// <summary>Starts all nodes and waits until each says that all are members.</summary>
    public abstract Task FormAsync(CancellationToken cancellationToken);

    /// <summary>Does something to a node.</summary>
    /// <returns>Just before, on the host-wide clock in nanoseconds.</returns>
    public long Make(BenchFault fault, int node)
    {
        int[] others = [.. All.Where(other => other != node)];
        long before = TestbedCluster.Now;
        switch (fault)
        {
            case BenchFault.Kill:
                Send(node, Signal.Kill);
                break;
            case BenchFault.Stop:
                Send(node, Signal.Stop);
                break;
            case BenchFault.Cut:
                Network.Links = LinkState.Healthy.Split([node], others);
                break;
            case BenchFault.OneWay:
                Network.Links = LinkState.Healthy.CutOneWay([node], others);
                break;
        }
        return before;
    }

    /// <summary>Ends a fault and brings the node back.</summary>
    /// <returns>When that began.</returns>
    public async Task<long> MendAsync(BenchFault fault, int node, CancellationToken cancellationToken)
    {
        long before = TestbedCluster.Now;
        Network.Links = LinkState.Healthy;
        if (fault == BenchFault.Stop) Send(node, Signal.Continue);
        await ReviveAsync(node, fault, cancellationToken);
        return before;
    }

    /// <summary>Waits until each of these nodes has said, after an instant, that exactly these are the members.</summary>
    /// <returns>When the last of them did.</returns>
    public async Task<long> AgreedAsync(int[] members, long after, CancellationToken cancellationToken) => (await AgreedAsync([members], after, cancellationToken)).At;

    /// <summary>Waits until those who are left after a fault have said so.</summary>
    /// <returns>Who is out, and when the last of the others said so.</returns>
    public async Task<(int Lost, long At)> SurvivedAsync(BenchFault fault, int victim, long after, CancellationToken cancellationToken)
    {
        int[][] sides = [.. (WitnessChooses(fault) ? All : [victim]).Select(lost => All.Where(node => node != lost).ToArray())];
        (int[] left, long at) = await AgreedAsync(sides, after, cancellationToken);
        return (All.Except(left).Single(), at);
    }

    private async Task<(int[] Members, long At)> AgreedAsync(int[][] anyOf, long after, CancellationToken cancellationToken)
    {
        long deadline = TestbedCluster.Now + (long)Patience.TotalNanoseconds;
        while (true)
        {
            foreach (int[] members in anyOf)
            {
                (int[] Members, long At)?[] said = [.. members.Select(LastSaid)];
                if (said.All(one => one is { } heard && heard.At > after && heard.Members.SequenceEqual(members))) return (members, said.Max(static one => one!.Value.At));
            }
            if (TestbedCluster.Now > deadline)
                throw new TestbedException($"{Name}: members {string.Join(" or ", anyOf.Select(static members => string.Join(',', members)))} not within {Patience.TotalSeconds:0} s; said: {string.Join("; ", anyOf.SelectMany(static members => members).Distinct().Select(node => $"{node}: {(LastSaid(node) is { } heard ? string.Join(',', heard.Members) : "nothing")}"))}");
            await Task.Delay(5, cancellationToken);
        }
    }

    /// <summary>The ids of the processes of the nodes that run.</summary>
    public abstract int ProcessOf(int node);

    public abstract ValueTask DisposeAsync();

    /// <summary>Whether the fault looks the same from both sides, and it is the witness that says who goes on.</summary>
    protected virtual bool WitnessChooses(BenchFault fault) => false;

    protected abstract void Send(int node, Signal signal);

    protected abstract Task ReviveAsync(int node, BenchFault fault, CancellationToken cancellationToken);

    /// <summary>Which members a node named last, and when that was read; null before the first time.</summary>
    protected abstract (int[] Members, long At)? LastSaid(int node);
}
