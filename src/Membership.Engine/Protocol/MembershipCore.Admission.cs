// The header's join as the coordinator's caller sees it: a request that ends when the node is in an installed view, when
// a regroup came in between, when its petition was refused, or when its time is up.
namespace Membership.Engine.Protocol;

internal sealed partial class MembershipCore
{
    private readonly List<(RequestId Request, NodeId Node, MonotonicTime Deadline)> _admissions = [];

    /// <summary>The host forbade deciding and arbitrating: an installed view does not allow it again.</summary>
    private bool _disallowedByHost;

    /// <summary>Asks for one node to be let in; its own petition starts the join.</summary>
    public void Admit(RequestId request, NodeId node, TimeSpan timeout, MonotonicTime now)
    {
        if (!Begin(now)) return;
        if (Phase != NodePhase.Member || _inForce is not { } view) _effects.CompleteRequest(request, MembershipStatus.NotMember, null);
        else if (Installed?.Contains(node) ?? false) _effects.CompleteRequest(request, MembershipStatus.Already, $"node {node} is in {view}");
        else if (Find(node) is null) _effects.CompleteRequest(request, MembershipStatus.Fault, $"node {node} is not one of the configured nodes {_configured}");
        else if (view.Coordinator != _self)
            _effects.CompleteRequest(request, MembershipStatus.Fault, $"joins are run by the coordinator, node {view.Coordinator}: ask there");
        else if (InRegroup) _effects.CompleteRequest(request, MembershipStatus.Transient, "a regroup is in progress; try again");
        else _admissions.Add((request, node, _now + timeout));
        End();
    }

    private bool IsAdmitted(NodeId node)
    {
        if (!_options.AdmitOnRequest) return true;
        foreach (var (_, admitted, _) in _admissions)
            if (admitted == node) return true;
        return false;
    }

    private void CompleteAdmissions(ClusterView installed)
    {
        for (int i = _admissions.Count - 1; i >= 0; i--)
            if (installed.Contains(_admissions[i].Node)) EndAdmission(i, MembershipStatus.Ok, null);
    }

    private void EndAdmissionOf(NodeId node, MembershipStatus status, string reason)
    {
        for (int i = _admissions.Count - 1; i >= 0; i--)
            if (_admissions[i].Node == node) EndAdmission(i, status, reason);
    }

    private void FailAdmissions(string reason)
    {
        for (int i = _admissions.Count - 1; i >= 0; i--) EndAdmission(i, MembershipStatus.Transient, reason);
    }

    /// <summary>An attempt whose time is up is abandoned, not only no longer waited for.</summary>
    private void CheckAdmissions()
    {
        for (int i = _admissions.Count - 1; i >= 0; i--)
        {
            var (_, node, deadline) = _admissions[i];
            if (_now < deadline) continue;
            EndAdmission(i, MembershipStatus.Timeout, $"node {node} did not become a member in time");
            if (_join is not { Joiner: { } joiner } join || joiner.Node != node) continue;
            if (join.View is null) AbandonJoin();
            else StartRegroup(RegroupCause.JoinAborted);
            return;
        }
    }

    private void EndAdmission(int index, MembershipStatus status, string? detail)
    {
        RequestId request = _admissions[index].Request;
        _admissions.RemoveAt(index);
        _effects.CompleteRequest(request, status, detail);
    }
}
