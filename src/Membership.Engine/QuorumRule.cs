// How votes are counted over one view. The rule travels inside the view, so that every view is judged by its own.
namespace Membership.Engine;

/// <summary>Which votes decide whether a group of nodes may become the next view.</summary>
public enum QuorumPolicy
{
    /// <summary>Nodes only; more than half of the node votes.</summary>
    NodeMajority = 0,

    /// <summary>Nodes, plus the witness' vote while the node votes are even. Default when an arbiter is registered.</summary>
    NodeAndWitnessMajority = 1,

    /// <summary>Whoever holds the witness survives, whatever the counts. No quorum chain: replicated state may be lost.</summary>
    WitnessOnly = 2,

    /// <summary>The membership-manager header's literal rule: the witness has a vote only in views of exactly two members.</summary>
    TwoNodeWitness = 3,
}

/// <summary>Who survives an exact half when no witness has a vote.</summary>
public enum TieBreaker
{
    /// <summary>Nobody.</summary>
    None = 0,

    /// <summary>The half that contains the lowest number of the view that is being split, present or not.</summary>
    LowestNode = 1,
}

/// <summary>How votes are counted over a view.</summary>
/// <param name="Policy">Which votes count.</param>
/// <param name="TieBreaker">What happens to an exact half.</param>
/// <param name="WitnessPinned">The witness always has a vote, also while the node votes are odd (default false: dynamic witness).</param>
public readonly record struct QuorumRule(QuorumPolicy Policy, TieBreaker TieBreaker, bool WitnessPinned)
{
    /// <summary>Whether the policy uses a witness at all.</summary>
    public bool UsesWitness => Policy != QuorumPolicy.NodeMajority;
}
