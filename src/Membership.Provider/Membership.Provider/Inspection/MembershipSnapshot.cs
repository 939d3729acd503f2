// What a node shows of itself: one JSON-serialisable value that the live page, the HTTP endpoint, the local control
// socket and regroupctl all use. Durations are milliseconds in JSON; what never happened is null.
using System.Text.Json.Serialization;
using Membership.Engine;
using Membership.Engine.Runtime;

namespace Membership.Provider.Inspection;

/// <summary>A node and its cluster as the node knows it, at one moment.</summary>
public sealed record MembershipSnapshot
{
    /// <summary>The version of this shape; grows only when a field changes its meaning. New fields may appear at any time.</summary>
    public int Format { get; init; } = 1;

    /// <summary>The cluster's name.</summary>
    public string ClusterId { get; init; } = "";

    /// <summary>The name of the cluster in this process; empty for the one without.</summary>
    public string Name { get; init; } = "";

    /// <summary>The node that says all this.</summary>
    public NodeId Self { get; init; }

    /// <summary>When it was taken, wall time.</summary>
    public DateTimeOffset TakenAt { get; init; }

    /// <summary>Down, Starting, Joining, Member, Leaving or Halted.</summary>
    public string Phase { get; init; } = "Down";

    /// <summary>This node's role.</summary>
    public MemberRole Role { get; init; }

    /// <summary>What this node knows may be out of date: no frame of the master has come for too long.</summary>
    public bool Stale { get; init; }

    /// <summary>Why it halted; null while it has not.</summary>
    public SnapshotHalt? Halt { get; init; }

    /// <summary>Why the cluster does not let this node in for now; null when nobody said so, or it is in.</summary>
    public string? KeptOut { get; init; }

    /// <summary>The installed view; null while it is not a member.</summary>
    public SnapshotView? View { get; init; }

    /// <summary>The views promised and on disk that are not yet in force.</summary>
    public IReadOnlyList<SnapshotView> Pending { get; init; } = [];

    /// <summary>The highest epoch this node has ever seen.</summary>
    public Epoch HighestEpoch { get; init; }

    /// <summary>This node's lease.</summary>
    public SnapshotLease Lease { get; init; } = new();

    /// <summary>The clock values in use.</summary>
    public SnapshotTiming Timing { get; init; } = new();

    /// <summary>All configured nodes, by number.</summary>
    public IReadOnlyList<SnapshotNode> Nodes { get; init; } = [];

    /// <summary>Who hears whom: one row per node whose hearing is known.</summary>
    public IReadOnlyList<SnapshotRow> Matrix { get; init; } = [];

    /// <summary>The regroup that is going on; null at rest.</summary>
    public SnapshotRegroup? Current { get; init; }

    /// <summary>Past regroups and other view changes, newest first; at most 32.</summary>
    public IReadOnlyList<SnapshotRegroup> Past { get; init; } = [];

    /// <summary>The witness; null when there is none.</summary>
    public SnapshotWitness? Witness { get; init; }

    /// <summary>What was counted since the node was made.</summary>
    public SnapshotCounters Counters { get; init; } = new();

    /// <summary>Change notifications, newest first; at most 128.</summary>
    public IReadOnlyList<SnapshotChange> Changes { get; init; } = [];

    /// <summary>The journal, newest first; at most 1024 lines, fewer when fewer were asked for.</summary>
    public IReadOnlyList<SnapshotLine> Journal { get; init; } = [];
}

/// <summary>Why a node halted.</summary>
/// <param name="Code">The code.</param>
/// <param name="Detail">For people.</param>
public sealed record SnapshotHalt(HaltCode Code, string Detail);

/// <summary>A view.</summary>
public sealed record SnapshotView
{
    /// <summary>Its epoch.</summary>
    public Epoch Epoch { get; init; }

    /// <summary>Epoch and the beginning of its hash, e.g. <c>7#3fa2</c>.</summary>
    public string Id { get; init; } = "";

    /// <summary>Its members.</summary>
    public IReadOnlyList<NodeId> Members { get; init; } = [];

    /// <summary>Who runs joins.</summary>
    public NodeId Coordinator { get; init; }

    /// <summary>The master; 0 when there is none.</summary>
    public NodeId Master { get; init; }

    /// <summary>The vice-master; 0 when there is none.</summary>
    public NodeId ViceMaster { get; init; }

    /// <summary>Members that may hold no role.</summary>
    public IReadOnlyList<NodeId> Disqualified { get; init; } = [];

    /// <summary>The votes of all members together.</summary>
    public int Votes { get; init; }

    /// <summary>The quorum policy.</summary>
    public QuorumPolicy Policy { get; init; }
}

/// <summary>A lease.</summary>
public sealed record SnapshotLease
{
    /// <summary>The epoch it belongs to.</summary>
    public Epoch Epoch { get; init; }

    /// <summary><c>valid</c>, <c>held</c> (by a regroup; it may come back) or <c>lost</c>.</summary>
    public string State { get; init; } = "lost";

    /// <summary>What is left of it unless it is renewed; null while this node is the only voter, so that it has no end. Milliseconds in JSON.</summary>
    [JsonPropertyName("remainingMs")]
    public TimeSpan? Remaining { get; init; } = TimeSpan.Zero;
}

/// <summary>Clock values; milliseconds in JSON.</summary>
public sealed record SnapshotTiming
{
    /// <summary>T.</summary>
    [JsonPropertyName("clockPeriodMs")]
    public TimeSpan ClockPeriod { get; init; }

    /// <summary>S.</summary>
    public int SendRate { get; init; }

    /// <summary>R.</summary>
    public int ReceiveRate { get; init; }

    /// <summary>L = R*S*T: silence until a node is suspect, and the length of a lease.</summary>
    [JsonPropertyName("lossPeriodMs")]
    public TimeSpan LossPeriod { get; init; }
}

/// <summary>A configured node.</summary>
public sealed record SnapshotNode
{
    /// <summary>Its number.</summary>
    public NodeId Node { get; init; }

    /// <summary>Its role.</summary>
    public MemberRole Role { get; init; }

    /// <summary><c>up</c> (a member that is heard), <c>silent</c> (a member that has not been heard for half a loss period), <c>out</c> (no member), <c>reachable</c> (no member, but heard), <c>quarantined</c> (no member, and kept out).</summary>
    public string State { get; init; } = "out";

    /// <summary>Why and for how long it is kept out; null for all others.</summary>
    public SnapshotQuarantine? Quarantine { get; init; }

    /// <summary>Its life; 0 while unknown.</summary>
    public Incarnation Incarnation { get; init; }

    /// <summary>Its votes: in the view for members, as configured for others.</summary>
    public int Votes { get; init; }

    /// <summary>Whether it may hold a role.</summary>
    public bool Qualified { get; init; } = true;

    /// <summary>Where it is reached, one per path.</summary>
    public IReadOnlyList<string> Endpoints { get; init; } = [];

    /// <summary>Its lease: always for this node, for another one when it told of it just now, else null.</summary>
    public SnapshotLease? Lease { get; init; }
}

/// <summary>The quarantine of a node that kept losing its place.</summary>
public sealed record SnapshotQuarantine
{
    /// <summary>How often it lost its place.</summary>
    public int Removals { get; init; }

    /// <summary>How long it is still kept out. Milliseconds in JSON.</summary>
    [JsonPropertyName("remainingMs")]
    public TimeSpan Remaining { get; init; }

    /// <summary>False while the members are too few to do without it: then it is let in all the same.</summary>
    public bool Applies { get; init; }
}

/// <summary>What a node tells the pages of the others about itself.</summary>
public sealed record SnapshotPeer
{
    /// <summary>The node.</summary>
    public NodeId Node { get; init; }

    /// <summary>Its lease.</summary>
    public SnapshotLease Lease { get; init; } = new();

    /// <summary>Its row of the connectivity table; null while it is down.</summary>
    public SnapshotRow? Row { get; init; }

    /// <summary>When it was received here.</summary>
    [JsonIgnore]
    public DateTimeOffset ReceivedAt { get; init; }
}

/// <summary>Whether the asker may act over HTTP.</summary>
public sealed record SnapshotRights
{
    /// <summary>Whether it may.</summary>
    public bool Allowed { get; init; }

    /// <summary>The header that carries the token.</summary>
    public string? Header { get; init; }

    /// <summary>The antiforgery token; its cookie comes with the answer.</summary>
    public string? Token { get; init; }
}

/// <summary>Whom one node hears.</summary>
public sealed record SnapshotRow
{
    /// <summary>Whose row.</summary>
    public NodeId Node { get; init; }

    /// <summary><c>live</c> when that node measured it just now, <c>regroup</c> when it is what that node heard in the last regroup.</summary>
    public string Source { get; init; } = "regroup";

    /// <summary>Whom it hears: within the last loss period, or in the last regroup. Itself is left out.</summary>
    public IReadOnlyList<NodeId> Hears { get; init; } = [];

    /// <summary>The measurements behind a live row, by number; empty for the others.</summary>
    public IReadOnlyList<SnapshotCell> Cells { get; init; } = [];
}

/// <summary>What one node knows of hearing another. Ages and times are milliseconds in JSON, null when it never happened or is not known.</summary>
public sealed record SnapshotCell
{
    /// <summary>The other node.</summary>
    public NodeId Node { get; init; }

    /// <summary>How long ago it was heard.</summary>
    [JsonPropertyName("heardMs")]
    public TimeSpan? Heard { get; init; }

    /// <summary>How long ago the newest message was sent that it has acknowledged.</summary>
    [JsonPropertyName("acknowledgedMs")]
    public TimeSpan? Acknowledged { get; init; }

    /// <summary>How long ago it said that it hears this node.</summary>
    [JsonPropertyName("heardByMs")]
    public TimeSpan? HeardBy { get; init; }

    /// <summary>The shortest of the paths' round trips.</summary>
    [JsonPropertyName("roundTripMs")]
    public TimeSpan? RoundTrip { get; init; }

    /// <summary>Each path: where it leads, how long ago something came, its round trip.</summary>
    public IReadOnlyList<SnapshotPath> Paths { get; init; } = [];
}

/// <summary>One path to another node.</summary>
public sealed record SnapshotPath
{
    /// <summary>The other node's endpoint.</summary>
    public string Endpoint { get; init; } = "";

    /// <summary>How long ago something came on it.</summary>
    [JsonPropertyName("heardMs")]
    public TimeSpan? Heard { get; init; }

    /// <summary>Its round trip, smoothed.</summary>
    [JsonPropertyName("roundTripMs")]
    public TimeSpan? RoundTrip { get; init; }
}

/// <summary>A regroup with its stages, or a view change that needed none.</summary>
public sealed record SnapshotRegroup
{
    /// <summary>When it began, wall time.</summary>
    public DateTimeOffset Began { get; init; }

    /// <summary>Why, as this node saw it; <c>ViewChange</c> for a join or a change of roles.</summary>
    public string Cause { get; init; } = "";

    /// <summary>How long it took, or has taken so far.</summary>
    [JsonPropertyName("durationMs")]
    public TimeSpan Duration { get; init; }

    /// <summary>Whether it has ended.</summary>
    public bool Ended { get; init; }

    /// <summary>How many times it began anew.</summary>
    public int Restarts { get; init; }

    /// <summary>The stages in order.</summary>
    public IReadOnlyList<SnapshotStage> Stages { get; init; } = [];

    /// <summary>The epoch it ended in; null before that.</summary>
    public Epoch? Epoch { get; init; }

    /// <summary>The members it ended with.</summary>
    public IReadOnlyList<NodeId> Members { get; init; } = [];

    /// <summary>Who is no longer a member since.</summary>
    public IReadOnlyList<NodeId> Removed { get; init; } = [];

    /// <summary>Who is a member since.</summary>
    public IReadOnlyList<NodeId> Added { get; init; } = [];
}

/// <summary>A stage of a regroup.</summary>
public sealed record SnapshotStage
{
    /// <summary>Activate, Close, Prune, CleanUp1, CleanUp2 or Stabilised.</summary>
    public string Stage { get; init; } = "";

    /// <summary>The activation it belongs to, e.g. <c>(7,1)</c>.</summary>
    public string Activation { get; init; } = "";

    /// <summary>How long after the regroup began it was entered.</summary>
    [JsonPropertyName("sinceMs")]
    public TimeSpan Since { get; init; }

    /// <summary>How long it took, or has taken so far.</summary>
    [JsonPropertyName("durationMs")]
    public TimeSpan Duration { get; init; }
}

/// <summary>The witness.</summary>
public sealed record SnapshotWitness
{
    /// <summary>What and where.</summary>
    public string Description { get; init; } = "";

    /// <summary>Who owns it as far as this node knows; 0 for nobody.</summary>
    public NodeId Owner { get; init; }

    /// <summary>Who won the last arbitration; 0 before the first.</summary>
    public NodeId LastWinner { get; init; }

    /// <summary>What this node last asked of it; null before the first call.</summary>
    public string? LastCall { get; init; }

    /// <summary>How that ended: Success, Lost or Unknown.</summary>
    public string? LastOutcome { get; init; }

    /// <summary>What was wrong; null when nothing was.</summary>
    public string? LastDetail { get; init; }

    /// <summary>When it ended, wall time.</summary>
    public DateTimeOffset? LastAt { get; init; }

    /// <summary>How long it took.</summary>
    [JsonPropertyName("lastTookMs")]
    public TimeSpan? LastTook { get; init; }
}

/// <summary>What was counted since the node was made; only grows.</summary>
public sealed record SnapshotCounters
{
    /// <summary>Datagrams received.</summary>
    public long DatagramsReceived { get; init; }

    /// <summary>Datagrams sent.</summary>
    public long DatagramsSent { get; init; }

    /// <summary>Bytes received.</summary>
    public long BytesReceived { get; init; }

    /// <summary>Bytes sent.</summary>
    public long BytesSent { get; init; }

    /// <summary>Datagrams that the operating system refused to send.</summary>
    public long SendFailures { get; init; }

    /// <summary>Messages that reached the protocol.</summary>
    public long MessagesDelivered { get; init; }

    /// <summary>Messages dropped because the loop was behind.</summary>
    public long QueueOverflows { get; init; }

    /// <summary>Datagrams and messages dropped, by reason.</summary>
    public IReadOnlyDictionary<string, long> Dropped { get; init; } = new Dictionary<string, long>();

    /// <summary>Regroups by cause.</summary>
    public IReadOnlyDictionary<string, long> Regroups { get; init; } = new Dictionary<string, long>();

    /// <summary>Views installed.</summary>
    public long ViewsInstalled { get; init; }

    /// <summary>Writes of the view store.</summary>
    public long StoreWrites { get; init; }

    /// <summary>Callbacks that took longer than 2 s.</summary>
    public long SlowCallbacks { get; init; }

    /// <summary>Callbacks that threw.</summary>
    public long FailedCallbacks { get; init; }

    /// <summary>The latest the loop ever was for a deadline.</summary>
    [JsonPropertyName("latestWakeupMs")]
    public TimeSpan LatestWakeup { get; init; }
}

/// <summary>A change notification.</summary>
/// <param name="Time">When, wall time.</param>
/// <param name="Change">What changed.</param>
/// <param name="Node">On which node; 0 when it concerns all.</param>
public sealed record SnapshotChange(DateTimeOffset Time, ClusterChange Change, NodeId Node);

/// <summary>A line of the journal.</summary>
/// <param name="Time">When, wall time.</param>
/// <param name="Text">What happened.</param>
public sealed record SnapshotLine(DateTimeOffset Time, string Text);
