// Who is told the regroup status, and when again. A change goes to everybody; a repeat a tick later makes up for a loss, so in stages
// 1 to 3 whoever has acknowledged the very message needs none. Who is quiet for that reason is asked for its status now and then: each
// by its two neighbours in the ring of those who take part often enough for the bound on silence, by all others at the heartbeat's rate.
// What is done about a decision is reported to its decider and one more; the decider says to all when all have.
namespace Membership.Engine.Protocol;

internal sealed partial class MembershipCore
{
    private const int NeighbourTicks = 2;

    /// <summary>When the status is repeated, unless it changes before.</summary>
    private MonotonicTime _repeatAt = MonotonicTime.MaxValue;
    private StatusMessage? _saidStatus;
    private NodeSet _neighbours;

    /// <summary>The coordinator is told what this node has done.</summary>
    private bool _reportDue;

    /// <summary>The view in which all have told all that they cleaned up.</summary>
    private ViewId _allDoneView;

    private void SayStatus()
    {
        if (!InRegroup)
        {
            _statusDirty = _reportDue = false;
            _repeatAt = MonotonicTime.MaxValue;
        }
        // A tick that is due comes first: it may end the stage.
        else if (_statusDirty || (_now >= _repeatAt && _now < _nextTick)) BroadcastStatus();
        else if (_reportDue && Find(_inForce!.Coordinator) is { } coordinator) SendToMember(coordinator, BuildStatus(), WantsAcknowledgement(coordinator));
        _reportDue = false;
    }

    /// <summary>To everybody on a change; else to whom it may be news, who may wait to hear that its own arrived, or of whom nothing was heard for long.</summary>
    private void BroadcastStatus()
    {
        bool repeat = !_statusDirty;
        _statusDirty = false;
        // In stages 4 and 5 a loss holds up hosts; what takes longer than that is a callback. Whoever said that all have reported is a hop ahead of them.
        _repeatAt = _now + (IsDeciding || _allReported || _now - _stageStartedAt >= 2 * _timing.ClockPeriod ? _timing.ClockPeriod : _timing.ClockPeriod / 2);
        if (MustKeepQuiet)
        {
            // Say nothing new before the write is done, but do not fall silent.
            foreach (NodeId node in Participants)
                if (Find(node) is { } waiting && _now - waiting.LastSentAt >= RetryAfter) Send(waiting, null);
            return;
        }
        if (repeat && Defect(PlantedDefects.NoRepeats)) return;
        StatusMessage body = BuildStatus();
        if (!IsDeciding)
        {
            // Who is not in the view yet acknowledges by the status it enters with.
            bool all = !repeat || IsCoordinatorQuiet;
            foreach (NodeId node in _inForce!.Nodes)
                if (Find(node) is { } member && (all || IsWaitedFor(member))) SendToMember(member, body, repeat || (member.HeardView == InForceId && WantsAcknowledgement(member)));
            return;
        }
        repeat &= SaysTheSame(body, _saidStatus);
        bool collected = IsOnlyReport(body) && ReportsAreCollected(), first = _saidStatus?.Decision is null;
        if (!repeat) _saidStatus = body;
        if (!collected) _saidToAll = body;
        else _repeatAt = _now + _timing.ClockPeriod / 2;
        foreach (NodeId node in Participants)
        {
            if (Find(node) is not { } peer) continue;
            bool needless = collected && IsReportNeedless(peer, repeat, first);
            if (needless && (!repeat || !MayRest(peer) || !IsGettingOld(peer))) continue;
            bool holds = repeat && (needless || HoldsStatus(peer) || (collected && HoldsDecidersWord(peer))), asks = repeat && (!holds || IsGettingOld(peer));
            if (Defect(PlantedDefects.NoQuestions)) (holds, asks) = (repeat && MayRest(peer), false);
            if (holds && !asks && !OwesAcknowledgement(peer)) continue;
            // A decision that leaves it out is said by its decider; our part in it is no concern of that node's.
            if (IsLeftOutOf(_decision, node) && _decision!.Decider != _self && _now - peer.SentStatusAt < _timing.ClockPeriod * NeighbourTicks) continue;
            if (asks && peer.StatusAskedAt <= peer.StatusAt) peer.StatusAskedAt = _now;
            Send(peer, body, asks ? HeaderFlags.AckRequested : HeaderFlags.None);
        }
    }

    /// <summary>
    /// Stages 4 and 5, half a tick later: who has not shown the view, or lacks something of what this node waits for. Between a member and the
    /// coordinator, who waits for its report and whose next stage it waits for, both repeat; a second one is asked, too, whether all have done
    /// the stage, or one loss more would cost another half tick. A coordinator that is past the stage without a word that all are (it
    /// entered this view by a join) cannot help: then everybody is asked who has not reported.
    /// </summary>
    private bool IsWaitedFor(Peer member)
    {
        if (member.HeardView != InForceId || (Lease.ValidUntil <= _now && member.AckedView != InForceId)) return true;
        if (!StateIsReady && member.Status?.Activation != _activation) return true;
        if (Find(_inForce!.Coordinator) is not { } coordinator) return !Reports(member, _stage);
        return member == coordinator || (_stageDone && member.Node == Deputy) || (Reports(coordinator, _stage + 1) && !Reports(member, _stage));
    }

    /// <summary>Whom this node asks beside the coordinator: the next number, around the end, so that not all ask the same.</summary>
    private NodeId Deputy
    {
        get
        {
            NodeId first = NodeId.Invalid;
            foreach (NodeId node in _inForce!.Nodes.Without(_inForce.Coordinator))
            {
                if (node > _self) return node;
                if (!first.IsValid) first = node;
            }
            return first;
        }
    }

    /// <summary>It says nothing although it was asked: then everybody tells everybody, and all who hear each other get on without it.</summary>
    private bool IsCoordinatorQuiet => Find(_inForce!.Coordinator) is { } coordinator && _now - MonotonicTime.Max(coordinator.LastHeard, _stageStartedAt) >= _timing.ClockPeriod;

    /// <summary>A status in the view in force is a ping: the next heartbeat comes an interval later.</summary>
    private void SendToMember(Peer peer, StatusMessage body, bool ask)
    {
        peer.LastPingAt = _now;
        Send(peer, body, ask ? HeaderFlags.AckRequested : HeaderFlags.None);
    }

    // Below this everybody tells everybody in stage 3, too: hardly more messages, a hop less, and whoever hears all first shows the view to the others.
    private const int FewestToCollect = 8;

    /// <summary>What was last said to all who take part, not only to those who collect the reports of stage 3.</summary>
    private StatusMessage? _saidToAll;

    /// <summary>When all members had just reported to the decider, and with that were heard, if not here: nobody has been silent for longer.</summary>
    private MonotonicTime _reportedAt = MonotonicTime.MinValue;

    /// <summary>Who is told in stage 3 what has been done about the decision: its decider, who says to all that all have, and one more, who goes on if the decider dies.</summary>
    private static bool Collects(Decision decision, NodeId node) => node == decision.Decider || node == decision.View.Nodes.Without(decision.Decider).Lowest;

    /// <summary>The decider is in the view, as many take part as to make it worth while, and nobody depends on the relay.</summary>
    private bool SpeaksForAll(Decision decision)
        => decision.View.Nodes.Contains(decision.Decider) && (decision.View.Nodes | decision.Voters).Count >= FewestToCollect && (_matrixIsComplete ??= MatrixIsComplete());

    /// <summary>
    /// While nothing is late: a tick is enough until all have the view on disk, and an L after the decision the leases are over everywhere.
    /// Else, and when the decider does not answer, everybody tells everybody, to get on without it, and so that all know who is late.
    /// </summary>
    private bool ReportsAreCollected()
    {
        if (_stage != RegroupStage.Prune || _decision is not { } decision || !SpeaksForAll(decision)) return false;
        if (_now - _decidedAt >= (AllArePersisted(decision) ? _timing.LossPeriod : TimeSpan.Zero) + RetryAfter) return false;
        MonotonicTime silent = Find(decision.Decider) is { } decider ? SilentSince(decider) : MonotonicTime.MaxValue;
        return silent == MonotonicTime.MaxValue || _now - silent < _timing.ClockPeriod;
    }

    /// <summary>It differs from what all were told only by what this node has done about the decision.</summary>
    private bool IsOnlyReport(StatusMessage status)
    {
        const StatusFlags Report = StatusFlags.Persisted | StatusFlags.LeasesExpired | StatusFlags.InCallback | StatusFlags.LeaseOver;
        return _saidToAll is { Stage: RegroupStage.Close or RegroupStage.Prune } said && said.Activation == status.Activation
            && (said.Flags | Report) == (status.Flags | Report) && said.Heard == status.Heard && said.Closed == status.Closed
            && said.Ejected == status.Ejected && said.Released == status.Released && (said.Decision is not null || _decision?.Decider != _self);
    }

    /// <summary>
    /// It waits for the decider's word only. One that is left out hears from those who collect; one that may be dead is asked by all; a voter, who
    /// is not told that the view is in force, counts the reports itself; and the first report carries the decision on to some who may have missed it. A repeat goes to the decider, and to who owes an answer.
    /// </summary>
    private bool IsReportNeedless(Peer peer, bool repeat, bool first)
    {
        Decision decision = _decision!;
        if (peer.Node == decision.Decider || decision.Voters.Contains(peer.Node)) return false;
        if (IsLeftOutOf(decision, peer.Node)) return !repeat || !Collects(decision, _self);
        if (!repeat) return !Collects(decision, peer.Node) && !(first && Relays(decision).Contains(peer.Node));
        return decision.Decider != _self && SilentSince(peer) == MonotonicTime.MaxValue;
    }

    /// <summary>To all but the second who collects it is enough to have what the decider said to all.</summary>
    private bool HoldsDecidersWord(Peer peer)
        => _decision!.Decider == _self && !Collects(_decision, peer.Node) && SilentSince(peer) == MonotonicTime.MaxValue && peer.HeldStatus is { } held && _saidToAll is { } said && SaysTheSame(said, held);

    private static bool IsLeftOutOf(Decision? decision, NodeId node)
        => decision is not null && !decision.View.Nodes.Contains(node) && !decision.Voters.Contains(node);

    /// <summary>A write of another activation is under way, or the one that ends this: nothing new is said or decided before it is done.</summary>
    private bool MustKeepQuiet => _writing is not null && (_writeActivation != _activation || IsOvertaken);

    /// <summary>
    /// A view was found to be in force that this incident, which has decided nothing yet, does not know of. What it would decide is made without that
    /// view, and a status would name it neither as in force, which is not on disk yet, nor as pending.
    /// </summary>
    private bool IsOvertaken => IsDeciding && _decision is null && _state.InForceId != _durable.InForceId;

    /// <summary>A callback that ended meanwhile is no news: nobody waits for that but in stage 1, which its end ends.</summary>
    private static bool SaysTheSame(StatusMessage status, StatusMessage? former)
        => former is not null && (status.Equals(former) || (status with { Flags = status.Flags | StatusFlags.InCallback }).Equals(former));

    /// <summary>
    /// It takes part in this activation and has acknowledged the very message with our status. Whoever cannot acknowledge (it starts, it
    /// promised a view without us) is told on every tick, and so is one whose tripwire fell.
    /// </summary>
    private bool HoldsStatus(Peer peer)
        => MayRest(peer) && peer.HeldStatus is { } held && _saidStatus is { } said && SaysTheSame(said, held);

    private bool MayRest(Peer peer) => !peer.TripwireLost && peer.Status is { } status && status.Activation == _activation;

    /// <summary>Since when it says nothing though it should; MaxValue = it may be quiet because we hold its status, and has not been asked.</summary>
    private MonotonicTime SilentSince(Peer peer)
    {
        if (MayRest(peer)) return peer.StatusAskedAt > peer.StatusAt ? peer.StatusAskedAt : MonotonicTime.MaxValue;
        MonotonicTime since = MonotonicTime.Max(peer.StatusAt, _activationStartedAt);
        return peer.TripwireLost ? MonotonicTime.Max(since, peer.TripwireLostAt) : since;
    }

    /// <summary>Nothing was said to it since its status changed, so it cannot know that the change arrived.</summary>
    private static bool OwesAcknowledgement(Peer peer) => peer.StatusChangedAt > peer.LastSentAt;

    /// <summary>Our status is on its way to whoever asks: both were asking.</summary>
    private bool HasJustTold(Peer peer)
        => peer.LastSequence == peer.SentStatusSequence && !OwesAcknowledgement(peer) && _now - peer.LastSentAt < _timing.ClockPeriod / 4;

    /// <summary>The lower number of two asks first; whoever is asked answers with its status.</summary>
    private bool IsGettingOld(Peer peer)
    {
        TimeSpan rest = _neighbours.Contains(peer.Node) ? _timing.ClockPeriod * NeighbourTicks : _timing.HeartbeatInterval;
        return _now - peer.StatusAt >= rest + (_self < peer.Node ? TimeSpan.Zero : _timing.ClockPeriod) - _timing.ClockPeriod / 8;
    }

    /// <summary>The next lower and the next higher number among those who take part, around the ends.</summary>
    private void ChooseNeighbours()
    {
        NodeId lowest = NodeId.Invalid, highest = NodeId.Invalid, before = NodeId.Invalid, after = NodeId.Invalid;
        foreach (NodeId node in Participants)
        {
            if (Find(node) is not { } peer || !MayRest(peer)) continue;
            if (!lowest.IsValid) lowest = node;
            highest = node;
            if (node < _self) before = node;
            else if (!after.IsValid) after = node;
        }
        _neighbours = default;
        if (lowest.IsValid) _neighbours = NodeSet.Of(before.IsValid ? before : highest).With(after.IsValid ? after : lowest);
    }
}
