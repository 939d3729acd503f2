// When did a fault last touch a node or a pair of nodes? Everything that is not ordinary touches: process faults,
// starts, leaves and ejects, slow disks and callbacks; each lost, cut or very late message touches its pair.
using Membership.Simulator.World;

namespace Membership.Simulator.Checkers;

internal sealed class HealthRecord(ClusterWorld world)
{
    private readonly long[] _nodes = Filled(world.Options.Nodes + 1);
    private readonly int[] _holds = new int[world.Options.Nodes + 1];
    private readonly long[] _links = Filled((world.Options.Nodes + 1) * (world.Options.Nodes + 1));

    /// <summary>A fault without end on this node: touched until <see cref="Release"/>.</summary>
    public void Hold(int node) => _holds[node]++;

    public void Release(int node)
    {
        _nodes[node] = world.Now;
        if (_holds[node] > 0) _holds[node]--;
    }

    public void TouchNode(int node) => _nodes[node] = world.Now;

    public void TouchLink(int a, int b)
    {
        if (a < 1 || b < 1) return;
        _links[a * (world.Options.Nodes + 1) + b] = world.Now;
        _links[b * (world.Options.Nodes + 1) + a] = world.Now;
    }

    /// <summary>No fault touched the node or any of its links since the given instant.</summary>
    public bool UntouchedSince(int node, long instant)
    {
        if (_holds[node] > 0 || _nodes[node] >= instant) return false;
        for (int peer = 1; peer <= world.Options.Nodes; peer++)
            if (peer != node && _links[node * (world.Options.Nodes + 1) + peer] >= instant) return false;
        return true;
    }

    private static long[] Filled(int length)
    {
        var times = new long[length];
        Array.Fill(times, -1);
        return times;
    }
}
