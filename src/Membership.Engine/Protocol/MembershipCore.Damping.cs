// What keeps trouble that comes again and again from costing a hold of everybody's users each time. A node that keeps losing its place is
// quarantined: the coordinator lets it in only after a while. A connection that breaks without its peer having died is asked about first. A
// peer that falls silent again and again, and is there all the same, is given longer. None of this is consulted in forming, none of it
// changes what a lease is or who may be removed.
using System.Collections.Immutable;
using System.Globalization;

namespace Membership.Engine.Protocol;

/// <summary>A node that is kept out.</summary>
/// <param name="Node">Its number.</param>
/// <param name="Removals">How often it lost its place.</param>
/// <param name="Remaining">How long it still is.</param>
/// <param name="Applies">False: the members are too few without it, so it is let in all the same.</param>
internal readonly record struct QuarantinedNode(NodeId Node, int Removals, TimeSpan Remaining, bool Applies);

internal sealed partial class MembershipCore
{
    /// <summary>Silences in a row, of one life that was there all the same, before it is given twice as long; twice as many, and it is given four times as long.</summary>
    private const int SilencesToPatience = 3;

    /// <summary>So many loss periods without one, and the silences of a life are forgotten.</summary>
    private const int CalmLossPeriods = 250;

    /// <summary>Ticks on which the members are told that a quarantine is over.</summary>
    private const int ClearRepeats = 4;

    private static readonly TimeSpan KeptOutReminder = TimeSpan.FromMinutes(1);

    private readonly List<(NodeId Node, int Repeats)> _clearings = [];
    private MonotonicTime _keptOutToldAt = MonotonicTime.MinValue;

    /// <summary>Why this node, which petitions, is not let in for now; null when nobody said so, or it is in.</summary>
    private string? _keptOut;

    // ---- quarantine ----

    /// <summary>Who lost its place in the view that came into force, by neither leaving nor ejection, is written down; so is who came back.</summary>
    private void NoteRemovals(ClusterView? former, ClusterView view)
    {
        _keptOut = null;
        if (former is null) return;
        foreach (ClusterMember member in view.Members)
            if (!former.Contains(member.Node) && Find(member.Node) is { } back) back.QuarantinedUntil = MonotonicTime.Min(back.QuarantinedUntil, _now);
        foreach (ClusterMember member in former.Members)
        {
            if (view.Contains(member.Node) || Find(member.Node) is not { } gone) continue;
            if (_ejected.Contains(member.Node) || (FlagsOf(member.Node) & StatusFlags.Leaving) != 0) continue;
            MonotonicTime since = MonotonicTime.Max(gone.RemovedAt, gone.QuarantinedUntil);
            gone.Removals = since == MonotonicTime.MinValue || _now - since > _options.Quarantine.Window ? 1 : gone.Removals + 1;
            gone.RemovedAt = _now;
            TimeSpan time = _options.Quarantine.KeptOutFor(gone.Removals);
            if (time == TimeSpan.Zero) continue;
            gone.QuarantinedUntil = _now + time;
            Log($"node {gone.Node} lost its place {gone.Removals} times: kept out for {time.TotalSeconds:F0} s");
            _effects.Quarantined(gone.Node, gone.Removals, gone.QuarantinedUntil);
        }
    }

    /// <summary>The members without it have more than half of all configured votes: they do not need it now. (After a further loss they may: then they form with it, and in forming nobody is kept out.)</summary>
    private bool CanDoWithout(ClusterView view)
    {
        int members = 0, all = 0;
        foreach (ConfiguredNode node in _options.Nodes) all += node.Votes;
        foreach (ClusterMember member in view.Members) members += member.Votes;
        return 2 * members > all;
    }

    /// <summary>Whether a petitioner is kept out, and then what it is told.</summary>
    private string? ReasonToKeepOut(Peer peer, ClusterView view)
    {
        if (_now >= peer.QuarantinedUntil || !CanDoWithout(view) || Defect(PlantedDefects.NoQuarantine)) return null;
        return string.Create(CultureInfo.InvariantCulture,
            $"quarantined: node {peer.Node} lost its place {peer.Removals} times; it is let in again in {(peer.QuarantinedUntil - _now).TotalSeconds:F0} s, or at once after 'regroupctl quarantine clear {peer.Node}' at any member");
    }

    /// <summary>The coordinator's answer, at the petitioner: it goes on asking, and says why it is not in.</summary>
    private void NoteKeptOut(Peer by, string reason)
    {
        if (reason.Length == 0) return;
        _keptOut = $"node {by.Node}: {reason}";
        if (_keptOutToldAt != MonotonicTime.MinValue && _now - _keptOutToldAt < KeptOutReminder) return;
        _keptOutToldAt = _now;
        Log($"kept out by {_keptOut}");
        _effects.KeptOut(by.Node, reason);
    }

    /// <summary>The operator's word that a node is well again: every member that is heard forgets its removals. Ok also when this node knew of none.</summary>
    public void ClearQuarantine(RequestId request, NodeId node, MonotonicTime now)
    {
        if (!Begin(now)) return;
        if (Phase != NodePhase.Member) _effects.CompleteRequest(request, MembershipStatus.NotMember, null);
        else if (Find(node) is null) _effects.CompleteRequest(request, MembershipStatus.Fault, $"node {node} is not another one of the configured nodes {_configured}");
        else
        {
            ForgetRemovals(node);
            _clearings.RemoveAll(clearing => clearing.Node == node);
            _clearings.Add((node, ClearRepeats));
            SayClearings();
            _effects.CompleteRequest(request, MembershipStatus.Ok, null);
        }
        End();
    }

    private void ForgetRemovals(NodeId node)
    {
        if (Find(node) is not { Removals: > 0 } peer) return;
        (peer.Removals, peer.RemovedAt, peer.QuarantinedUntil) = (0, MonotonicTime.MinValue, MonotonicTime.MinValue);
        Log($"the removals of node {node} are forgotten");
        _effects.Quarantined(node, 0, MonotonicTime.MinValue);
    }

    /// <summary>On the request and on a few ticks after it, since a datagram may be lost.</summary>
    private void SayClearings()
    {
        for (int i = _clearings.Count - 1; i >= 0; i--)
        {
            var (node, repeats) = _clearings[i];
            foreach (NodeId member in _inForce?.Nodes ?? default)
                if (Find(member) is { } peer) Send(peer, new RoleChangeMessage(RoleChange.ClearQuarantine, node));
            if (repeats <= 1) _clearings.RemoveAt(i);
            else _clearings[i] = (node, repeats - 1);
        }
    }

    private ImmutableArray<QuarantinedNode> Quarantined(MonotonicTime now)
    {
        if (_inForce is not { } view) return [];
        bool applies = CanDoWithout(view);
        return [.. _peerList.Where(peer => peer.QuarantinedUntil > now).Select(peer => new QuarantinedNode(peer.Node, peer.Removals, peer.QuarantinedUntil - now, applies))];
    }

    // ---- connections that break without a death ----

    /// <summary>The view holds although the tripwire to this life broke: from now on it is asked before its word is taken.</summary>
    private void NoteFalseAlarms()
    {
        foreach (Peer peer in _peerList)
        {
            if (!peer.TripwireLost || !(_inForce?.Contains(peer.Node, peer.Incarnation) ?? false)) continue;
            peer.TripwireLost = false;
            peer.FalseAlarmLife = peer.Incarnation;
        }
    }

    /// <summary>A second alarm of a life whose first one was false. Nothing is lost by asking: the lease of a dead peer has to run out anyway.</summary>
    private bool AsksFirst(Peer peer)
    {
        if (peer.FalseAlarmLife != peer.Incarnation || IsDeciding || Defect(PlantedDefects.TripwireAlwaysBelieved)) return false;
        if (peer.AlarmAt == MonotonicTime.MinValue) peer.AlarmAt = _now;
        Ping(peer);
        return true;
    }

    /// <summary>On every tick: who was asked and has not answered within the activate bound is suspect.</summary>
    private void CheckAlarms()
    {
        foreach (Peer peer in _peerList)
        {
            if (peer.AlarmAt == MonotonicTime.MinValue) continue;
            if (peer.LastHeard > peer.AlarmAt || !(_inForce?.Contains(peer.Node, peer.Incarnation) ?? false)) peer.AlarmAt = MonotonicTime.MinValue;
            else if (_now - peer.AlarmAt >= _timing.ClockPeriod * _options.ActivateTicks)
            {
                peer.AlarmAt = MonotonicTime.MinValue;
                NoteTripwireLost(peer);
                StartRegroup(RegroupCause.TripwireLost);
                return;
            }
            else Ping(peer);
        }
    }

    // ---- silences that end by themselves ----

    /// <summary>
    /// L, or longer for a life that was silent for L again and again and was there all the same: one link that flaps. The others still notice
    /// within L when it dies, and whoever needs its acknowledgements notices by its own lease.
    /// </summary>
    private TimeSpan SilenceOf(Peer peer)
    {
        if (peer.Silences < SilencesToPatience || Defect(PlantedDefects.NoPatience)) return _timing.LossPeriod;
        return _timing.LossPeriod * (peer.Silences < 2 * SilencesToPatience ? 2 : 4);
    }

    /// <summary>A regroup begins because of this silence; if it is not removed by it, that is one more.</summary>
    private void NoteSilence(Peer peer)
    {
        if (peer.SilentAt != MonotonicTime.MinValue && _now - peer.SilentAt > _timing.LossPeriod * CalmLossPeriods) peer.Silences = 0;
        peer.Silences++;
        peer.SilentAt = _now;
    }
}
