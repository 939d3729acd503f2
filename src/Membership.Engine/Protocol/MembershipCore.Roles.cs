// Roles on request (design 7): qualification and switchover. A role change is a view change with the same members, run by the
// coordinator like a join. A living master is first demoted, and only when its master-only work has stopped is another elected.
namespace Membership.Engine.Protocol;

internal sealed partial class MembershipCore
{
    private readonly List<RoleRequest> _roleRequests = [];

    /// <summary>In force here, and all its callbacks are done.</summary>
    private ViewId _finishedView;

    private (RoleChange Change, NodeId Node)? _waitingRoleChange;

    /// <summary>Until when no join begins, so that a change of roles that found one under way gets the next turn: it is asked for on every tick.</summary>
    private MonotonicTime _roleChangeTurnUntil = MonotonicTime.MinValue;

    private sealed class RoleRequest(RequestId id, RoleChange change, NodeId node)
    {
        public readonly RequestId Id = id;
        public readonly RoleChange Change = change;
        public readonly NodeId Node = node;
        public bool Waited;
    }

    /// <summary>Lets a member hold roles, or not. Completes when an installed view says so; Already when one does; NotMember for a node that is out.</summary>
    public void SetQualification(RequestId request, NodeId node, bool qualified, MonotonicTime now)
    {
        if (!Begin(now)) return;
        if (node != _self && Find(node) is null) _effects.CompleteRequest(request, MembershipStatus.Fault, $"node {node} is not one of the configured nodes {_configured}");
        else AddRoleRequest(new RoleRequest(request, qualified ? RoleChange.Qualify : RoleChange.Disqualify, node));
        End();
    }

    /// <summary>Hands the mastership over to the vice-master, or to the lowest qualified member. NotMaster elsewhere; Cancelled when nobody could take over.</summary>
    public void ReleaseMastership(RequestId request, MonotonicTime now)
    {
        if (!Begin(now)) return;
        AddRoleRequest(new RoleRequest(request, RoleChange.Release, _self));
        End();
    }

    /// <summary>The view to be made keeps who was disqualified; a first view and a joiner go by the nodes' own options.</summary>
    private NodeSet DisqualifiedAmong(ClusterView current, NodeSet members) => _activation.IsForming
        ? NodeSet.From(members.Where(node => (FlagsOf(node) & StatusFlags.Disqualified) != 0))
        : current.Disqualified & members;

    private void AddRoleRequest(RoleRequest request)
    {
        if (Phase != NodePhase.Member)
        {
            _effects.CompleteRequest(request.Id, MembershipStatus.NotMember, null);
            return;
        }
        _roleRequests.Add(request);
        AttendRoleRequests();
    }

    /// <summary>On every tick, on a new request and after an installation: what an installed view answers is completed, the rest is asked for.</summary>
    private void AttendRoleRequests()
    {
        if (Phase != NodePhase.Member || _inForce is not { } view || InRegroup || _finishedView != view.Id) return;
        if (view.FormerMaster == _self)
        {
            if (view.Coordinator == _self) BeginRoleChange(RoleChange.HandedOver, _self);
            else Send(Find(view.Coordinator)!, new RoleChangeMessage(RoleChange.HandedOver, _self));
        }
        if (view.IsHandover) return;
        for (int i = 0; i < _roleRequests.Count; i++)
        {
            RoleRequest request = _roleRequests[i];
            if (Answer(request, view) is not var (status, detail))
            {
                // One after another: what comes behind it is answered by what it leads to.
                request.Waited = true;
                break;
            }
            _roleRequests.RemoveAt(i--);
            _effects.CompleteRequest(request.Id, status, detail);
        }
        if (_roleRequests.Count == 0) return;
        RoleRequest next = _roleRequests[0];
        if (view.Coordinator == _self) BeginRoleChange(next.Change, next.Node);
        else Send(Find(view.Coordinator)!, new RoleChangeMessage(next.Change, next.Node));
    }

    /// <summary>What an installed view says about a request; null while it is to be carried out.</summary>
    private (MembershipStatus Status, string? Detail)? Answer(RoleRequest request, ClusterView view)
    {
        MembershipStatus done = request.Waited ? MembershipStatus.Ok : MembershipStatus.Already;
        if (request.Change != RoleChange.Release)
        {
            if (!view.Contains(request.Node)) return (MembershipStatus.NotMember, $"node {request.Node} is not in view {view}; its own option says whether it is qualified when it joins");
            return view.Disqualified.Contains(request.Node) == (request.Change == RoleChange.Disqualify) ? (done, null) : null;
        }
        if (view.Master != _self) return (request.Waited ? MembershipStatus.Ok : MembershipStatus.NotMaster, request.Waited ? null : $"the master is node {view.Master}");
        return RoleElection.CanTakeOver(view) ? null : (MembershipStatus.Cancelled, $"there is no other qualified member in {view}");
    }

    private void CompleteRoleRequests(MembershipStatus status, string? detail)
    {
        foreach (RoleRequest request in _roleRequests) _effects.CompleteRequest(request.Id, status, detail);
        _roleRequests.Clear();
    }

    private DropReason OnRoleChange(in MessageHeader header, Peer peer, RoleChangeMessage message)
    {
        if (message.Change == RoleChange.ClearQuarantine)
        {
            if (_inForce?.Contains(peer.Node) ?? false) ForgetRemovals(message.Node);
            return DropReason.None;
        }
        // Every role change makes a new view: what was asked for in another one may have happened already.
        if (Phase != NodePhase.Member || _inForce is not { } view || header.InForce != InForceId || view.Coordinator != _self) return DropReason.StaleActivation;
        bool entitled = message.Change switch
        {
            RoleChange.Release => view.Master == peer.Node,
            RoleChange.HandedOver => view.FormerMaster == peer.Node,
            _ => true,
        };
        if (!entitled) return DropReason.UnexpectedKind;
        BeginRoleChange(message.Change, message.Node);
        return DropReason.None;
    }

    /// <summary>The coordinator makes the next view, unless something else is under way: then the request comes again with the next tick.</summary>
    private void BeginRoleChange(RoleChange change, NodeId node)
    {
        if (_join is { Joiner: not null }) _roleChangeTurnUntil = _now + 3 * _timing.ClockPeriod;
        if (_inForce is not { } view || InRegroup || _join is not null || _writing is not null || _finishedView != view.Id) return;
        if (view.IsHandover != (change == RoleChange.HandedOver)) return;
        if (_promised is not null)
        {
            // The entry under way is finished in its epoch; no other begins meanwhile.
            _waitingRoleChange = (change, node);
            return;
        }
        if (HoldsNewerPending(view.Epoch))
        {
            StartRegroup(RegroupCause.JoinAborted);
            return;
        }
        NodeSet disqualified = change switch
        {
            RoleChange.Disqualify => view.Disqualified.With(node) & view.Nodes,
            RoleChange.Qualify => view.Disqualified.Without(node),
            _ => view.Disqualified,
        };
        ElectedRoles roles;
        if (change == RoleChange.Release)
        {
            if (!RoleElection.CanTakeOver(view)) return;
            roles = RoleElection.Release(view);
        }
        else if (change != RoleChange.HandedOver && disqualified == view.Disqualified) return;
        else roles = RoleElection.Next(view, view.Nodes, disqualified, handedOver: change == RoleChange.HandedOver || Defect(PlantedDefects.ElectBeforeHandover));
        if (change == RoleChange.Release && Defect(PlantedDefects.ElectBeforeHandover)) roles = new ElectedRoles(view.ViceMaster, view.Master, default);

        _roleChangeTurnUntil = MonotonicTime.MinValue;
        _joinId = Math.Max(_joinId, _now.Ticks);
        _join = new CoordinatedJoin(++_joinId, null, Incarnation.None, view, _now)
        {
            View = new ClusterView(
                NextEpoch(view), view.Members, view.Rule, view.Timing, roles.Master, roles.ViceMaster, QuorumOwner(_now), disqualified, roles.FormerMaster, view.Epoch),
        };
        Log($"role change: {change} of {node}, {_join.View} with master {roles.Master}, vice-master {roles.ViceMaster}, former master {roles.FormerMaster}");
        AddPending(_join.View);
        SendJoinPrepare(_join);
    }
}
