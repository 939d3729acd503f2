// A view: who is up under which epoch, how its votes count, and the roles elected over it. Immutable;
// identified by (epoch, hash), where the hash covers everything but the informational quorum owner.
using System.Collections.Immutable;

namespace Membership.Engine;

/// <summary>One member of a view.</summary>
/// <param name="Node">Its number.</param>
/// <param name="Incarnation">The life that is a member; any other life of the same number is not.</param>
/// <param name="Votes">Its weight, 0 or more (default 1).</param>
/// <param name="StoreId">The random id of its local store, which tells a restart on the same disk from a new disk.</param>
public readonly record struct ClusterMember(NodeId Node, Incarnation Incarnation, int Votes, long StoreId);

/// <summary>The identity of a view: never the number alone.</summary>
/// <param name="Epoch">The epoch.</param>
/// <param name="Hash">A hash of the whole view.</param>
public readonly record struct ViewId(Epoch Epoch, ulong Hash)
{
    /// <summary>No view.</summary>
    public static readonly ViewId None;

    /// <summary>The epoch and the first digits of the hash.</summary>
    public override string ToString() => $"{Epoch}#{Hash >> 48:x4}";
}

/// <summary>A membership view. Immutable; safe from any thread.</summary>
public sealed class ClusterView : IEquatable<ClusterView>
{
    /// <summary>Makes a view.</summary>
    /// <param name="epoch">Its epoch, above 0 (0 only for the configured set that a first forming is judged against).</param>
    /// <param name="members">At least one member; order does not matter, numbers must differ.</param>
    /// <param name="rule">How its votes count.</param>
    /// <param name="timing">The clock values its members run on.</param>
    /// <param name="master">The master elected over it, or none.</param>
    /// <param name="viceMaster">The vice-master elected over it, or none.</param>
    /// <param name="quorumOwner">Who owned the witness when the view was decided, as far as was known; not part of the identity.</param>
    /// <param name="disqualified">Members that may hold no role; numbers that are no members are left out.</param>
    /// <param name="formerMaster">The member that hands the mastership over, or none; then there is no master.</param>
    /// <param name="baseEpoch">The epoch of the view it was made from; None for a first one.</param>
    /// <exception cref="ArgumentException">No members, a repeated or invalid number, a negative weight, or a master beside a former master.</exception>
    public ClusterView(
        Epoch epoch, IEnumerable<ClusterMember> members, QuorumRule rule, ClusterTiming timing, NodeId master = default, NodeId viceMaster = default,
        NodeId quorumOwner = default, NodeSet disqualified = default, NodeId formerMaster = default, Epoch baseEpoch = default)
    {
        ArgumentNullException.ThrowIfNull(members);
        Epoch = epoch;
        Members = [.. members.OrderBy(static member => member.Node)];
        Rule = rule;
        Timing = timing;
        Master = master;
        ViceMaster = viceMaster;
        QuorumOwner = quorumOwner;
        if (Members.IsEmpty) throw new ArgumentException("A view needs at least one member.", nameof(members));
        NodeSet nodes = default;
        foreach (ClusterMember member in Members)
        {
            if (!member.Node.IsValid || nodes.Contains(member.Node))
                throw new ArgumentException($"Member number {member.Node} is invalid or listed twice.", nameof(members));
            if (member.Votes < 0)
                throw new ArgumentException($"Member {member.Node} has a weight of {member.Votes}; it must be 0 or more.", nameof(members));
            nodes = nodes.With(member.Node);
            TotalVotes += member.Votes;
        }
        Nodes = nodes;
        Disqualified = disqualified & nodes;
        FormerMaster = formerMaster;
        BaseEpoch = baseEpoch;
        if (formerMaster.IsValid && master.IsValid)
            throw new ArgumentException($"Node {master} cannot be master while node {formerMaster} hands over.", nameof(formerMaster));
        Id = new ViewId(epoch, ComputeHash());
    }

    /// <summary>The epoch.</summary>
    public Epoch Epoch { get; }

    /// <summary>The epoch of the view that this one was made from; None for a first one. Epochs between the two, if any, were given up.</summary>
    public Epoch BaseEpoch { get; }

    /// <summary>The members in numeric order.</summary>
    public ImmutableArray<ClusterMember> Members { get; }

    /// <summary>The members' numbers.</summary>
    public NodeSet Nodes { get; }

    /// <summary>How this view's votes count.</summary>
    public QuorumRule Rule { get; }

    /// <summary>The clock values its members run on.</summary>
    public ClusterTiming Timing { get; }

    /// <summary>The sum of the members' weights, without the witness.</summary>
    public int TotalVotes { get; }

    /// <summary>The identity: epoch and hash.</summary>
    public ViewId Id { get; }

    /// <summary>The member that runs joins and sequences updates: the lowest number. The seed's PCM.</summary>
    public NodeId Coordinator => Members[0].Node;

    /// <summary>The master elected over this view, or none.</summary>
    public NodeId Master { get; }

    /// <summary>The vice-master elected over this view, or none.</summary>
    public NodeId ViceMaster { get; }

    /// <summary>Members that may hold no role: disqualified by option or by request.</summary>
    /// <remarks>The change-notification guide's administrative attribute of a node.</remarks>
    public NodeSet Disqualified { get; }

    /// <summary>
    /// The member that hands the mastership over, or none. While it is named there is no master: the next view elects one, and comes only
    /// when this node's master-only work has stopped. No change notifications belong to such a view; the next one's tell the whole change.
    /// </summary>
    public NodeId FormerMaster { get; }

    /// <summary>Whether this is the step between a demotion and the election that follows it.</summary>
    public bool IsHandover => FormerMaster.IsValid;

    /// <summary>Who owned the witness when the view was decided, as far as the decider knew; not part of the identity.</summary>
    public NodeId QuorumOwner { get; }

    /// <summary>Whether a node number is a member.</summary>
    /// <param name="node">A number.</param>
    /// <returns>True if it is.</returns>
    public bool Contains(NodeId node) => Nodes.Contains(node);

    /// <summary>Whether this very life of a node is a member.</summary>
    /// <param name="node">A number.</param>
    /// <param name="incarnation">A life of it.</param>
    /// <returns>True if it is.</returns>
    public bool Contains(NodeId node, Incarnation incarnation)
        => Nodes.Contains(node) && Find(node).Incarnation == incarnation;

    /// <summary>The entry of a member.</summary>
    /// <param name="node">A number.</param>
    /// <returns>Its entry, or the default entry (<see cref="NodeId.Invalid"/>) when it is not a member.</returns>
    public ClusterMember Find(NodeId node)
    {
        int low = 0, high = Members.Length - 1;
        while (low <= high)
        {
            int middle = (low + high) >> 1;
            int order = Members[middle].Node.CompareTo(node);
            if (order == 0) return Members[middle];
            if (order < 0) low = middle + 1;
            else high = middle - 1;
        }
        return default;
    }

    /// <summary>The sum of the weights of those members that are in <paramref name="group"/>.</summary>
    /// <param name="group">Any set of nodes.</param>
    /// <returns>Their votes over this view.</returns>
    public int VotesOf(NodeSet group)
    {
        int votes = 0;
        foreach (ClusterMember member in Members)
            if (group.Contains(member.Node)) votes += member.Votes;
        return votes;
    }

    /// <inheritdoc/>
    public bool Equals(ClusterView? other) => other is not null && Id == other.Id;

    /// <inheritdoc/>
    public override bool Equals(object? obj) => Equals(obj as ClusterView);

    /// <inheritdoc/>
    public override int GetHashCode() => Id.GetHashCode();

    /// <summary>E.g. <c>e5{1,2,3}</c>.</summary>
    public override string ToString() => $"e{Epoch}{Nodes}";

    private ulong ComputeHash()
    {
        // FNV-1a over 64-bit words with a final avalanche: stable across machines and versions.
        ulong hash = 14695981039346656037UL;
        void Mix(long word)
        {
            for (int shift = 0; shift < 64; shift += 8)
                hash = (hash ^ ((ulong)word >> shift & 0xff)) * 1099511628211UL;
        }

        Mix(Epoch.Value);
        Mix((long)Rule.Policy | (long)Rule.TieBreaker << 8 | (Rule.WitnessPinned ? 1L << 16 : 0));
        Mix(Timing.ClockPeriod.Ticks);
        Mix((long)Timing.SendRate << 32 | (uint)Timing.ReceiveRate);
        Mix((long)Master.Value << 32 | (uint)ViceMaster.Value);
        Mix(BaseEpoch.Value);
        Mix(FormerMaster.Value);
        foreach (NodeId node in Disqualified) Mix(node.Value);
        foreach (ClusterMember member in Members)
        {
            Mix((long)member.Node.Value << 32 | (uint)member.Votes);
            Mix(member.Incarnation.Value);
            Mix(member.StoreId);
        }
        hash ^= hash >> 32;
        hash *= 0xd6e8feb86659fd93UL;
        hash ^= hash >> 32;
        return hash;
    }
}
