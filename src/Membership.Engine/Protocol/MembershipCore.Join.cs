// Starting, joining and forming (design 3.3, 3.4): petitions, one join at a time run by the coordinator, and
// what a restarted life may do before it is let in.
namespace Membership.Engine.Protocol;

internal sealed partial class MembershipCore
{
    private MonotonicTime _startedAt;
    private MonotonicTime _lastMemberHeardAt = MonotonicTime.MinValue;
    private int _formingAttempt;
    private bool _voting;
    private ActivationId _lastVoted;
    private bool _joinedExisting;
    private CoordinatedJoin? _join;
    private ObservedJoin? _observed;
    private OwnJoin? _own;
    private (long JoinId, ViewId View, Peer Coordinator)? _prepareReply;
    private bool _awaitJoinInstall;
    private bool _finishJoinInstall;
    private long _joinId;

    /// <summary>The coordinator's book about the join it runs.</summary>
    private sealed class CoordinatedJoin(long id, Peer? joiner, Incarnation life, ClusterView current, MonotonicTime since)
    {
        public readonly long Id = id;

        /// <summary>Null for a change of roles: a view change with the same members.</summary>
        public readonly Peer? Joiner = joiner;
        public readonly Incarnation Life = life;
        public readonly ClusterView Current = current;
        public readonly MonotonicTime Since = since;
        public long StoreId;
        public bool Disqualified;

        /// <summary>Everybody is ready; only the update under way is finished first.</summary>
        public bool WaitsForState;
        public NodeSet Ready;
        public ClusterView? View;
        public NodeSet Prepared;
    }

    /// <summary>A member's book about a join run by the coordinator.</summary>
    private sealed class ObservedJoin(long id, Peer joiner, Peer coordinator, MonotonicTime since)
    {
        public readonly long Id = id;
        public readonly Peer Joiner = joiner;
        public readonly Peer Coordinator = coordinator;
        public readonly MonotonicTime Since = since;
    }

    /// <summary>The joiner's book about its own join.</summary>
    private sealed class OwnJoin(long id, Peer coordinator, ClusterView current, MonotonicTime since)
    {
        public readonly long Id = id;
        public readonly Peer Coordinator = coordinator;
        public readonly ClusterView Current = current;
        public readonly MonotonicTime Since = since;
        public bool Ready;
    }

    private bool HoldsNewerPending(Epoch epoch)
    {
        if (Defect(PlantedDefects.JoinIgnoresPending)) return false;
        foreach (ClusterView pending in _state.Pending)
            if (pending.Epoch > epoch) return true;
        return false;
    }

    private ClusterView? PromisedBeyond(Epoch epoch)
    {
        foreach (ClusterView pending in _state.Pending)
            if (IsForcedStep(epoch, pending.Epoch)) return pending;
        return null;
    }

    // ---- the starting node ----

    private void OnStartingTick()
    {
        if (Phase == NodePhase.Joining)
        {
            OwnJoin own = _own!;
            if (_now - own.Coordinator.LastHeard > _timing.LossPeriod || _now - own.Since > _options.JoinTimeout)
            {
                FailOwnJoin("the coordinator fell silent");
                return;
            }
            foreach (NodeId node in own.Current.Nodes)
                if (Find(node) is { } member && !Confirmed(member, own.Since)) Ping(member);
            // It has nothing to say to us while it waits for others, but silence for so long would end this join.
            if (own.Ready) SayReady(own.Coordinator, own.Id, HeaderFlags.AckRequested);
        }
        SendPetitions();
    }

    private void SendPetitions()
    {
        if (Phase != NodePhase.Starting) return;
        var petition = new PetitionMessage(
            ProtocolVersion, _configurationHash, _state.StoreId, _options.StoreLocked, _state.IsEmpty, _durable.InForceId, HighestSeen, !_options.Qualified);
        foreach (Peer peer in _peerList) Send(peer, petition);
    }

    private bool FormingMustWait()
    {
        if (_now - _lastMemberHeardAt < _timing.LossPeriod) return true;
        if (_heard == _configured) return false;
        MonotonicTime until = _startedAt + _options.DiscoveryTime;
        WakeAt(until);
        return _now < until;
    }

    /// <summary>A restarted life may vote in a regroup of the view its store holds in force.</summary>
    private bool MayVoteIn(in MessageHeader header, ActivationId id)
    {
        // Without the store's lock the former life may still be running.
        if (!_options.StoreLocked) return false;
        if (header.InForce.Epoch != id.Epoch || _durable.InForceId != header.InForce) return false;
        ClusterMember old = _durable.InForce!.Find(_self);
        return old.Node == _self && old.Incarnation < _state.Incarnation && _durable.Incarnation == _state.Incarnation;
    }

    private void BeginVoting(ActivationId id)
    {
        _voting = true;
        Log($"votes in {id} as a restarted life");
    }

    private void StopVoting()
    {
        _voting = false;
        EnterActivation(NextForming(), RegroupCause.Forming);
    }

    private DropReason OnPetitionReply(Peer peer, PetitionReplyMessage reply)
    {
        if (Phase is not (NodePhase.Starting or NodePhase.Joining)) return DropReason.UnexpectedKind;
        if (reply.IncarnationFloor >= _state.Incarnation)
        {
            // Somebody knows a later life of this number than the coordinator does: start over above it.
            if (Phase == NodePhase.Joining) FailOwnJoin($"node {peer.Node} knows life {reply.IncarnationFloor} of this number");
            if (reply.IncarnationFloor >= _state.Incarnation) BeginNewLife(reply.IncarnationFloor.Next);
            return DropReason.None;
        }
        if (Phase == NodePhase.Joining) return DropReason.UnexpectedKind;
        if (reply.Outcome == MembershipStatus.Transient) NoteKeptOut(peer, reply.Reason);
        if (reply.Outcome != MembershipStatus.Fault) return DropReason.None;
        if (_startRequest is { } start) _effects.CompleteRequest(start, MembershipStatus.Fault, $"node {peer.Node} refused: {reply.Reason}");
        _startRequest = null;
        GoDown();
        return DropReason.None;
    }

    private DropReason OnJoinFailed(Peer peer, JoinFailedMessage failed)
    {
        if (Phase != NodePhase.Joining || _own!.Id != failed.JoinId || _own.Coordinator != peer) return DropReason.UnexpectedKind;
        FailOwnJoin($"the coordinator gave up: {failed.Reason}");
        return DropReason.None;
    }

    /// <summary>The header's join failed: clean up as by a leave, then petition again in a new life.</summary>
    private void FailOwnJoin(string reason)
    {
        Log($"join failed: {reason}");
        _own = null;
        _prepareReply = null;
        Phase = NodePhase.Starting;
        _startedAt = _now;
        Enqueue(CallbackKind.JoinFailed);
        BeginNewLife(_state.Incarnation.Next);
        EnterActivation(NextForming(), RegroupCause.Forming);
    }

    // ---- members ----

    /// <summary>What a starting node says about its disk: proof of a view in force, and whether it could vote.</summary>
    private void NoteStarter(Peer peer, ViewId stored)
    {
        if (stored.Epoch > InForceId.Epoch) ProveInForce(stored);
        if (!_inForce!.Contains(peer.Node)) return;
        peer.CannotVote = stored != InForceId;
        if (peer.CannotVote) _patienceUntil = MonotonicTime.MinValue;
        if (peer.Incarnation > _inForce.Find(peer.Node).Incarnation) StartRegroup(RegroupCause.Restarted);
    }

    private DropReason OnPetition(Peer peer, PetitionMessage petition)
    {
        if (Phase != NodePhase.Member || _inForce is not { } view) return DropReason.None;
        peer.StoreId = petition.StoreId;
        HearOf(petition.HighestEpochSeen, peer.Node);
        if (petition.ProtocolVersion != ProtocolVersion)
            return Refuse(peer, $"protocol version {petition.ProtocolVersion} cannot join a cluster of version {ProtocolVersion}; install the same major version on every node");
        if (petition.ConfigurationHash != _configurationHash)
            return Refuse(peer, "its configured nodes, weights, policy or tie-breaker differ from the cluster's; give every node the same Nodes list");
        NoteStarter(peer, petition.StoredInForce);
        if (view.Contains(peer.Node))
        {
            Send(peer, new PetitionReplyMessage(MembershipStatus.Already, view.Coordinator, Incarnation.None, "the former life is still in the view"));
            return DropReason.None;
        }
        if (petition.StoredInForce.Epoch > view.Epoch && _state.FindPending(petition.StoredInForce) is null && _state.InForceId != petition.StoredInForce)
            return Refuse(peer, $"its store holds epoch {petition.StoredInForce.Epoch} in force, newer than the cluster's {view.Epoch}: this cluster was formed without it");
        if (view.Coordinator != _self || JoinsWait(view) || !IsAdmitted(peer.Node))
        {
            if (_join is { Joiner: { } joining } && joining == peer && _join.Life == peer.Incarnation) return DropReason.None;
            if (view.Coordinator == _self)
            {
                peer.Petition = (petition, peer.Incarnation, _now);
                _petitionsWait = true;
            }
            Send(peer, new PetitionReplyMessage(view.Coordinator != _self ? MembershipStatus.Ok : MembershipStatus.Transient, view.Coordinator, Incarnation.None, ""));
            return DropReason.None;
        }
        if (HoldsNewerPending(view.Epoch))
        {
            StartRegroup(RegroupCause.JoinAborted);
            return DropReason.None;
        }
        if (ReasonToKeepOut(peer, view) is { } reason)
        {
            EndAdmissionOf(peer.Node, MembershipStatus.Transient, reason);
            Send(peer, new PetitionReplyMessage(MembershipStatus.Transient, view.Coordinator, Incarnation.None, reason));
            return DropReason.None;
        }
        _joinId = Math.Max(_joinId, _now.Ticks);
        _join = new CoordinatedJoin(++_joinId, peer, peer.Incarnation, view, _now) { StoreId = petition.StoreId, Disqualified = petition.Disqualified };
        Log($"join of {peer.Node} begins");
        SendJoinStart();
        return DropReason.None;
    }

    private bool JoinsWait(ClusterView view)
        => InRegroup || _join is not null || _writing is not null || _awaitJoinInstall || view.IsHandover || _now < _roleChangeTurnUntil;

    /// <summary>Somebody asked to be let in while another join was under way.</summary>
    private bool _petitionsWait;

    /// <summary>
    /// One join at a time, but the next one begins when the one before it ends, not when its joiner asks again a tick later. Updates that came in
    /// meanwhile have their turn in between. Who asked more than two ticks ago may be gone.
    /// </summary>
    private void BeginNextJoin()
    {
        if (!_petitionsWait || Defect(PlantedDefects.PetitionsForgotten) || Phase != NodePhase.Member || _inForce is not { } view || JoinsWait(view)) return;
        _petitionsWait = false;
        MakeEntry();
        foreach (Peer peer in _peerList)
        {
            if (peer.Petition is not var (petition, life, at)) continue;
            if (view.Coordinator == _self && JoinsWait(view))
            {
                _petitionsWait = true;
                return;
            }
            peer.Petition = null;
            if (view.Coordinator == _self && life == peer.Incarnation && _now - at <= 2 * _timing.ClockPeriod && IsAdmitted(peer.Node)) OnPetition(peer, petition);
        }
    }

    private DropReason Refuse(Peer peer, string reason)
    {
        EndAdmissionOf(peer.Node, MembershipStatus.Fault, reason);
        Send(peer, new PetitionReplyMessage(MembershipStatus.Fault, NodeId.Invalid, Incarnation.None, reason));
        return DropReason.None;
    }

    private void SendJoinStart()
    {
        CoordinatedJoin join = _join!;
        NodeId joiner = join.Joiner!.Node;
        var start = new JoinStartMessage(join.Id, joiner, join.Life, join.Current);
        foreach (NodeId node in join.Current.Nodes.With(joiner))
            if (Find(node) is { } peer && !join.Ready.Contains(node)) Send(peer, start, peer == join.Joiner ? HeaderFlags.AckRequested : HeaderFlags.None);
    }

    /// <summary>Heard since the join began, and it said since then that it hears us.</summary>
    private static bool Confirmed(Peer peer, MonotonicTime since) => peer.LastHeard >= since && peer.HeardByAt >= since;

    private DropReason OnJoinStart(in MessageHeader header, Peer peer, JoinStartMessage start)
    {
        if (start.Joiner == _self) return OnOwnJoinStart(in header, peer, start);
        if (!IsMember || InRegroup || header.InForce != InForceId || peer.Node != _inForce!.Coordinator) return DropReason.StaleActivation;
        if (Find(start.Joiner) is not { } joiner || _inForce.Contains(start.Joiner)) return DropReason.NotMember;
        if (start.JoinerIncarnation < joiner.Incarnation)
        {
            MessageHeader floor = ReplyHeader(in header);
            (floor.To, floor.ToIncarnation) = (joiner.Node, Incarnation.None);
            _effects.Send(in floor, -1, new PetitionReplyMessage(MembershipStatus.Ok, NodeId.Invalid, joiner.Incarnation, "number was used by a later life"));
            return DropReason.StaleActivation;
        }
        if (start.JoinerIncarnation > joiner.Incarnation) joiner.BeginLife(start.JoinerIncarnation);
        if (_observed?.Id != start.JoinId)
        {
            _observed = new ObservedJoin(start.JoinId, joiner, peer, _now);
            _observedReady = false;
            Ping(joiner);
        }
        else if (Confirmed(joiner, _observed.Since)) SayReady(peer, start.JoinId);
        // The joiner may have heard us and be content: what it said of that was lost.
        else if (_now - joiner.LastSentAt >= _timing.ClockPeriod / 4) Ping(joiner);
        return DropReason.None;
    }

    private DropReason OnOwnJoinStart(in MessageHeader header, Peer peer, JoinStartMessage start)
    {
        if (start.JoinerIncarnation != _state.Incarnation || _durable.Incarnation != _state.Incarnation) return DropReason.WrongIncarnation;
        if (start.Current.Coordinator != peer.Node || header.InForce != start.Current.Id) return DropReason.NotMember;
        if (Phase == NodePhase.Joining && _own!.Id == start.JoinId) return DropReason.None;
        if (Phase is not (NodePhase.Starting or NodePhase.Joining) || _voting || _writing is not null) return DropReason.UnexpectedKind;
        if (start.Current.Nodes.Any(node => Find(node) is null)) return DropReason.UnknownNode;
        if (PromisedBeyond(start.Current.Epoch) is { } promised)
        {
            // No regroup over there comes to its number, so none could settle it.
            Log($"does not join {start.Current}: this node has promised {promised} of a cluster that was formed by force");
            return DropReason.NotMember;
        }
        Phase = NodePhase.Joining;
        _stage = RegroupStage.None;
        ResetDecision();
        _own = new OwnJoin(start.JoinId, peer, start.Current, _now);
        foreach (ClusterMember member in start.Current.Members)
        {
            Peer other = Find(member.Node)!;
            if (member.Incarnation > other.Incarnation) other.BeginLife(member.Incarnation);
            Ping(other);
        }
        Log($"joining {start.Current}");
        return DropReason.None;
    }

    private void SayReady(Peer coordinator, long joinId, HeaderFlags flags = HeaderFlags.None)
        => Send(coordinator, new JoinReadyMessage(
            joinId, HighestSeen, HoldsNewerPending(Phase == NodePhase.Joining ? _own!.Current.Epoch : InForceId.Epoch), _state.StoreId), flags);

    private DropReason OnJoinReady(Peer peer, JoinReadyMessage ready)
    {
        if (_join is not { } join || join.Id != ready.JoinId) return DropReason.StaleActivation;
        // Prepared already: what a late one calls newer is this very join's view.
        if (join.View is not null) return DropReason.None;
        HearOf(ready.HighestEpochSeen, peer.Node);
        if (ready.HoldsNewerPending)
        {
            Log($"node {peer.Node} holds a newer pending view: regroup first");
            StartRegroup(RegroupCause.JoinAborted);
            return DropReason.None;
        }
        join.Ready = join.Ready.With(peer.Node);
        return DropReason.None;
    }

    private DropReason OnJoinPrepare(in MessageHeader header, Peer peer, JoinPrepareMessage prepare)
    {
        ViewId id = prepare.View.Id;
        if (_state.FindPending(id) is not null || _state.InForceId == id)
        {
            if (IsDurable(prepare.View)) Send(peer, new JoinPreparedMessage(prepare.JoinId, id));
            return DropReason.None;
        }
        if (Phase == NodePhase.Joining)
        {
            if (_own!.Id != prepare.JoinId || _own.Coordinator != peer || !prepare.View.Contains(_self, _state.Incarnation)) return DropReason.StaleActivation;
        }
        else if (!IsMember || InRegroup || header.InForce != InForceId || prepare.Base.Id != InForceId || peer.Node != _inForce!.Coordinator) return DropReason.StaleActivation;
        // The election waits for the former master's work to stop.
        if (prepare.Base.FormerMaster == _self && _finishedView != InForceId) return DropReason.StaleActivation;
        if (prepare.View.Epoch <= _state.HighestEpochPersisted || HoldsNewerPending(prepare.Base.Epoch))
        {
            // A join asks for this first; what a change of roles runs into is settled by a regroup.
            if (prepare.View.Nodes == prepare.Base.Nodes) StartRegroup(RegroupCause.JoinAborted);
            return DropReason.StaleActivation;
        }
        if (Phase == NodePhase.Joining)
        {
            if (prepare.State is null) return DropReason.Malformed;
            _joinBase = prepare.Base;
            _joinState = (id, Defect(PlantedDefects.JoinWithoutState) ? Replication.ClusterState.Empty : prepare.State);
        }
        _prepareReply = (prepare.JoinId, id, peer);
        AddPending(prepare.View);
        return DropReason.None;
    }

    private DropReason OnJoinPrepared(Peer peer, JoinPreparedMessage prepared)
    {
        if (_join is not { View: { } view } join || join.Id != prepared.JoinId || view.Id != prepared.View) return DropReason.StaleActivation;
        join.Prepared = join.Prepared.With(peer.Node);
        return DropReason.None;
    }

    private void OnJoinStateDurable()
    {
        if (_prepareReply is { } reply && _durable.FindPending(reply.View) is not null)
        {
            _prepareReply = null;
            if (!InRegroup) Send(reply.Coordinator, new JoinPreparedMessage(reply.JoinId, reply.View));
        }
        if (Phase == NodePhase.Starting && _durable.Incarnation == _state.Incarnation && _announcedLife != _state.Incarnation)
        {
            _announcedLife = _state.Incarnation;
            SendPetitions();
        }
    }

    private Incarnation _announcedLife;

    /// <summary>Joins under way, and the installation of a joined view, after every input.</summary>
    private void EvaluateJoin()
    {
        if (_observed is { } observed && !InRegroup && Confirmed(observed.Joiner, observed.Since) && !_observedReady)
        {
            _observedReady = true;
            SayReady(observed.Coordinator, observed.Id);
        }
        if (_observed is null) _observedReady = false;
        if (Phase == NodePhase.Joining && _own is { Ready: false } own)
        {
            bool all = true;
            foreach (NodeId node in own.Current.Nodes) all &= Confirmed(Find(node)!, own.Since);
            if (all)
            {
                own.Ready = true;
                SayReady(own.Coordinator, own.Id);
            }
        }
        if (_join is not null) EvaluateCoordinatedJoin(_join);
        if (_awaitJoinInstall && Lease.Epoch == InForceId.Epoch && Lease.ValidUntil > _now)
        {
            _awaitJoinInstall = false;
            AnnounceInstalled();
            _finishJoinInstall = true;
        }
        if (_finishJoinInstall && CallbacksDone)
        {
            FinishInstall();
            AttendRoleRequests();
        }
    }

    private bool _observedReady;
    private MonotonicTime _joinSentAt = MonotonicTime.MinValue;

    private void EvaluateCoordinatedJoin(CoordinatedJoin join)
    {
        Peer? joiner = join.Joiner;
        bool lost = joiner is not null && (joiner.Incarnation != join.Life || _now - MonotonicTime.Max(joiner.LastHeard, join.Since) > _timing.LossPeriod);
        // One pair that cannot hear each other must not keep the only join slot for long.
        bool stale = join.View is null && _now - join.Since > 4 * _timing.LossPeriod;
        if (lost || stale || _now - join.Since > _options.JoinTimeout)
        {
            Log(joiner is null ? $"role change abandoned: prepared by {join.Prepared} of {join.Current.Nodes}"
                : $"join of {joiner.Node} abandoned{(lost ? ", it fell silent or restarted" : "")}: ready {join.Ready}, prepared {join.Prepared}");
            if (join.View is not null) StartRegroup(RegroupCause.JoinAborted);
            else AbandonJoin();
            return;
        }
        if (join.View is null)
        {
            if (Confirmed(joiner!, join.Since)) join.Ready = join.Ready.With(_self);
            NodeSet all = join.Current.Nodes.With(joiner!.Node);
            if (join.Ready == all && (_promised is not null || !StateIsReady)) join.WaitsForState = true;
            else if (join.Ready == all)
            {
                NodeSet disqualified = join.Disqualified ? join.Current.Disqualified.With(joiner.Node) : join.Current.Disqualified;
                ElectedRoles roles = RoleElection.Next(join.Current, all, disqualified, handedOver: false);
                var entry = new ClusterMember(joiner.Node, join.Life, joiner.Votes, join.StoreId);
                join.View = new ClusterView(
                    NextEpoch(join.Current), join.Current.Members.Append(entry), join.Current.Rule, join.Current.Timing, roles.Master, roles.ViceMaster, QuorumOwner(_now), disqualified,
                    baseEpoch: join.Current.Epoch);
                AddPending(join.View);
                SendJoinPrepare(join);
            }
            else if (_now - _joinSentAt >= RetryAfter && _now - join.Since >= RetryAfter)
            {
                _joinSentAt = _now;
                SendJoinStart();
                if (!join.Ready.Contains(_self)) Ping(joiner);
            }
            return;
        }
        if (IsDurable(join.View)) join.Prepared = join.Prepared.With(_self);
        if (join.Prepared == join.View.Nodes)
        {
            PutInForce(join.View);
            return;
        }
        if (_now - _joinSentAt < RetryAfter) return;
        SendJoinPrepare(join);
    }

    private void SendJoinPrepare(CoordinatedJoin join)
    {
        _joinSentAt = _now;
        var prepare = new JoinPrepareMessage(join.Id, join.Current, join.View!, null);
        foreach (NodeId node in join.View!.Nodes)
            if (Find(node) is { } peer && !join.Prepared.Contains(node)) Send(peer, peer == join.Joiner ? prepare with { State = _table } : prepare);
    }

    /// <summary>A regroup in between aborts a join with Transient.</summary>
    private void AbandonJoin()
    {
        if (_join is { Joiner: { } joiner } join) Send(joiner, new JoinFailedMessage(join.Id, MembershipStatus.Transient));
        _join = null;
        _observed = null;
        _prepareReply = null;
        _awaitJoinInstall = false;
    }

    /// <summary>A join is in force: no one lost a place, so no incident; the lease moves over to the new epoch with the first acknowledgements.</summary>
    private void EnterJoinedView(ClusterView view, ClusterView? former)
    {
        _join = null;
        _observed = null;
        _prepareReply = null;
        _own = null;
        _joinedExisting |= former is null;
        if (former is null) _regroupAllowed = false;
        MonotonicTime grace = _now + _timing.LossPeriod;
        if (former is not null && Lease.ValidUntil > _now) grace = MonotonicTime.Min(grace, Lease.ValidUntil);
        else if (former is not null && _graceUntil != MonotonicTime.MaxValue) grace = MonotonicTime.Min(grace, _graceUntil);
        _stage = RegroupStage.None;
        if (Phase == NodePhase.Member)
        {
            PublishHeld(view);
            _graceUntil = grace;
            _leaseOpen = true;
            _awaitJoinInstall = true;
        }
        foreach (NodeId node in view.Nodes)
            if (Find(node) is { } peer) Ping(peer);
        if (Phase == NodePhase.Leaving) StartRegroup(RegroupCause.Leave);
    }
}
