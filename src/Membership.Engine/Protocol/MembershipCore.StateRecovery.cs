// The replicated state through view changes (design 6): in stage 4 the survivors agree on the log that goes furthest and finish it; a joiner
// gets a copy in prepare; a cluster that forms anew starts empty.
using Membership.Engine.Replication;

namespace Membership.Engine.Protocol;

internal sealed partial class MembershipCore
{
    /// <summary>A view came into force here. By a join or a change of roles nothing is lost: whoever was ready stays so.</summary>
    private void EnterState(ClusterView view, ClusterView? former, bool byJoin)
    {
        _incoming.Clear();
        // Whoever wants it still asks again on its next tick, in this view.
        _waitingRoleChange = null;
        if (former is null && Phase != NodePhase.Joining) BeginState(view);
        else if (former is null)
        {
            if (_joinState is { } given)
            {
                _table = given.State;
                _effects.StateReplaced(_table);
                if (given.View == view.Id) _stateEpoch = view.Epoch;
            }
        }
        else if (byJoin && _stateEpoch == former.Epoch && view.BaseEpoch == former.Epoch) _stateEpoch = view.Epoch;
        else _stateEpoch = Epoch.None;
        _joinState = null;
        _table = _table.Forget(view);
    }

    /// <summary>Formed anew: everybody starts with nothing.</summary>
    private void BeginState(ClusterView view)
    {
        ForgetState();
        _table = ClusterState.Empty with { Generation = view.Epoch };
        _stateEpoch = view.Epoch;
        _effects.StateReplaced(_table);
    }

    private void BecomeReady(string why)
    {
        if (StateIsReady) return;
        _stateEpoch = InForceId.Epoch;
        Log($"state {_table.Sequence} is ready in epoch {_stateEpoch}: {why}");
        MakeEntry();
        SendOwnUpdates();
    }

    /// <summary>
    /// Stage 4. Nobody's log moves from the beginning of an incident to its stage 4, so who has every survivor's tip knows what there is to
    /// do: nothing, when all are equal; else the coordinator promises the furthest entry again under the new epoch, to all.
    /// </summary>
    private bool RecoverState()
    {
        if (StateIsReady) return true;
        ClusterView view = _inForce!;
        long furthest = Tip.Highest;
        bool equal = _promised is null;
        Peer? holder = null;
        Epoch holderEpoch = _promised?.Epoch ?? Epoch.None;
        foreach (NodeId node in view.Nodes)
        {
            if (Find(node) is not { } peer) continue;
            if (peer.Status is not { } status || status.Activation != _activation) return false;
            StateTip tip = status.Tip;
            equal &= tip.Pending == 0 && tip.Applied == _table.Sequence;
            if (tip.Highest < furthest || (tip.Highest == furthest && tip.PendingEpoch <= holderEpoch)) continue;
            (furthest, holderEpoch) = (tip.Highest, tip.PendingEpoch);
            holder = peer;
        }
        if (equal || Defect(PlantedDefects.NoStateRecovery))
        {
            _promised = null;
            BecomeReady("all survivors have the same");
            return true;
        }
        if (view.Coordinator != _self) return false;
        if (holder is not null && furthest > Tip.Highest)
        {
            AskForState(holder);
            return false;
        }
        if (_promised is { } entry)
        {
            // Promised again under this epoch, by everybody; then it counts.
            if (entry.Epoch != view.Epoch) Propose(entry with { Epoch = view.Epoch });
            if (_promised is not null) return false;
        }
        // Carried out here, so every survivor has promised it: they only have to be told.
        BecomeReady("the furthest of all survivors");
        SendCommitted();
        return true;
    }

    private void AskForState(Peer peer)
    {
        if (_now - peer.LastStateAskAt < RetryAfter / 2) return;
        peer.LastStateAskAt = _now;
        Send(peer, new StateAskMessage(_table.Sequence, Tip.Pending));
    }

    private DropReason OnStateAsk(in MessageHeader header, Peer peer, StateAskMessage ask)
    {
        if (!MayReplicate || header.InForce != InForceId || !IsInView(_inForce!, peer)) return DropReason.StaleActivation;
        bool fromCoordinator = peer.Node == _inForce!.Coordinator;
        // What the coordinator has carried out counts, also while it recovers the rest: whoever promised it under another epoch could not take part in that.
        if (!fromCoordinator && (_inForce.Coordinator != _self || !(StateIsReady || ask.Applied < _table.Sequence))) return DropReason.None;
        ClusterState? whole = ask.Applied < _table.Sequence - 1 || (ask.Applied < _table.Sequence && _lastEntry is null) ? _table : null;
        LogEntry? last = whole is null && ask.Applied == _table.Sequence - 1 ? _lastEntry : null;
        Send(peer, new StateOfferMessage(_table.Sequence, whole, last, fromCoordinator ? _promised : null, Ready: !fromCoordinator && StateIsReady));
        return DropReason.None;
    }

    private DropReason OnStateOffer(in MessageHeader header, Peer peer, StateOfferMessage offer)
    {
        if (!MayReplicate || header.InForce != InForceId || !IsInView(_inForce!, peer)) return DropReason.StaleActivation;
        if (StateIsReady && offer.Sequence <= _table.Sequence) return DropReason.StaleActivation;
        bool fromCoordinator = peer.Node == _inForce!.Coordinator;
        if (!fromCoordinator && _inForce.Coordinator != _self) return DropReason.NotMember;
        if (offer.Whole is { } whole && whole.Sequence > _table.Sequence) TakeWholeState(whole);
        else if (offer.Last is { } last && last.Sequence == _table.Sequence + 1)
        {
            _promised = last;
            Commit();
        }
        if (offer.Promised is { } promised && promised.Sequence == _table.Sequence + 1 && (_promised is null || promised.Epoch > _promised.Epoch)) _promised = promised;
        // The coordinator is ready and has nothing promised that this node lacks, or it will say so under this epoch.
        if (fromCoordinator && offer.Ready && offer.Sequence == _table.Sequence)
        {
            if (_promised is { } stale && stale.Epoch != InForceId.Epoch) _promised = null;
            BecomeReady("told by the coordinator");
        }
        return DropReason.None;
    }

    /// <summary>Verdicts of own updates that are in it are not known any more.</summary>
    private void TakeWholeState(ClusterState whole)
    {
        _table = whole;
        _lastEntry = null;
        _promised = null;
        _effects.StateReplaced(_table);
        if (_batch is { } mine && _table.Knows(_self, mine.Life, mine.Number)) GiveUpBatch("the update was judged, but the verdict did not reach this node; read the table");
    }
}
