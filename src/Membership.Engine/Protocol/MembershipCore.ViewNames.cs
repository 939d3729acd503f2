// Which status names its views instead of carrying them: one to a node that has shown them, or will have heard of them from their decider.
// That is only about bytes: what is not understood is dropped like a lost message, and said again in full.
namespace Membership.Engine.Protocol;

internal sealed partial class MembershipCore
{
    /// <summary>To so many others, the next ones around the ring, a decision is relayed in full: each hears it from as many beside the decider.</summary>
    private const int RelayCount = 4;

    private NodeSet _relays;
    private ViewId _relaysOf;

    /// <summary>
    /// Whether the ids of this status' views are enough for a node. While nothing shows that it understood the first one they are said in full again:
    /// with the first repeat where it was only presumed to know them, with the second where it had shown them and can only have forgotten them.
    /// </summary>
    private bool NamesViews(Peer peer, StatusMessage status, ulong sequence)
    {
        if (status is { StoredInForce: null, Decision: null, Pending.IsEmpty: true }) return false;
        bool waits = peer.NamedSequence != 0 && !Defect(PlantedDefects.NeverInFullAgain), again = waits && _now - peer.NamedAt >= _timing.ClockPeriod / 4;
        if (!(again && peer.NamedAgain) && KnowsViews(peer, status, mayPresume: !again && !(waits && peer.NamedAgain)))
        {
            if (peer.NamedSequence == 0) (peer.NamedSequence, peer.NamedAt, peer.NamedAgain) = (sequence, _now, false);
            else if (again) (peer.NamedAt, peer.NamedAgain) = (_now, true);
            return true;
        }
        peer.NamedSequence = 0;
        if (status.Decision is { } decision) (peer.ToldView, peer.ToldViewAt) = (decision.View.Id, _now);
        return false;
    }

    private bool KnowsViews(Peer peer, StatusMessage status, bool mayPresume)
    {
        if (status.StoredInForce is { } stored && !HasShown(peer, stored.Id)) return false;
        if (status.Decision is { } decision && !HasShown(peer, decision.View.Id) && !(mayPresume && MustKnow(peer, decision))) return false;
        foreach (ClusterView pending in status.Pending)
            if (pending.Id != status.Decision?.View.Id && !HasShown(peer, pending.Id)) return false;
        return true;
    }

    private static bool HasShown(Peer peer, ViewId view) => peer.HeardView == view || Shows(peer.Status, view) || Shows(peer.HeldStatus, view);

    // What is repeated to it later it may not have got, and where the decider collects the reports, nobody else tells it.
    private bool MustKnow(Peer peer, Decision decision)
        => (peer.ToldView == decision.View.Id && _now - peer.ToldViewAt < _timing.ClockPeriod / 4) || WillHaveHeard(peer.Node, decision);

    private static bool Shows(StatusMessage? status, ViewId view)
    {
        if (status is null) return false;
        if (status.Decision?.View.Id == view || status.StoredInForce?.Id == view) return true;
        foreach (ClusterView pending in status.Pending)
            if (pending.Id == view) return true;
        return false;
    }

    /// <summary>The decider tells everybody at the moment it decides, and hears whom it takes in; so do the relays.</summary>
    private bool WillHaveHeard(NodeId node, Decision decision)
    {
        if (decision.Decider == _self) return false;
        if (decision.Decider == node) return true;
        return (decision.View.Contains(node) || decision.Voters.Contains(node)) && !Relays(decision).Contains(node);
    }

    /// <summary>To whom this node carries the decision on in full: the next ones around the ring of numbers.</summary>
    private NodeSet Relays(Decision decision)
    {
        if (_relaysOf == decision.View.Id) return _relays;
        _relaysOf = decision.View.Id;
        _relays = default;
        NodeSet others = (decision.View.Nodes | decision.Voters).Without(_self).Without(decision.Decider);
        int wanted = RelayCount;
        foreach (NodeId node in others)
            if (node > _self && wanted-- > 0) _relays = _relays.With(node);
        foreach (NodeId node in others)
            if (node < _self && wanted-- > 0) _relays = _relays.With(node);
        return _relays;
    }
}
