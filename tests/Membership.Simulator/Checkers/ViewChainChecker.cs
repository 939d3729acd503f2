// The views in force form one chain: one epoch is one membership for ever; a view is on the disk of each of its
// members before it is in force anywhere; and whatever was in force, in order of epochs, each view has quorum over
// the one before it, counted from the disks (who ever wrote it) and the witness' record, whichever came first in time.
// An operator's forced forming (design 3.4) begins a chain of its own, 2^32 epochs on, beside the one that it disregards.
using System.Collections.Immutable;
using Membership.Engine;
using Membership.Engine.Protocol;
using Membership.Simulator.World;

namespace Membership.Simulator.Checkers;

internal sealed class ViewChainChecker(ClusterWorld world)
{
    /// <summary>A forced forming goes 2^32 above what its node had seen; the others may have gone on a little meanwhile.</summary>
    private const long ForcedStep = 1L << 31;

    private readonly List<ClusterView> _inForce = []; // ascending by epoch
    private readonly List<Epoch> _forced = []; // where a chain begins, ascending
    private readonly Dictionary<ViewId, NodeSet> _writtenBy = [];
    private readonly HashSet<ViewId> _recorded = [];
    private readonly StoredState?[] _lastSeen = new StoredState?[world.Options.Nodes + 1];
    private readonly ClusterView _configured = ConfiguredSet(world.Options);

    /// <summary>The view of the highest epoch that is in force anywhere in the chain of this epoch, or null.</summary>
    public ClusterView? NewestInChainOf(Epoch epoch) => _inForce.FindLast(view => SameChain(view.Epoch, epoch));

    /// <summary>No operator's forced forming lies between these epochs.</summary>
    public bool SameChain(Epoch one, Epoch other) => ChainOf(one) == ChainOf(other);

    public void FirstView(ClusterView view) => _inForce.Add(view);

    public void Durable(int node, StoredState state)
    {
        // Most writes repeat what the disk held; only the views of a changed state are looked at.
        if (ReferenceEquals(_lastSeen[node], state)) return;
        // Which of two things in one write came first, nobody can see (seed 730734): only what was in force before it counts.
        ClusterView? before = _lastSeen[node] is { } last && last.StoreId == state.StoreId && last.InForceId == state.InForceId ? state.InForce : null;
        _lastSeen[node] = state;
        foreach (ClusterView pending in state.Pending) Written(node, pending, before);
        if (state.InForce is not { } view) return;
        Written(node, view);
        if (_inForce.Count > 0 && _inForce[^1].Id == view.Id) return;
        if (!_inForce.Contains(view)) Check(node, view);
    }

    public void RecordWritten(ImmutableArray<ClusterView> slot)
    {
        foreach (ClusterView view in slot) _recorded.Add(view.Id);
    }

    /// <summary>Whether these nodes with empty disks, helped by the witness, would have quorum over the configured set.</summary>
    public bool CouldForm(NodeSet nodes) => QuorumAudit.HasQuorum(nodes, witness: true, _configured, world.Options.HasWitness);

    /// <summary>A node is told to go only by a view in force that leaves this life of it out, or by somebody who was asked to eject it.</summary>
    public void NodeHalted(SimProcess process, HaltCode code)
    {
        if (code is not (HaltCode.Poisoned or HaltCode.Removed) || process.EjectAsked) return;
        foreach (ClusterView view in _inForce)
            if (view.Epoch > (process.Core.InForce?.Epoch ?? Epoch.None) && !view.Contains(new NodeId(process.Number), process.Incarnation)) return;
        world.Violate("poison", $"node {process.Number} halts ({code}), but no view in force leaves this life of it out, and nobody ejected it.");
    }

    /// <summary>A view that is in force somewhere, or null.</summary>
    public ClusterView? Find(ViewId id) => _inForce.Find(view => view.Id == id);

    /// <summary>The view of this epoch that is in force somewhere, or null.</summary>
    public ClusterView? Find(Epoch epoch) => _inForce.Find(view => view.Epoch == epoch);

    /// <summary>The in-force view of the next lower epoch in its chain, or null.</summary>
    public ClusterView? Before(ClusterView view)
    {
        int index = _inForce.IndexOf(view);
        return index > 0 && SameChain(_inForce[index - 1].Epoch, view.Epoch) ? _inForce[index - 1] : null;
    }

    /// <summary>A process serves under this view from now on.</summary>
    public void ViewInForce(SimProcess process, ClusterView view)
    {
        if (!view.Contains(new NodeId(process.Number), process.Incarnation))
            world.Violate("chain", $"node {process.Number} (incarnation {process.Incarnation.Value}) puts {view} in force, which does not contain this life of it.");
        Check(process.Number, view);
    }

    // In force on a disk is in force, also on that of a voter who is not in the view.
    private void Check(int node, ClusterView view)
    {
        int place = _inForce.Count;
        while (place > 0 && _inForce[place - 1].Epoch >= view.Epoch) place--;
        if (place < _inForce.Count && _inForce[place].Epoch == view.Epoch)
        {
            if (_inForce[place].Id != view.Id)
                world.Violate("chain", $"epoch {view.Epoch} is in force twice: {_inForce[place]} #{_inForce[place].Id.Hash >> 48:x4} and, at node {node}, {view} #{view.Id.Hash >> 48:x4}.");
            return;
        }
        foreach (ClusterMember member in view.Members)
        {
            if (!WrittenBy(view).Contains(member.Node))
                world.Violate("chain", $"{view} comes into force at node {node} although it was never on the disk of its member {member.Node}.");
        }
        ClusterView before = place == 0 ? _configured : _inForce[place - 1];
        if (IsForced(before, view)) Begin(view);
        else Relate(before, view);
        if (place < _inForce.Count && SameChain(view.Epoch, _inForce[place].Epoch)) Relate(view, _inForce[place]);
        _inForce.Insert(place, view);
        CheckGrowth(view, place);
        world.Checkers.InForceSomewhere(node, view);
    }

    /// <summary>By its epoch, and because a life that is in it was started by the operator's order.</summary>
    private bool IsForced(ClusterView before, ClusterView view)
    {
        if (view.Epoch.Value - before.Epoch.Value < ForcedStep) return false;
        foreach (ClusterMember member in view.Members)
            if (world.Node(member.Node.Value).Newest is { StartedByForce: true } process && process.Incarnation == member.Incarnation) return true;
        return false;
    }

    private void Begin(ClusterView view)
    {
        _forced.Add(view.Epoch);
        _forced.Sort();
    }

    private Epoch ChainOf(Epoch epoch)
    {
        int next = _forced.FindIndex(start => start > epoch);
        int last = next < 0 ? _forced.Count - 1 : next - 1;
        return last < 0 ? Epoch.None : _forced[last];
    }

    private void Relate(ClusterView old, ClusterView next)
    {
        NodeSet group = WrittenBy(next);
        bool witness = _recorded.Contains(next.Id);
        if (!QuorumAudit.HasQuorum(group, witness, old, world.Options.HasWitness))
            world.Violate("chain", $"{next} is in force after {old}, but only {group & old.Nodes}{(witness ? " and the witness" : "")} promised it: no quorum over {old}.");
    }

    // A view lies inside some earlier view in force, plus at most one joiner. Not one that was formed by nodes none of whom had any view in
    // force: a former forming may have come into force at somebody who is cut off from all of them. What binds them then is the quorum over it.
    private void CheckGrowth(ClusterView view, int place)
    {
        if (place == 0 || view.BaseEpoch == Epoch.None || _forced.Contains(view.Epoch)) return;
        for (int i = place - 1; i >= 0 && SameChain(_inForce[i].Epoch, view.Epoch); i--)
            if ((view.Nodes - _inForce[i].Nodes).Count <= 1) return;
        world.Violate("chain", $"{view} adds more than one node to every earlier view in force (newest: {_inForce[place - 1]}).");
    }

    private NodeSet WrittenBy(ClusterView view) => _writtenBy.TryGetValue(view.Id, out NodeSet nodes) ? nodes : default;

    private void Written(int node, ClusterView view, ClusterView? inForce = null)
    {
        NodeSet nodes = WrittenBy(view);
        var id = new NodeId(node);
        if (nodes.Contains(id)) return;
        _writtenBy[view.Id] = nodes.With(id);
        // Of its own nodes alone it may be: then the view was pending where the next one was decided, with the quorum over it, and came into force meanwhile.
        if (inForce is not null && view.BaseEpoch == Epoch.None && view.Epoch.Value - inForce.Epoch.Value < ForcedStep && !(view.Nodes - inForce.Nodes).IsEmpty)
            world.Violate("chain", $"node {node} promises {view}, which is made from no view, although {inForce} is in force on its disk.");
    }

    private static ClusterView ConfiguredSet(WorldOptions options)
    {
        var members = ImmutableArray.CreateBuilder<ClusterMember>();
        for (int i = 0; i < options.Nodes; i++) members.Add(new ClusterMember(new NodeId(i + 1), Incarnation.None, options.Votes[i], 0));
        return new ClusterView(Epoch.None, members, options.Rule, options.Timing);
    }
}
