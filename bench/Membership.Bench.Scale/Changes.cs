// The changes of a cluster whose cost is measured at every size, each from a rested cluster of all its nodes.
using Membership.Engine;
using Membership.Simulator.World;

namespace Membership.Bench.Scale;

internal enum Change
{
    /// <summary>One process dies (kill -9); its kernel closes its connections.</summary>
    Crash,

    /// <summary>One node leaves as it should.</summary>
    Leave,

    /// <summary>The node that left comes back.</summary>
    Join,

    /// <summary>A tenth of the processes die at the same instant.</summary>
    TenPercent,

    /// <summary>Every link between the lower and the upper half is cut; the half with the lowest number goes on.</summary>
    EvenSplit,
}

/// <summary>One change at one size.</summary>
/// <param name="Change">What happened.</param>
/// <param name="Nodes">Nodes before a loss, after a join.</param>
/// <param name="Counted">By how many nodes the bill is shared: those who sent.</param>
/// <param name="Bill">What it cost.</param>
internal sealed record Row(Change Change, int Nodes, int Counted, Bill Bill)
{
    public double MessagesPerNode => (double)Bill.Messages / Counted;

    public double BytesPerNode => (double)Bill.Bytes / Counted;

    public double StagesPerNode => (double)Bill.Stages / Counted;

    public double NanosecondsPerEvent => Bill.Cpu.TotalNanoseconds / Math.Max(1, Bill.Events);
}

internal static class Changes
{
    /// <summary>Measures every change at one size.</summary>
    public static IEnumerable<Row> At(int size)
    {
        NodeSet all = First(size);
        int middle = size / 2 + 1;
        NodeSet without = all.Without(new NodeId(middle));

        MeasuredCluster cluster = Formed(size);
        yield return new Row(Change.Leave, size, size, cluster.Measure(without, () => cluster.World.Node(middle).Process!.Leave(forGood: true)));
        cluster.Rest();
        yield return new Row(Change.Join, size, size, cluster.Measure(all, cluster.World.Node(middle).Start));
        cluster.Rest();
        yield return new Row(Change.Crash, size, size - 1, cluster.Measure(without, () => cluster.World.Node(middle).Kill("crashes", power: false)));

        if (size >= 10)
        {
            cluster.Rest();
            cluster.Measure(all, cluster.World.Node(middle).Start);
            cluster.Rest();
            NodeSet lost = all - First(size - size / 10);
            yield return new Row(Change.TenPercent, size, size - lost.Count, cluster.Measure(all - lost, () =>
            {
                foreach (NodeId node in lost) cluster.World.Node(node.Value).Kill("crashes", power: false);
            }));
        }

        cluster = Formed(size);
        NodeSet lower = First(size / 2);
        yield return new Row(Change.EvenSplit, size, size, cluster.Measure(lower, () =>
        {
            foreach (NodeId one in lower)
            {
                foreach (NodeId other in all - lower)
                {
                    cluster.World.Network.Cut(one.Value, other.Value);
                    cluster.World.Network.Cut(other.Value, one.Value);
                }
            }
        }));
    }

    public static NodeSet First(int count) => NodeSet.From(Enumerable.Range(1, count).Select(static number => new NodeId(number)));


    private static MeasuredCluster Formed(int size)
    {
        var cluster = new MeasuredCluster(WorldOptions.Calm(size));
        cluster.Start(First(size));
        cluster.Rest();
        return cluster;
    }
}
