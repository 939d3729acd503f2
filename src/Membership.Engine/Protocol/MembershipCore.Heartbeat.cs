// Heartbeats and detection (design 3.1): ping, pong, ack; every message is one. Who may be acknowledged is
// the other half of the lease (design 5), so the acknowledgement ban lives here too.
namespace Membership.Engine.Protocol;

internal sealed partial class MembershipCore
{
    private MonotonicTime _silenceCheckAt = MonotonicTime.MaxValue;

    private TimeSpan RetryAfter => _timing.ClockPeriod - _timing.ClockPeriod / 8;

    private void Send(Peer peer, MessageBody? body, HeaderFlags flags = HeaderFlags.None, int path = -1)
    {
        // A life is persisted before it is used.
        if (_durable.Incarnation != _state.Incarnation) return;
        ViewId view = Phase is NodePhase.Member or NodePhase.Leaving ? InForceId : ViewId.None;
        MessageHeader header = default;
        header.From = _self;
        header.FromIncarnation = _state.Incarnation;
        header.To = peer.Node;
        // A petition is addressed to a number, not to a life: the receiver may have restarted unseen.
        header.ToIncarnation = body is PetitionMessage ? Incarnation.None : peer.Incarnation;
        header.InForce = view;
        header.Sequence = peer.RecordSend(_now, view, body as StatusMessage);
        if (body is StatusMessage status) header.NamesViews = NamesViews(peer, status, header.Sequence);
        bool acknowledges = peer.AckableView == view && view != ViewId.None && MayAcknowledge(peer);
        header.Acknowledged = acknowledges || Defect(PlantedDefects.AcknowledgeOtherEpoch) ? peer.AckableSequence : 0;
        if (header.Acknowledged != 0) peer.AckGivenView = view;
        if (_ownedUntil > _now && _options.WitnessKeepsRecord && !_voteIsForDecision)
        {
            header.OwnershipRemaining = _ownedUntil - _now;
            if (view != ViewId.None) _claimedUntil = MonotonicTime.Max(_claimedUntil, _ownedUntil);
        }
        if (peer.HeardSequence != 0 && _now - peer.LastHeard < _timing.LossPeriod) flags |= HeaderFlags.Hears;
        if (_invalid && _now < _secondMasterSeenAt + _timing.LossPeriod) flags |= HeaderFlags.SecondMaster;
        header.Flags = flags;
        if ((flags & HeaderFlags.AckRequested) != 0)
        {
            peer.LastRequestAt = _now;
            (peer.AskedSequence, peer.AskedAt) = (header.Sequence, _now);
        }
        if ((flags & HeaderFlags.AckRequested) != 0 || (body is StatusMessage && IsDeciding))
        {
            if (peer.UnansweredSince == MonotonicTime.MaxValue)
            {
                peer.UnansweredSince = _now;
                peer.UnansweredSends = 0;
            }
            peer.UnansweredSends++;
        }
        _effects.Send(in header, path, body);
    }

    private void Ping(Peer peer)
    {
        peer.LastPingAt = _now;
        Send(peer, null, HeaderFlags.AckRequested);
    }

    /// <summary>
    /// Answers at once; asks for an acknowledgement in turn when ours is not fresh, which makes ping, pong, ack. Who asks in stages 1 to 3
    /// has not heard of our status for a while, or may have missed it; so may one that waits for others in stage 4 or 5, or was told longer ago
    /// than that takes. Whom we told that the view is in force here answers that of itself.
    /// </summary>
    private void Answer(Peer peer, int path)
    {
        bool cleansUp = InRegroup && !IsDeciding, justTold = _now - peer.SentStatusAt < _timing.ClockPeriod / 2;
        bool asks = WantsAcknowledgement(peer) && _now - peer.LastRequestAt >= _timing.ClockPeriod / 4 && !(cleansUp && justTold);
        bool waits = cleansUp && peer.Status is { } theirs && peer.StatusInForce == InForceId && (theirs.Has(StatusFlags.StageDone) || !justTold);
        Send(peer, (IsDeciding || waits) && !MustKeepQuiet ? BuildStatus() : null, asks ? HeaderFlags.AckRequested : HeaderFlags.None, path);
    }

    private bool WantsAcknowledgement(Peer peer)
        => IsMember && Phase == NodePhase.Member && _inForce!.Contains(peer.Node)
           && !IsDeciding
           && (peer.AckedView != InForceId || _now - peer.AckedSentAt > _timing.ClockPeriod / 2);

    /// <summary>
    /// A node acknowledges only a life that is in its view in force and in every pending view on its disk; from
    /// accepting a decision that view is pending, and abandoning the activation does not lift this.
    /// </summary>
    private bool MayAcknowledge(Peer peer)
    {
        if (_inForce is not { } view || !IsInView(view, peer)) return false;
        if (Defect(PlantedDefects.NoAcknowledgementBan)) return true;
        foreach (ClusterView pending in _state.Pending)
            if (pending.Epoch > view.Epoch && !pending.Nodes.Contains(peer.Node)) return false;
        // A view whose in-force record is being written has taken over from the one on disk.
        return _state.InForce is not { } next || next.Epoch <= view.Epoch || next.Nodes.Contains(peer.Node);
    }

    private bool IsInView(ClusterView view, Peer peer)
        => view.Contains(peer.Node, peer.Incarnation) || (Defect(PlantedDefects.AcceptOldIncarnation) && view.Contains(peer.Node));

    private void OnMemberTick()
    {
        if (!InRegroup && _now >= _unreachableUntil) _unreachable = default;
        if (_inForce is not { } view || IsDeciding) return;
        foreach (ClusterMember member in view.Members)
        {
            if (Find(member.Node) is not { } peer) continue;
            TimeSpan interval = _timing.HeartbeatInterval;
            bool due = _self < peer.Node && _now - peer.LastPingAt > interval - _timing.ClockPeriod / 8;
            bool unanswered = peer.UnansweredSince != MonotonicTime.MaxValue && _now - peer.LastSentAt >= RetryAfter;
            bool overdue = _now - peer.LastHeard > interval + _timing.ClockPeriod
                || (peer.AckedView == view.Id ? _now - peer.AckedSentAt > interval + _timing.ClockPeriod : _now - peer.LastPingAt >= RetryAfter);
            if (unanswered || overdue) _effects.HeartbeatMissed(peer.Node);
            if (due || unanswered || overdue) Ping(peer);
        }
    }

    /// <summary>A member that nothing was heard of for R*S*T is suspect: the regroup decides.</summary>
    private void CheckSilence()
    {
        _silenceCheckAt = MonotonicTime.MaxValue;
        if (_inForce is not { } view || Phase != NodePhase.Member) return;
        if (IsDeciding) return;
        foreach (ClusterMember member in view.Members)
        {
            if (Find(member.Node) is not { } peer) continue;
            MonotonicTime suspect = MonotonicTime.Max(peer.LastHeard, _reportedAt) + SilenceOf(peer);
            if (_now >= suspect)
            {
                Log($"node {peer.Node} silent for {(_now - peer.LastHeard).TotalMilliseconds:F0} ms");
                NoteSilence(peer);
                StartRegroup(RegroupCause.Silence);
                return;
            }
            _silenceCheckAt = MonotonicTime.Min(_silenceCheckAt, suspect);
        }
    }

    /// <summary>The common part of every message: lives, liveness, acknowledgements, proof of a view in force. Then the body.</summary>
    private DropReason Accept(in MessageHeader header, int path, MessageBody? body)
    {
        if (header.To != _self) return DropReason.WrongReceiver;
        if (Find(header.From) is not { } peer) return DropReason.UnknownNode;
        if (header.FromIncarnation == Incarnation.None || !IsPossible(in header, body)) return DropReason.Malformed;
        if (header.ToIncarnation != Incarnation.None && header.ToIncarnation != _state.Incarnation
            && !(body is PoisonMessage && Defect(PlantedDefects.ObeyPoisonForFormerLife)))
        {
            // The sender knows a former life of this node: show it the present one.
            if (header.ToIncarnation < _state.Incarnation && header.FromIncarnation >= peer.Incarnation && _now - peer.LastNudgeAt >= RetryAfter)
            {
                peer.LastNudgeAt = _now;
                Send(peer, null);
            }
            return DropReason.WrongIncarnation;
        }
        if (header.FromIncarnation != peer.Incarnation)
        {
            DropReason reason = AcceptLife(in header, peer, body);
            if (reason != DropReason.None) return reason;
        }
        else if (StoreOf(body) is var store and not 0 && peer.StoreId != 0 && store != peer.StoreId)
        {
            // A new disk that counts lives from the start again: this number is taken by an earlier life.
            if (body is PetitionMessage) Send(peer, new PetitionReplyMessage(MembershipStatus.Ok, NodeId.Invalid, peer.Incarnation, "number was used by another store"));
            return DropReason.OldIncarnation;
        }

        peer.LastHeard = _now;
        if (header.InForce != ViewId.None)
        {
            _lastMemberHeardAt = _now;
            if (Phase == NodePhase.Starting) HearOf(header.InForce.Epoch, peer.Node);
        }
        if ((uint)path < (uint)peer.LastHeardOnPath.Length) peer.LastHeardOnPath[path] = _now;
        TakeFrame(in header, peer);
        bool entered = header.InForce == InForceId && peer.HeardView != InForceId;
        if (header.Sequence >= peer.HeardSequence) peer.HeardView = header.InForce;
        peer.HeardSequence = Math.Max(peer.HeardSequence, header.Sequence);
        peer.UnansweredSince = MonotonicTime.MaxValue;
        peer.OwnerClaimUntil = header.OwnershipRemaining > TimeSpan.Zero ? _now + header.OwnershipRemaining : MonotonicTime.MinValue;
        if ((header.Flags & HeaderFlags.Hears) != 0 && header.ToIncarnation == _state.Incarnation) peer.HeardByAt = _now;

        if (_lingering is { } last && header.InForce == last.Id) NoteFarewell(peer);
        TakeAcknowledgement(in header, path, peer);
        if (body is PoisonMessage poison) return OnPoison(in header, peer, poison);
        // Whoever answers it may be of any epoch.
        if (body is PoisonAcknowledgedMessage acknowledged) return OnPoisonAcknowledged(peer, acknowledged);

        if (header.InForce.Epoch != InForceId.Epoch && header.InForce != ViewId.None && Phase != NodePhase.Joining)
        {
            DropReason reason = CompareViews(in header, peer);
            if (reason != DropReason.None) return reason;
        }
        // A view that others have left behind is none to enter: the one that lets this node in was made from a newer one.
        else if (Phase == NodePhase.Joining && header.InForce.Epoch > _own!.Current.Epoch) ProveInForce(header.InForce);
        else if (header.InForce != InForceId && header.InForce != ViewId.None && IsMember)
        {
            Log($"node {peer.Node} holds another view of epoch {header.InForce.Epoch}: two clusters were formed");
            SeeSecondMaster();
            return DropReason.NotMember;
        }

        if (header.InForce == InForceId && IsMember && MayAcknowledge(peer))
        {
            if (peer.AckableView != header.InForce) (peer.AckableView, peer.AckableSequence) = (header.InForce, 0);
            peer.AckableSequence = Math.Max(peer.AckableSequence, header.Sequence);
            peer.LastAcked = Defect(PlantedDefects.StaleArrivalTimes) ? _now - _timing.LossPeriod / 2 : _now;
        }
        else if (Defect(PlantedDefects.AcknowledgeOtherEpoch)) peer.AckableSequence = Math.Max(peer.AckableSequence, header.Sequence);

        ulong sentBefore = peer.LastSequence;
        DropReason outcome = body is null ? DropReason.None : Dispatch(in header, peer, body);
        if (Phase == NodePhase.Halted || peer.LastSequence != sentBefore) return outcome;
        bool answer = (header.Flags & HeaderFlags.AckRequested) != 0;
        // After a view change our own newest message may predate the peer's move: ask again at once.
        answer |= header.InForce == InForceId && IsMember && peer.AckedView != InForceId && WantsAcknowledgement(peer)
            && _now - peer.LastSentAt > (InRegroup ? _timing.ClockPeriod / 2 : _timing.ClockPeriod / 8);
        // It entered before our own first word of that view came, which cannot have acknowledged what it said then.
        answer |= entered && InRegroup && !IsDeciding && peer.AckGivenView != InForceId && Phase == NodePhase.Member;
        if (body is StatusMessage && IsDeciding && HasJustTold(peer)) answer = false;
        if (answer) (_answerTo, _answerPath, _answerSequence) = (peer, path, peer.LastSequence);
        return outcome;
    }

    // The answer owed to the message just taken in: given at the end of the input, unless a status says it anyway.
    private Peer? _answerTo;
    private int _answerPath;
    private ulong _answerSequence;

    private DropReason AcceptLife(in MessageHeader header, Peer peer, MessageBody? body)
    {
        if (header.FromIncarnation < peer.Incarnation)
        {
            if (Defect(PlantedDefects.AcceptOldIncarnation)) return DropReason.None;
            // To the life that asks: it has another number than the present one, whom a former life's words, said again by somebody, must not reach.
            if (body is PetitionMessage && _durable.Incarnation == _state.Incarnation)
                _effects.Send(ReplyHeader(in header), -1, new PetitionReplyMessage(MembershipStatus.Ok, NodeId.Invalid, peer.Incarnation, "number was used by a later life"));
            return DropReason.OldIncarnation;
        }
        if (_inForce is { } view && view.Contains(peer.Node) && view.Find(peer.Node).Incarnation is { } old && old < header.FromIncarnation && old == peer.Incarnation)
        {
            // A member answers with a newer life: it restarted, or somebody else took its number.
            long store = StoreOf(body);
            if (store == 0) return DropReason.NotMember;
            if (store != view.Find(peer.Node).StoreId && _now - peer.LastHeard < _timing.LossPeriod)
            {
                if (body is PetitionMessage)
                    _effects.Send(ReplyHeader(in header), -1, new PetitionReplyMessage(MembershipStatus.Fault, view.Coordinator, Incarnation.None,
                        $"node number {peer.Node} is in use by a live member with another store; give this node its own number"));
                return DropReason.NotMember;
            }
            bool sameStore = store == view.Find(peer.Node).StoreId;
            bool locked = body switch { PetitionMessage petition => petition.StoreLocked, StatusMessage status => status.Has(StatusFlags.StoreLocked), _ => false };
            peer.BeginLife(header.FromIncarnation);
            _patienceUntil = MonotonicTime.MinValue;
            if (sameStore && (locked || Defect(PlantedDefects.NoWaitAfterRestart))) Release(peer, old);
            Log($"node {peer.Node} restarted as life {peer.Incarnation}{(peer.Released == old ? ", its old life is over" : "")}");
            // Its former life was to decide or to report in this attempt; this one never will.
            if (_stage is RegroupStage.Close or RegroupStage.Prune && _closed.Contains(peer.Node) && !_voting && !(_decision is { } decision && IsBeingEntered(decision)))
                RaiseAttempt(RegroupCause.Restarted);
            StartRegroup(RegroupCause.Restarted);
            return DropReason.None;
        }
        peer.BeginLife(header.FromIncarnation);
        return DropReason.None;
    }

    private static long StoreOf(MessageBody? body) => body switch { PetitionMessage petition => petition.StoreId, StatusMessage status => status.StoreId, _ => 0 };

    private MessageHeader ReplyHeader(in MessageHeader header) => new()
    {
        From = _self,
        FromIncarnation = _state.Incarnation,
        To = header.From,
        ToIncarnation = header.FromIncarnation,
        InForce = InForceId,
    };

    private void TakeAcknowledgement(in MessageHeader header, int path, Peer peer)
    {
        if (header.Acknowledged == 0 || !IsMember) return;
        bool anyView = Defect(PlantedDefects.AcknowledgeOtherEpoch);
        if (!anyView && header.InForce != InForceId) return;
        if (!peer.TryGetSendTime(header.Acknowledged, InForceId, anyView, out MonotonicTime sentAt)) return;
        if (peer.AckedView != InForceId) (peer.AckedView, peer.AckedSentAt, peer.WitnessUntil) = (InForceId, MonotonicTime.MinValue, MonotonicTime.MinValue);
        peer.AckedSentAt = MonotonicTime.Max(peer.AckedSentAt, sentAt);
        peer.NoteAcknowledged(header.Acknowledged);
        if (header.OwnershipRemaining > TimeSpan.Zero)
            peer.WitnessUntil = MonotonicTime.Max(peer.WitnessUntil, sentAt + header.OwnershipRemaining * (1 - _options.ClockRateBound));
        _leaseAcknowledged = true;
        _newAcknowledgements++;
        MeasureRoundTrip(in header, path, peer);
    }

    /// <summary>An answer comes back on the path that it was asked on. Only the first one counts: later messages show the same acknowledgement again.</summary>
    private void MeasureRoundTrip(in MessageHeader header, int path, Peer peer)
    {
        if (header.Acknowledged < peer.AskedSequence || (uint)path >= (uint)peer.RoundTripOnPath.Length || peer.MeasuredSequenceOnPath[path] == peer.AskedSequence) return;
        peer.MeasuredSequenceOnPath[path] = peer.AskedSequence;
        peer.RoundTripOnPath[path] = _now - peer.AskedAt;
        _effects.RoundTripMeasured(peer.Node, path, peer.RoundTripOnPath[path]);
    }

    /// <summary>The sender has another view in force: the newer one is proof for whoever holds it pending; the older one must learn that it is out.</summary>
    private DropReason CompareViews(in MessageHeader header, Peer peer)
    {
        if (header.InForce.Epoch > InForceId.Epoch)
        {
            if (ProveInForce(header.InForce)) return DropReason.None;
            // The incident that this restarted life votes in is over: it would only keep this node from being let in.
            if (_voting && header.InForce.Epoch > _activation.Epoch) StopVoting();
            if (!IsMember) return DropReason.None;
            if (Phase == NodePhase.Leaving && _stage >= RegroupStage.Prune) return DropReason.None;
            if (_now - peer.LastNudgeAt >= RetryAfter)
            {
                peer.LastNudgeAt = _now;
                Send(peer, null, HeaderFlags.AckRequested);
            }
            return DropReason.NotMember;
        }
        // A member that only has not heard yet takes our packet as proof; anybody else is out.
        if (_inForce is not { } view) return DropReason.None;
        if (IsInView(view, peer))
        {
            if (_now - peer.LastNudgeAt > _timing.ClockPeriod / 8)
            {
                peer.LastNudgeAt = _now;
                Send(peer, null, HeaderFlags.AckRequested);
            }
        }
        else if (_now - peer.LastPoisonAt >= RetryAfter)
        {
            peer.LastPoisonAt = _now;
            Send(peer, new PoisonMessage(header.FromIncarnation, view.Epoch));
        }
        return DropReason.StaleActivation;
    }

    private DropReason Dispatch(in MessageHeader header, Peer peer, MessageBody body)
    {
        if (_lingering is not null) return DropReason.Stopped;
        switch (body)
        {
            case StatusMessage status: return OnStatus(in header, peer, status);
            case PetitionMessage petition: return OnPetition(peer, petition);
            case PetitionReplyMessage reply: return OnPetitionReply(peer, reply);
            case JoinStartMessage start: return OnJoinStart(in header, peer, start);
            case JoinReadyMessage ready: return OnJoinReady(peer, ready);
            case JoinPrepareMessage prepare: return OnJoinPrepare(in header, peer, prepare);
            case JoinPreparedMessage prepared: return OnJoinPrepared(peer, prepared);
            case JoinFailedMessage failed: return OnJoinFailed(peer, failed);
            case UpdateRequestMessage update: return OnUpdateRequest(in header, peer, update);
            case UpdatePrepareMessage prepare: return OnUpdatePrepare(in header, peer, prepare);
            case UpdatePreparedMessage prepared: return OnUpdatePrepared(in header, peer, prepared);
            case UpdateCommitMessage commit: return OnUpdateCommit(in header, peer, commit);
            case StateAskMessage ask: return OnStateAsk(in header, peer, ask);
            case StateOfferMessage offer: return OnStateOffer(in header, peer, offer);
            case RoleChangeMessage change: return OnRoleChange(in header, peer, change);
            default: return DropReason.UnexpectedKind;
        }
    }

    private DropReason OnPoison(in MessageHeader header, Peer peer, PoisonMessage poison)
    {
        bool mine = poison.Target == _state.Incarnation || Defect(PlantedDefects.ObeyPoisonForFormerLife);
        if (!mine) return DropReason.WrongIncarnation;
        bool foreign = poison.Target != _state.Incarnation;
        if (!IsMember || (poison.Epoch <= InForceId.Epoch && !foreign)) return DropReason.StaleActivation;
        // Poison of another cluster: this one says that there are two before it obeys. An eject comes under this node's own view.
        bool secondMaster = IsOfAnotherCluster(header.InForce);
        if (secondMaster) SeeSecondMaster();
        UpdateValidity();
        LoseLease();
        Send(peer, new PoisonAcknowledgedMessage(poison.Target, poison.Epoch, secondMaster));
        if (Phase == NodePhase.Leaving) GoDown();
        else Halt(HaltCode.Poisoned, $"node {peer.Node} says that this node is out of epoch {poison.Epoch}; in force here was {InForceId.Epoch}");
        return DropReason.None;
    }

    private DropReason OnPoisonAcknowledged(Peer peer, PoisonAcknowledgedMessage acknowledged)
    {
        // A master's lease is waited for all the same: the work it was told to stop has the rest of it, as at any other loss.
        if (_inForce?.Master != peer.Node) Release(peer, acknowledged.Target);
        if (acknowledged.SecondMaster && _inForce is { } view && view.Epoch >= acknowledged.Epoch && !view.Contains(peer.Node)) SeeSecondMaster();
        for (int i = _ejectRequests.Count - 1; i >= 0; i--)
        {
            if (_ejectRequests[i].Node != peer.Node) continue;
            _effects.CompleteRequest(_ejectRequests[i].Request, MembershipStatus.Ok, null);
            _ejectRequests.RemoveAt(i);
        }
        return DropReason.None;
    }

    private bool Defect(PlantedDefects defect) => (_options.Defects & defect) != 0;
}
