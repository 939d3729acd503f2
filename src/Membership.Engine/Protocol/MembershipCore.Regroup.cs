// The six stages (design 3.2) as conditions evaluated after every input. Ticks only bound the wait for those
// who stay silent. This file: activations, stages 1 and 2, the status message, and stages 4 to 6.
using System.Collections.Immutable;

namespace Membership.Engine.Protocol;

internal sealed partial class MembershipCore
{
    private readonly List<RequestId> _regroupRequests = [];
    private readonly List<(RequestId Request, NodeId Node)> _ejectRequests = [];

    private ActivationId _activation;
    private RegroupStage _stage;
    private RegroupCause _cause;
    private int _highestAttempt;
    private ClusterView? _base;
    private MonotonicTime _stageStartedAt;
    private MonotonicTime _activationStartedAt;
    private MonotonicTime _deadlineBase;
    private MonotonicTime _stageWakeup = MonotonicTime.MaxValue;
    private NodeSet _heard;
    private NodeSet _closed;
    private NodeSet _ejected;
    private NodeSet _unreachable;
    private MonotonicTime _unreachableUntil = MonotonicTime.MinValue;
    private bool _statusDirty;
    private bool _stageDone;
    private int _retransmissions;
    private readonly Dictionary<NodeId, ConnectivityRow> _rows = [];

    private int BoundScale => _activation.Attempt <= 3 ? 1 : Math.Min(8, 1 << Math.Min(3, _activation.Attempt - 3));

    private TimeSpan ActivateBound => _timing.ClockPeriod * _options.ActivateTicks * (_activation.IsForming ? 1 : BoundScale);

    private TimeSpan StageBound => _timing.ClockPeriod * _options.StageTicks * (_activation.IsForming ? 1 << Math.Min(5, _formingSetbacks) : BoundScale);

    /// <summary>Decisions of a forming that did not come into force: a slow disk gets more time with each.</summary>
    private int _formingSetbacks;

    /// <summary>Who takes part: the members of the view in force, or everyone configured when forming.</summary>
    private NodeSet Participants => _base?.Nodes ?? _configured;

    /// <summary>A member has a reason to regroup. Inside stages 1 to 3 the running incident will see it.</summary>
    private void StartRegroup(RegroupCause cause)
    {
        if (Phase is not (NodePhase.Member or NodePhase.Leaving) || _inForce is null || _lingering is not null) return;
        if (IsDeciding) return;
        EnterActivation(new ActivationId(InForceId.Epoch, _highestAttempt + 1), cause);
    }

    /// <summary>A contradiction inside the activation: everybody starts over under the next attempt.</summary>
    private void RaiseAttempt(RegroupCause cause)
    {
        if (_voting)
        {
            StopVoting();
            return;
        }
        Log($"attempt raised: {cause}");
        EnterActivation(_activation.IsForming ? NextForming() : _activation with { Attempt = Math.Max(_highestAttempt, _activation.Attempt) + 1 }, cause);
    }

    private void EnterActivation(ActivationId id, RegroupCause cause)
    {
        bool wasRegrouping = IsDeciding;
        if (!wasRegrouping)
        {
            _deadlineBase = _now;
            BeginArbitrationBook();
        }
        else if (_decision is not null) _deadlineBase = _now;
        _activation = id;
        if (id.IsForming)
        {
            _formingAttempt = id.Attempt;
            if (_decision is not null) _formingSetbacks++;
            _ejected = _unreachable = default;
        }
        else if (_voting) _lastVoted = id;
        _cause = cause;
        _highestAttempt = id.Attempt;
        _activationStartedAt = _now;
        _base = id.IsForming ? null : _inForce ?? _durable.InForce;
        _retransmissions = 0;
        _lateNodeHeard = _ownedAtClosing = _leavesOut = false;
        _heard = _closed = default;
        _rows.Clear();
        _rowsChanged = true;
        _matrixIsComplete = null;
        ResetDecision();
        ForgetGrant();
        AbandonJoin();
        foreach (Peer peer in _peerList)
        {
            if (peer.Status is { } status && status.Activation != id) peer.Status = null;
            peer.ApartSince = MonotonicTime.MaxValue;
            if (!wasRegrouping) peer.Trouble = 0;
        }
        if (Phase is NodePhase.Member or NodePhase.Leaving)
        {
            if (Phase == NodePhase.Member) HoldLease();
            HoldIO();
        }
        _nextTick = _now + _timing.ClockPeriod;
        SetStage(RegroupStage.Activate);
        Log($"activation {id} ({cause})");
    }

    private void SetStage(RegroupStage stage)
    {
        _stage = stage;
        _stageStartedAt = _now;
        _stageDone = false;
        // What others wait for: that we are here, our row, that the view is in force, and from its coordinator that all have done a stage.
        _statusDirty |= stage is RegroupStage.Activate or RegroupStage.Close or RegroupStage.CleanUp1 || (stage > RegroupStage.CleanUp1 && _inForce!.Coordinator == _self);
        _waitingFor = NodeId.Invalid;
        _patienceUntil = MonotonicTime.MinValue;
        _allDoneHeard = true;
        _effects.StageEntered(_activation, stage, _cause);
    }

    private void OnRegroupTick()
    {
        // At most one attempt per tick for those who came late to a group that cannot decide.
        if (_lateNodeHeard && _stage == RegroupStage.Prune && NobodyDecides)
        {
            RaiseAttempt(RegroupCause.LateNode);
            return;
        }
        _retransmissions++;
        ChooseNeighbours();
        foreach (NodeId node in _ejected)
            if (_ejectRequests.Exists(request => request.Node == node)) SendEjectPoison(node);
    }

    /// <summary>The conditions of the stages, until nothing more moves.</summary>
    private void EvaluateStages()
    {
        _stageWakeup = MonotonicTime.MaxValue;
        for (int round = 0; round < 16 && InRegroup && Phase != NodePhase.Halted; round++)
        {
            // Nothing is decided in a new activation before a write in flight completes.
            if (MustKeepQuiet) return;
            RegroupStage before = _stage;
            ActivationId activation = _activation;
            switch (_stage)
            {
                case RegroupStage.Activate: EvaluateActivate(); break;
                case RegroupStage.Close: EvaluateClose(); break;
                case RegroupStage.Prune: EvaluatePrune(); break;
                case RegroupStage.CleanUp1: EvaluateCleanUp1(); break;
                case RegroupStage.CleanUp2: EvaluateCleanUp2(); break;
                default: EvaluateStabilised(); break;
            }
            if (_stage == before && _activation == activation) break;
        }
        if (IsDeciding) CheckHaltDeadline();
    }

    private void WakeAt(MonotonicTime time)
    {
        if (time > _now) _stageWakeup = MonotonicTime.Min(_stageWakeup, time);
    }

    /// <summary>Stage 1 ends when all are heard, or have been silent for the activate bound; silence before the incident counts.</summary>
    private void EvaluateActivate()
    {
        if (!CallbacksDone)
        {
            // A callback may run to its hard limit: the others know, and nobody's deadline runs meanwhile.
            _deadlineBase = _now;
            return;
        }
        if (StillMissing(Find(_waitingFor) is { Status: null })) return;
        NodeSet heard = default(NodeSet).With(_self);
        foreach (NodeId node in Participants)
        {
            if (Find(node) is not { } peer) continue;
            bool edgeLeftOut = IsLeftOut(peer);
            if (peer.Status is not null && !edgeLeftOut) heard = heard.With(node);
            else if (!edgeLeftOut && !PassedActivateBound(peer))
            {
                _waitingFor = node;
                _patienceUntil = _stageWakeup == MonotonicTime.MaxValue ? MonotonicTime.MinValue : MonotonicTime.Min(_stageWakeup, _nextTick);
                return;
            }
        }
        _heard = heard;
        _matrixIsComplete = null;
        if (_activation.IsForming && FormingMustWait()) return;
        _leavesOut = Participants.Any(node => Find(node) is { } peer && !heard.Contains(node) && !_ejected.Contains(node) && IsLeftOut(peer)
            && (_unreachable.Contains(node) || _now - peer.LastHeard < 1.5 * _timing.ClockPeriod || (MayRest(peer) && SilentSince(peer) == MonotonicTime.MaxValue)));
        _ownedAtClosing = _ownedUntil > _now;
        SetStage(RegroupStage.Close);
        foreach (Peer peer in _peerList)
            if (peer.Status is { } status) TakeRows(peer, status);
    }

    /// <summary>Unreachable by the host's word, being ejected, or an edge that failed again and again in this incident.</summary>
    private bool IsLeftOut(Peer peer) => !_activation.IsForming
        && (_unreachable.Contains(peer.Node) || _ejected.Contains(peer.Node) || (peer.Trouble >= 2 && _activation.Attempt > 3));

    /// <summary>
    /// A node that is in the closed set by what others heard, and is heard here after the row was frozen: the row is wrong by
    /// timing only, and pruning by it could remove somebody healthy. A contradiction, so the attempt is raised (at most thrice).
    /// </summary>
    private bool RowIsWrong()
    {
        if (_activation.Attempt > 3) return false;
        foreach (NodeId node in _closed - _heard)
            if (Find(node) is { Status: not null } peer && !IsLeftOut(peer)) return true;
        return false;
    }

    /// <summary>While the one that was missing last still is, and no bound has passed, another's status cannot complete the stage.</summary>
    private bool StillMissing(bool missing)
    {
        if (_now >= _patienceUntil || !missing) return false;
        WakeAt(_patienceUntil);
        return true;
    }

    private bool PassedActivateBound(Peer peer)
    {
        if (_base is { } view)
        {
            Incarnation life = view.Find(peer.Node).Incarnation;
            if (peer.IsReleased(view.Find(peer.Node)) && peer.Incarnation == life && !(peer.Status?.Has(StatusFlags.Leaving) ?? false)) return true;
            if (peer.Incarnation > life && peer.CannotVote) return true;
            if (peer.UnansweredSince != MonotonicTime.MaxValue && peer.UnansweredSends > _options.ActivateTicks && _now - peer.UnansweredSince >= ActivateBound) return true;
        }
        MonotonicTime bound = _activationStartedAt + ActivateBound;
        if (_now >= bound && _retransmissions >= _options.ActivateTicks) return true;
        WakeAt(bound);
        return false;
    }

    /// <summary>Stage 2 ends when all known nodes report the same closed set and all rows are known. Rows are relayed.</summary>
    private void EvaluateClose()
    {
        if (_rowsChanged) CloseOverRows();
        if (RowIsWrong())
        {
            RaiseAttempt(RegroupCause.Contradiction);
            return;
        }
        if (StillMissing(_closed.Contains(_waitingFor) && !Agrees(_waitingFor))) return;
        foreach (NodeId node in _closed)
        {
            if (node == _self || Agrees(node)) continue;
            // Whoever still says "stage 1" waits for somebody else: it gets its own activate bound, and no blame.
            StatusMessage? theirs = Find(node)?.Status;
            bool activating = theirs is { Stage: RegroupStage.Activate };
            if (activating && theirs!.Has(StatusFlags.InCallback) && !Silent(node))
            {
                _deadlineBase = _now;
                _stageStartedAt = _now;
                return;
            }
            MonotonicTime bound = activating ? _stageStartedAt + StageBound + ActivateBound : AgreementBound(Find(node));
            (_waitingFor, _patienceUntil) = (node, bound);
            if (_now >= bound)
            {
                if (!activating || Silent(node)) Blame(node);
                RaiseAttempt(RegroupCause.Contradiction);
            }
            else WakeAt(bound);
            return;
        }
        SetStage(RegroupStage.Prune);
        BeginPrune();
    }

    /// <summary>
    /// How long its agreement is waited for. Who has closed without this node, and whose lease has run out, was not reached for a loss period: no longer
    /// than one that is silent in stage 1, and a tick for it to hear this node after all. The attempt is raised then all the same, not gone past:
    /// everybody has another chance to be heard, and whoever it is that can decide begins anew.
    /// </summary>
    private MonotonicTime AgreementBound(Peer? peer)
    {
        MonotonicTime bound = _stageStartedAt + StageBound;
        if (peer is null || peer.ApartSince == MonotonicTime.MaxValue || Phase != NodePhase.Member || _activation.Attempt > 3) return bound;
        return MonotonicTime.Max(_stageStartedAt + ActivateBound, peer.ApartSince + _timing.ClockPeriod);
    }

    private bool SaysLeaseIsOver(Peer peer) => _base is { } view && view.Contains(peer.Node, peer.Incarnation)
        && (peer.LeaseOverIn == view.Id || (peer.LeaseOverIn != ViewId.None && Defect(PlantedDefects.LeaseOverInAnyView)));

    private void NoteApart(Peer peer, StatusMessage status)
    {
        bool apart = status.Stage >= RegroupStage.Close && !status.Closed.Contains(_self) && status.Has(StatusFlags.LeaseOver);
        if (apart == (peer.ApartSince != MonotonicTime.MaxValue)) return;
        peer.ApartSince = apart ? _now : MonotonicTime.MaxValue;
        _patienceUntil = MonotonicTime.MinValue;
    }

    private bool Agrees(NodeId node) => _rows.TryGetValue(node, out ConnectivityRow? row) && row.Closed == _closed;

    /// <summary>Whoever was heard by somebody in the set before that one froze its row is in the set.</summary>
    private void CloseOverRows()
    {
        _rowsChanged = false;
        NodeSet closed = _heard, todo = closed;
        while (!todo.IsEmpty)
        {
            NodeId node = todo.Lowest;
            todo = todo.Without(node);
            if (!_rows.TryGetValue(node, out ConnectivityRow? row)) continue;
            NodeSet added = (row.Heard & Participants) - closed;
            closed |= added;
            todo |= added;
        }
        if (closed == _closed) return;
        _closed = closed;
        _matrixIsComplete = null;
        _statusDirty = true;
    }

    private void TakeRows(Peer peer, StatusMessage status)
    {
        if (_stage < RegroupStage.Close) return;
        if (status.Stage >= RegroupStage.Close && (!_rows.TryGetValue(peer.Node, out ConnectivityRow? own) || own.Heard != status.Heard || own.Closed != status.Closed || own.Flags != status.Flags))
        {
            _rows[peer.Node] = new ConnectivityRow(peer.Node, peer.Incarnation, status.Heard, status.Closed, status.Flags);
            _matrixIsComplete = null;
            // In a large cluster nearly every row only confirms the set.
            _rowsChanged |= !_closed.Contains(peer.Node) || !(status.Heard & Participants).IsSubsetOf(_closed);
        }
        foreach (ConnectivityRow row in status.Rows)
        {
            if (row.Node == _self || Find(row.Node) is not { } owner || owner.Status?.Stage >= RegroupStage.Close) continue;
            if (_rows.TryGetValue(row.Node, out ConnectivityRow? known) && known.Closed.Count >= row.Closed.Count) continue;
            _rows[row.Node] = row;
            _matrixIsComplete = null;
            _rowsChanged = true;
            _statusDirty = true;
        }
    }

    private bool _rowsChanged;
    private bool _lateNodeHeard;
    private bool _ownedAtClosing;

    /// <summary>This node's row lacks somebody whom it hears.</summary>
    private bool _leavesOut;

    private void Blame(NodeId node)
    {
        if (Find(node) is not { } peer) return;
        peer.Trouble++;
        Log($"node {node} keeps this incident waiting ({peer.Trouble})");
    }

    /// <summary>
    /// Another's patience ended first: who kept this node waiting for nearly as long is to blame here, too. Else only one row would leave
    /// that node out, and look as if its owner were the deaf one.
    /// </summary>
    private void BlameWhoWasWaitedFor()
    {
        if (_stage is not (RegroupStage.Close or RegroupStage.Prune) || Find(_waitingFor) is not { Status: { } status } late) return;
        if (_stage == RegroupStage.Close && (status.Stage == RegroupStage.Activate || Agrees(late.Node))) return;
        Decision? decision = _decision;
        if (decision is not null && IsBeingEntered(decision)) return;
        bool persisted = status.Has(StatusFlags.Persisted) || (decision is not null && AllArePersisted(decision) && IsOfDecision(late, decision));
        MonotonicTime since = persisted ? SilentSince(late) : _decidedAt;
        MonotonicTime bound = _stage == RegroupStage.Close ? AgreementBound(late) : since + StageBound;
        // Half a tick: what others raise, they raise on their ticks.
        if ((_stage == RegroupStage.Close || since < _now) && _now >= bound - _timing.ClockPeriod / 2) Blame(late.Node);
    }

    private bool Silent(NodeId node)
    {
        if (node == _self || Find(node) is not { } peer) return false;
        MonotonicTime since = SilentSince(peer);
        if (since == MonotonicTime.MaxValue) return false;
        TimeSpan bound = peer.TripwireLost ? ActivateBound : StageBound;
        if (_now - since >= bound) return true;
        WakeAt(since + bound);
        return false;
    }

    private void CheckHaltDeadline()
    {
        TimeSpan arbitration = _options.HasWitness && _options.Rule.UsesWitness ? _options.ArbitrationTimeout : TimeSpan.Zero;
        MonotonicTime deadline = _deadlineBase + ActivateBound + _timing.LossPeriod + arbitration + 2 * StageBound;
        if (_now < deadline)
        {
            if (IsMember) WakeAt(deadline);
            return;
        }
        if (Phase == NodePhase.Leaving) GoDown();
        else if (IsMember) Halt(HaltCode.NoQuorum, $"no view came into force after epoch {InForceId.Epoch} within the halt deadline; heard {_heard} of {Participants}");
        else if (_voting) StopVoting();
    }

    private DropReason OnStatus(in MessageHeader header, Peer peer, StatusMessage status)
    {
        HearOf(status.HighestEpochSeen, peer.Node);
        peer.StoreId = status.StoreId;
        ActivationId id = status.Activation;
        if (IsMember)
        {
            // An incident that ended in the view in force here: the sender is in stage 4 to 6 of it.
            if (header.InForce == InForceId && id.Epoch < InForceId.Epoch) return OnCleanUpStatus(in header, peer, status);
            if (id.IsForming)
            {
                NoteStarter(peer, status.StoredInForce?.Id ?? ViewId.None);
                return DropReason.None;
            }
            if (id.Epoch != InForceId.Epoch) return DropReason.StaleActivation;
            if (!_inForce!.Contains(peer.Node)) return DropReason.NotMember;
        }
        else if (id.IsForming)
        {
            // Whoever has formed already is a member: its view reaches this node as proof or by a join.
            if (Phase != NodePhase.Starting || _voting || header.InForce != ViewId.None) return DropReason.NotMember;
        }
        else
        {
            if (Phase != NodePhase.Starting || !MayVoteIn(in header, id)) return DropReason.NotMember;
            if (!_voting || id > _activation)
            {
                if (id <= _lastVoted) return DropReason.StaleActivation;
                BeginVoting(id);
            }
        }

        bool regrouping = IsDeciding;
        ActivationId current = regrouping || !IsMember ? _activation : new ActivationId(InForceId.Epoch, _highestAttempt);
        if (id > current)
        {
            if (regrouping) BlameWhoWasWaitedFor();
            EnterActivation(id, RegroupCause.PeerActivated);
        }
        else if (id < current || !regrouping)
        {
            if (regrouping) SendStatus(peer);
            return DropReason.StaleActivation;
        }
        if (header.Sequence <= peer.StatusSequence) return DropReason.None;

        bool late = _stage != RegroupStage.Activate && peer.Status is null && !_closed.Contains(peer.Node) && !_rows.ContainsKey(peer.Node);
        if (!SaysTheSame(status, peer.Status)) peer.StatusChangedAt = _now;
        peer.Status = status;
        peer.StatusInForce = header.InForce;
        peer.StatusSequence = header.Sequence;
        peer.StatusAt = _now;
        NoteApart(peer, status);
        TakeTestimony(peer, status);
        TakeRows(peer, status);
        _decisionHeard |= status.Decision is not null;
        if (Contradicts(status))
        {
            RaiseAttempt(RegroupCause.Contradiction);
            return DropReason.None;
        }
        if (late && _stage == RegroupStage.Prune && NobodyDecides)
        {
            _lateNodeHeard = true;
            return DropReason.None;
        }
        return late ? DropReason.LateForActivation : DropReason.None;
    }

    /// <summary>Leases that are over, nodes being ejected: facts about lives of the base view, relayed.</summary>
    private void TakeTestimony(Peer peer, StatusMessage status)
    {
        if (_base is not { } view) return;
        if (status.Has(StatusFlags.Leaving) && view.Contains(peer.Node, peer.Incarnation)) Release(peer, peer.Incarnation);
        if (status.Has(StatusFlags.LeaseOver) && peer.StatusInForce == view.Id) peer.LeaseOverIn = view.Id;
        foreach (NodeId node in status.Released)
            if (Find(node) is { } released && view.Contains(node)) Release(released, view.Find(node).Incarnation);
        if (!(status.Ejected - _ejected).IsEmpty)
        {
            _ejected |= status.Ejected;
            _statusDirty = true;
        }
    }

    /// <summary>The lease of this life is known to be over: nobody waits for it any more.</summary>
    private void Release(Peer peer, Incarnation life)
    {
        long store = (_inForce ?? _base) is { } view && view.Contains(peer.Node, life) ? view.Find(peer.Node).StoreId : peer.Incarnation == life ? peer.StoreId : 0;
        if (peer.Released == life && peer.ReleasedStore == store) return;
        (peer.Released, peer.ReleasedStore) = (life, store);
        _patienceUntil = MonotonicTime.MinValue;
        _statusDirty |= InRegroup;
    }

    /// <summary>A peer in stage 4 or later of the incident that brought the view in force here.</summary>
    private DropReason OnCleanUpStatus(in MessageHeader header, Peer peer, StatusMessage status)
    {
        if (!_inForce!.Contains(peer.Node)) return DropReason.NotMember;
        if (header.Sequence <= peer.StatusSequence) return DropReason.None;
        peer.Status = status;
        peer.StatusInForce = header.InForce;
        peer.StatusSequence = header.Sequence;
        peer.StatusAt = _now;
        if (InRegroup && _activation != status.Activation && _stage < RegroupStage.CleanUp1) return DropReason.StaleActivation;
        // Done here: whoever still waits in stage 4 or 5 is told so.
        if (!InRegroup && status.Stage < RegroupStage.Stabilised)
            Send(peer, BuildStatus() with { Activation = status.Activation, Stage = RegroupStage.Stabilised }, WantsAcknowledgement(peer) ? HeaderFlags.AckRequested : HeaderFlags.None);
        // Past that here: it has not heard so, or it would not wait there.
        else if (InRegroup && status.Stage < _stage && status.Has(StatusFlags.StageDone)) SendStatus(peer);
        _allDoneHeard |= status.Has(StatusFlags.AllDone);
        return DropReason.None;
    }

    private void SendStatus(Peer peer)
    {
        if (MustKeepQuiet) return;
        if (_now - peer.LastNudgeAt < _timing.ClockPeriod / 8) return;
        peer.LastNudgeAt = _now;
        Send(peer, BuildStatus());
    }

    private StatusMessage BuildStatus()
    {
        StatusFlags flags = StatusFlags.None;
        if (_state.IsEmpty) flags |= StatusFlags.StoreEmpty;
        if (Phase == NodePhase.Leaving) flags |= StatusFlags.Leaving;
        if (_voting) flags |= StatusFlags.Restarted;
        if (_options.StoreLocked) flags |= StatusFlags.StoreLocked;
        if (!_regroupAllowed) flags |= StatusFlags.RegroupNotAllowed;
        if (_forceForm && _activation.IsForming) flags |= StatusFlags.ForceForm;
        if (_ownedAtClosing) flags |= StatusFlags.OwnsWitness;
        if (_leavesOut) flags |= StatusFlags.LeavesOut;
        if (!_options.Qualified) flags |= StatusFlags.Disqualified;
        if (!CallbacksDone) flags |= StatusFlags.InCallback;
        if (_stageDone) flags |= StatusFlags.StageDone;
        if (_stage >= RegroupStage.CleanUp2 || (_stage == RegroupStage.None && _allDoneView == InForceId) || (_stage == RegroupStage.Prune && _allReported)) flags |= StatusFlags.AllDone;
        if (_decision is { } decision && IsDurable(decision.View)) flags |= StatusFlags.Persisted;
        if (_leasesExpired) flags |= StatusFlags.LeasesExpired;
        if (LeaseIsOver) flags |= StatusFlags.LeaseOver;
        NodeSet released = default;
        if (_base is { } view)
            foreach (Peer peer in _peerList)
                if (view.Contains(peer.Node) && peer.IsReleased(view.Find(peer.Node))) released = released.With(peer.Node);
        return new StatusMessage(
            _activation, _stage, flags, _heard, _closed, RelayedRows(), IsMember ? null : _durable.InForce, _state.Pending, HighestSeen,
            _state.HighestEpochPersisted, _state.StoreId, _configurationHash, _decision ?? _seenDecision, _arbitrationFailures, _ejected, released, Tip);
    }

    /// <summary>Rows are relayed only when somebody known is deaf to somebody known.</summary>
    private ImmutableArray<ConnectivityRow> RelayedRows()
    {
        if (_stage < RegroupStage.Close || _stage > RegroupStage.Prune) return [];
        _matrixIsComplete ??= MatrixIsComplete();
        return _matrixIsComplete.Value ? [] : [.. _rows.Values.OrderBy(static row => row.Node)];
    }

    /// <summary>Null = not looked at since a row came, or the set was closed: every answer of stage 3 asks.</summary>
    private bool? _matrixIsComplete;

    private bool MatrixIsComplete()
    {
        if (!_closed.IsSubsetOf(_heard)) return false;
        foreach (ConnectivityRow row in _rows.Values)
            if (!_closed.IsSubsetOf(row.Heard)) return false;
        return true;
    }

    /// <summary>The view is on disk as being in force: it counts from here on. What follows is stage 4, a join, or farewell.</summary>
    private void EnterView(ClusterView view)
    {
        ClusterView? former = _inForce;
        bool wasJoin = _decision?.View.Id != view.Id && (Phase == NodePhase.Joining || !InRegroup);
        if (!view.Contains(_self, _state.Incarnation))
        {
            // Only a leaver (or a removed node that took part as a voter) gets here.
            if (Phase == NodePhase.Leaving) Linger(view);
            else Halt(HaltCode.Removed, $"view {view} is in force without this node");
            return;
        }
        NoteRemovals(former, view);
        _inForce = view;
        _timing = view.Timing;
        if (_decision is { } decision && decision.View.Id == view.Id && SpeaksForAll(decision)) _reportedAt = _now - _timing.ClockPeriod;
        _highestAttempt = 0;
        _formingSetbacks = 0;
        _forceForm = false;
        _lapsed = false;
        _leaseDirty = true;
        _voteIsForDecision = false;
        if (!Defect(PlantedDefects.WitnessDespiteRecord)) GiveUpWitnessIfOvertaken();
        foreach (ClusterMember member in view.Members)
        {
            if (Find(member.Node) is not { } peer) continue;
            if (peer.Incarnation < member.Incarnation) peer.BeginLife(member.Incarnation);
            if (peer.Incarnation == member.Incarnation) peer.StoreId = member.StoreId;
            if (former is null || !former.Contains(member.Node, member.Incarnation)) peer.LastHeard = _now;
            if (peer.HeardView != view.Id || peer.Incarnation != member.Incarnation) continue;
            // It was in this view before us: what it sent then is acknowledged from here on.
            (peer.AckableView, peer.AckableSequence, peer.LastAcked) = (view.Id, peer.HeardSequence, _now);
        }
        BeginFrames(view);
        Log($"{view} in force");
        _effects.ViewInForce(view, _activation);
        EnterState(view, former, wasJoin);
        if (Phase is NodePhase.Starting or NodePhase.Joining) Phase = NodePhase.Member;
        _voting = false;
        if (wasJoin) EnterJoinedView(view, former);
        else
        {
            if (former is not null && Phase == NodePhase.Member)
            {
                // A second view may follow before the first one's incident is over: held again until its own stage 4.
                HoldLease();
                HoldIO();
            }
            SetStage(RegroupStage.CleanUp1);
            _leaseOpen = Phase == NodePhase.Member && RemovedSinceInstalled.IsEmpty;
            BeginCleanUp1();
            if (Phase == NodePhase.Leaving) EnterActivation(new ActivationId(view.Epoch, 1), RegroupCause.Leave);
        }
        CheckSilence();
    }

    private NodeSet RemovedSinceInstalled
    {
        get
        {
            NodeSet removed = default;
            if (Installed is not { } installed || _inForce is not { } view) return removed;
            foreach (ClusterMember member in installed.Members)
                if (!view.Contains(member.Node, member.Incarnation)) removed = removed.With(member.Node);
            return removed;
        }
    }

    /// <summary>Stage 4: clean-up 1 done, lease valid in the new epoch, I/O resumed; then wait for the others.</summary>
    private void EvaluateCleanUp1()
    {
        if (!_stageDone)
        {
            bool recovered = RecoverState();
            if (!CallbacksDone) return;
            if (!recovered)
            {
                MonotonicTime patience = _stageStartedAt + _timing.LossPeriod;
                if (_now >= patience) StartRegroup(RegroupCause.Contradiction);
                else WakeAt(patience);
                return;
            }
            if (_ioHeld || Lease.ValidUntil <= _now)
            {
                if (!_leaseOpen)
                {
                    _leaseOpen = true;
                    _leaseDirty = true;
                    UpdateLease();
                }
                if (Lease.ValidUntil <= _now)
                {
                    MonotonicTime bound = _stageStartedAt + _timing.LossPeriod;
                    if (_now >= bound) StartRegroup(RegroupCause.LeaseLapsed);
                    else WakeAt(bound);
                    return;
                }
                ResumeIO();
                if (!CallbacksDone) return;
            }
            ReportDone();
        }
        if (!AllReport(RegroupStage.CleanUp1))
        {
            GiveUpOnReports();
            return;
        }
        SetStage(RegroupStage.CleanUp2);
        if (!_cleanedUp1.IsEmpty && !_cleanedUp2)
        {
            _cleanedUp2 = true;
            Enqueue(CallbackKind.MsgCleanup2, nodes: _cleanedUp1);
        }
    }

    private void EvaluateCleanUp2()
    {
        if (!_stageDone)
        {
            if (!CallbacksDone) return;
            ReportDone();
        }
        if (!AllReport(RegroupStage.CleanUp2))
        {
            GiveUpOnReports();
            return;
        }
        SetStage(RegroupStage.Stabilised);
        _allDoneView = InForceId;
        AnnounceInstalled();
    }

    /// <summary>A callback may run to its hard limit; whoever is later than that does not report at all.</summary>
    private void GiveUpOnReports()
    {
        if (_now - _stageStartedAt > _options.CallbackLimit + _timing.LossPeriod) StartRegroup(RegroupCause.Contradiction);
    }

    /// <summary>First to the coordinator only: it says so to all by entering the next stage. What is lost, or what a dead coordinator does not say, everybody repeats to all.</summary>
    private void ReportDone()
    {
        _stageDone = true;
        _reportDue = _inForce!.Coordinator != _self;
    }

    /// <summary>All have done this stage: each says so, or somebody is past it, whom all have told.</summary>
    private bool AllReport(RegroupStage stage)
    {
        if (Find(_inForce!.Coordinator) is { } coordinator && IsPast(coordinator, stage)) return true;
        if (_allDoneHeard && _inForce!.Nodes.Any(other => Find(other) is { } past && IsPast(past, stage))) return true;
        _allDoneHeard = false;
        if (Find(_waitingFor) is { } hint && _inForce!.Contains(_waitingFor) && !Reports(hint, stage)) return false;
        foreach (NodeId node in _inForce!.Nodes)
        {
            if (Find(node) is not { } peer || Reports(peer, stage)) continue;
            _waitingFor = node;
            return false;
        }
        return true;
    }

    /// <summary>Somebody may be past the stage: what was said before this node came to it counts, too.</summary>
    private bool _allDoneHeard;

    private bool IsPast(Peer peer, RegroupStage stage)
        => peer.Status is { } status && peer.StatusInForce == InForceId && status.Stage > stage && status.Has(StatusFlags.AllDone);

    private bool Reports(Peer peer, RegroupStage stage)
        => peer.Status is { } status && peer.StatusInForce == InForceId
           && (status.Stage > stage || (status.Stage == stage && status.Has(StatusFlags.StageDone)));

    private void AnnounceInstalled()
    {
        ClusterView view = _inForce!;
        ClusterView? former = Installed;
        NodeSet down = default, up = default;
        if (former is not null)
            foreach (ClusterMember member in former.Members)
                if (!view.Contains(member.Node, member.Incarnation)) down = down.With(member.Node);
        if (former is null && _joinedExisting) up = NodeSet.Of(_self);
        else foreach (ClusterMember member in view.Members)
            if (former is null || !former.Contains(member.Node, member.Incarnation)) up = up.With(member.Node);
        Installed = view;
        _cleanedUp1 = default;
        _cleanedUp2 = false;
        Enqueue(CallbackKind.ClusterInfoChanged, view: view);
        if (!down.IsEmpty) Enqueue(CallbackKind.NodesDown, nodes: down);
        foreach (NodeId node in down) Enqueue(CallbackKind.NodeDown, node);
        foreach (NodeId node in up) Enqueue(CallbackKind.NodeUp, node);
        if (view.FormerMaster == _self && Phase == NodePhase.Member) Enqueue(CallbackKind.HandOverMastership, view: view);
    }

    private void EvaluateStabilised()
    {
        if (!CallbacksDone) return;
        FinishInstall();
        _stage = RegroupStage.None;
        _effects.StageEntered(_activation, RegroupStage.None, _cause);
        _ejected = _unreachable = default;
        CloseArbitrationBook();
        CheckSilence();
        TendWitness();
        if (Phase == NodePhase.Leaving) StartRegroup(RegroupCause.Leave);
        AttendRoleRequests();
    }

    private void FinishInstall()
    {
        Log($"{Installed} installed");
        _finishedView = Installed!.Id;
        NoteFalseAlarms();
        // It makes up for a joined view whose callbacks an incident overtook.
        _finishJoinInstall = false;
        _effects.ViewInstalled(Installed, _activation);
        TellChanges(Installed);
        _regroupAllowed = !_disallowedByHost;
        CompleteAdmissions(Installed!);
        if (_startRequest is { } start) _effects.CompleteRequest(start, MembershipStatus.Ok, null);
        _startRequest = null;
        foreach (RequestId request in _regroupRequests) _effects.CompleteRequest(request, MembershipStatus.Ok, null);
        _regroupRequests.Clear();
        foreach (var (request, node) in _ejectRequests)
        {
            bool gone = !Installed!.Contains(node);
            _effects.CompleteRequest(request, gone ? MembershipStatus.Ok : MembershipStatus.Transient, gone ? null : "overtaken by another view change; try again");
        }
        _ejectRequests.Clear();
    }
}
