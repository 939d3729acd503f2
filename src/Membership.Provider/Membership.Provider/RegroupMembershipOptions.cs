// Everything a host sets, in the shapes that configuration files and environment variables can express: numbers,
// time spans, endpoint texts, keys as base64. What the engine runs on is made from it by NodeOptionsMapping.
using Membership.Engine;
using Membership.Engine.Runtime;

namespace Membership.Provider;

/// <summary>The options of <c>AddRegroupMembership</c>; configuration section <see cref="SectionName"/>. Validated once, at host start.</summary>
/// <remarks>
/// Time spans are written <c>hh:mm:ss.fff</c> in configuration. As environment variables the names are joined with two
/// underscores: <c>RegroupMembership__Self=2</c>, <c>RegroupMembership__Nodes__0__Endpoints__0=10.0.0.1:7400</c>.
/// </remarks>
public sealed class RegroupMembershipOptions
{
    /// <summary>The name of the configuration section: <c>RegroupMembership</c>.</summary>
    public const string SectionName = "RegroupMembership";

    /// <summary>The cluster's name, the same on every node; packets, stores and witnesses of another cluster are refused. Required.</summary>
    public string ClusterId { get; set; } = "";

    /// <summary>This node's own number, 1..1024; it must be one of <see cref="Nodes"/>. Required.</summary>
    public int Self { get; set; }

    /// <summary>All nodes of the cluster, this one included; the same on every node. Required.</summary>
    public IList<RegroupNodeOptions> Nodes { get; set; } = [];

    /// <summary>The local directory, used by this node alone, that holds its view store. Required; made if it is missing.</summary>
    public string StoreDirectory { get; set; } = "";

    /// <summary>Local endpoints to bind to instead of this node's own entry in <see cref="Nodes"/>, one per path; for hosts behind port mapping.</summary>
    public IList<string> LocalEndpoints { get; set; } = [];

    /// <summary>The set of clock values to start from; default <see cref="RegroupPreset.Default"/>.</summary>
    public RegroupPreset Preset { get; set; }

    /// <summary>Clock values instead of the preset's, each by itself. The first node of a cluster sets them; joiners inherit them.</summary>
    public RegroupTimingOptions Timing { get; set; } = new();

    /// <summary>Bound on the relative rate of any two members' clocks; 0..0.2, default 0.01 (1 %).</summary>
    public double ClockRateBound { get; set; } = 0.01;

    /// <summary>The longest usual round trip between members; 0.1 ms..10 s, default 5 ms. A lease must outlast a heartbeat interval and this.</summary>
    public TimeSpan RoundTrip { get; set; } = TimeSpan.FromMilliseconds(5);

    /// <summary>Which votes decide; default <see cref="QuorumPolicy.NodeAndWitnessMajority"/> when a witness is registered, else <see cref="QuorumPolicy.NodeMajority"/>.</summary>
    public QuorumPolicy? Policy { get; set; }

    /// <summary>Who survives an exact half when no witness has a vote; default nobody.</summary>
    public TieBreaker TieBreaker { get; set; }

    /// <summary>The witness always has a vote, also while the node votes are odd; default false.</summary>
    public bool WitnessPinned { get; set; }

    /// <summary>Two nodes may run with neither witness nor tie-breaker, so that both stop when either fails; default false.</summary>
    public bool AllowTwoNodesWithoutTieBreaker { get; set; }

    /// <summary>This node may take part in forming a cluster that has never existed, with no witness to ask; default false.</summary>
    public bool Bootstrap { get; set; }

    /// <summary>What counts as proof of a peer's death without waiting for its lease; default nothing. A trust decision: see docs/operations.md.</summary>
    public CrashEvidence CrashEvidence { get; set; }

    /// <summary>The keys that seal datagrams, 32 bytes each as base64; the first one is used, all are accepted. Required unless <see cref="AllowPlainText"/>.</summary>
    public IList<string> Keys { get; set; } = [];

    /// <summary>Runs without keys: anyone who can reach the port can forge packets. Default false.</summary>
    public bool AllowPlainText { get; set; }

    /// <summary>How long candidates try for the witness in one regroup; default 60 s (the header's <c>MmQuorumArbitrationTimeout</c>).</summary>
    public TimeSpan ArbitrationTimeout { get; set; } = TimeSpan.FromSeconds(60);

    /// <summary>An arbitration that took less waits the rest; default 0 (the header's <c>MmQuorumArbitrationEqualizer</c>).</summary>
    public TimeSpan ArbitrationEqualizer { get; set; } = TimeSpan.Zero;

    /// <summary>How long a starting node looks for a running cluster before it takes part in forming one; null = the engine's default.</summary>
    public TimeSpan? DiscoveryTime { get; set; }

    /// <summary>Overall bound on one join; default 60 s.</summary>
    public TimeSpan JoinTimeout { get; set; } = TimeSpan.FromSeconds(60);

    /// <summary>A membership callback that runs longer halts the node; default 30 s.</summary>
    public TimeSpan CallbackLimit { get; set; } = TimeSpan.FromSeconds(30);

    /// <summary>When and for how long a node that keeps losing its place is kept out.</summary>
    public RegroupQuarantineOptions Quarantine { get; set; } = new();

    /// <summary>This node may be master or vice-master when it starts; default true.</summary>
    public bool Qualified { get; set; } = true;

    /// <summary>How often the master tells the others the state of the cluster, 10 ms..1 min; default 4 s.</summary>
    public TimeSpan MembershipFrameInterval { get; set; } = TimeSpan.FromSeconds(4);

    /// <summary>A node that got nothing of the master for so long is stale, over twice <see cref="MembershipFrameInterval"/>..10 min; default 10 s.</summary>
    public TimeSpan StaleAfter { get; set; } = TimeSpan.FromSeconds(10);

    /// <summary>How many change notifications wait for one registered handler before they are dropped, with a record of it; 1..1,000,000, default 1024.</summary>
    public int NotificationQueueLength { get; set; } = 1024;

    /// <summary>How long a stopping host tries to leave the cluster cleanly; default 10 s, 0 = it does not try.</summary>
    public TimeSpan LeaveTimeout { get; set; } = TimeSpan.FromSeconds(10);

    /// <summary>
    /// How long before its lease runs out master-only work is cancelled, and how long it then has to stop before the process is
    /// ended; null = L/8, at most half of L. Default null.
    /// </summary>
    public TimeSpan? MasterStopTime { get; set; }

    /// <summary>What happens to the host when the node halts; default <see cref="HaltPolicy.StopHost"/>.</summary>
    public HaltPolicy OnHalt { get; set; }

    /// <summary>For <see cref="HaltPolicy.Callback"/>: what to call, once, off the engine's threads. Not from configuration.</summary>
    public Action<MembershipHalt>? HaltCallback { get; set; }

    /// <summary>A witness file in a directory that all nodes of one machine share; used when its directory is set.</summary>
    public RegroupWitnessFileOptions WitnessFile { get; set; } = new();

    /// <summary>The local socket through which <c>regroupctl</c> asks this node; on by default, in the store directory.</summary>
    public RegroupControlSocketOptions ControlSocket { get; set; } = new();

    /// <summary>The clock values that preset and overrides come to.</summary>
    internal ClusterTiming EffectiveTiming
    {
        get
        {
            ClusterTiming preset = Preset switch
            {
                RegroupPreset.Lan => ClusterTiming.Lan,
                RegroupPreset.Local => ClusterTiming.Local,
                _ => ClusterTiming.Default,
            };
            return new ClusterTiming(Timing.ClockPeriod ?? preset.ClockPeriod, Timing.SendRate ?? preset.SendRate, Timing.ReceiveRate ?? preset.ReceiveRate);
        }
    }

    /// <summary>The time that master-only work has to stop.</summary>
    internal TimeSpan EffectiveMasterStopTime => MasterStopTime ?? EffectiveTiming.LossPeriod / 8;
}

/// <summary>One node in <see cref="RegroupMembershipOptions.Nodes"/>.</summary>
public sealed class RegroupNodeOptions
{
    /// <summary>Its number, 1..1024, permanent.</summary>
    public int Number { get; set; }

    /// <summary>Its weight in the quorum, 0 or more; default 1.</summary>
    public int Votes { get; set; } = 1;

    /// <summary>Where it is reached, <c>host:port</c> or <c>[v6]:port</c>, one per path; every node has as many as the others.</summary>
    public IList<string> Endpoints { get; set; } = [];
}

/// <summary>Clock values instead of a preset's.</summary>
public sealed class RegroupTimingOptions
{
    /// <summary>T, the basic tick; 5 ms..10 s; null = the preset's.</summary>
    public TimeSpan? ClockPeriod { get; set; }

    /// <summary>S, ticks between two heartbeats; 1..100; null = the preset's.</summary>
    public int? SendRate { get; set; }

    /// <summary>R, heartbeat intervals of silence after which a node is lost; 2..100; null = the preset's.</summary>
    public int? ReceiveRate { get; set; }
}

/// <summary>When a node that keeps losing its place is kept out for a while: see docs/tuning.md. Leaving cleanly and being ejected do not count.</summary>
public sealed class RegroupQuarantineOptions
{
    /// <summary>How often a node may lose its place before it is kept out, 1..1000; 0 = never; null = the engine's default (3).</summary>
    public int? After { get; set; }

    /// <summary>A removal counts together with the one before unless so much time went by, 1 s..7 days; null = the engine's default (1 h).</summary>
    public TimeSpan? Window { get; set; }

    /// <summary>How long it is kept out the first time, doubled each further time, 1 s..<see cref="Limit"/>; null = the engine's default (1 min).</summary>
    public TimeSpan? Time { get; set; }

    /// <summary>The longest time that doubling comes to, up to 7 days; null = the engine's default (1 h).</summary>
    public TimeSpan? Limit { get; set; }
}

/// <summary>The embedded witness: a chain of files in a local directory shared by all nodes of one machine.</summary>
public sealed class RegroupWitnessFileOptions
{
    /// <summary>The shared directory; null = no witness file.</summary>
    public string? Directory { get; set; }

    /// <summary>
    /// The nodes' addresses all belong to this machine (containers, network namespaces) although they differ; default false, since separate machines
    /// would each have a witness of their own and both live. Needless for loopback addresses.
    /// </summary>
    public bool AllowSeveralAddresses { get; set; }

    /// <summary>How long one renewal keeps the ownership; null = the engine's default (3 s).</summary>
    public TimeSpan? OwnershipPeriod { get; set; }

    /// <summary>How often the owner renews; null = the engine's default (1 s).</summary>
    public TimeSpan? RenewInterval { get; set; }
}

/// <summary>The local control socket. Whoever may open it may eject nodes and change keys: it is closed to all but the node's own user.</summary>
public sealed class RegroupControlSocketOptions
{
    /// <summary>Whether there is one; default true.</summary>
    public bool Enabled { get; set; } = true;

    /// <summary>Its path, at most 107 bytes, or on Windows the name of a pipe; null = <c>control.sock</c> in the store directory.</summary>
    public string? Path { get; set; }

    /// <summary>Opens it to the group of the node's user, too (mode 0660 instead of 0600); default false. Of no effect on Windows.</summary>
    public bool GroupAccess { get; set; }
}

/// <summary>A set of clock values.</summary>
public enum RegroupPreset
{
    /// <summary>The header's timing: 300 ms, 4, 2; L = 2.4 s.</summary>
    Default = 0,

    /// <summary>A quiet local network: 125 ms, 4, 2; L = 1 s.</summary>
    Lan = 1,

    /// <summary>Several nodes on one machine, for tests and demos: 50 ms, 4, 2; L = 400 ms.</summary>
    Local = 2,
}
