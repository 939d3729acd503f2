// How a node is, for probes and people: whether it runs, whether it may serve, and what is wrong although it serves.
using System.Collections.Immutable;

namespace Membership.Engine.Runtime;

/// <summary>A path to a member on which nothing was heard for longer than L.</summary>
/// <param name="Node">The member.</param>
/// <param name="Path">The path, from 0.</param>
/// <param name="Endpoint">Its end there.</param>
/// <param name="Silence">Since when nothing was heard on it; <see cref="TimeSpan.MaxValue"/> = never.</param>
public readonly record struct SilentPath(NodeId Node, int Path, string Endpoint, TimeSpan Silence);

/// <summary>How a node is at one moment.</summary>
public sealed record NodeHealth
{
    /// <summary>The node's loop answered in time. False also when it was not started, has stopped or halted.</summary>
    public bool LoopTurns { get; init; }

    /// <summary>Why it halted; null while it has not.</summary>
    public NodeHalt? Halt { get; init; }

    /// <summary>It has a valid lease: it may serve.</summary>
    public bool HasValidLease { get; init; }

    /// <summary>A regroup or join holds the lease.</summary>
    public bool IsHeld { get; init; }

    /// <summary>No frame of the master has come for too long.</summary>
    public bool IsStale { get; init; }

    /// <summary>The last trouble with the witness, until a call of it succeeds; null = none known, or no witness. Only its owner uses it at rest.</summary>
    public string? WitnessTrouble { get; init; }

    /// <summary>Paths to members on which nothing was heard for longer than L, while other paths may carry on.</summary>
    public ImmutableArray<SilentPath> SilentPaths { get; init; } = [];

    /// <summary>Nodes that are kept out because they keep losing their place: somebody should look at them.</summary>
    public ImmutableArray<QuarantinedMember> Quarantined { get; init; } = [];

    /// <summary>Why the cluster does not let this node in for now; null when nobody said so, or it is in.</summary>
    public string? KeptOut { get; init; }

    /// <summary>Serving, and nothing is wrong.</summary>
    public bool IsGood => LoopTurns && HasValidLease && !IsStale && WitnessTrouble is null && SilentPaths.IsEmpty && Quarantined.IsEmpty;
}
