// A copy of what the core knows, for people: taken between two inputs, read anywhere.
using System.Collections.Immutable;

namespace Membership.Engine.Protocol;

/// <summary>One other node as this node sees it. Ages are <see cref="TimeSpan.MaxValue"/> when it never happened.</summary>
internal sealed record PeerSnapshot(
    NodeId Node, Incarnation Incarnation, TimeSpan Heard, TimeSpan Acknowledged, TimeSpan HeardBy, ImmutableArray<TimeSpan> HeardOnPath, ImmutableArray<TimeSpan> RoundTripOnPath,
    bool TripwireLost);

/// <summary>Who heard whom in the last regroup, as its owner froze it.</summary>
internal sealed record RowSnapshot(NodeId Node, NodeSet Heard, NodeSet Closed);

internal sealed record CoreSnapshot(
    NodePhase Phase, RegroupStage Stage, ActivationId Activation, RegroupCause Cause, Incarnation Incarnation, ClusterView? InForce, ClusterView? Installed,
    ImmutableArray<ClusterView> Pending, Epoch HighestSeen, LeaseState Lease, TimeSpan LeaseRemaining, bool RegroupAllowed, NodeId QuorumOwner, NodeId DeclaredQuorumOwner,
    NodeId SelectedOwner, NodeId ArbitrationWinner, NodeId LastArbitrationWinner, NodeSet Unreachable, ClusterTiming Timing,
    ImmutableArray<RowSnapshot> Rows, ImmutableArray<PeerSnapshot> Peers, bool IsStale, ImmutableArray<QuarantinedNode> Quarantined, string? KeptOut);

internal sealed partial class MembershipCore
{
    public CoreSnapshot TakeSnapshot(MonotonicTime now)
    {
        TimeSpan Age(MonotonicTime since) => since == MonotonicTime.MinValue ? TimeSpan.MaxValue : now - since;
        var rows = new List<RowSnapshot> { new(_self, _heard, _closed) };
        foreach (ConnectivityRow row in _rows.Values) rows.Add(new RowSnapshot(row.Node, row.Heard, row.Closed));
        return new CoreSnapshot(
            Phase, _stage, _activation, _cause, _state.Incarnation, _inForce, Installed, _state.Pending, HighestSeen, Lease,
            Lease.ValidUntil > now ? (Lease.ValidUntil == MonotonicTime.MaxValue ? TimeSpan.MaxValue : Lease.ValidUntil - now) : TimeSpan.Zero,
            _regroupAllowed, QuorumOwner(now), DeclaredQuorumOwner, SelectedOwner(), ArbitrationWinner, LastArbitrationWinner, _unreachable, _timing,
            [.. rows.OrderBy(static row => row.Node)],
            [.. _peerList.Select(peer => new PeerSnapshot(
                peer.Node, peer.Incarnation, peer.HeardSequence == 0 ? TimeSpan.MaxValue : Age(peer.LastHeard), Age(peer.AckedSentAt), Age(peer.HeardByAt),
                [.. peer.LastHeardOnPath.Select(heard => peer.HeardSequence == 0 ? TimeSpan.MaxValue : Age(heard))], [.. peer.RoundTripOnPath], peer.TripwireLost))], IsStale,
            Quarantined(now), _keptOut);
    }
}
