// Change notifications (design 7): recorded along the chain of views in force, each against the view it was made from, so that
// every member says the same, and said when a view is installed. Stale: no frame of the master for too long. Invalid: another master was seen.
namespace Membership.Engine.Protocol;

internal sealed partial class MembershipCore
{
    private readonly List<(ClusterView View, List<ClusterChangeNotification> Changes)> _untold = [];

    /// <summary>The last view whose roles were told; null before the first.</summary>
    private ClusterView? _toldView;

    /// <summary>What a joiner's first view is compared with: the view it was let into.</summary>
    private ClusterView? _joinBase;

    private MonotonicTime _frameAt = MonotonicTime.MinValue;
    private MonotonicTime _nextFrameAt = MonotonicTime.MaxValue;
    private MonotonicTime _secondMasterUntil = MonotonicTime.MinValue;
    private bool _invalid;

    /// <summary>No frame of the master of the view in force for <see cref="ProtocolOptions.StaleAfter"/>: what is known may be out of date.</summary>
    public bool IsStale { get; private set; }

    /// <summary>
    /// The roles of a view that is in force from now on. A handover tells nothing: the election after it tells the whole change. Whoever
    /// learnt late that a view was in force somewhere, which the next one was not made from, does not tell it either.
    /// </summary>
    private void RecordChanges(ClusterView view)
    {
        while (_untold.Count > 0 && _untold[^1].View.Epoch > view.BaseEpoch) _untold.RemoveAt(_untold.Count - 1);
        if (view.IsHandover || Phase is NodePhase.Leaving or NodePhase.Down || !view.Contains(_self, _state.Incarnation)) return;
        ClusterView? before = _untold.Count > 0 ? _untold[^1].View : _toldView ?? (Phase == NodePhase.Joining ? _joinBase : null);
        var changes = new List<ClusterChangeNotification>();
        ChangeNotifications.Append(changes, MemberRoles.Of(before), MemberRoles.Of(view));
        _untold.Add((view, changes));
    }

    private void TellChanges(ClusterView installed)
    {
        while (_untold.Count > 0 && _untold[0].View.Epoch <= installed.Epoch)
        {
            (_toldView, List<ClusterChangeNotification> changes) = _untold[0];
            _untold.RemoveAt(0);
            foreach (ClusterChangeNotification change in changes) _effects.Notify(change, _toldView.Id);
        }
    }

    private void ForgetChanges()
    {
        _untold.Clear();
        _toldView = _joinBase = null;
        _nextFrameAt = MonotonicTime.MaxValue;
        _secondMasterUntil = MonotonicTime.MinValue;
        IsStale = _invalid = false;
        _finishedView = ViewId.None;
    }

    /// <summary>A view in force was agreed on by its master, too: as good as a frame.</summary>
    private void BeginFrames(ClusterView view)
    {
        _frameAt = _now;
        _nextFrameAt = view.Master == _self && Phase != NodePhase.Leaving ? _now + _options.MembershipFrameInterval : MonotonicTime.MaxValue;
    }

    /// <summary>
    /// Every message of the master under this view is a frame; a frame of its own goes only to whom nothing was sent lately, and to
    /// whoever is configured and no member: two clusters that were formed apart must find out when they meet.
    /// </summary>
    private void SendFrames()
    {
        if (_now < _nextFrameAt) return;
        _nextFrameAt = _now + _options.MembershipFrameInterval;
        foreach (Peer peer in _peerList)
            if (_now - peer.LastSentAt >= _options.MembershipFrameInterval / 2) Send(peer, null);
    }

    private void TakeFrame(in MessageHeader header, Peer peer)
    {
        if (_inForce is not { } view || header.InForce == ViewId.None) return;
        if (header.InForce == view.Id)
        {
            if (view.Master == peer.Node) _frameAt = _now;
            return;
        }
        bool newest = header.Sequence >= peer.HeardSequence;
        if (newest && (header.Flags & HeaderFlags.Master) != 0 && IsSecondMaster(header.InForce, view, peer)) _secondMasterUntil = _now + _options.StaleAfter;
    }

    /// <summary>
    /// Another node serves as master under a newer view that this one was not asked about, while the lease is valid here. Of an older view a
    /// message may be late; there the answer to the poison tells (<see cref="PoisonAcknowledgedMessage.WasMaster"/>).
    /// </summary>
    private bool IsSecondMaster(ViewId other, ClusterView view, Peer peer)
    {
        if (Phase != NodePhase.Member || Lease.ValidUntil <= _now || !view.Master.IsValid || view.Master == peer.Node) return false;
        return other.Epoch > view.Epoch && _state.FindPending(other) is null && _state.InForceId != other;
    }

    /// <summary>After every input: begins and ends of the stale and the invalid state, as they happen.</summary>
    private void UpdateValidity()
    {
        if (Phase != NodePhase.Member || _inForce is not { } view || Installed is null) return;
        bool quiet = view.Master != _self && _now - _frameAt >= _options.StaleAfter;
        // What is out of date stays so until the next view is installed.
        bool stale = quiet || (IsStale && _finishedView != view.Id);
        bool invalid = _now < _secondMasterUntil;
        bool wasValid = !IsStale && !_invalid;
        if (stale && !IsStale) Say(ClusterChange.StaleCluster);
        if (invalid && !_invalid) Say(ClusterChange.InvalidCluster);
        (IsStale, _invalid) = (stale, invalid);
        if (!wasValid && !stale && !invalid) Say(ClusterChange.ValidState);
    }

    private void Say(ClusterChange change)
    {
        Log($"{change}");
        _effects.Notify(new ClusterChangeNotification(change, NodeId.Invalid), InForceId);
    }

    private MonotonicTime ValidityWakeup()
    {
        if (Phase != NodePhase.Member || _inForce is not { } view || Installed is null) return MonotonicTime.MaxValue;
        MonotonicTime wake = _nextFrameAt;
        if (!IsStale && view.Master != _self) wake = MonotonicTime.Min(wake, _frameAt + _options.StaleAfter);
        if (_invalid) wake = MonotonicTime.Min(wake, _secondMasterUntil);
        return wake;
    }
}
