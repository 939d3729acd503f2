// What a run's world is made of: the cluster's configuration and the character of its network, disks and witness
// while nothing is wrong. Faults are not here; they come from the workload or from a scenario script.
using System.Collections.Immutable;
using Membership.Engine;
using Membership.Engine.Protocol;
using Membership.Engine.Wire;

namespace Membership.Simulator.World;

/// <summary>Virtual time is counted in 100 ns ticks, like <see cref="MonotonicTime"/>.</summary>
internal static class Ticks
{
    public const long Microsecond = 10;
    public const long Millisecond = 10_000;
    public const long Second = 10_000_000;
}

internal sealed record WorldOptions
{
    public required ulong Seed { get; init; }

    public required ImmutableArray<int> Votes { get; init; }

    public int Nodes => Votes.Length;

    public required QuorumRule Rule { get; init; }

    public ClusterTiming Timing { get; init; } = ClusterTiming.Local;

    public bool HasWitness { get; init; }

    public int Paths { get; init; } = 1;

    /// <summary>May form with no view anywhere although there is no witness.</summary>
    public bool Bootstrap { get; init; } = true;

    public bool TrustConnectionRefused { get; init; }

    /// <summary>A starting process holds the exclusive kernel lock of its store.</summary>
    public bool StoreLocked { get; init; } = true;

    /// <summary>All disks hold a first view with every node at the start (else they are empty).</summary>
    public bool StartFromView { get; init; }

    /// <summary>Only the lowest so many nodes are in that first view, the disks of the others are empty; 0 = all are.</summary>
    public int FirstMembers { get; init; }

    public PlantedDefects Defects { get; init; }

    /// <summary>Off unless a run is about it: most stories are about what happens again and again, quickly.</summary>
    public QuarantineOptions Quarantine { get; init; } = QuarantineOptions.Off;

    public double Rho { get; init; } = 0.01;

    /// <summary>Nodes' clocks differ in rate by up to rho (else all run alike).</summary>
    public bool ClocksDrift { get; init; } = true;

    public long DelayMin { get; init; } = 50 * Ticks.Microsecond;

    public long DelaySpread { get; init; } = 200 * Ticks.Microsecond;

    /// <summary>Per mille of messages that take up to <see cref="SpikeDelay"/>.</summary>
    public int SpikePerMille { get; init; }

    public long SpikeDelay { get; init; } = 5 * Ticks.Millisecond;

    public int LossPerMille { get; init; }

    public int DuplicatePerMille { get; init; }

    public long DiskMin { get; init; } = 100 * Ticks.Microsecond;

    public long DiskSpread { get; init; } = 2 * Ticks.Millisecond;

    public long CallbackSpread { get; init; } = Ticks.Millisecond;

    /// <summary>How late a timer or a thread may be.</summary>
    public long SchedulingLag { get; init; } = 200 * Ticks.Microsecond;

    /// <summary>W: the witness' ownership period.</summary>
    public long WitnessPeriod { get; init; } = Ticks.Second;

    /// <summary>Nothing is left to chance but what the script asks for: each link takes its own fixed time, nodes start 11 ms apart. For transcripts: a change shows where it is, not everywhere behind it.</summary>
    public bool Settled { get; init; }

    /// <summary>The script makes nodes say what they never said: checkers do not judge the story then.</summary>
    public bool Liars { get; init; }

    /// <summary>Coordinators let in only whom their host asked for.</summary>
    public bool AdmitOnRequest { get; init; }

    /// <summary>An arbitration that was quicker is waited out to this.</summary>
    public TimeSpan ArbitrationEqualizer { get; init; }

    /// <summary>False: a bare quorum resource, owned in regroups only.</summary>
    public bool WitnessKeepsRecord { get; init; } = true;

    /// <summary>A halted, failed or crashed node is started again by a supervisor.</summary>
    public bool Supervised { get; init; } = true;

    /// <summary>L = R*S*T.</summary>
    public long L => Timing.LossPeriod.Ticks;

    public long T => Timing.ClockPeriod.Ticks;

    /// <summary>The notification guide's default; runs about roles are quicker.</summary>
    public TimeSpan StaleAfter { get; init; } = TimeSpan.FromSeconds(10);

    public TimeSpan FrameInterval { get; init; } = TimeSpan.FromSeconds(4);

    /// <summary>Nodes whose option says that they may hold no role, as bits.</summary>
    public ulong Disqualified { get; init; }

    /// <summary>A rolling upgrade without end: every process start decides anew whether the node speaks today's minor version, the one before or the next one.</summary>
    public bool MixedVersions { get; init; }

    /// <summary>Messages travel as bytes, through the real codec and each node's memory of views; else as objects, which is quicker and tells the same story.</summary>
    public bool Encoded { get; init; }

    /// <summary>How many views a node remembers; fewer than the engine does leave statuses that only name one without meaning.</summary>
    public int RememberedViews { get; init; } = ViewMemory.DefaultCapacity;

    public TimeSpan ArbitrationTimeout => TimeSpan.FromTicks(Math.Max(4 * WitnessPeriod, 4 * L));

    /// <summary>Shorter than L is allowed: then only the wait after a restart keeps a forming behind the old leases.</summary>
    public double DiscoveryInL { get; init; } = 2;

    public TimeSpan DiscoveryTime => TimeSpan.FromTicks((long)(DiscoveryInL * L));

    public TimeSpan JoinTimeout => TimeSpan.FromTicks(12 * L);

    public TimeSpan CallbackLimit => TimeSpan.FromTicks(12 * L);

    public TimeSpan PersistLimit => TimeSpan.FromTicks(6 * L);

    /// <summary>Nodes with one vote each that were one cluster before; nothing is late, lost or apart.</summary>
    public static WorldOptions Calm(int nodes) => new()
    {
        Seed = 1,
        Votes = [.. Enumerable.Repeat(1, nodes)],
        Rule = new QuorumRule(QuorumPolicy.NodeMajority, TieBreaker.LowestNode, false),
        Timing = ClusterTiming.Default,
        DiscoveryInL = 1.25,
        StartFromView = true,
        ClocksDrift = false,
        DelayMin = 100 * Ticks.Microsecond,
        DelaySpread = 100 * Ticks.Microsecond,
        DiskSpread = 0,
        CallbackSpread = 0,
        SchedulingLag = 0,
        Supervised = false,
    };

    public ProtocolOptions ForNode(int number, bool storeLocked)
    {
        var nodes = ImmutableArray.CreateBuilder<ConfiguredNode>(Nodes);
        for (int i = 0; i < Nodes; i++) nodes.Add(new ConfiguredNode(new NodeId(i + 1), Votes[i]));
        return new ProtocolOptions
        {
            Self = new NodeId(number),
            Nodes = nodes.MoveToImmutable(),
            Timing = Timing,
            Rule = Rule,
            ClockRateBound = Rho,
            Paths = Paths,
            ArbitrationTimeout = ArbitrationTimeout,
            DiscoveryTime = DiscoveryTime,
            JoinTimeout = JoinTimeout,
            CallbackLimit = CallbackLimit,
            PersistLimit = PersistLimit,
            Bootstrap = Bootstrap,
            HasWitness = HasWitness,
            TrustConnectionRefused = TrustConnectionRefused,
            WitnessPeriod = HasWitness ? TimeSpan.FromTicks((long)(WitnessPeriod * (1 + Rho))) : TimeSpan.Zero,
            StoreLocked = storeLocked,
            Qualified = (Disqualified >> number & 1) == 0,
            MembershipFrameInterval = FrameInterval,
            StaleAfter = StaleAfter,
            Quarantine = Quarantine,
            AdmitOnRequest = AdmitOnRequest,
            ArbitrationEqualizer = ArbitrationEqualizer,
            WitnessKeepsRecord = WitnessKeepsRecord,
            Defects = Defects,
        };
    }

    /// <summary>The same world without chance.</summary>
    public WorldOptions Settle() => this with { Settled = true, ClocksDrift = false, DelayMin = 100 * Ticks.Microsecond, DelaySpread = 0, DiskMin = Ticks.Millisecond, DiskSpread = 0, CallbackSpread = 0, SchedulingLag = 0 };

    public override string ToString()
    {
        string text = $"nodes={Nodes} policy={Rule.Policy} tiebreaker={Rule.TieBreaker} pinned={Rule.WitnessPinned} votes={string.Join(",", Votes)} "
            + $"T={T / Ticks.Millisecond}ms L={L / Ticks.Millisecond}ms W={(HasWitness ? WitnessPeriod / Ticks.Millisecond : 0)}ms paths={Paths} discovery={DiscoveryInL}L "
            + $"loss={LossPerMille}/1000 duplicates={DuplicatePerMille}/1000 start={(StartFromView ? "from a view" : "empty")} evidence={TrustConnectionRefused}{(MixedVersions ? " versions mixed" : "")}{(Encoded ? " encoded" : "")}{(RememberedViews < ViewMemory.DefaultCapacity ? $" remembers={RememberedViews}" : "")}"
            + (Quarantine.After == 0 ? "" : $" quarantine={Quarantine.After}x,{Quarantine.Time.TotalMilliseconds:F0}..{Quarantine.Limit.TotalMilliseconds:F0}ms");
        return Defects == PlantedDefects.None ? text : $"{text} defect={Defects}";
    }
}
