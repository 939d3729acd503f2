// Whoever was announced as kept out is not let in before its time by the one that announced it, unless the operator cleared it or the members
// had no more than half of the configured votes without it; and nobody is announced who has not lost its place often enough.
using Membership.Engine;
using Membership.Engine.Protocol;
using Membership.Simulator.World;

namespace Membership.Simulator.Checkers;

internal sealed class QuarantineChecker(ClusterWorld world)
{
    /// <summary>Views in force that a node was in and the next one was not, whatever the reason.</summary>
    private readonly int[] _lost = new int[world.Options.Nodes + 1];

    private readonly Dictionary<(SimProcess By, int Node), MonotonicTime> _until = [];

    public void Announced(SimProcess process, NodeId node, int removals, MonotonicTime until)
    {
        _until.Remove((process, node.Value));
        if (removals == 0) return;
        _until[(process, node.Value)] = until;
        if (world.Options.Quarantine.After == 0 || removals < world.Options.Quarantine.After)
            world.Violate("quarantine", $"node {process.Number} keeps node {node} out after {removals} removals; allowed are {world.Options.Quarantine.After}.");
        // The announcement is made before the view that it is about counts here.
        if (removals > _lost[node.Value] + 1)
            world.Violate("quarantine", $"node {process.Number} counts {removals} removals of node {node}; it has lost its place {_lost[node.Value]} times.");
    }

    public void NewViewInForce(ClusterView view, ClusterView? before)
    {
        if (before is null) return;
        foreach (ClusterMember member in before.Members)
            if (!view.Contains(member.Node)) _lost[member.Node.Value]++;
        foreach (ClusterMember member in view.Members)
        {
            if (before.Contains(member.Node)) continue;
            // A join: the coordinator of the view before it let it in. A prepare takes a while, so a quarantine that is nearly over is left alone.
            CheckJoin(member.Node, view, before);
            // Whoever is in this view knows that it is back, for whatever reason it was let in: the quarantine is over, also if it leaves again.
            foreach ((SimProcess by, int node) in _until.Keys.Where(key => key.Node == member.Node.Value && view.Contains(new NodeId(key.By.Number))).ToArray()) _until.Remove((by, node));
        }
    }

    private void CheckJoin(NodeId joined, ClusterView view, ClusterView before)
    {
        if (view.BaseEpoch != before.Epoch || world.Node(before.Coordinator.Value).Process is not { Halted: false } process) return;
        if (!_until.TryGetValue((process, joined.Value), out MonotonicTime until) || until <= process.LocalNow) return;
        if (2 * before.Members.Sum(static each => each.Votes) <= world.Options.Votes.Sum()) return;
        world.Violate("quarantine", $"{view} lets node {joined} in {(until - process.LocalNow).TotalMilliseconds:F0} ms before the end of its quarantine by node {process.Number}.");
    }
}
