// The protocol core: one node's state machine. It does no I/O, reads no clock and takes no lock; every input
// carries a time read after it arrived, and every output goes through IProtocolEffects, in order.
using System.Collections.Immutable;

namespace Membership.Engine.Protocol;

internal enum NodePhase
{
    /// <summary>Not started, or left: no messages are sent.</summary>
    Down,

    /// <summary>Looking for a cluster, or forming one.</summary>
    Starting,

    /// <summary>A join of this node is under way at the coordinator.</summary>
    Joining,

    /// <summary>A member (regrouping or not).</summary>
    Member,

    /// <summary>A member that is leaving: it votes, but serves no more.</summary>
    Leaving,

    /// <summary>Halted: only a new process goes on.</summary>
    Halted,
}

internal sealed partial class MembershipCore
{
    public MembershipCore(ProtocolOptions options, StoredState stored, IProtocolEffects effects, MonotonicTime start) => throw new NotImplementedException();

    /// <summary>When the core wants its next <see cref="Tick"/> at the latest; changes with every input.</summary>
    public MonotonicTime NextWakeup => throw new NotImplementedException();

    public NodePhase Phase => throw new NotImplementedException();

    public ClusterView? InForce => throw new NotImplementedException();

    public ClusterView? Installed => throw new NotImplementedException();

    public RegroupStage Stage => throw new NotImplementedException();

    public LeaseState Lease => throw new NotImplementedException();

    /// <summary>Who owns the witness as far as this node knows, by a claim of the owner itself that has not run out.</summary>
    public NodeId QuorumOwner(MonotonicTime now) => throw new NotImplementedException();

    /// <summary>Begins to look for a cluster, to join it or to take part in forming one. Completes Ok when this node has an installed view.</summary>
    public void Start(RequestId request, bool forceForm, MonotonicTime now) => throw new NotImplementedException();

    public void Tick(MonotonicTime now) => throw new NotImplementedException();

    public void Receive(in MessageHeader header, int path, MessageBody? body, MonotonicTime now) => throw new NotImplementedException();

    public void PersistCompleted(long id, bool succeeded, MonotonicTime now) => throw new NotImplementedException();

    public void CallbackCompleted(long id, MonotonicTime now) => throw new NotImplementedException();

    public void ArbitrationCompleted(
        long id, ArbitrationOutcome outcome, MonotonicTime ownedUntil, ImmutableArray<ClusterView> recordViews, MonotonicTime now) => throw new NotImplementedException();

    public void RecordWritten(long id, bool confirmed, MonotonicTime ownedUntil, MonotonicTime now) => throw new NotImplementedException();

    /// <summary>The owner's renewal loop reports until when this node owns the witness; MinValue = not (any more).</summary>
    public void WitnessOwnershipChanged(MonotonicTime ownedUntil, MonotonicTime now) => throw new NotImplementedException();

    /// <summary>The tripwire to a peer closed: only a suspicion.</summary>
    public void TripwireLost(NodeId node, Incarnation incarnation, MonotonicTime now) => throw new NotImplementedException();

    /// <summary>The dead node's own kernel refuses its port.</summary>
    public void CrashEvidence(NodeId node, Incarnation incarnation, MonotonicTime now) => throw new NotImplementedException();

    public void Leave(RequestId request, MonotonicTime now) => throw new NotImplementedException();

    public void Eject(RequestId request, NodeId node, MonotonicTime now) => throw new NotImplementedException();

    public void ForceRegroup(RequestId request, MonotonicTime now) => throw new NotImplementedException();

    /// <summary>The host's messaging found a node unreachable from here on all paths: no edge to it in the next regroup.</summary>
    public void NodeUnreachable(NodeId node, MonotonicTime now) => throw new NotImplementedException();

    public void SetRegroupAllowed(RequestId request, bool allowed, MonotonicTime now) => throw new NotImplementedException();
}
