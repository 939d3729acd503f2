// Regroups come at the pace of the clock period, not of the network: a node that enters stage 1 again and again
// within one L is in a storm, even if everything ends well.
using Membership.Simulator.World;

namespace Membership.Simulator.Checkers;

internal sealed class StormChecker(ClusterWorld world)
{
    /// <summary>Stage-1 entries of one process within L: several per clock period (L is at least 8 of them).</summary>
    private const int Limit = 60;

    private readonly (long WindowStart, int Count)[] _nodes = new (long, int)[world.Options.Nodes + 1];

    public void Activated(SimProcess process)
    {
        ref (long WindowStart, int Count) node = ref _nodes[process.Number];
        if (world.Now - node.WindowStart > world.Options.L) node = (world.Now, 0);
        if (++node.Count > Limit)
            world.Violate("storm", $"node {process.Number} entered stage 1 {node.Count} times within {(world.Now - node.WindowStart) / 1e4:F0} ms (L = {world.Options.L / 1e4:F0} ms).");
    }
}
