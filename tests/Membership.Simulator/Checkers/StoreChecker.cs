// What is durable never goes back: on one disk the epoch in force, the highest epochs and the incarnation only grow,
// one write is in flight at a time, and a pending view leaves only for a newer view in force (or as void, which is
// checked by its consequences in the chain).
using Membership.Engine;
using Membership.Engine.Protocol;
using Membership.Simulator.World;

namespace Membership.Simulator.Checkers;

internal sealed class StoreChecker(ClusterWorld world)
{
    private readonly StoredState?[] _durable = new StoredState?[world.Options.Nodes + 1];

    public void WriteIssued(SimProcess process, StoredState state)
    {
        if (process.Node.Disk.InFlight is not null) world.Violate("store", $"node {process.Number} issues a write while another is in flight.");
        if (state.StoreId != process.Node.Disk.Content.StoreId) world.Violate("store", $"node {process.Number} writes another store id.");
    }

    public void Durable(int node, StoredState state)
    {
        StoredState? before = _durable[node];
        _durable[node] = state;
        if (before is null || before.StoreId != state.StoreId || ReferenceEquals(before, state)) return;
        if (before.InForce is { } old && (state.InForce is null || state.InForce.Epoch < old.Epoch))
            world.Violate("store", $"node {node}: the epoch in force on disk goes back from {old} to {state.InForce?.ToString() ?? "nothing"}.");
        if (before.InForce is { } same && state.InForce!.Epoch == same.Epoch && state.InForce.Id != same.Id)
            world.Violate("store", $"node {node}: the view in force on disk changes within epoch {same.Epoch}.");
        if (state.Incarnation < before.Incarnation) world.Violate("store", $"node {node}: the incarnation on disk goes back.");
        // Only what was heard of another chain is forgotten, and only by a view that comes into force.
        bool otherChain = state.InForce is { } entered && entered.Epoch > (before.InForce?.Epoch ?? Epoch.None) && before.HighestEpochSeen.Value - entered.Epoch.Value > int.MaxValue;
        if (state.HighestEpochSeen < before.HighestEpochSeen && !otherChain) world.Violate("store", $"node {node}: the highest epoch seen on disk goes back.");
        if (state.HighestEpochPersisted < before.HighestEpochPersisted) world.Violate("store", $"node {node}: the highest epoch persisted on disk goes back.");
    }
}
