// Leaving and ejecting (design 3.3): a leaver stops serving, says so, and votes through stage 3; an ejected
// node gets poison and is left out of the regroup that follows.
namespace Membership.Engine.Protocol;

internal sealed partial class MembershipCore
{
    private RequestId? _leaveRequest;

    /// <summary>The view this node left the cluster with, while it tells those who have not heard that it is in force.</summary>
    private ClusterView? _lingering;
    private NodeSet _farewells;
    private MonotonicTime _lingerUntil;

    /// <summary>Stops serving at once and leaves the view. Completes Ok when a view without this node is in force, or the halt deadline ends the wait.</summary>
    public void Leave(RequestId request, MonotonicTime now)
    {
        if (!Begin(now)) return;
        switch (Phase)
        {
            case NodePhase.Starting or NodePhase.Joining:
                GoDown();
                _effects.CompleteRequest(request, MembershipStatus.Ok, null);
                break;
            case NodePhase.Member:
                LoseLease();
                Phase = NodePhase.Leaving;
                _leaveRequest = request;
                if (_ownedUntil > _now) GiveUpWitness();
                if (_inForce!.Members.Length == 1) GoDown();
                else if (IsDeciding) RaiseAttempt(RegroupCause.Leave);
                else StartRegroup(RegroupCause.Leave);
                break;
            default:
                _effects.CompleteRequest(request, MembershipStatus.NotMember, null);
                break;
        }
        End();
    }

    /// <summary>Tells a member to die and regroups without it. Completes Ok when it has been told (or is out of the view).</summary>
    public void Eject(RequestId request, NodeId node, MonotonicTime now)
    {
        if (!Begin(now)) return;
        if (Phase != NodePhase.Member || _inForce is not { } view) _effects.CompleteRequest(request, MembershipStatus.NotMember, null);
        else if (InRegroup || _join is not null || _observed is not null || HoldsNewerPending(view.Epoch)) _effects.CompleteRequest(request, MembershipStatus.Transient, "a regroup or a join is in progress; try again");
        else if (node == _self) _effects.CompleteRequest(request, MembershipStatus.Fault, "a node cannot eject itself: use leave");
        else if (!view.Contains(node)) _effects.CompleteRequest(request, MembershipStatus.NotMember, $"node {node} is not in view {view}");
        else if (!Quorum.Has(view, view.Nodes.Without(node), _options.HasWitness))
            _effects.CompleteRequest(request, MembershipStatus.Fault, $"without node {node} the rest of {view} would have no quorum");
        else
        {
            _ejectRequests.Add((request, node));
            _ejected = _ejected.With(node);
            SendEjectPoison(node);
            StartRegroup(RegroupCause.Eject);
        }
        End();
    }

    private void SendEjectPoison(NodeId node)
    {
        if (Find(node) is { } peer && _inForce is { } view && view.Contains(node))
            Send(peer, new PoisonMessage(view.Find(node).Incarnation, view.Epoch.Next));
    }

    /// <summary>The view without this node is in force: whoever misses it takes our packet as proof, for a few ticks.</summary>
    private void Linger(ClusterView view)
    {
        _lingering = view;
        _inForce = view;
        _farewells = default;
        _lingerUntil = _now + _timing.ClockPeriod * _options.StageTicks;
        _stage = RegroupStage.None;
        SayFarewell();
    }

    private void SayFarewell()
    {
        foreach (NodeId node in _lingering!.Nodes - _farewells)
            if (Find(node) is { } peer) Send(peer, null, HeaderFlags.AckRequested);
    }

    private void NoteFarewell(Peer peer)
    {
        _farewells = _farewells.With(peer.Node);
        if (_lingering!.Nodes.IsSubsetOf(_farewells)) GoDown();
    }

    /// <summary>Out of the cluster: nothing is sent any more; a later start is a new life.</summary>
    private void GoDown()
    {
        LoseLease();
        Phase = NodePhase.Down;
        _stage = RegroupStage.None;
        _inForce = null;
        Installed = null;
        _lingering = null;
        _voting = false;
        _joinedExisting = false;
        _own = null;
        _join = null;
        _observed = null;
        _prepareReply = null;
        _awaitJoinInstall = _finishJoinInstall = false;
        _highestAttempt = _formingSetbacks = 0;
        _callbacks.Clear();
        _ioHeld = false;
        _cleanedUp1 = default;
        _cleanedUp2 = false;
        _ejected = _unreachable = default;
        _keptOut = null;
        _clearings.Clear();
        _regroupAllowed = true;
        _nextTick = MonotonicTime.MaxValue;
        ResetDecision();
        ForgetChanges();
        ForgetState();
        if (_ownedUntil > _now) GiveUpWitness();
        Log("left");
        CompleteAll(MembershipStatus.Transient, "this node left");
    }
}
