// Rules of single nodes, seen from outside, that keep the whole safe: one decision per activation; no join written
// over a newer pending view; a lease that ran out or was taken away never comes back in the same epoch.
using Membership.Engine;
using Membership.Engine.Protocol;
using Membership.Simulator.World;

namespace Membership.Simulator.Checkers;

internal sealed class PromiseChecker(ClusterWorld world)
{
    private readonly State[] _states = new State[world.Options.Nodes + 1];

    private struct State
    {
        public SimProcess? Process;
        public StatusMessage? LastStatus;
        public ActivationId Activation;
        public ViewId Accepted;
        public Epoch LeaseEpoch;
        public long LeaseEndsAt;
        public bool LeaseOver;
    }

    /// <summary>A status shows which decision its sender takes part in: never two in one activation.</summary>
    public void StatusSent(SimProcess process, StatusMessage status)
    {
        ref State state = ref Of(process);
        if (ReferenceEquals(state.LastStatus, status)) return;
        state.LastStatus = status;
        if (status.Activation != state.Activation)
        {
            state.Activation = status.Activation;
            state.Accepted = ViewId.None;
        }
        if (status.Decision is not { } decision) return;
        var self = new NodeId(process.Number);
        // What names a former life of this node is only relayed.
        if (!decision.View.Contains(self, process.Core.Incarnation) && !decision.Voters.Contains(self)) return;
        if (state.Accepted != ViewId.None && state.Accepted != decision.View.Id)
            world.Violate("promise", $"node {process.Number} takes part in a second decision, {decision.View}, in activation {status.Activation}.");
        state.Accepted = decision.View.Id;
    }

    /// <summary>A joined view (the view in force plus one) is never promised beside another newer pending view.</summary>
    public void WriteIssued(SimProcess process, StoredState state)
    {
        if (state.Pending.Length < 2 || state.InForce is not { } current) return;
        ClusterView newest = state.Pending[^1];
        bool join = newest.Nodes.Count == current.Nodes.Count + 1 && current.Nodes.IsSubsetOf(newest.Nodes);
        if (join && process.Node.Disk.Content.FindPending(newest.Id) is null && process.Core.InForce?.Id == current.Id)
            world.Violate("promise", $"node {process.Number} promises the join {newest} over {current} although it holds {string.Join(" ", state.Pending[..^1])}.");
    }

    public void LeasePublished(SimProcess process, in LeaseState lease)
    {
        ref State state = ref Of(process);
        bool valid = !lease.Held && lease.ValidUntil > process.LocalNow;
        if (state.LeaseEpoch == lease.Epoch && valid && (state.LeaseOver || state.LeaseEndsAt < world.Now))
            world.Violate("promise", $"node {process.Number}: the lease of epoch {lease.Epoch} was over and comes back.");
        // A view without a valid lease so far has nothing to lose.
        if (state.LeaseEpoch == lease.Epoch && !valid) state.LeaseOver = state.LeaseEndsAt != 0;
        if (!valid) return;
        if (state.LeaseEpoch != lease.Epoch) state.LeaseOver = false;
        state.LeaseEpoch = lease.Epoch;
        state.LeaseEndsAt = process.Node.Clock.FirstInstantAt(lease.ValidUntil);
    }

    private ref State Of(SimProcess process)
    {
        ref State state = ref _states[process.Number];
        if (state.Process != process) state = new State { Process = process };
        return ref state;
    }
}
