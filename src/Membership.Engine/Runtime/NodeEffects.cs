// Carries the core's effects out: each is either quick and done here, on the loop, or handed to the part of the node
// that does it and posts the result back.
using System.Collections.Immutable;
using Membership.Engine.Arbitration;
using Membership.Engine.Protocol;
using Membership.Engine.Replication;
using Membership.Engine.Storage;
using Membership.Engine.Wire;
using Microsoft.Extensions.Logging;

namespace Membership.Engine.Runtime;

/// <summary>The effects of one node. Called by its loop only.</summary>
internal sealed class NodeEffects(
    MembershipNode node, string clusterId, NodeId self, NodeLoop loop, ViewStore store, CallbackRunner callbacks, WitnessRunner? witness, LeasePublisher lease,
    NodeNetwork network, NodeJournal journal, NodeHistory history, LoopCounters counters, NodeMetrics metrics, RegroupTrace trace, ILogger logger) : IProtocolEffects
{
    private Incarnation _incarnation;

    public bool JournalEnabled => true;

    private ArbiterIdentity Identity => new(clusterId, self, _incarnation);

    public void Send(in MessageHeader header, int path, MessageBody? body) => network.Send(in header, path, body);

    public void Persist(long id, StoredState state)
    {
        counters.CountWrite();
        store.BeginWrite(state, failure =>
        {
            if (failure is not null) logger.PersistFailed(self, store.Directory, failure);
            loop.Post((core, now) =>
            {
                if (failure is null) BeginLife(state.Incarnation);
                core.PersistCompleted(id, failure is null, now);
            });
        });
    }

    /// <summary>A life is used only once it is on disk.</summary>
    private void BeginLife(Incarnation incarnation)
    {
        if (incarnation == _incarnation) return;
        _incarnation = incarnation;
        network.SetIncarnation(incarnation);
    }

    public void InvokeCallback(in CallbackRequest callback) => callbacks.Enqueue(in callback);

    public void Arbitrate(long id, TimeSpan timeout)
    {
        if (witness is not null)
        {
            witness.Arbitrate(id, Identity, timeout);
            return;
        }
        loop.Post((core, now) => core.ArbitrationCompleted(id, ArbitrationOutcome.Lost, MonotonicTime.MinValue, [], now));
    }

    public void WriteWitnessRecord(long id, ImmutableArray<ClusterView> slot)
    {
        if (witness is not null)
        {
            witness.WriteRecord(id, Identity, slot);
            return;
        }
        loop.Post((core, now) => core.RecordWritten(id, confirmed: false, MonotonicTime.MinValue, now));
    }

    public void ReleaseWitness() => witness?.Release(Identity);

    public void CompleteRequest(RequestId request, MembershipStatus status, string? detail) => node.CompleteRequest(request, status, detail);

    public void PublishLease(in LeaseState state) => lease.Publish(in state);

    public void StageEntered(ActivationId activation, RegroupStage stage, RegroupCause cause)
    {
        trace.StageEntered(activation, stage, cause);
        history.StageEntered(activation, stage, cause);
        if (stage != RegroupStage.Activate) return;
        counters.CountRegroup(cause);
        if (activation.IsForming) return;
        network.AddressesSuspect();
        logger.RegroupBegins(self, activation, cause);
    }

    public void ViewInForce(ClusterView view, ActivationId activation)
    {
        network.SetMembers(view.Nodes);
        trace.ViewInForce(view);
    }

    public void ViewInstalled(ClusterView view, ActivationId activation)
    {
        counters.CountInstalled();
        history.ViewInstalled(view);
        logger.ViewInstalled(self, view, view.Master);
        node.Installed(view);
    }

    public void Notify(ClusterChangeNotification change, ViewId view) => node.Changed(change);

    public void StateApplied(LogEntry entry, ClusterState state) => node.StateIs(state);

    public void StateReplaced(ClusterState state) => node.StateIs(state);

    public void ProbeCrashEvidence(NodeId peer, Incarnation incarnation)
        => network.ProbeCrash(peer, () => loop.Post((core, now) => core.CrashEvidence(peer, incarnation, now)));

    public void Halt(HaltCode code, string detail)
    {
        trace.Stop($"halt {code}");
        node.Halt(code, detail);
    }

    public void Quarantined(NodeId peer, int removals, MonotonicTime until) => node.Quarantine(peer, removals, until);

    public void KeptOut(NodeId by, string reason) => logger.KeptOut(self, by, reason);

    public void HeartbeatMissed(NodeId peer) => counters.CountMissed();

    public void RoundTripMeasured(NodeId peer, int path, TimeSpan time) => metrics.RoundTrip(peer, path, time);

    public void Dropped(DropReason reason, NodeId from) => counters.CountDropped(reason);

    public void Journal(string line)
    {
        journal.Add(line);
        logger.JournalLine(self, line);
    }
}
