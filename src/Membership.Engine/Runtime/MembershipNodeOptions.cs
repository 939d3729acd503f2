// Everything a node is told before it starts, and the check of it that needs nothing but the values.
using Membership.Engine.Wire;

namespace Membership.Engine.Runtime;

/// <summary>One configured node: the list of them is the same on every node of a cluster.</summary>
/// <param name="Number">Its permanent number, 1..<see cref="NodeId.MaxValue"/>.</param>
/// <param name="Endpoints">Where it is reached, one per path: <c>host:port</c> or <c>[ipv6]:port</c>; every node has the same number of paths.</param>
/// <param name="Votes">Its weight, 0..1000; default 1.</param>
public sealed record MembershipNodeAddress(int Number, IReadOnlyList<string> Endpoints, int Votes = 1);

/// <summary>The options of a <see cref="MembershipNode"/>. Immutable.</summary>
public sealed record MembershipNodeOptions
{
    /// <summary>The cluster's name, 1..256 characters, the same on every node; datagrams, stores and witnesses of another cluster are refused.</summary>
    public required string ClusterId { get; init; }

    /// <summary>This node's own number; one of <see cref="Nodes"/>.</summary>
    public required int Self { get; init; }

    /// <summary>All nodes of the cluster, this one included.</summary>
    public required IReadOnlyList<MembershipNodeAddress> Nodes { get; init; }

    /// <summary>No node has a higher number than this, 1..<see cref="NodeId.MaxValue"/> (default; the header's <c>MaxNodes</c>).</summary>
    public int MaxNodes { get; init; } = NodeId.MaxValue;

    /// <summary>Local endpoints to bind to instead of this node's own entry, one per path; empty = the own entry (default).</summary>
    public IReadOnlyList<string> LocalEndpoints { get; init; } = [];

    /// <summary>This node's own directory for its view store; created when missing.</summary>
    public required string StoreDirectory { get; init; }

    /// <summary>The clock values T, S and R; not set = <see cref="ClusterTiming.Default"/>, a rate of 0 = its default. The first node of a cluster sets them; joiners inherit them.</summary>
    public ClusterTiming Timing { get; init; }

    /// <summary>Bound on the relative rate of any two members' clocks, 0..0.2; default 0.01 (1 %).</summary>
    public double ClockRateBound { get; init; } = 0.01;

    /// <summary>The longest usual round trip between members, 0.1 ms..10 s; default 5 ms. A lease must outlast a heartbeat and this.</summary>
    public TimeSpan RoundTrip { get; init; } = TimeSpan.FromMilliseconds(5);

    /// <summary>Which votes count; default <see cref="QuorumPolicy.NodeAndWitnessMajority"/> with an arbiter, else <see cref="QuorumPolicy.NodeMajority"/>.</summary>
    public QuorumPolicy? Policy { get; init; }

    /// <summary>Who survives an exact half when no witness has a vote; default nobody.</summary>
    public TieBreaker TieBreaker { get; init; }

    /// <summary>The witness always has a vote, also while the node votes are odd; default false.</summary>
    public bool WitnessPinned { get; init; }

    /// <summary>Says out loud that two nodes with neither witness nor tie-breaker are wanted: either one's failure stops both. Default false.</summary>
    public bool AllowTwoNodesWithoutTieBreaker { get; init; }

    /// <summary>May take part in forming a cluster when no node knows any view and there is no witness to ask; default false.</summary>
    public bool Bootstrap { get; init; }

    /// <summary>Proof of death to trust; default <see cref="CrashEvidence.None"/>.</summary>
    public CrashEvidence CrashEvidence { get; init; }

    /// <summary>The minor version of the messages that the node speaks: an earlier one for tests that mix them.</summary>
    internal byte SpokenMinorVersion { get; init; } = Wire.MessageCodec.MinorVersion;

    /// <summary>The keys that seal all traffic. Required unless <see cref="AllowPlainText"/>.</summary>
    public KeyRing? Keys { get; init; }

    /// <summary>Says out loud that traffic may be neither secret nor authentic; default false.</summary>
    public bool AllowPlainText { get; init; }

    /// <summary>How long a regroup tries to win the witness, 1 s..10 min; default 60 s (the header's <c>MmQuorumArbitrationTimeout</c>). An attempt gets half: 2.5 times the arbiter's <see cref="Arbitration.IQuorumArbiter.TakeoverTime"/> or more.</summary>
    public TimeSpan ArbitrationTimeout { get; init; } = TimeSpan.FromSeconds(60);

    /// <summary>An arbitration that took less time waits the rest, 0..10 min; default 0 (the header's <c>MmQuorumArbitrationEqualizer</c>).</summary>
    public TimeSpan ArbitrationEqualizer { get; init; }

    /// <summary>How long a starting node looks for a running cluster before it takes part in forming one, up to 10 min; null = 1.25 L and at least 500 ms (default: 3 s with the default timing).</summary>
    public TimeSpan? DiscoveryTime { get; init; }

    /// <summary>Overall bound on one join, 1 s..1 h; default 60 s (the header's <c>joinTimeout</c>).</summary>
    public TimeSpan JoinTimeout { get; init; } = TimeSpan.FromSeconds(60);

    /// <summary>A petitioning node is let in only after <see cref="MembershipNode.JoinAsync"/> was called for it at the coordinator; default false: whoever petitions is.</summary>
    public bool AdmitOnRequest { get; init; }

    /// <summary>When and for how long a node that keeps losing its place is kept out; default <see cref="QuarantineOptions.Default"/>, and <see cref="QuarantineOptions.Off"/> never.</summary>
    public QuarantineOptions Quarantine { get; init; } = QuarantineOptions.Default;

    /// <summary>This node may be master or vice-master when it starts; default true. <see cref="MembershipNode.SetQualificationAsync"/> changes it later.</summary>
    public bool Qualified { get; init; } = true;

    /// <summary>How often the master tells the others the state of the cluster, 10 ms..1 min; default 4 s (the guide's).</summary>
    public TimeSpan MembershipFrameInterval { get; init; } = TimeSpan.FromSeconds(4);

    /// <summary>A node that got nothing of the master for so long is stale, over twice <see cref="MembershipFrameInterval"/>..10 min; default 10 s (the guide's).</summary>
    public TimeSpan StaleAfter { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>How many change notifications wait for one registered handler before they are dropped, with a record of it; 1..1,000,000, default 1024.</summary>
    public int NotificationQueueLength { get; init; } = 1024;

    /// <summary>Allows the fault verbs of <see cref="MembershipNode.DiagnoseAsync"/>, for tests; default false.</summary>
    public bool AllowDiagnosticFaults { get; init; }

    /// <summary>A callback that takes longer halts the node, 100 ms..1 h; default 30 s.</summary>
    public TimeSpan CallbackLimit { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>How long disposing tries to leave the cluster first, 0..10 min; 0 = it does not, the others see a crash (default).</summary>
    public TimeSpan LeaveOnDispose { get; init; }

    /// <summary>
    /// Where time comes from; default the machine's clock that counts suspend. Another provider is read for every time stamp and asked
    /// for the loop's timers, for tests.
    /// </summary>
    public TimeProvider TimeProvider { get; init; } = TimeProvider.System;

    /// <summary>The timing with defaults filled in.</summary>
    internal ClusterTiming EffectiveTiming => new(
        Timing.ClockPeriod == TimeSpan.Zero ? ClusterTiming.Default.ClockPeriod : Timing.ClockPeriod,
        Timing.SendRate == 0 ? ClusterTiming.Default.SendRate : Timing.SendRate,
        Timing.ReceiveRate == 0 ? ClusterTiming.Default.ReceiveRate : Timing.ReceiveRate);

    /// <summary>Checks the values; touches neither files nor network.</summary>
    /// <param name="hasArbiter">Whether the node will be given an arbiter.</param>
    /// <returns>Every failure (what, which value, what to do); empty when all is well.</returns>
    public IReadOnlyList<string> Validate(bool hasArbiter) => MembershipNodeOptionsValidator.Validate(this, hasArbiter);
}
