// The protocol core: one node's state machine. It does no I/O, reads no clock and takes no lock; every input
// carries a time read after it arrived, and every output goes through IProtocolEffects, in order.
// This file: state, inputs, and when to be called next. The other parts each hold one idea.
using System.Collections.Immutable;

namespace Membership.Engine.Protocol;

internal enum NodePhase
{
    /// <summary>Not started, or left: no messages are sent.</summary>
    Down,

    /// <summary>Looking for a cluster, or forming one.</summary>
    Starting,

    /// <summary>A join of this node is under way at the coordinator.</summary>
    Joining,

    /// <summary>A member (regrouping or not).</summary>
    Member,

    /// <summary>A member that is leaving: it votes, but serves no more.</summary>
    Leaving,

    /// <summary>Halted: only a new process goes on.</summary>
    Halted,
}

internal sealed partial class MembershipCore
{
    public const int ProtocolVersion = 1;

    private readonly ProtocolOptions _options;
    private readonly IProtocolEffects _effects;
    private readonly NodeId _self;
    private readonly Peer?[] _peers;
    private readonly Peer[] _peerList;
    private readonly NodeSet _configured;
    private readonly ulong _configurationHash;
    private readonly MonotonicTime _processStart;

    private ClusterTiming _timing;
    private MonotonicTime _now;
    private MonotonicTime _nextTick = MonotonicTime.MaxValue;
    private RequestId? _startRequest;
    private bool _forceForm;
    private bool _regroupAllowed = true;

    public MembershipCore(ProtocolOptions options, StoredState stored, IProtocolEffects effects, MonotonicTime start)
    {
        _options = options;
        _effects = effects;
        _self = options.Self;
        _state = _durable = stored;
        _timing = stored.InForce?.Timing ?? options.Timing;
        _now = _processStart = start;
        _peers = new Peer?[options.Nodes.Max(static node => node.Node.Value) + 1];
        foreach (ConfiguredNode node in options.Nodes)
        {
            _configured = _configured.With(node.Node);
            if (node.Node != _self) _peers[node.Node.Value] = new Peer(node.Node, node.Votes, options.Paths, start);
        }
        _peerList = _peers.Where(static peer => peer is not null).ToArray()!;
        _configurationHash = HashConfiguration();
    }

    /// <summary>When the core wants its next <see cref="Tick"/> at the latest; changes with every input.</summary>
    public MonotonicTime NextWakeup { get; private set; } = MonotonicTime.MaxValue;

    public NodePhase Phase { get; private set; }

    /// <summary>The view in force on this node's disk while it is a member; null otherwise.</summary>
    public ClusterView? InForce => _inForce;

    public ClusterView? Installed { get; private set; }

    public RegroupStage Stage => _stage;

    public ActivationId Activation => _activation;

    public LeaseState Lease { get; private set; }

    public Incarnation Incarnation => _state.Incarnation;

    private bool IsMember => _inForce is not null;

    private ViewId InForceId => _inForce?.Id ?? ViewId.None;

    private bool InRegroup => _stage != RegroupStage.None;

    /// <summary>Stages 1 to 3: who is in the next view is still open, so lease and heartbeats of the present one rest.</summary>
    private bool IsDeciding => _stage is RegroupStage.Activate or RegroupStage.Close or RegroupStage.Prune;

    /// <summary>Who owns the witness as far as this node knows, by a claim of the owner itself that has not run out.</summary>
    public NodeId QuorumOwner(MonotonicTime now)
    {
        if (_ownedUntil > now) return _self;
        foreach (Peer peer in _peerList)
            if (peer.OwnerClaimUntil > now) return peer.Node;
        return NodeId.Invalid;
    }

    /// <summary>Begins to look for a cluster, to join it or to take part in forming one. Completes Ok when this node has an installed view.</summary>
    public void Start(RequestId request, bool forceForm, MonotonicTime now)
    {
        if (!Begin(now)) return;
        if (Phase != NodePhase.Down)
        {
            _effects.CompleteRequest(request, Phase == NodePhase.Halted ? MembershipStatus.Fault : MembershipStatus.Already, null);
            return;
        }
        _startRequest = request;
        _forceForm = forceForm;
        Phase = NodePhase.Starting;
        _startedAt = now;
        _nextTick = now + _timing.ClockPeriod;
        EnterActivation(NextForming(), RegroupCause.Forming);
        BeginNewLife(_state.Incarnation.Next);
        End();
    }

    /// <summary>Time has passed. May be called at any time; nothing happens before <see cref="NextWakeup"/>.</summary>
    public void Tick(MonotonicTime now)
    {
        if (!Begin(now)) return;
        if (_now >= _nextTick)
        {
            _nextTick += _timing.ClockPeriod;
            if (_nextTick <= _now) _nextTick = _now + _timing.ClockPeriod;
            OnClockPeriod();
        }
        else if (_now >= _silenceCheckAt) CheckSilence();
        if (Phase == NodePhase.Halted) return;
        SendFrames();
        End();
    }

    public void Receive(in MessageHeader header, int path, MessageBody? body, MonotonicTime now)
    {
        if (!Begin(now)) return;
        if (Phase is NodePhase.Down or NodePhase.Halted)
        {
            _effects.Dropped(DropReason.Stopped, header.From);
            return;
        }
        DropReason reason = Accept(in header, path, body);
        if (reason != DropReason.None) _effects.Dropped(reason, header.From);
        End();
        _answerTo = null;
    }

    /// <summary>The owner's renewal loop reports until when this node owns the witness; MinValue = not (any more).</summary>
    public void WitnessOwnershipChanged(MonotonicTime ownedUntil, MonotonicTime now)
    {
        if (!Begin(now)) return;
        // A report that was under way when the witness was given up must not bring it back.
        if (ownedUntil <= _now) (_holdsWitness, _ownedUntil) = (false, MonotonicTime.MinValue);
        else if (_holdsWitness) _ownedUntil = ownedUntil;
        _leaseDirty = true;
        End();
    }

    /// <summary>The tripwire to a peer closed: only a suspicion.</summary>
    public void TripwireLost(NodeId node, Incarnation incarnation, MonotonicTime now)
    {
        if (!Begin(now)) return;
        if (Find(node) is { } peer && peer.Incarnation == incarnation && IsMember && _inForce!.Contains(node, incarnation))
        {
            if (_options.TrustConnectionRefused) _effects.ProbeCrashEvidence(node, incarnation);
            if (!AsksFirst(peer))
            {
                NoteTripwireLost(peer);
                StartRegroup(RegroupCause.TripwireLost);
            }
        }
        End();
    }

    private void NoteTripwireLost(Peer peer)
    {
        if (!peer.TripwireLost) peer.TripwireLostAt = _now;
        peer.TripwireLost = true;
    }

    /// <summary>The dead node's own kernel refuses its port: its lease has ended, if the host chose to trust that.</summary>
    public void CrashEvidence(NodeId node, Incarnation incarnation, MonotonicTime now)
    {
        if (!Begin(now)) return;
        if (_options.TrustConnectionRefused && Find(node) is { } peer && peer.Incarnation == incarnation && IsMember && _inForce!.Contains(node, incarnation))
        {
            Release(peer, incarnation);
            StartRegroup(RegroupCause.TripwireLost);
        }
        End();
    }

    public void ForceRegroup(RequestId request, MonotonicTime now)
    {
        if (!Begin(now)) return;
        if (!IsMember || Phase != NodePhase.Member) _effects.CompleteRequest(request, MembershipStatus.NotMember, null);
        else
        {
            _regroupRequests.Add(request);
            StartRegroup(RegroupCause.Forced);
        }
        End();
    }

    /// <summary>The host's messaging found a node unreachable from here on all paths: no edge to it in a regroup of the next loss period.</summary>
    public void NodeUnreachable(NodeId node, MonotonicTime now)
    {
        if (!Begin(now)) return;
        if (Find(node) is not null)
        {
            _unreachable = _unreachable.With(node);
            _unreachableUntil = _now + _timing.LossPeriod;
        }
        End();
    }

    /// <summary>Allows or disallows deciding and arbitrating by this node. Transient while disallowing during a regroup.</summary>
    public void SetRegroupAllowed(RequestId request, bool allowed, MonotonicTime now)
    {
        if (!Begin(now)) return;
        MembershipStatus status = allowed == _regroupAllowed ? MembershipStatus.Already
            : !allowed && InRegroup ? MembershipStatus.Transient
            : MembershipStatus.Ok;
        if (status == MembershipStatus.Ok) _regroupAllowed = allowed;
        if (status != MembershipStatus.Transient) _disallowedByHost = !allowed;
        _effects.CompleteRequest(request, status, null);
        End();
    }

    private Peer? Find(NodeId node) => (uint)node.Value < (uint)_peers.Length ? _peers[node.Value] : null;

    /// <summary>Every input begins here: time never goes back, and a lease that ran out is noticed before anything else is believed.</summary>
    private bool Begin(MonotonicTime now)
    {
        if (Phase == NodePhase.Halted) return false;
        _now = MonotonicTime.Max(_now, now);
        CheckLapse();
        return Phase != NodePhase.Halted;
    }

    /// <summary>Every input ends here: conditions that now hold are acted on, and what changed is said.</summary>
    private void End()
    {
        if (Phase == NodePhase.Halted) return;
        ReleaseWhenDue();
        UpdateLease();
        EvaluateStages();
        if (Phase == NodePhase.Halted) return;
        EvaluateJoin();
        BeginNextJoin();
        UpdateValidity();
        AnswerReads();
        SayStatus();
        if (_answerTo is { } peer && peer.LastSequence == _answerSequence) Answer(peer, _answerPath);
        _answerTo = null;
        ComputeWakeup();
    }

    private void OnClockPeriod()
    {
        CheckLimits();
        _newAcknowledgements = 0;
        if (Phase == NodePhase.Halted) return;
        CheckSilence();
        ExtendHold();
        if (Phase is NodePhase.Starting or NodePhase.Joining) OnStartingTick();
        if (Phase is NodePhase.Member or NodePhase.Leaving) OnMemberTick();
        if (InRegroup) OnRegroupTick();
        if (_lingering is not null)
        {
            if (_now >= _lingerUntil) GoDown();
            else SayFarewell();
        }
        TendWitness();
        CheckAdmissions();
        CheckAlarms();
        SayClearings();
        AttendRoleRequests();
        TendState();
    }

    private void ComputeWakeup()
    {
        MonotonicTime wake = _nextTick;
        if (Lease.ValidUntil > _now) wake = MonotonicTime.Min(wake, Lease.ValidUntil);
        if (_silenceCheckAt > _now) wake = MonotonicTime.Min(wake, _silenceCheckAt);
        if (_repeatAt > _now) wake = MonotonicTime.Min(wake, _repeatAt);
        if (_stageWakeup > _now) wake = MonotonicTime.Min(wake, _stageWakeup);
        if (_leaseOpen && _graceUntil > _now) wake = MonotonicTime.Min(wake, _graceUntil);
        wake = MonotonicTime.Min(wake, ValidityWakeup());
        if (Phase == NodePhase.Down) wake = MonotonicTime.MaxValue;
        NextWakeup = MonotonicTime.Min(wake, _releaseAt);
    }

    private void Halt(HaltCode code, string detail)
    {
        if (Phase == NodePhase.Halted) return;
        LoseLease();
        Phase = NodePhase.Halted;
        _stage = RegroupStage.None;
        NextWakeup = MonotonicTime.MaxValue;
        CompleteAll(MembershipStatus.Fault, detail);
        if (_ownedUntil > _now && _claimedUntil <= _now) _effects.ReleaseWitness();
        _effects.Halt(code, detail);
    }

    private void CompleteAll(MembershipStatus status, string? detail)
    {
        if (_startRequest is { } start) _effects.CompleteRequest(start, status, detail);
        if (_leaveRequest is { } leave) _effects.CompleteRequest(leave, MembershipStatus.Ok, null);
        foreach (RequestId request in _regroupRequests) _effects.CompleteRequest(request, status, detail);
        foreach (var (request, _) in _ejectRequests) _effects.CompleteRequest(request, status, detail);
        _startRequest = _leaveRequest = null;
        _regroupRequests.Clear();
        _ejectRequests.Clear();
        CompleteManagerRequests(status, detail);
        CompleteRoleRequests(status, detail);
        CompleteStateRequests(status, detail);
    }

    private void Log(string line)
    {
        if (_effects.JournalEnabled) _effects.Journal(line);
    }

    /// <summary>Numbers and weights: what all formers must agree on.</summary>
    private ulong HashConfiguration()
    {
        ulong hash = 14695981039346656037UL;
        foreach (ConfiguredNode node in _options.Nodes.OrderBy(static node => node.Node))
            hash = (hash ^ ((ulong)node.Node.Value << 32 | (uint)node.Votes)) * 1099511628211UL;
        hash = (hash ^ ((ulong)_options.Rule.Policy << 8 | (ulong)_options.Rule.TieBreaker << 1 | (_options.Rule.WitnessPinned ? 1UL : 0))) * 1099511628211UL;
        return hash;
    }
}
