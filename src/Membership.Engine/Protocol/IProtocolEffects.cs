// The effects of the protocol core, in the order it wants them. Whoever steps the core implements this and
// feeds results back as inputs; it must not call into the core from inside an effect.
using System.Collections.Immutable;
using Membership.Engine.Replication;

namespace Membership.Engine.Protocol;

/// <summary>Why an incoming message was not acted on; counted by the runtime.</summary>
internal enum DropReason
{
    None,
    WrongReceiver,
    UnknownNode,
    OldIncarnation,
    WrongIncarnation,
    NotMember,
    StaleActivation,
    LateForActivation,
    UnexpectedKind,
    Stopped,
    Malformed,
}

internal enum CallbackKind
{
    HoldAllIO,
    ResumeAllIO,

    /// <summary>Node = the dead node.</summary>
    MsgCleanup1,

    /// <summary>Nodes = the removed set.</summary>
    MsgCleanup2,

    /// <summary>View = the installed view: cluster info changes before the callbacks that follow.</summary>
    ClusterInfoChanged,

    /// <summary>Nodes = everyone who went down in this incident.</summary>
    NodesDown,

    /// <summary>Node went down.</summary>
    NodeDown,

    /// <summary>Node came up (a node gets one for itself).</summary>
    NodeUp,

    JoinFailed,

    /// <summary>View = the view that demotes this node, the former master: returns when its master-only work has stopped.</summary>
    HandOverMastership,
}

/// <summary>A callback to the host. The core waits for <c>CallbackCompleted(Id)</c> before it goes on with the incident.</summary>
internal readonly record struct CallbackRequest(long Id, CallbackKind Kind, NodeId Node, NodeSet Nodes, ClusterView? View, ActivationId Activation);

/// <summary>What the lease is doing; published on every change.</summary>
/// <param name="Epoch">The epoch it belongs to; None = no lease.</param>
/// <param name="ValidUntil">Valid while now is below this (MinValue while held or lost).</param>
/// <param name="Held">A regroup or join holds it; it may come back in a new epoch.</param>
/// <param name="HeldUntil">
/// While held: until when nobody can serve in this node's place, for a quorum that still acknowledges it waits that long before it goes on
/// without it. Work that is not done under the lease alone must have stopped by then. MinValue when nothing is known.
/// </param>
internal readonly record struct LeaseState(Epoch Epoch, MonotonicTime ValidUntil, bool Held, MonotonicTime HeldUntil);

internal enum ArbitrationOutcome
{
    Won,
    Lost,

    /// <summary>Timed out or failed half way: may or may not have taken effect.</summary>
    Unknown,
}

/// <summary>An API request that completes later.</summary>
internal readonly record struct RequestId(long Value);

/// <summary>Why a regroup began, for counters and the journal.</summary>
internal enum RegroupCause
{
    None,
    Silence,
    TripwireLost,
    LeaseLapsed,
    PeerActivated,
    Contradiction,
    LateNode,
    Leave,
    Eject,
    Forced,
    Restarted,
    JoinAborted,
    Forming,
}

internal interface IProtocolEffects
{
    /// <summary>Sends to one node on one path (-1 = every path). The body is null for a plain heartbeat. May be lost.</summary>
    void Send(in MessageHeader header, int path, MessageBody? body);

    /// <summary>Writes the store durably; answered by <c>PersistCompleted(id, ok)</c>. At most one write is in flight.</summary>
    void Persist(long id, StoredState state);

    /// <summary>Runs a host callback off the loop; answered by <c>CallbackCompleted(id)</c>.</summary>
    void InvokeCallback(in CallbackRequest callback);

    /// <summary>Challenges for (or confirms) the witness, then reads its record; answered by <c>ArbitrationCompleted</c>.</summary>
    void Arbitrate(long id, TimeSpan timeout);

    /// <summary>Writes this node's slot of the witness record while owning it; answered by <c>RecordWritten</c>.</summary>
    void WriteWitnessRecord(long id, ImmutableArray<ClusterView> slot);

    /// <summary>Gives the witness up.</summary>
    void ReleaseWitness();

    void CompleteRequest(RequestId request, MembershipStatus status, string? detail);

    void PublishLease(in LeaseState lease);

    /// <summary>The protocol entered a stage; Stage None = the incident is over.</summary>
    void StageEntered(ActivationId activation, RegroupStage stage, RegroupCause cause);

    /// <summary>A view is in force on this node's disk (before its callbacks).</summary>
    void ViewInForce(ClusterView view, ActivationId activation);

    /// <summary>A view is installed: in force and its callbacks are done.</summary>
    void ViewInstalled(ClusterView view, ActivationId activation);

    /// <summary>A change notification, in order of occurrence; <paramref name="view"/> is the view in force that it belongs to.</summary>
    void Notify(ClusterChangeNotification change, ViewId view);

    /// <summary>An entry of the replicated state counts, and was carried out here.</summary>
    void StateApplied(LogEntry entry, ClusterState state);

    /// <summary>The replicated state was begun anew or taken over whole.</summary>
    void StateReplaced(ClusterState state);

    /// <summary>Asks the runtime to look whether the dead node's own kernel refuses its port (only with CrashEvidence on).</summary>
    void ProbeCrashEvidence(NodeId node, Incarnation incarnation);

    /// <summary>This node must stop serving now. The lease was already published as lost. Nothing follows.</summary>
    void Halt(HaltCode code, string detail);

    void Dropped(DropReason reason, NodeId from);

    /// <summary>A member owes an answer or a heartbeat: it is asked again.</summary>
    void HeartbeatMissed(NodeId node)
    {
    }

    /// <summary>A round trip to a member and back on one path, as measured by its first acknowledgement of a message that asked for one.</summary>
    void RoundTripMeasured(NodeId node, int path, TimeSpan time)
    {
    }

    /// <summary>A node lost its place so often that it is not let in before this time; no removals, MinValue = forgotten by the operator's word.</summary>
    void Quarantined(NodeId node, int removals, MonotonicTime until)
    {
    }

    /// <summary>This node petitions and is kept out by the coordinator: why, and for how long. Not said again within a minute.</summary>
    void KeptOut(NodeId by, string reason)
    {
    }

    /// <summary>A journal line for people; built only when <see cref="JournalEnabled"/>.</summary>
    void Journal(string line);

    bool JournalEnabled { get; }
}
