// The effects of the core, carried out in the world: each is shown to the checkers, then scheduled. Nothing here
// calls back into the core.
using System.Collections.Immutable;
using Membership.Engine;
using Membership.Engine.Protocol;
using Membership.Engine.Replication;
using Membership.Simulator.Checkers;

namespace Membership.Simulator.World;

internal sealed partial class SimProcess : IProtocolEffects
{
    bool IProtocolEffects.JournalEnabled => _world.Trace.On;

    void IProtocolEffects.Send(in MessageHeader header, int path, MessageBody? body)
    {
        if (NothingFollowsHalt("Send")) return;
        if (header.OwnershipRemaining > TimeSpan.Zero) _world.Checkers.OwnershipClaimed(this, header.OwnershipRemaining);
        if (_world.Trace.Messages) _world.Trace.Line(_world.Now, Number, $"  > {header.To} path {path} {body?.Kind ?? MessageKind.Heartbeat} {header.Flags} {(body as StatusMessage)?.Activation} {(body as StatusMessage)?.Stage}");
        if (body is StatusMessage status) _world.Checkers.StatusSent(this, status);
        if (_wire is not null && body is not null) SendEncoded(in header, path, body);
        else _world.Network.Send(in header, path, body);
    }

    void IProtocolEffects.Persist(long id, StoredState state)
    {
        if (NothingFollowsHalt("Persist")) return;
        _world.Trace.Mix(0x100 + Number);
        _world.Checkers.WriteIssued(this, state);
        Incarnation = state.Incarnation;
        if (_world.Trace.On)
        {
            _world.Trace.Line(_world.Now, Number, $"writes: in force {state.InForce?.ToString() ?? "nothing"}, pending [{string.Join(" ", state.Pending)}], "
                + $"incarnation {state.Incarnation.Value}, seen e{state.HighestEpochSeen.Value}");
        }
        long duration = Node.Disk.Begin(state, _world.Now);
        bool fails = Node.Disk.FailNext;
        Node.Disk.FailNext = false;
        ref SimEvent done = ref _world.Queue.Push(_world.Now + duration);
        done.Kind = EventKind.PersistDone;
        done.Process = this;
        done.Id = id;
        done.Payload = fails ? null : state;
        _world.Moment(this, Moment.Write);
    }

    void IProtocolEffects.InvokeCallback(in CallbackRequest callback)
    {
        if (NothingFollowsHalt("InvokeCallback")) return;
        if (_world.Trace.On)
        {
            _world.Trace.Line(_world.Now, Number, callback.Kind switch
            {
                CallbackKind.MsgCleanup1 or CallbackKind.NodeDown or CallbackKind.NodeUp => $"calls {callback.Kind}({callback.Node})",
                CallbackKind.MsgCleanup2 or CallbackKind.NodesDown => $"calls {callback.Kind}({callback.Nodes})",
                CallbackKind.ClusterInfoChanged => $"calls {callback.Kind}({callback.View})",
                _ => $"calls {callback.Kind}",
            });
        }
        _world.Checkers.CallbackInvoked(this, in callback);
        if (callback.Kind == CallbackKind.HandOverMastership) _handOverId = callback.Id;
        long duration = _world.Chance.Span(0, _world.Options.CallbackSpread);
        if (Node.CallbackDelay > 0) duration += _world.Options.Settled ? Node.CallbackDelay : _world.Chance.Span(0, Node.CallbackDelay);
        ref SimEvent done = ref _world.Queue.Push(_world.Now + duration + 1);
        done.Kind = EventKind.CallbackDone;
        done.Process = this;
        done.Id = callback.Id;
        _world.Moment(this, Moment.Callback);
    }

    void IProtocolEffects.Arbitrate(long id, TimeSpan timeout)
    {
        if (NothingFollowsHalt("Arbitrate")) return;
        if (_world.Trace.On) _world.Trace.Line(_world.Now, Number, "challenges for the witness");
        Arbiter.Arbitrate(id, timeout);
        _world.Moment(this, Moment.Arbitration);
    }

    void IProtocolEffects.WriteWitnessRecord(long id, ImmutableArray<ClusterView> slot)
    {
        if (NothingFollowsHalt("WriteWitnessRecord")) return;
        if (_world.Trace.On) _world.Trace.Line(_world.Now, Number, $"writes its slot of the witness record: [{string.Join(" ", slot)}]");
        Arbiter.WriteSlot(id, slot);
        _world.Moment(this, Moment.Arbitration);
    }

    void IProtocolEffects.ReleaseWitness()
    {
        if (NothingFollowsHalt("ReleaseWitness")) return;
        if (_world.Trace.On) _world.Trace.Line(_world.Now, Number, "releases the witness");
        Arbiter.Release();
    }

    void IProtocolEffects.CompleteRequest(RequestId request, MembershipStatus status, string? detail)
    {
        if (!_requests.Remove(request.Value, out RequestKind kind))
        {
            _world.Violate("contract", $"node {Number}: request {request.Value} was completed twice or never made.");
            return;
        }
        if (_world.Trace.On) _world.Trace.Line(_world.Now, Number, $"{kind} completes: {status}{(detail is null ? "" : ", " + detail)}");
        if (Halted) return;
        if (Core.Phase == NodePhase.Down) _world.Checkers.HasLeft(this);
        switch (kind)
        {
            case RequestKind.Update or RequestKind.Read:
                if (_stateRequests.Remove(request.Value, out StateRequest asked) && status == MembershipStatus.Ok) _world.Checkers.StateAnswered(this, in asked);
                break;
            case RequestKind.Role:
                LastRoleAnswer = status;
                break;
            case RequestKind.Start when status == MembershipStatus.Ok:
                Run(_world.Options.Settled ? 10 * Ticks.Millisecond : _world.Chance.Span(0, 20 * Ticks.Millisecond), () => AllowRegroup(true));
                break;
            case RequestKind.Start:
                // The header: after a failed join the node must leave, then it may try again.
                if (_world.Chance.Chance(0.3) && !_world.Options.Settled) Run(_world.SupervisorDelay(), () => Node.Kill("its start failed", power: false));
                else Run(Ticks.Millisecond, LeaveAfterFailedStart);
                break;
            case RequestKind.Leave:
                Run(_world.SupervisorDelay(), () => Call(now => Core.Start(NewRequest(RequestKind.Start), StartedByForce, now)));
                break;
            case RequestKind.LeaveForGood:
                Run(Ticks.Millisecond, () =>
                {
                    Node.StayDown = true;
                    Node.Kill("it has left", power: false);
                });
                break;
        }
    }

    void IProtocolEffects.PublishLease(in LeaseState lease)
    {
        if (NothingFollowsHalt("PublishLease")) return;
        if (_world.Trace.On && (lease.Held || lease.ValidUntil == MonotonicTime.MinValue || lease.Epoch != PublishedLease.Epoch || PublishedLease.ValidUntil == MonotonicTime.MinValue))
        {
            _world.Trace.Line(_world.Now, Number, lease.ValidUntil > LocalNow
                ? $"lease e{lease.Epoch} valid for {(lease.ValidUntil - LocalNow).TotalMilliseconds:F0} ms"
                : $"lease e{lease.Epoch} {(lease.Held ? "held" : "lost")}");
        }
        PublishedLease = lease;
        _world.Checkers.LeasePublished(this, in lease);
    }

    void IProtocolEffects.StageEntered(ActivationId activation, RegroupStage stage, RegroupCause cause)
    {
        if (NothingFollowsHalt("StageEntered")) return;
        _world.Trace.Mix(0x200 + (long)stage * 16 + Number);
        if (_world.Trace.On) _world.Trace.Line(_world.Now, Number, stage == RegroupStage.None ? $"regroup {activation} is over" : $"regroup {activation} stage {(int)stage} {stage} ({cause})");
        _world.Checkers.StageEntered(this, activation, stage);
        if (stage == RegroupStage.Activate) _world.Regroups++;
        _world.Moment(this, stage == RegroupStage.Prune ? Moment.Prune : Moment.Stage);
    }

    void IProtocolEffects.ViewInForce(ClusterView view, ActivationId activation)
    {
        if (NothingFollowsHalt("ViewInForce")) return;
        _world.Trace.Mix((long)view.Id.Hash);
        if (_world.Trace.On) _world.Trace.Line(_world.Now, Number, $"view {view} #{view.Id.Hash >> 48:x4} is IN FORCE");
        _world.Checkers.ViewInForce(this, view);
        _world.Moment(this, Moment.InForce);
    }

    void IProtocolEffects.ViewInstalled(ClusterView view, ActivationId activation)
    {
        if (NothingFollowsHalt("ViewInstalled")) return;
        if (_world.Trace.On) _world.Trace.Line(_world.Now, Number, $"view {view} is installed");
        _world.Installs++;
        _world.Checkers.ViewInstalled(this, view);
    }

    void IProtocolEffects.Notify(ClusterChangeNotification change, ViewId view)
    {
        if (NothingFollowsHalt("Notify")) return;
        _world.Trace.Mix(0x400 + (long)change.Change * 64 + change.Node.Value);
        if (_world.Trace.On) _world.Trace.Line(_world.Now, Number, $"is told {change}");
        Told.Add(change);
        _world.Checkers.Notified(this, change, view);
    }

    void IProtocolEffects.StateApplied(LogEntry entry, ClusterState state)
    {
        if (NothingFollowsHalt("StateApplied")) return;
        _world.Trace.Mix(0x500 + entry.Sequence);
        if (_world.Trace.On) _world.Trace.Line(_world.Now, Number, $"carries out entry {entry.Sequence} of e{entry.Epoch}: {string.Join(" ", entry.Batches.Select(static batch => $"{batch.Origin}/{batch.Number}"))}");
        _world.Checkers.StateIs(this, state);
    }

    void IProtocolEffects.StateReplaced(ClusterState state)
    {
        if (NothingFollowsHalt("StateReplaced")) return;
        if (_world.Trace.On) _world.Trace.Line(_world.Now, Number, $"takes over state {state.Generation}/{state.Sequence}");
        _world.Checkers.StateIs(this, state);
    }

    void IProtocolEffects.ProbeCrashEvidence(NodeId node, Incarnation incarnation) => _world.ProbeEvidence(this, node.Value, incarnation);

    void IProtocolEffects.Halt(HaltCode code, string detail)
    {
        if (NothingFollowsHalt("Halt")) return;
        if (PublishedLease.ValidUntil > LocalNow)
            _world.Violate("contract", $"node {Number} halts ({code}) with its lease still published as valid.");
        HaltedWith = code;
        Node.LastHalt = code;
        _world.Trace.Mix(0x300 + (long)code);
        if (_world.Trace.On) _world.Trace.Line(_world.Now, Number, $"HALTS: {code}, {detail}");
        _world.Checkers.NodeHalted(this, code);
        if (code == HaltCode.InternalFault) _world.Violate("internal-fault", $"node {Number} halts: {detail}");
        Run(Ticks.Millisecond, () => Node.Kill($"halted with {code}", power: false));
    }

    void IProtocolEffects.Dropped(DropReason reason, NodeId from)
    {
        _world.Drops++;
        _world.Checkers.Dropped(this, reason);
        // The same reason over and over says nothing new.
        if (_world.Trace.On && (reason, from) != _lastDrop) _world.Trace.Line(_world.Now, Number, $"  . drops a message from {from}: {reason}");
        _lastDrop = (reason, from);
    }

    void IProtocolEffects.Quarantined(NodeId node, int removals, MonotonicTime until)
    {
        if (NothingFollowsHalt("Quarantined")) return;
        if (_world.Trace.On) _world.Trace.Line(_world.Now, Number, removals == 0 ? $"forgets the removals of node {node}" : $"keeps node {node} out for {(until - LocalNow).TotalSeconds:F1} s after {removals} removals");
        _world.Checkers.Quarantined(this, node, removals, until);
    }

    void IProtocolEffects.KeptOut(NodeId by, string reason)
    {
        if (NothingFollowsHalt("KeptOut")) return;
        if (_world.Trace.On) _world.Trace.Line(_world.Now, Number, $"is kept out by node {by}: {reason}");
    }

    void IProtocolEffects.Journal(string line) => _world.Trace.Line(_world.Now, Number, "  . " + line);

    /// <summary>What the host's lease object shows; a frozen process keeps showing it.</summary>
    public LeaseState PublishedLease { get; private set; } = new(Epoch.None, MonotonicTime.MinValue, false, MonotonicTime.MinValue);

    private (DropReason Reason, NodeId From) _lastDrop;
    private long _handOverId;

    private readonly Dictionary<long, StateRequest> _stateRequests = [];

    /// <summary>Updates and reads that have not ended.</summary>
    public int StateRequestsWaiting => _stateRequests.Count;

    /// <summary>Everything this process was told, in order.</summary>
    public List<ClusterChangeNotification> Told { get; } = [];

    /// <summary>How the last request for a change of roles ended; null while one waits.</summary>
    public MembershipStatus? LastRoleAnswer { get; private set; }

    /// <summary>Requests for changes of roles that have not ended.</summary>
    public int RoleRequestsWaiting => _requests.Values.Count(static kind => kind == RequestKind.Role);

    private bool NothingFollowsHalt(string effect)
    {
        if (!Halted) return false;
        _world.Violate("contract", $"node {Number}: {effect} follows Halt.");
        return true;
    }
}
