// The lease (design 5): valid while this node plus the members that acknowledged a message it sent less than
// L*(1-rho) ago satisfy the quorum rule over the view in force and over every newer pending view on its disk.
namespace Membership.Engine.Protocol;

internal sealed partial class MembershipCore
{
    private MonotonicTime _ownedUntil = MonotonicTime.MinValue;
    private bool _leaseDirty;
    private bool _leaseAcknowledged;
    private int _newAcknowledgements;

    /// <summary>The lease may be shown: not before stage 4 of the incident that brought the view in force, nor during a regroup.</summary>
    private bool _leaseOpen;

    /// <summary>The lease has been valid in this epoch and ran out: it never comes back in the same epoch.</summary>
    private bool _lapsed;

    /// <summary>After a join's view change: until when the former epoch's lease would have held.</summary>
    private MonotonicTime _graceUntil = MonotonicTime.MaxValue;

    private (MonotonicTime Until, Peer? Peer)[] _leaseScratch = [];

    private void CheckLapse()
    {
        if (!_leaseOpen || _inForce is null) return;
        bool lapsed = Lease.Epoch == _inForce.Epoch && Lease.ValidUntil != MonotonicTime.MinValue
            ? _now >= Lease.ValidUntil
            : _now >= _graceUntil;
        if (!lapsed) return;
        _lapsed = true;
        PublishHeld(_inForce);
        Log("lease ran out");
        if (Defect(PlantedDefects.LapsedLeaseRevives)) _lapsed = false;
        else StartRegroup(RegroupCause.LeaseLapsed);
    }

    private void UpdateLease()
    {
        // An acknowledgement only lengthens the lease: while most of it is left, a new one is not worth the count.
        // A large cluster counts after every few acknowledgements (and on every tick), unless the lease is getting short.
        bool comfortable = Lease.ValidUntil <= _now || Lease.ValidUntil - _now > _timing.LossPeriod / 4;
        if (!_leaseDirty && comfortable && _newAcknowledgements > 0 && _newAcknowledgements <= (_inForce?.Members.Length ?? 0) / 16) return;
        if ((_leaseAcknowledged || _inForce is { Members.Length: 1 }) && Lease.ValidUntil - _now < _timing.LossPeriod - _timing.LossPeriod / 10) _leaseDirty = true;
        if (!_leaseDirty || !_leaseOpen || _lapsed || _inForce is not { } view) return;
        _leaseDirty = _leaseAcknowledged = false;
        _newAcknowledgements = 0;
        MonotonicTime until = ComputeLease(view);
        if (until <= _now)
        {
            if (Lease.Epoch != view.Epoch || Lease.ValidUntil <= _now) return;
            // The bound can move back: a prepared join asks for more votes until it is in force, or the witness was lost.
            // A join holds the lease for as long as it would have lasted; it does not come back in this epoch.
            _graceUntil = _state.Pending.IsEmpty ? _now : MonotonicTime.Min(Lease.ValidUntil, _now + _timing.LossPeriod);
            _lapsed = true;
            PublishHeld(view);
            CheckLapse();
            return;
        }
        if (until == Lease.ValidUntil && Lease.Epoch == view.Epoch) return;
        _graceUntil = MonotonicTime.MaxValue;
        Publish(new LeaseState(view.Epoch, until, Held: false, MonotonicTime.MinValue));
    }

    private void Publish(LeaseState lease)
    {
        if (lease == Lease) return;
        Lease = lease;
        _shownUntil = MonotonicTime.Max(_shownUntil, MonotonicTime.Max(lease.ValidUntil, lease.HeldUntil));
        _effects.PublishLease(in lease);
    }

    /// <summary>Not valid from here until stage 4 of the next view in force.</summary>
    private void HoldLease()
    {
        _leaseOpen = false;
        _graceUntil = MonotonicTime.MaxValue;
        if (_inForce is { } view) PublishHeld(view);
        else LoseLease();
    }

    /// <summary>
    /// Held, and for how long it is this node's place all the same: acknowledgements go on in a regroup until a decision leaves this node out,
    /// and whoever goes on without it waits for them as for any lease: from the last one it gave, in whatever epoch. So the beginning of an
    /// epoch, before the first acknowledgement in it, is no gap; and once it has run out, it stays so until a lease is valid again.
    /// </summary>
    private void PublishHeld(ClusterView view)
    {
        bool ranOut = Lease.Held && Lease.HeldUntil <= _now && (Lease.Epoch == view.Epoch || !Defect(PlantedDefects.HoldBeginsAgain));
        Publish(new LeaseState(view.Epoch, MonotonicTime.MinValue, Held: true, ranOut ? MonotonicTime.MinValue : ComputeLease(view, held: true)));
    }

    /// <summary>
    /// What this node can testify in a regroup: it has neither a lease nor a hold, and gets none before a newer view is in force here. It counts from the
    /// latest end that was ever shown, since work may have been promised that time although the lease was lost before.
    /// </summary>
    private bool LeaseIsOver => Phase == NodePhase.Member && IsDeciding && Lease.Held
        && ((Lease.HeldUntil <= _now && _now - _shownUntil >= _timing.LossPeriod * _options.ClockRateBound) || Defect(PlantedDefects.LeaseOverInAHold));

    private MonotonicTime _shownUntil = MonotonicTime.MinValue;

    /// <summary>On every tick of a hold.</summary>
    private void ExtendHold()
    {
        if (Lease.Held && Phase == NodePhase.Member && _inForce is { } view && Lease.Epoch == view.Epoch) PublishHeld(view);
    }

    private void LoseLease()
    {
        _leaseOpen = false;
        Publish(default(LeaseState) with { ValidUntil = MonotonicTime.MinValue });
    }

    /// <summary>Until when the acknowledgements in hand carry the quorum; MinValue when they do not.</summary>
    private MonotonicTime ComputeLease(ClusterView view, bool held = false)
    {
        if (_leaseScratch.Length < view.Members.Length + 1) _leaseScratch = new (MonotonicTime, Peer?)[view.Members.Length + 1];
        TimeSpan length = _timing.LossPeriod * (1 - _options.ClockRateBound);
        int count = 0;
        MonotonicTime witness = _options.WitnessKeepsRecord ? _ownedUntil : MonotonicTime.MinValue;
        // What was won in this incident may be given back at once; what was claimed in a message is kept for as long as that said.
        if (held) witness = MonotonicTime.Min(witness, _claimedUntil);
        foreach (ClusterMember member in view.Members)
        {
            if (Find(member.Node) is not { } peer || (peer.AckedView != view.Id && !held && !Defect(PlantedDefects.AcknowledgeOtherEpoch))) continue;
            MonotonicTime carried = peer.AckedSentAt + length;
            if (carried <= _now) continue;
            _leaseScratch[count++] = (carried, peer);
            witness = MonotonicTime.Max(witness, MonotonicTime.Min(carried, peer.WitnessUntil));
        }
        if (witness > _now) _leaseScratch[count++] = (witness, null);
        Span<(MonotonicTime Until, Peer? Peer)> entries = _leaseScratch.AsSpan(0, count);
        entries.Sort(static (left, right) => right.Until.Ticks.CompareTo(left.Until.Ticks));

        // The common case: nothing newer is promised, so votes are all that counts, and no set of nodes is built.
        bool votesSuffice = _state.Pending.IsEmpty && _state.InForceId == view.Id;
        NodeId lowest = view.Nodes.Lowest;
        NodeSet group = votesSuffice ? default : NodeSet.Of(_self);
        bool withLowest = lowest == _self, witnessVote = false;
        int votes = view.Find(_self).Votes;
        // Carried by this node alone: still bounded, so that a frozen former life cannot outlive its successor. Renewed with time.
        MonotonicTime until = _now + length;
        for (int next = 0; ; next++)
        {
            if (votesSuffice ? Quorum.Has(view, votes, witnessVote, withLowest) : HasLeaseQuorum(view, group, votes, witnessVote)) return until;
            if (next == entries.Length) return MonotonicTime.MinValue;
            (until, Peer? peer) = entries[next];
            if (peer is null)
            {
                witnessVote = true;
                continue;
            }
            votes += view.Find(peer.Node).Votes;
            withLowest |= peer.Node == lowest;
            if (!votesSuffice) group = group.With(peer.Node);
        }
    }

    private bool HasLeaseQuorum(ClusterView view, NodeSet group, int votes, bool witnessVote)
    {
        if (!Quorum.Has(view, group, votes, witnessVote)) return false;
        if (Defect(PlantedDefects.LeaseIgnoresPending)) return true;
        foreach (ClusterView pending in _state.Pending)
            if (pending.Epoch > view.Epoch && !Quorum.Has(pending, group, witnessVote)) return false;
        // A view whose in-force record is being written is promised like a pending one.
        return _state.InForce is not { } next || next.Epoch <= view.Epoch || Quorum.Has(next, group, witnessVote);
    }
}
