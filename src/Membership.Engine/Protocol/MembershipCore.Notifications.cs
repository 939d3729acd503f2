// Change notifications (design 7): recorded along the chain of views in force, each against the view it was made from, so that
// every member says the same, and said when a view is installed. Stale: no frame of the master for too long. Invalid: another cluster was
// met; whoever meets it tells the members of its view, so that all say it.
namespace Membership.Engine.Protocol;

internal sealed partial class MembershipCore
{
    /// <summary>Views in force since the last one told, ascending by epoch; not all of them are told, but each may be what the next one was made from.</summary>
    private readonly List<(ClusterView View, bool Tells)> _untold = [];

    /// <summary>The last view whose roles were told; null before the first.</summary>
    private ClusterView? _toldView;

    /// <summary>What a joiner's first view is compared with: the view it was let into.</summary>
    private ClusterView? _joinBase;

    /// <summary>What this life took part in forming last.</summary>
    private ViewId _formedView;

    private MonotonicTime _frameAt = MonotonicTime.MinValue;
    private MonotonicTime _nextFrameAt = MonotonicTime.MaxValue;
    private MonotonicTime _secondMasterUntil = MonotonicTime.MinValue;

    /// <summary>When this node itself last met another cluster.</summary>
    private MonotonicTime _secondMasterSeenAt = MonotonicTime.MinValue;

    /// <summary>Another cluster was met, and the moment to say so has not come.</summary>
    private bool _secondMasterUntold;
    private bool _invalid;

    /// <summary>No frame of the master of the view in force for <see cref="ProtocolOptions.StaleAfter"/>: what is known may be out of date.</summary>
    public bool IsStale { get; private set; }

    /// <summary>
    /// A view that is in force from now on. A handover tells nothing: the election after it tells the whole change. Nor does whoever
    /// leaves, or takes part only as a voter.
    /// </summary>
    private void RecordChanges(ClusterView view)
    {
        // Formers begin with it, also those whose life is in the view that it was formed over, and who learnt only then that it was in force.
        if (view.Id == _formedView && _toldView is null) _untold.Clear();
        bool tells = !view.IsHandover && Phase is not (NodePhase.Leaving or NodePhase.Down) && view.Contains(_self, _state.Incarnation);
        if (tells || _untold.Count > 0) _untold.Add((view, tells));
    }

    /// <summary>
    /// Along the chain that the installed view was made by, from the last one told, or from what a joiner was let into. A view that was found
    /// in force somewhere too late, and that nothing was made from, is none of it, nor does it hide those before it.
    /// </summary>
    private void TellChanges(ClusterView installed)
    {
        var chain = new Stack<ClusterView>();
        Epoch madeFrom = installed.Epoch;
        for (int i = _untold.Count - 1; i >= 0; i--)
        {
            (ClusterView view, bool tells) = _untold[i];
            if (view.Epoch > madeFrom) continue;
            madeFrom = view.BaseEpoch;
            if (tells) chain.Push(view);
        }
        _untold.RemoveAll(entry => entry.View.Epoch <= installed.Epoch);
        var changes = new List<ClusterChangeNotification>();
        while (chain.TryPop(out ClusterView? view))
        {
            changes.Clear();
            ChangeNotifications.Append(changes, MemberRoles.Of(_toldView ?? _joinBase), MemberRoles.Of(view));
            _toldView = view;
            foreach (ClusterChangeNotification change in changes) _effects.Notify(change, view.Id);
        }
    }

    private void ForgetChanges()
    {
        _untold.Clear();
        _toldView = _joinBase = null;
        _formedView = ViewId.None;
        _nextFrameAt = MonotonicTime.MaxValue;
        _secondMasterUntil = _secondMasterSeenAt = MonotonicTime.MinValue;
        IsStale = _invalid = _secondMasterUntold = false;
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
            if ((header.Flags & HeaderFlags.SecondMaster) != 0 && Phase == NodePhase.Member && IsInView(view, peer)) HearOfSecondMaster();
        }
        else if (header.Sequence >= peer.HeardSequence && (IsOfAnotherCluster(header.InForce) || HasMetUs(in header, view)))
        {
            SeeSecondMaster();
            // What is answered next says it too, lest the other cluster has only the answer to its poison to go by.
            UpdateValidity();
        }
    }

    /// <summary>Of an older cluster, and has met another one: this one.</summary>
    private static bool HasMetUs(in MessageHeader header, ClusterView view)
        => (header.Flags & HeaderFlags.SecondMaster) != 0 && header.InForce.Epoch < view.Epoch && !view.Contains(header.From);

    /// <summary>
    /// A newer view that this member was not asked about is in force while its own lease is valid: a second cluster, with a master of its own,
    /// which only an operator's forced forming can make. Of an older view a message may be late; there the sender has to say that it has met
    /// another one, by the flag or in the answer to the poison (<see cref="PoisonAcknowledgedMessage.SecondMaster"/>).
    /// </summary>
    private bool IsOfAnotherCluster(ViewId other)
        => Phase == NodePhase.Member && Lease.ValidUntil > _now && other.Epoch > InForceId.Epoch && _state.FindPending(other) is null && _state.InForceId != other;

    private void SeeSecondMaster()
    {
        _secondMasterSeenAt = _now;
        _secondMasterUntil = _now + _options.StaleAfter;
        _secondMasterUntold = !_invalid;
    }

    /// <summary>
    /// A member of this view says so. It said it under this view, so this node does, too, whatever it is doing: in a regroup it would
    /// otherwise come after the changes here and before them there.
    /// </summary>
    private void HearOfSecondMaster()
    {
        _secondMasterUntil = _now + _options.StaleAfter;
        _secondMasterUntold = !_invalid;
        UpdateValidity(heard: true);
    }

    /// <summary>
    /// After every input: begins and ends of the stale and the invalid state, as they happen. Who meets another cluster in a regroup
    /// says so after it, and nobody before the changes that brought the view in force have been told.
    /// </summary>
    private void UpdateValidity(bool heard = false)
    {
        if (Phase != NodePhase.Member || _inForce is not { } view || Installed is null) return;
        bool quiet = view.Master != _self && _now - _frameAt >= _options.StaleAfter;
        // What is out of date stays so until the next view is installed.
        bool stale = quiet || (IsStale && _finishedView != view.Id);
        bool met = _secondMasterUntold && _finishedView == view.Id && (heard || !InRegroup);
        if (met) (_secondMasterUntold, _secondMasterUntil) = (false, _now + _options.StaleAfter);
        bool invalid = met || (_invalid && _now < _secondMasterUntil);
        bool wasValid = !IsStale && !_invalid;
        if (stale && !IsStale) Say(ClusterChange.StaleCluster);
        if (met) Say(ClusterChange.InvalidCluster);
        (IsStale, _invalid) = (stale, invalid);
        if (met && !heard) TellMembers(view);
        if (!wasValid && !stale && !invalid) Say(ClusterChange.ValidState);
    }

    /// <summary>At once: this node may be poisoned next. The header says it.</summary>
    private void TellMembers(ClusterView view)
    {
        foreach (ClusterMember member in view.Members)
            if (Find(member.Node) is { } peer) Send(peer, null);
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
