// Draws a run from its seed: the cluster's configuration, the character of its network and disks, and which kinds
// of faults it will see. Swarm testing: each run leaves many kinds out, so that the others get room.
using System.Collections.Immutable;
using Membership.Engine;
using Membership.Engine.Protocol;
using Membership.Engine.Wire;
using Membership.Simulator.World;

namespace Membership.Simulator.Workload;

/// <summary>What the command line fixes; the seed decides the rest.</summary>
internal sealed record RunFilter
{
    public int MinNodes { get; init; } = 2;

    public int MaxNodes { get; init; } = 7;

    public QuorumPolicy? Policy { get; init; }

    public FaultFocus? Focus { get; init; }

    public PlantedDefects Defects { get; init; }

    public bool MixedVersions { get; init; }

    /// <summary>How many views a node remembers, with every message as bytes; null = as the engine does, with every fourth seed's messages as bytes.</summary>
    public int? RememberedViews { get; init; }
}

/// <summary>Which family of faults a run is about.</summary>
internal enum FaultFocus
{
    Mixed,
    Partitions,
    Crashes,
    Pauses,
    Witness,
    Disks,
    Joins,
    Datagrams,

    /// <summary>At the moments of the protocol when it hurts: inside stages, writes and arbitrations.</summary>
    Moments,

    /// <summary>Short cuts and restarts in quick succession, faster than regroups end.</summary>
    Churn,

    /// <summary>Switchovers and qualification among crashes and cuts, with short times until a node is stale.</summary>
    Roles,

    /// <summary>Updates and reads of replicated state at every node, through crashes, cuts and joins.</summary>
    State,

    /// <summary>An operator who forms by force, as the operations page says, after outages and interrupted formings. Only when asked for: the seeds of the others stay theirs.</summary>
    Forced,
}

internal sealed record RunPlan(WorldOptions Options, FaultFocus Focus, long FaultTime, long MeanGap, double MomentChance, ulong KindMask)
{
    /// <summary>Runs with clients of the replicated state.</summary>
    public bool HasClients => Focus is FaultFocus.State or FaultFocus.Mixed;

    public static RunPlan Draw(ulong seed, RunFilter filter)
    {
        Rng rng = Rng.For(seed, "plan");
        int nodes = filter.MinNodes + rng.Below(filter.MaxNodes - filter.MinNodes + 1);
        QuorumPolicy policy = rng.Pick(QuorumPolicy.NodeMajority, QuorumPolicy.NodeMajority, QuorumPolicy.NodeAndWitnessMajority,
            QuorumPolicy.NodeAndWitnessMajority, QuorumPolicy.NodeAndWitnessMajority, QuorumPolicy.WitnessOnly, QuorumPolicy.TwoNodeWitness);
        policy = filter.Policy ?? policy;
        ClusterTiming timing = rng.Pick(ClusterTiming.Local, ClusterTiming.Local, ClusterTiming.Local, ClusterTiming.Lan, ClusterTiming.Default);
        TieBreaker tieBreaker = rng.Chance(0.5) ? TieBreaker.LowestNode : TieBreaker.None;
        bool pinned = policy == QuorumPolicy.NodeAndWitnessMajority && rng.Chance(0.15);
        bool witness = policy != QuorumPolicy.NodeMajority;
        FaultFocus focus = (FaultFocus)rng.Below(12);
        focus = filter.Focus ?? focus;
        long l = timing.LossPeriod.Ticks;
        var options = new WorldOptions
        {
            Seed = seed,
            Votes = DrawVotes(rng, nodes),
            Rule = new QuorumRule(policy, tieBreaker, pinned),
            Timing = timing,
            HasWitness = witness,
            Paths = rng.Chance(0.2) ? 2 : 1,
            TrustConnectionRefused = rng.Chance(0.25),
            StoreLocked = rng.Chance(0.75),
            StartFromView = rng.Chance(0.5),
            DiscoveryInL = rng.Pick(0.1, 0.5, 1, 2),
            Defects = filter.Defects,
            MixedVersions = filter.MixedVersions,
            Encoded = filter.MixedVersions || filter.RememberedViews is not null || seed % 4 == 0,
            RememberedViews = filter.RememberedViews ?? ViewMemory.DefaultCapacity,
            DelayMin = rng.Pick(50, 100, 300) * Ticks.Microsecond,
            DelaySpread = rng.Span(50 * Ticks.Microsecond, timing.ClockPeriod.Ticks / 16),
            SpikePerMille = rng.Chance(0.3) ? rng.Between(1, 20) : 0,
            SpikeDelay = timing.ClockPeriod.Ticks / 5,
            LossPerMille = rng.Chance(0.25) ? rng.Between(1, 15) : 0,
            DuplicatePerMille = rng.Chance(0.2) ? rng.Between(1, 20) : 0,
            DiskSpread = rng.Span(Ticks.Millisecond, 5 * Ticks.Millisecond),
            CallbackSpread = rng.Span(0, 5 * Ticks.Millisecond),
            SchedulingLag = rng.Span(0, 2 * Ticks.Millisecond),
            WitnessPeriod = rng.Span(l * 3 / 4, 2 * l),
        };
        if (focus == FaultFocus.Roles)
        {
            TimeSpan stale = TimeSpan.FromTicks(rng.Span(l / 2, 3 * l));
            options = options with { StaleAfter = stale, FrameInterval = stale * 0.4, Disqualified = rng.Chance(0.3) ? rng.Next() & rng.Next() : 0 };
        }
        long gap = focus switch
        {
            FaultFocus.Roles => l,
            FaultFocus.Churn => l / 3,
            FaultFocus.Moments => 3 * l,
            FaultFocus.Forced => 4 * l,
            _ => rng.Span(l / 2, 4 * l),
        };
        double moments = focus is FaultFocus.Moments or FaultFocus.State ? 0.01 + 0.06 * rng.Unit() : rng.Chance(0.4) ? 0.02 * rng.Unit() : 0;
        var plan = new RunPlan(options, focus, rng.Span(12 * l, 36 * l), gap, moments, rng.Next() | rng.Next());
        // Drawn last, so that it moves nothing that was drawn before.
        if (rng.Chance(0.5)) return plan;
        var quarantine = new QuarantineOptions { After = rng.Between(1, 3), Window = TimeSpan.FromTicks(rng.Span(4 * l, 40 * l)), Time = TimeSpan.FromTicks(rng.Span(l, 3 * l)), Limit = TimeSpan.FromTicks(8 * l) };
        return plan with { Options = options with { Quarantine = quarantine } };
    }

    private static ImmutableArray<int> DrawVotes(Rng rng, int nodes)
    {
        var votes = new int[nodes];
        Array.Fill(votes, 1);
        if (rng.Chance(0.2))
        {
            for (int i = 0; i < nodes; i++) votes[i] = rng.Below(10) == 0 ? 0 : rng.Between(1, 3);
            if (votes.Sum() == 0) votes[0] = 1;
        }
        return [.. votes];
    }
}
