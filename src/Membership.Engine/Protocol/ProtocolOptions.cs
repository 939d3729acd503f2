// The options of the protocol core: plain values, already validated by whoever builds them.
using System.Collections.Immutable;

namespace Membership.Engine.Protocol;

/// <summary>One configured node as the core sees it.</summary>
internal readonly record struct ConfiguredNode(NodeId Node, int Votes);

internal sealed record ProtocolOptions
{
    public required NodeId Self { get; init; }

    public required ImmutableArray<ConfiguredNode> Nodes { get; init; }

    public ClusterTiming Timing { get; init; } = ClusterTiming.Default;

    public QuorumRule Rule { get; init; }

    /// <summary>Bound on the relative rate of any two members' clocks (design 5).</summary>
    public double ClockRateBound { get; init; } = 0.01;

    /// <summary>Paths per node; each is exercised every heartbeat interval.</summary>
    public int Paths { get; init; } = 1;

    /// <summary>Ticks that stage 1 waits for silent nodes (default 2).</summary>
    public int ActivateTicks { get; init; } = 2;

    /// <summary>Ticks after which a needed but silent node raises the attempt (default 4).</summary>
    public int StageTicks { get; init; } = 4;

    public TimeSpan ArbitrationTimeout { get; init; } = TimeSpan.FromSeconds(60);

    public TimeSpan ArbitrationEqualizer { get; init; } = TimeSpan.Zero;

    /// <summary>How long a starting node looks for a running cluster before it takes part in forming one.</summary>
    public TimeSpan DiscoveryTime { get; init; } = TimeSpan.FromSeconds(3);

    /// <summary>Overall bound on one join, at the coordinator and at the joiner.</summary>
    public TimeSpan JoinTimeout { get; init; } = TimeSpan.FromSeconds(60);

    public TimeSpan CallbackLimit { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>A write to the view store that takes longer halts the node.</summary>
    public TimeSpan PersistLimit { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>May form with no view anywhere and no witness.</summary>
    public bool Bootstrap { get; init; }

    /// <summary>A witness is registered.</summary>
    public bool HasWitness { get; init; }

    /// <summary>The witness keeps a record of views that outlives its owner, and is worth owning outside regroups (false for a bare quorum callback).</summary>
    public bool WitnessKeepsRecord { get; init; } = true;

    /// <summary>The coordinator lets in only nodes that its host asked for.</summary>
    public bool AdmitOnRequest { get; init; }

    /// <summary>The dead node's own kernel refusing its port counts as its lease having ended.</summary>
    public bool TrustConnectionRefused { get; init; }

    /// <summary>This node may hold a role; when it joins or forms its word counts, later the requests of hosts.</summary>
    public bool Qualified { get; init; } = true;

    /// <summary>How often the master sends a membership frame to whom it sends nothing else (default 4 s, the notification guide's).</summary>
    public TimeSpan MembershipFrameInterval { get; init; } = TimeSpan.FromSeconds(4);

    /// <summary>Without a frame of the master for this long a node is stale (default 10 s, the notification guide's).</summary>
    public TimeSpan StaleAfter { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>When and for how long a node that keeps losing its place is kept out.</summary>
    public QuarantineOptions Quarantine { get; init; } = QuarantineOptions.Default;

    /// <summary>How long a former owner's vote of the witness may carry its lease; a new life without the store's lock waits that long for its old one.</summary>
    public TimeSpan WitnessPeriod { get; init; }

    /// <summary>The exclusive kernel lock on the local store is held.</summary>
    public bool StoreLocked { get; init; } = true;

    /// <summary>Rules taken out on purpose, so that tests can see the checkers catch it. None in production.</summary>
    public PlantedDefects Defects { get; init; }
}

/// <summary>Rules of the protocol that a test may take out, to prove that the simulator notices.</summary>
[Flags]
internal enum PlantedDefects : long
{
    None = 0,
    NoAcknowledgementBan = 1 << 0,
    SinglePendingSlot = 1 << 1,
    RecordNotRead = 1 << 2,
    RecordNotConfirmed = 1 << 3,
    LeaseIgnoresPending = 1 << 4,
    NoWaitForOtherSurvivors = 1 << 5,
    NoWaitAfterRestart = 1 << 6,
    StaleArrivalTimes = 1 << 7,
    JoinIgnoresPending = 1 << 8,
    NoVoidByTestimony = 1 << 9,
    SkipLeaseWait = 1 << 10,
    SkipPersist = 1 << 11,
    OneWayEdgeCounts = 1 << 12,
    AcceptOldIncarnation = 1 << 13,
    ObeyPoisonForFormerLife = 1 << 14,
    AcceptTwoDecisions = 1 << 15,
    LapsedLeaseRevives = 1 << 16,
    AcknowledgeOtherEpoch = 1 << 17,
    VoidByAbsence = 1 << 18,
    JoinSkipsJoinerLeaseWait = 1 << 19,
    RemoveWithoutLeaseOfRecord = 1 << 20,
    ElectBeforeHandover = 1 << 21,
    CommitWithoutAll = 1 << 22,
    NoStateRecovery = 1 << 23,
    ReadDespitePromise = 1 << 24,
    JoinWithoutState = 1 << 25,
    WitnessDespiteRecord = 1 << 26,
    NoQuarantine = 1 << 27,
    TripwireAlwaysBelieved = 1 << 28,
    NoPatience = 1 << 29,
    NamelessStoreCounts = 1 << 30,
    OutsiderPromises = 1L << 31,
    NoRepeats = 1L << 32,
    NoQuestions = 1L << 33,
    PetitionsForgotten = 1L << 34,
    ForcedEpochForgotten = 1L << 35,
    NeverInFullAgain = 1L << 36,
    HoldBeginsAgain = 1L << 37,
    LeaseOverInAnyView = 1L << 38,
    LeaseOverInAHold = 1L << 39,
}
