// Nobody serves twice (design 5): at no instant of virtual time does a node hold a valid published lease while a
// view of a higher epoch that excludes this life of it is in force anywhere. A lease is an interval from its
// publication to the instant its own clock passes ValidUntil, frozen processes included; so it is enough to look
// when a lease is published and when a view comes into force, and each looks at all of the other kind. Two clusters that an
// operator's forced forming made are two: leases of the one say nothing about views of the other.
using Membership.Engine;
using Membership.Engine.Protocol;
using Membership.Simulator.World;

namespace Membership.Simulator.Checkers;

internal sealed class ExclusivityChecker(ClusterWorld world, ViewChainChecker chain)
{
    private readonly HeldLease[] _leases = new HeldLease[world.Options.Nodes + 1];
    private readonly List<ClusterView> _inForce = [];
    private readonly List<HeldLease> _twins = [];

    private struct HeldLease
    {
        public SimProcess? Holder;
        public Epoch Epoch;
        public Incarnation Incarnation;
        public long EndsAt;
    }

    public void LeasePublished(SimProcess process, in LeaseState lease)
    {
        ref HeldLease held = ref _leases[process.Number];
        // What a held node may still run is judged like a lease.
        MonotonicTime until = lease.Held ? lease.HeldUntil : lease.ValidUntil;
        if (until <= process.LocalNow)
        {
            if (held.Holder == process) held = default;
            return;
        }
        bool another = held.Holder != process || held.Epoch != lease.Epoch;
        if (another)
        {
            held.Holder = process;
            held.Epoch = lease.Epoch;
            held.Incarnation = process.Incarnation;
        }
        held.EndsAt = process.Node.Clock.FirstInstantAt(until);
        for (int i = _inForce.Count - 1; i >= 0; i--)
        {
            ClusterView view = _inForce[i];
            if (view.Epoch > lease.Epoch && !view.Contains(new NodeId(process.Number), held.Incarnation) && chain.SameChain(view.Epoch, lease.Epoch))
                world.Violate("exclusivity", $"node {process.Number} is given a lease of epoch {lease.Epoch} for {(held.EndsAt - world.Now) / 1e4:F1} ms "
                    + $"while {view}, which excludes this life of it, is in force.");
        }
    }

    public void ViewInForce(int node, ClusterView view)
    {
        if (!_inForce.Contains(view)) _inForce.Add(view);
        for (int number = 1; number < _leases.Length; number++)
        {
            Check(node, view, in _leases[number]);
        }
        foreach (HeldLease twin in _twins) Check(node, view, in twin);
    }

    /// <summary>The frozen process keeps showing its lease beside the second one of the same node.</summary>
    public void Twinned(SimProcess process)
    {
        if (_leases[process.Number].Holder == process) _twins.Add(_leases[process.Number]);
        _leases[process.Number] = default;
    }

    private void Check(int node, ClusterView view, in HeldLease held)
    {
        if (held.Holder is null || held.EndsAt <= world.Now || held.Epoch >= view.Epoch) return;
        if (view.Contains(new NodeId(held.Holder.Number), held.Incarnation) || !chain.SameChain(view.Epoch, held.Epoch)) return;
        world.Violate("exclusivity", $"{view} comes into force at node {node} while node {held.Holder.Number}, which it excludes, holds a lease of epoch "
            + $"{held.Epoch} for another {(held.EndsAt - world.Now) / 1e4:F1} ms{(held.Holder.Frozen ? " (frozen)" : "")}.");
    }

    public void ProcessEnded(SimProcess process)
    {
        if (_leases[process.Number].Holder == process) _leases[process.Number] = default;
    }
}
