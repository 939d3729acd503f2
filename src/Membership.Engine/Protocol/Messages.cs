// Everything that travels between nodes. Every message carries the same header, and the header alone is a
// heartbeat: view in force, sequence number and acknowledgement. Bodies are immutable and shared.
using System.Collections.Immutable;
using Membership.Engine.Replication;

namespace Membership.Engine.Protocol;

[Flags]
internal enum HeaderFlags : byte
{
    None = 0,

    /// <summary>The sender wants an acknowledgement at once, not with the next heartbeat.</summary>
    AckRequested = 1,

    /// <summary>The sender has heard the receiver's life within the last loss period.</summary>
    Hears = 2,

    /// <summary>The sender itself met a second cluster less than a loss period ago, and said so: for the members of its view, and for the other cluster.</summary>
    SecondMaster = 4,
}

/// <summary>The header of every message: a heartbeat by itself.</summary>
internal struct MessageHeader
{
    public NodeId From;
    public Incarnation FromIncarnation;
    public NodeId To;

    /// <summary>The life of the receiver that the sender knows; None = not known yet. A message for another life is dropped.</summary>
    public Incarnation ToIncarnation;

    /// <summary>The sender's view in force; None while it is not a member.</summary>
    public ViewId InForce;

    /// <summary>Grows with every message from this life to this receiver; starts at 1.</summary>
    public ulong Sequence;

    /// <summary>Highest of the receiver's sequence numbers that the sender acknowledges under <see cref="InForce"/>; 0 = none.</summary>
    public ulong Acknowledged;

    /// <summary>How long the sender will still own the witness by its own clock; zero = it does not.</summary>
    public TimeSpan OwnershipRemaining;

    public HeaderFlags Flags;

    /// <summary>For this node's own codec, not sent: the receiver holds the views of the status behind this header, so that their ids are enough.</summary>
    public bool NamesViews;
}

internal enum MessageKind : byte
{
    Heartbeat = 0,
    Status = 1,
    Petition = 2,
    PetitionReply = 3,
    JoinStart = 4,
    JoinReady = 5,
    JoinPrepare = 6,
    JoinPrepared = 7,
    JoinFailed = 8,
    Poison = 9,
    PoisonAcknowledged = 10,
    RoleChange = 11,
    UpdateRequest = 12,
    UpdatePrepare = 13,
    UpdatePrepared = 14,
    UpdateCommit = 15,
    StateAsk = 16,
    StateOffer = 17,

    /// <summary>A status in fewer bytes, since minor version 1; it is read as a <see cref="StatusMessage"/>.</summary>
    BriefStatus = 18,
}

internal enum RoleChange : byte
{
    /// <summary>The master, the sender, hands its role over.</summary>
    Release,

    /// <summary>The node may hold no role.</summary>
    Disqualify,

    /// <summary>The node may hold roles.</summary>
    Qualify,

    /// <summary>The former master, the sender, has stopped its master-only work.</summary>
    HandedOver,

    /// <summary>To every member: the operator says that the node is well again, so its removals are forgotten. No change of roles; older versions drop it.</summary>
    ClearQuarantine,
}

/// <summary>What follows the header; null stands for a plain heartbeat.</summary>
internal abstract record MessageBody(MessageKind Kind);

/// <summary>One run of the six stages: compared by epoch in force, then attempt. Epoch 0 is a forming.</summary>
internal readonly record struct ActivationId(Epoch Epoch, int Attempt) : IComparable<ActivationId>
{
    public int CompareTo(ActivationId other) => Epoch != other.Epoch ? Epoch.CompareTo(other.Epoch) : Attempt.CompareTo(other.Attempt);

    public bool IsForming => Epoch == Epoch.None;

    public static bool operator <(ActivationId left, ActivationId right) => left.CompareTo(right) < 0;

    public static bool operator >(ActivationId left, ActivationId right) => left.CompareTo(right) > 0;

    public static bool operator <=(ActivationId left, ActivationId right) => left.CompareTo(right) <= 0;

    public static bool operator >=(ActivationId left, ActivationId right) => left.CompareTo(right) >= 0;

    public override string ToString() => $"({Epoch},{Attempt})";
}

internal enum RegroupStage : byte
{
    None = 0,
    Activate = 1,
    Close = 2,
    Prune = 3,
    CleanUp1 = 4,
    CleanUp2 = 5,
    Stabilised = 6,
}

/// <summary>The outcome of stage 3, named by its decider; a node accepts one per activation.</summary>
/// <param name="Decider">Who decided.</param>
/// <param name="DeciderIncarnation">In which life.</param>
/// <param name="View">The view to be in force.</param>
/// <param name="Voters">Nodes that persist and report like members but are not in the view (leavers, restarted lives).</param>
/// <param name="Removed">Every node of the view in force, of any pending view known and of the witness record that is not in the view.</param>
internal sealed record Decision(NodeId Decider, Incarnation DeciderIncarnation, ClusterView View, NodeSet Voters, NodeSet Removed);

/// <summary>A connectivity row as its owner froze it at closing, relayed to those who cannot hear the owner.</summary>
/// <param name="Node">Whose row.</param>
/// <param name="Incarnation">Of which life.</param>
/// <param name="Heard">Whom it heard in this activation.</param>
/// <param name="Closed">The closed set it reports.</param>
/// <param name="Flags">Its flags, so that all find the same clique.</param>
internal sealed record ConnectivityRow(NodeId Node, Incarnation Incarnation, NodeSet Heard, NodeSet Closed, StatusFlags Flags);

[Flags]
internal enum StatusFlags : ushort
{
    None = 0,

    /// <summary>The sender's store has never held a view: it cannot testify and does not count in forming.</summary>
    StoreEmpty = 1,

    /// <summary>The sender is leaving: it votes and persists, but will not be in the view.</summary>
    Leaving = 2,

    /// <summary>The sender is a restarted life of a member: it votes and persists, but will not be in the view.</summary>
    Restarted = 4,

    /// <summary>The sender holds the exclusive kernel lock of its store, so no earlier life on it can be running.</summary>
    StoreLocked = 8,

    /// <summary>The decision is on the sender's disk as pending.</summary>
    Persisted = 16,

    /// <summary>Every lease the sender supported for a removed node has expired.</summary>
    LeasesExpired = 32,

    /// <summary>The sender may not decide or arbitrate yet (SetRegroupAllowed(false)).</summary>
    RegroupNotAllowed = 64,

    /// <summary>The sender runs a callback of this incident.</summary>
    InCallback = 128,

    /// <summary>The sender has done all it has to do in its stage (4 and 5) and waits for the others. In stage 3, of the decider: all have its view on disk.</summary>
    StageDone = 256,

    /// <summary>The sender was started with the operator's order to form whatever the quorum rule says.</summary>
    ForceForm = 512,

    /// <summary>The sender owned the witness when it closed: frozen with its row, so that all find the same decider.</summary>
    OwnsWitness = 1024,

    /// <summary>The sender's own option says that it may hold no role; asked when forming.</summary>
    Disqualified = 2048,

    /// <summary>Whom the sender's row lacks it hears, and leaves out on purpose: the host's word, or it kept the incident waiting. So the sender is not deaf.</summary>
    LeavesOut = 4096,

    /// <summary>All members have told the sender, or somebody who told it, that they had done the stage before this one (5 and 6). In stage 3, of the decider: all have reported.</summary>
    AllDone = 8192,

    /// <summary>The sender's lease under the view in force has run out for good, by its own clock and with the bound on clocks to spare: nobody need wait for it.</summary>
    LeaseOver = 16384,
}

/// <summary>A node's regroup status: sent to all on entering a stage and on any change, and again to whom it may be news.</summary>
internal sealed record StatusMessage(
    ActivationId Activation,
    RegroupStage Stage,
    StatusFlags Flags,
    NodeSet Heard,
    NodeSet Closed,
    ImmutableArray<ConnectivityRow> Rows,
    ClusterView? StoredInForce,
    ImmutableArray<ClusterView> Pending,
    Epoch HighestEpochSeen,
    Epoch HighestEpochPersisted,
    long StoreId,
    ulong ConfigurationHash,
    Decision? Decision,
    int ArbitrationFailures,
    NodeSet Ejected,
    NodeSet Released,
    StateTip Tip) : MessageBody(MessageKind.Status)
{
    public bool Has(StatusFlags flag) => (Flags & flag) != 0;

    /// <summary>By contents: what was decoded has arrays of its own.</summary>
    public bool Equals(StatusMessage? other)
        => ReferenceEquals(this, other) || (other is not null
            && Activation == other.Activation && Stage == other.Stage && Flags == other.Flags && Heard == other.Heard && Closed == other.Closed
            && HighestEpochSeen == other.HighestEpochSeen && HighestEpochPersisted == other.HighestEpochPersisted && StoreId == other.StoreId
            && ConfigurationHash == other.ConfigurationHash && ArbitrationFailures == other.ArbitrationFailures && Ejected == other.Ejected
            && Released == other.Released && Tip == other.Tip && Equals(StoredInForce, other.StoredInForce) && Decision == other.Decision
            && (Pending == other.Pending || Pending.AsSpan().SequenceEqual(other.Pending.AsSpan())) && (Rows == other.Rows || Rows.AsSpan().SequenceEqual(other.Rows.AsSpan())));

    public override int GetHashCode() => HashCode.Combine(Activation, Stage, Flags, Heard, Closed, HighestEpochSeen, Decision);
}

/// <summary>A starting node asks any member to be let in.</summary>
internal sealed record PetitionMessage(
    int ProtocolVersion,
    ulong ConfigurationHash,
    long StoreId,
    bool StoreLocked,
    bool StoreEmpty,
    ViewId StoredInForce,
    Epoch HighestEpochSeen,
    bool Disqualified) : MessageBody(MessageKind.Petition);

/// <summary>A member's answer to a petition.</summary>
/// <param name="Outcome">Ok = the coordinator is told by the petitioner's next petition to it; Already = the old life is still up; Transient; Fault = refused for good.</param>
/// <param name="Coordinator">Who runs joins.</param>
/// <param name="IncarnationFloor">The joiner's incarnation must be above this.</param>
/// <param name="Reason">For Fault what was wrong, for Transient why it is kept out for a while (or empty): for the log of the petitioner.</param>
internal sealed record PetitionReplyMessage(
    MembershipStatus Outcome, NodeId Coordinator, Incarnation IncarnationFloor, string Reason) : MessageBody(MessageKind.PetitionReply);

/// <summary>The coordinator starts a join: every pair (member, joiner) must now confirm that it hears and is heard.</summary>
internal sealed record JoinStartMessage(long JoinId, NodeId Joiner, Incarnation JoinerIncarnation, ClusterView Current) : MessageBody(MessageKind.JoinStart);

/// <summary>The sender hears the joiner and is heard by it (a member), or all members (the joiner).</summary>
internal sealed record JoinReadyMessage(
    long JoinId, Epoch HighestEpochSeen, bool HoldsNewerPending, long StoreId) : MessageBody(MessageKind.JoinReady);

/// <summary>View + joiner, to be written as pending.</summary>
/// <param name="JoinId">Which join, or change of roles.</param>
/// <param name="Base">The view it is made from.</param>
/// <param name="View">The view to be.</param>
/// <param name="State">To the joiner: the replicated state. Nothing is added to it until the view is in force.</param>
internal sealed record JoinPrepareMessage(long JoinId, ClusterView Base, ClusterView View, ClusterState? State) : MessageBody(MessageKind.JoinPrepare);

/// <summary>The prepared view is on the sender's disk.</summary>
internal sealed record JoinPreparedMessage(long JoinId, ViewId View) : MessageBody(MessageKind.JoinPrepared);

/// <summary>The join was abandoned; the joiner must leave and may petition again.</summary>
internal sealed record JoinFailedMessage(long JoinId, MembershipStatus Reason) : MessageBody(MessageKind.JoinFailed);

/// <summary>The receiver is out: obeyed only by that life, and only if the epoch is above its view in force.</summary>
internal sealed record PoisonMessage(Incarnation Target, Epoch Epoch) : MessageBody(MessageKind.Poison);

/// <summary>A member asks the coordinator for updates. Repeated every tick until they are in an entry that was carried out.</summary>
internal sealed record UpdateRequestMessage(UpdateBatch Batch) : MessageBody(MessageKind.UpdateRequest);

/// <summary>The next entry of the log, to be promised; and the last one that counts.</summary>
internal sealed record UpdatePrepareMessage(LogEntry Entry, long Committed, Epoch CommittedEpoch) : MessageBody(MessageKind.UpdatePrepare);

/// <summary>The sender has promised this entry.</summary>
internal sealed record UpdatePreparedMessage(long Sequence, Epoch Epoch) : MessageBody(MessageKind.UpdatePrepared);

/// <summary>The coordinator is ready in its epoch and has carried out everything up to this entry.</summary>
internal sealed record UpdateCommitMessage(long Sequence, Epoch Epoch) : MessageBody(MessageKind.UpdateCommit);

/// <summary>The sender needs what it lacks: a member of its coordinator, or in stage 4 the coordinator of the one that has most.</summary>
internal sealed record StateAskMessage(long Applied, long Promised) : MessageBody(MessageKind.StateAsk);

/// <summary>The answer: how far the sender is, and the entry or the whole state that was missing.</summary>
internal sealed record StateOfferMessage(long Sequence, ClusterState? Whole, LogEntry? Last, LogEntry? Promised, bool Ready) : MessageBody(MessageKind.StateOffer);

/// <summary>A member asks the coordinator for a change of roles in the view that the header names. Repeated every tick until a view answers it.</summary>
internal sealed record RoleChangeMessage(RoleChange Change, NodeId Node) : MessageBody(MessageKind.RoleChange);

/// <summary>Sent after the poisoned life stopped serving.</summary>
/// <param name="Target">The life.</param>
/// <param name="Epoch">The poison's.</param>
/// <param name="SecondMaster">It was a member of another cluster, with a valid lease, until the poison came.</param>
internal sealed record PoisonAcknowledgedMessage(Incarnation Target, Epoch Epoch, bool SecondMaster) : MessageBody(MessageKind.PoisonAcknowledged);
