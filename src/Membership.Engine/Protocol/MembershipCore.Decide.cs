// Stage 3 (design 3.2, 4): clique, decider, quorum, arbitration, decision, and leaving the stage when every
// survivor has the view on disk and every lease it supported for a removed node has expired.
using System.Collections.Immutable;

namespace Membership.Engine.Protocol;

internal sealed partial class MembershipCore
{
    private NodeSet _clique;
    private NodeSet _voters;
    private NodeSet _candidates;
    private NodeId _cliqueOwner;
    private Decision? _decision;
    private MonotonicTime _decidedAt;

    /// <summary>A decision that leaves this node out: relayed, not taken part in.</summary>
    private Decision? _seenDecision;
    private bool _leasesExpired;
    private bool _stuck;
    private string? _stuckReason;

    private long _arbitrationId;
    private bool _arbitrating;
    private bool _idleArbitration;
    private bool _ownedBeforeArbitration;
    private ActivationId _arbitrationActivation;
    private MonotonicTime _arbitrationStartedAt;
    private MonotonicTime _arbitrateNotBefore = MonotonicTime.MinValue;
    private MonotonicTime _equalizeUntil = MonotonicTime.MinValue;
    private int _arbitrationFailures;
    private ImmutableArray<ClusterView>? _recordViews;
    private Decision? _unconfirmedDecision;
    private long _recordWriteId;

    private bool NobodyDecides => _decision is null && _seenDecision is null && (_stuck || _now - _stageStartedAt > StageBound);

    private void ResetDecision()
    {
        _clique = _voters = default;
        _decision = _seenDecision = _unconfirmedDecision = null;
        _leasesExpired = _stuck = _allReported = _allPersisted = false;
        _stuckReason = null;
        _arbitrationFailures = 0;
        _recordViews = null;
        _recordWriteId = 0;
        _equalizeUntil = MonotonicTime.MinValue;
    }

    private StatusFlags FlagsOf(NodeId node) => node == _self
        ? (Phase == NodePhase.Leaving ? StatusFlags.Leaving : 0) | (_voting ? StatusFlags.Restarted : 0) | (_regroupAllowed ? 0 : StatusFlags.RegroupNotAllowed)
          | (_forceForm && _activation.IsForming ? StatusFlags.ForceForm : 0) | (_options.Qualified ? 0 : StatusFlags.Disqualified) | (_ownedAtClosing ? StatusFlags.OwnsWitness : 0)
          | (_leavesOut ? StatusFlags.LeavesOut : 0)
        : Find(node)?.Status?.Flags ?? (_rows.TryGetValue(node, out ConnectivityRow? row) ? row.Flags : 0);

    private NodeSet RowOf(NodeId listener)
        => listener == _self ? _heard : _rows.TryGetValue(listener, out ConnectivityRow? row) ? row.Heard : default;

    /// <summary>The matrix is complete and the same everywhere: find the clique and who in it decides.</summary>
    private void BeginPrune()
    {
        NodeSet nodes = _closed - _ejected;
        _voters = NodeSet.From(nodes.Where(node => (FlagsOf(node) & (StatusFlags.Leaving | StatusFlags.Restarted)) != 0));
        _cliqueOwner = nodes.FirstOrDefault(node => (FlagsOf(node) & StatusFlags.OwnsWitness) != 0);
        _clique = Clique.Heaviest(
            nodes,
            RowOf,
            Defect(PlantedDefects.OneWayEdgeCounts),
            node => (FlagsOf(node) & StatusFlags.LeavesOut) != 0,
            node => _base is { } view ? view.Find(node).Votes : node == _self ? SelfVotes : Find(node)?.Votes ?? 0,
            _cliqueOwner,
            _voters);
        _voters &= _clique;
        _candidates = _clique - _voters;
        if (_activation.IsForming && NewestInForce(Testimonies()) is { } newest) _candidates &= newest.Nodes;
        _decisionHeard = true;
    }

    private int SelfVotes => _options.Nodes.First(node => node.Node == _self).Votes;

    /// <summary>The quorum owner if it is inside, else the lowest number inside; after failed arbitrations the next candidate.</summary>
    private NodeId ActingDecider()
    {
        NodeSet candidates = _candidates;
        NodeSet allowed = NodeSet.From(candidates.Where(node => (FlagsOf(node) & StatusFlags.RegroupNotAllowed) == 0));
        if (!allowed.IsEmpty) candidates = allowed;
        // The operator's order to form is carried out by who got it.
        NodeSet forced = NodeSet.From(candidates.Where(node => (FlagsOf(node) & StatusFlags.ForceForm) != 0));
        if (!forced.IsEmpty) candidates = forced;
        NodeId best = NodeId.Invalid;
        int bestFailures = int.MaxValue;
        foreach (NodeId node in candidates)
        {
            int failures = node == _self ? _arbitrationFailures : Find(node)?.Status?.ArbitrationFailures ?? 0;
            bool better = failures < bestFailures || (failures == bestFailures && node == _cliqueOwner);
            if (better) (best, bestFailures) = (node, failures);
        }
        return best;
    }

    private void EvaluatePrune()
    {
        if (_decisionHeard && (_decision is null || Defect(PlantedDefects.AcceptTwoDecisions))) LookForDecision();
        _decisionHeard = false;
        if (_stage != RegroupStage.Prune) return;
        if (_decision is null)
        {
            EvaluateUndecided();
            return;
        }

        Decision decision = _decision;
        if (IsBeingEntered(decision)) return;
        NodeSet inside = decision.View.Nodes | decision.Voters;
        UpdateLeasesExpired(decision);
        _allPersisted |= DeciderSays(decision, StatusFlags.StageDone);
        bool ready = IsDurable(decision.View) && _leasesExpired;
        if (decision.Decider == _self) NoteAllPersisted(decision, inside);
        if (ready && DeciderSays(decision, StatusFlags.AllDone))
        {
            PutInForce(decision.View);
            return;
        }
        // While this node itself is not ready, nor the one that was missing last, another's status changes nothing before the next look.
        if (StillMissing(!ready || (Find(_waitingFor) is { } hint && inside.Contains(_waitingFor) && !HasReported(hint, decision)))) return;
        _patienceUntil = _now + _timing.ClockPeriod / 2;
        foreach (NodeId node in inside)
        {
            if (Find(node) is not { } peer || HasReported(peer, decision)) continue;
            if (ready) _waitingFor = node;
            ready = false;
            // A write takes no longer than a stage; only a lease wait may take L more. A hung disk is left out by the next attempt.
            bool persisted = HasPersisted(peer, decision) || (AllArePersisted(decision) && IsOfDecision(peer, decision));
            MonotonicTime patience = _decidedAt + StageBound + (persisted ? _timing.LossPeriod : TimeSpan.Zero);
            WakeAt(patience);
            if (!Silent(node) && _now < patience) continue;
            Blame(node);
            RaiseAttempt(RegroupCause.Contradiction);
            return;
        }
        if (!ready) return;
        if (decision.Decider == _self && !_allReported && SpeaksForAll(decision)) _stageDone = _allReported = _statusDirty = true;
        PutInForce(decision.View);
    }

    private bool HasReported(Peer peer, Decision decision)
        => HasPersisted(peer, decision) && (peer.Status!.Has(StatusFlags.LeasesExpired) || Defect(PlantedDefects.NoWaitForOtherSurvivors));

    private static bool HasPersisted(Peer peer, Decision decision)
        => peer.Status is { } status && status.Decision?.View.Id == decision.View.Id && status.Has(StatusFlags.Persisted);

    /// <summary>
    /// The others report to their decider (MembershipCore.Repeats.cs), who says to all when all have it on disk, so that nobody takes those of whom it
    /// does not know for late, and when all have reported: whoever hears that knows as much as if each had said it to this node.
    /// </summary>
    private void NoteAllPersisted(Decision decision, NodeSet inside)
    {
        if (_stageDone || !IsDurable(decision.View) || !SpeaksForAll(decision)) return;
        if (Find(_notPersisted) is { } hint && inside.Contains(_notPersisted) && !HasPersisted(hint, decision)) return;
        foreach (NodeId node in inside)
        {
            if (Find(node) is not { } peer || HasPersisted(peer, decision)) continue;
            _notPersisted = node;
            return;
        }
        _stageDone = _statusDirty = true;
    }

    private NodeId _notPersisted;
    private bool _allReported;
    private bool _allPersisted;

    private bool DeciderSays(Decision decision, StatusFlags flag)
        => Find(decision.Decider) is { Status: { Stage: RegroupStage.Prune } status } && status.Decision?.View.Id == decision.View.Id && status.Has(flag);

    private bool AllArePersisted(Decision decision) => decision.Decider == _self ? _stageDone : _allPersisted;

    /// <summary>Its view is in force and on the way to this node's disk: of whom there is no report here is nobody's fault.</summary>
    private bool IsBeingEntered(Decision decision) => _state.InForceId == decision.View.Id;

    /// <summary>The life that the decision counts on. One that came back since does not report: the next attempt, not a longer wait, gets on with it.</summary>
    private static bool IsOfDecision(Peer peer, Decision decision)
        => decision.View.Contains(peer.Node) ? decision.View.Contains(peer.Node, peer.Incarnation) : peer.Incarnation == peer.LifeAtDecision;

    /// <summary>Two decisions in one activation are a contradiction: everybody starts over.</summary>
    private bool Contradicts(StatusMessage status)
        => _stage == RegroupStage.Prune && _decision is { } mine && status.Decision is { } theirs && theirs.View.Id != mine.View.Id
           && (mine.View.Nodes | mine.Voters).Overlaps(theirs.View.Nodes | theirs.Voters) && !Defect(PlantedDefects.AcceptTwoDecisions);

    // Who was missing last: while that one is, a new status of another cannot complete the stage.
    private NodeId _waitingFor;
    private MonotonicTime _patienceUntil = MonotonicTime.MinValue;
    private bool _decisionHeard;

    private void EvaluateUndecided()
    {
        if (Phase == NodePhase.Leaving && _candidates.IsEmpty)
        {
            // Everybody left at once: nobody would be in a view, and the view in force stays on the disks for the next forming.
            GoDown();
            return;
        }
        if (_seenDecision is null && RowIsWrong())
        {
            RaiseAttempt(RegroupCause.Contradiction);
            return;
        }
        if (!_candidates.Contains(_self) && _ownedUntil > _now && !_arbitrating) GiveUpWitness();
        bool mine = _seenDecision is null && _clique.Contains(_self) && ActingDecider() == _self;
        // What an earlier attempt, or nobody's incident, asks the witness is waited for only by a decision that needs its vote.
        if (mine && (!_arbitrating || _idleArbitration || _arbitrationActivation != _activation) && _unconfirmedDecision is null) TryDecide();
        if (_stage != RegroupStage.Prune || _decision is not null) return;
        foreach (NodeId node in _clique)
        {
            if (!_clique.Contains(_self) || !Silent(node)) continue;
            Blame(node);
            RaiseAttempt(RegroupCause.Contradiction);
            return;
        }
        if (_voting && !(_clique - _voters).Any(node => Find(node)?.Status is not null) && _now - _stageStartedAt >= StageBound)
        {
            StopVoting();
            return;
        }
        if (!_activation.IsForming || _arbitrating || _unconfirmedDecision is not null || _seenDecision is not null || _now < _equalizeUntil) return;
        // Whoever decides may be equalizing its arbitration: the others wait for that too.
        MonotonicTime retry = _stageStartedAt + _timing.LossPeriod * (mine ? 1 : 4) + (mine || !_options.HasWitness ? TimeSpan.Zero : _options.ArbitrationEqualizer);
        if (_now >= retry) RaiseAttempt(RegroupCause.Forming);
        else WakeAt(retry);
    }

    /// <summary>A decision rides in every status of the activation, also relayed.</summary>
    private void LookForDecision()
    {
        foreach (Peer peer in _peerList)
        {
            if (peer.Status?.Decision is not { } decision || decision.View.Id == _decision?.View.Id) continue;
            if (!_closed.Contains(decision.Decider)) continue;
            Incarnation life = decision.Decider == _self ? _state.Incarnation : Find(decision.Decider)?.Incarnation ?? Incarnation.None;
            if (decision.DeciderIncarnation != life) continue;
            bool inside = decision.View.Contains(_self, _state.Incarnation) || decision.Voters.Contains(_self);
            if (!inside)
            {
                if (_seenDecision is not null) continue;
                _seenDecision = decision;
                _statusDirty = true;
                Log($"left out by decision {decision.View}");
                continue;
            }
            // A decision must exceed everything this node ever promised.
            if (decision.View.Epoch <= _state.HighestEpochPersisted)
            {
                Log($"refused decision {decision.View}: not above epoch {_state.HighestEpochPersisted}");
                continue;
            }
            AcceptDecision(decision);
            if (!Defect(PlantedDefects.AcceptTwoDecisions)) return;
        }
    }

    /// <summary>
    /// A decider whose own empty store does not count is not in the view. It names the decision and promises nothing: with a view on it
    /// its store would look like one that has kept everything, and count in the next forming.
    /// </summary>
    private void Name(Decision decision)
    {
        if (decision.View.Nodes.Contains(_self) || decision.Voters.Contains(_self) || Defect(PlantedDefects.OutsiderPromises))
        {
            AcceptDecision(decision);
            return;
        }
        Log($"decides {decision.View} without being in it");
        _seenDecision = decision;
        _statusDirty = true;
        if (_ownedUntil > _now) GiveUpWitness();
    }

    private void AcceptDecision(Decision decision)
    {
        _decision = decision;
        // What is left to wait for ends by itself (a lease in L, a late one in a stage): an incident that took its time before is no reason to halt now.
        _decidedAt = _deadlineBase = _now;
        foreach (NodeId node in decision.Voters)
            if (Find(node) is { } voter) voter.LifeAtDecision = voter.Incarnation;
        // The decider names it; the others say so when it is on their disk, unless somebody depends on the relay.
        _statusDirty |= decision.Decider == _self || !MatrixIsComplete();
        Log($"accepts decision {decision.View} by {decision.Decider}{(decision.Voters.IsEmpty ? "" : $", voters {decision.Voters}")}");
        NoteDecision(decision);
        if (_activation.IsForming) _formedView = decision.View.Id;
        AddPending(decision.View);
        UpdateLeasesExpired(decision);
    }

    /// <summary>L since this node last acknowledged each removed node, unless its lease is known to be over.</summary>
    private void UpdateLeasesExpired(Decision decision)
    {
        if (_leasesExpired) return;
        NodeSet removed = decision.Removed;
        if (_base is { } view) removed |= view.Nodes;
        if (!Defect(PlantedDefects.RemoveWithoutLeaseOfRecord))
            foreach (ClusterView pending in _state.Pending) removed |= pending.Nodes;
        else if (_base is { } known) removed &= known.Nodes;
        removed -= decision.View.Nodes;
        // A former life of this node is over if this one holds the store's lock; else it is waited for from this start on.
        if (_options.StoreLocked || IsMember) removed = removed.Without(_self);
        MonotonicTime until = _options.StoreLocked || IsMember ? MonotonicTime.MinValue : _processStart + (_options.WitnessPeriod > _timing.LossPeriod ? _options.WitnessPeriod : _timing.LossPeriod);
        foreach (NodeId node in removed)
        {
            Peer? peer = Find(node);
            if (peer is not null && _base is { } current && current.Contains(node) && (peer.IsReleased(current.Find(node)) || SaysLeaseIsOver(peer))) continue;
            until = MonotonicTime.Max(until, (peer?.LastAcked ?? _processStart) + _timing.LossPeriod);
        }
        if (until > _now && !Defect(PlantedDefects.SkipLeaseWait))
        {
            WakeAt(until);
            return;
        }
        _leasesExpired = true;
        _statusDirty |= IsDurable(decision.View);
    }

    /// <summary>What the decider knows of one participant's disk.</summary>
    private readonly record struct Testimony(NodeId Node, ClusterView? InForce, ImmutableArray<ClusterView> Pending, Epoch Seen, Epoch Persisted, bool Empty, long StoreId);

    private List<Testimony> Testimonies()
    {
        var list = new List<Testimony>();
        foreach (NodeId node in _clique)
        {
            if (node == _self)
                list.Add(new Testimony(_self, _inForce ?? _durable.InForce, _state.Pending, HighestSeen, _state.HighestEpochPersisted, _state.IsEmpty, _state.StoreId));
            else if (Find(node)?.Status is { } status)
                list.Add(new Testimony(node, status.StoredInForce ?? _base, status.Pending, status.HighestEpochSeen, status.HighestEpochPersisted, status.Has(StatusFlags.StoreEmpty), status.StoreId));
        }
        return list;
    }

    private ClusterView? NewestInForce(List<Testimony> testimonies)
    {
        ClusterView? newest = _base;
        foreach (Testimony testimony in testimonies)
            if (testimony.InForce is { } view && (newest is null || view.Epoch > newest.Epoch)) newest = view;
        return newest;
    }

    /// <summary>
    /// Void by testimony: a member of the view, in this activation, never persisted it and persisted nothing as high.
    /// "Not on my disk now" is not the test, and only the very store the view names can testify, empty or not: it was never
    /// replaced since the view was decided, so its memory is whole.
    /// </summary>
    private bool IsVoid(ClusterView view, List<Testimony> testimonies)
    {
        if (Defect(PlantedDefects.NoVoidByTestimony)) return false;
        foreach (Testimony testimony in testimonies)
        {
            if (!view.Contains(testimony.Node) || testimony.StoreId != view.Find(testimony.Node).StoreId) continue;
            if (testimony.Persisted < view.Epoch) return true;
            if (Defect(PlantedDefects.VoidByAbsence) && testimony.InForce?.Id != view.Id && !testimony.Pending.Contains(view)) return true;
        }
        return false;
    }

    private void Stuck(string reason)
    {
        _stuck = true;
        // Owning the witness without being able to decide only keeps it from those who can.
        if (_ownedUntil > _now && !_arbitrating) GiveUpWitness();
        if (_stuckReason == reason) return;
        _stuckReason = reason;
        Log($"cannot decide: {reason}");
    }

    private void TryDecide()
    {
        if (_recordViews is not null && _now < _equalizeUntil)
        {
            WakeAt(_equalizeUntil);
            return;
        }
        List<Testimony> testimonies = Testimonies();
        if (testimonies.Count != _clique.Count) return;
        ImmutableArray<ClusterView> record = _recordViews is { } views && !Defect(PlantedDefects.RecordNotRead) ? views : [];

        // V: the newest view in force in the group; what was never formed is judged against the configured set.
        ClusterView? newest = NewestInForce(testimonies);
        bool first = newest is null && record.IsEmpty && testimonies.All(static testimony => testimony.Pending.IsEmpty);
        var known = new List<ClusterView>(record);
        foreach (Testimony testimony in testimonies) known.AddRange(testimony.Pending);
        ClusterView current = newest ?? ConfiguredView();

        if (_activation.IsForming)
        {
            if (_now - _lastMemberHeardAt < _timing.LossPeriod)
            {
                Stuck("a member of a running cluster was heard");
                return;
            }
            if (_clique.Any(node => node != _self && Find(node)!.Status!.ConfigurationHash != _configurationHash))
            {
                Stuck("the formers' configured nodes, weights or policy differ");
                return;
            }
            if (!_forceForm && HeardOfForcedEpoch(testimonies, known, current) is { } forced)
            {
                Stuck(WhatIsUnknown(forced, known, current));
                return;
            }
            if (first && !MayFormAnew)
            {
                Stuck("no view on any disk and no witness: set Bootstrap to form a new cluster");
                return;
            }
        }

        NodeSet voting = _clique & current.Nodes;
        NodeSet members = voting - _voters;
        var need = new List<ClusterView> { current };
        foreach (ClusterView view in known)
            if (view.Epoch > current.Epoch && !need.Contains(view) && !IsVoid(view, testimonies)) need.Add(view);
        // Formers outside V that a newer pending view names vote for the decision without being in it.
        NodeSet outside = default, uncounted = default;
        if (_activation.IsForming)
            foreach (ClusterView view in need) outside |= (view.Nodes & _clique) - current.Nodes;
        voting |= outside;
        // An empty store does not count while a view is known anywhere, unless it is the store that those views name.
        bool again = false;
        if (_activation.IsForming && !first)
        {
            NodeSet voters = voting;
            voting = WithoutEmptyStores(voters, testimonies, known, current, again: false);
            again = newest is null && MayFormAnew && known.TrueForAll(IsOfFirstForming)
                && !need.TrueForAll(view => Quorum.Has(view, voting, _options.HasWitness && _options.WitnessKeepsRecord));
            if (again) voting = WithoutEmptyStores(voters, testimonies, known, current, again: true);
            uncounted = voters - voting;
        }
        members &= voting;
        outside &= voting;
        if (current.VotesOf(members) <= 0)
        {
            Stuck("nobody with a vote would be in the view");
            return;
        }

        bool mustRead = _activation.IsForming && (first || again) && _options.HasWitness && _options.WitnessKeepsRecord;
        bool force = _forceForm && _activation.IsForming;
        bool witnessVote = false;
        bool enough = need.TrueForAll(view => Quorum.Has(view, voting, false));
        if (mustRead && enough && _recordViews is not null) mustRead = false;
        if (mustRead || !enough)
        {
            // A witness without a record cannot tell a forming node what it missed: it has a vote only among the living.
            bool possible = _options.HasWitness && (_options.WitnessKeepsRecord || !_activation.IsForming) && need.TrueForAll(view => Quorum.Has(view, voting, true));
            if (!possible && !force)
            {
                string over = string.Join(" and ", need.Where(view => !Quorum.Has(view, voting, _options.HasWitness)).Select(static view => view.Epoch == Epoch.None ? $"the configured nodes {view.Nodes}" : view.ToString()));
                Stuck($"{voting} has no quorum over {over}{WhyNotCounted(uncounted, known, newest)}");
                return;
            }
            if (possible && _recordViews is null)
            {
                BeginArbitration();
                return;
            }
            if (possible && _ownedUntil <= _now)
            {
                _recordViews = null;
                FailArbitration("the witness was lost before the decision was made");
                return;
            }
            witnessVote = possible && !enough;
        }
        _stuck = false;
        Decide(current, known, members, (_voters & current.Nodes) | outside, testimonies, witnessVote, force);
    }

    /// <summary>
    /// Whose stores count in a forming. An empty one has promised nothing, or it is new in the place of one that did: it counts when every view
    /// known was decided with that very store. Where first formings were interrupted (<paramref name="again"/>), one such view will do, as long as
    /// no other names another store: its decision was legitimate, so the store was not replaced after a promise, and it has kept its memory since.
    /// </summary>
    private NodeSet WithoutEmptyStores(NodeSet voting, List<Testimony> testimonies, List<ClusterView> known, ClusterView current, bool again)
    {
        foreach (Testimony testimony in testimonies)
        {
            if (!testimony.Empty) continue;
            bool named = false, stranger = false;
            foreach (ClusterView view in known.Append(current))
            {
                if (view.Epoch == Epoch.None) continue;
                bool same = view.Find(testimony.Node).StoreId == testimony.StoreId;
                named |= same;
                stranger |= !same && (!again || view.Contains(testimony.Node));
            }
            if (stranger || !(named || Defect(PlantedDefects.NamelessStoreCounts))) voting = voting.Without(testimony.Node);
        }
        return voting;
    }

    /// <summary>The conditions of a first forming: a witness whose record would know of a view, or the operator's word that there is none.</summary>
    private bool MayFormAnew => (_options.HasWitness && _options.WitnessKeepsRecord) || _options.Bootstrap || _forceForm;

    /// <summary>Decided by the quorum rule over the configured set: made from no view, and not by force.</summary>
    private static bool IsOfFirstForming(ClusterView view) => view.BaseEpoch == Epoch.None && view.Epoch.Value < ForcedStep;

    /// <summary>
    /// Somebody here has heard of an epoch that only an operator's order can have made, and nobody has its view: what is known here was given up by
    /// that order, however many promised it. A view that goes on from a forced one (a joiner's promise) is not that one.
    /// </summary>
    private Epoch? HeardOfForcedEpoch(List<Testimony> testimonies, List<ClusterView> known, ClusterView current)
    {
        if (Defect(PlantedDefects.ForcedEpochForgotten)) return null;
        // All stores are here, and none was ever given a view as high: the order was never carried out.
        if (_clique == _configured && testimonies.TrueForAll(static testimony => !testimony.Empty)) return null;
        Epoch newest = current.Epoch;
        foreach (ClusterView view in known.OrderBy(static view => view.Epoch))
            if (!IsForcedStep(newest, view.BaseEpoch)) newest = Epoch.Max(newest, view.Epoch);
        Epoch heard = HighestHeard(testimonies, newest, FarthestClaim);
        return IsForcedStep(newest, heard) ? heard : null;
    }

    private static string WhatIsUnknown(Epoch forced, List<ClusterView> known, ClusterView current)
    {
        string what = known.Where(view => IsForcedStep(current.Epoch, view.BaseEpoch)).MaxBy(static view => view.Epoch) is { } made
            ? $"{made} is promised here, but no node here knows the view that it was made from, of epoch {made.BaseEpoch}, nor any other of the cluster that was formed by force then or before"
            : $"a cluster was formed by force in epoch {forced}, and no node here knows its view";
        return what + ": start a node of it, or, if they are lost for good, form by force here";
    }

    private Epoch HighestHeard(List<Testimony> testimonies, Epoch newestView, long farthest)
    {
        Epoch highest = Within(newestView, HighestSeen, farthest);
        foreach (Testimony testimony in testimonies)
            highest = Epoch.Max(highest, Epoch.Max(Within(newestView, testimony.Seen, farthest), Within(newestView, testimony.Persisted, FarthestClaim)));
        return highest;
    }

    private static string WhyNotCounted(NodeSet uncounted, List<ClusterView> known, ClusterView? newest)
    {
        if (uncounted.IsEmpty) return "";
        string views = string.Join(" and ", known.Select(static view => view.ToString()).Prepend(newest?.ToString()).OfType<string>().Distinct());
        return $"; the stores of {uncounted} are empty and do not count, because {views} {(newest is null ? "of an interrupted forming is known" : "is known")}"
            + ": start the other nodes of it, or, if they are lost for good, form by force";
    }

    private void Decide(
        ClusterView current, List<ClusterView> known, NodeSet members, NodeSet voters, List<Testimony> testimonies, bool witnessVote, bool force)
    {
        Epoch newest = current.Epoch;
        NodeSet removed = current.Nodes;
        foreach (ClusterView view in known)
        {
            newest = Epoch.Max(newest, view.Epoch);
            if (!Defect(PlantedDefects.JoinSkipsJoinerLeaseWait)) removed |= view.Nodes;
        }
        Epoch highest = HighestHeard(testimonies, newest, force ? FarthestClaim : FarthestOfSameChain);
        var epoch = new Epoch(highest.Value + (force ? ForcedStep : 1));
        NodeSet disqualified = DisqualifiedAmong(current, members);
        ElectedRoles roles = RoleElection.Next(current, members, disqualified, handedOver: _activation.IsForming);
        var next = new ClusterView(
            epoch, members.Select(node => MemberEntry(node, current)), current.Rule, current.Timing, roles.Master, roles.ViceMaster, QuorumOwner(_now),
            disqualified, roles.FormerMaster, current.Epoch);
        var decision = new Decision(_self, _state.Incarnation, next, voters, removed - members);
        if (force) Log($"formed by force, by order of the operator at node {_self}: {next}");
        if (!witnessVote || Defect(PlantedDefects.RecordNotConfirmed))
        {
            Name(decision);
            return;
        }
        // The record must hold the decision, confirmed while this node owns the witness, before stage 3 may end.
        _unconfirmedDecision = decision;
        _recordWriteId = ++_arbitrationId;
        IEnumerable<ClusterView> slot = known.Where(view => view.Epoch > current.Epoch).Append(next);
        if (current.Epoch != Epoch.None) slot = slot.Prepend(current);
        _effects.WriteWitnessRecord(_recordWriteId, [.. slot.Distinct()]);
    }

    private ClusterMember MemberEntry(NodeId node, ClusterView current)
    {
        ClusterMember old = current.Find(node);
        if (!_activation.IsForming) return old;
        return node == _self
            ? old with { Incarnation = _state.Incarnation, StoreId = _state.StoreId }
            : old with { Incarnation = Find(node)!.Incarnation, StoreId = Find(node)!.Status!.StoreId };
    }

    /// <summary>The configured set as a view of epoch 0: what a first forming is judged against.</summary>
    private ClusterView ConfiguredView() => new(
        Epoch.None, _options.Nodes.Select(static node => new ClusterMember(node.Node, Incarnation.None, node.Votes, 0)), _options.Rule, _options.Timing);

    private void BeginArbitration()
    {
        // An idle acquisition under way, or a failure just now, is waited for; a decision that needs no witness is not.
        if (_arbitrating || _now < _arbitrateNotBefore)
        {
            WakeAt(_arbitrateNotBefore);
            return;
        }
        _stuck = false;
        _selectedOwner = _self;
        StartArbitration(idle: false, _options.ArbitrationTimeout / 2);
        Log("arbitrates");
    }

    private void StartArbitration(bool idle, TimeSpan timeout)
    {
        _arbitrating = true;
        _idleArbitration = idle;
        _ownedBeforeArbitration = _ownedUntil > _now;
        _arbitrationActivation = _activation;
        _releaseAt = MonotonicTime.MaxValue;
        _arbitrationStartedAt = _now;
        _effects.Arbitrate(++_arbitrationId, timeout);
        _arbitrationPendingId = _arbitrationId;
    }

    private long _arbitrationPendingId;

    /// <summary>Won and not given up since: only then does a renewal report lengthen the ownership.</summary>
    private bool _holdsWitness;

    /// <summary>Won in the regroup under way: the vote is for its decision. A lease or hold it carries only in the next view, here and at who is told.</summary>
    private bool _voteIsForDecision;

    /// <summary>What the record knew when the witness was won; from then on only this node writes it.</summary>
    private ImmutableArray<ClusterView> _recordOfWin = [];

    public void ArbitrationCompleted(
        long id, ArbitrationOutcome outcome, MonotonicTime ownedUntil, ImmutableArray<ClusterView> recordViews, MonotonicTime now)
    {
        if (!Begin(now)) return;
        if (_arbitrating && id == _arbitrationPendingId)
        {
            _arbitrating = false;
            bool won = outcome == ArbitrationOutcome.Won && ownedUntil > _now;
            bool ownedAllAlong = _ownedBeforeArbitration && _ownedUntil > _now;
            if (outcome == ArbitrationOutcome.Won)
            {
                if (!ownedAllAlong) _voteIsForDecision = !_idleArbitration;
                _recordOfWin = recordViews;
                _holdsWitness = true;
                _ownedUntil = ownedUntil;
                _leaseDirty = true;
            }
            bool leaving = Phase is not (NodePhase.Member or NodePhase.Starting);
            bool current = !_idleArbitration && !leaving && _stage == RegroupStage.Prune && _arbitrationActivation == _activation && _decision is null && _seenDecision is null;
            if (_idleArbitration && !leaving)
            {
                _acquireNotBefore = _now + _timing.LossPeriod;
                if (won) GiveUpWitnessIfOvertaken();
            }
            else if (!current)
            {
                // A late "won" for another activation is given back.
                if (won && !ownedAllAlong) GiveUpWitness();
            }
            else if (won)
            {
                NoteArbitrationWon();
                _recordViews = recordViews;
                foreach (ClusterView view in recordViews) See(view.Epoch);
                _equalizeUntil = _arbitrationStartedAt + _options.ArbitrationEqualizer;
                Log($"won the witness; its record knows {string.Join(" ", recordViews)}");
            }
            else if (outcome == ArbitrationOutcome.Lost && !_options.WitnessKeepsRecord) Halt(HaltCode.NoQuorum, "the quorum callback says that the other member lives");
            else FailArbitration($"arbitration {outcome}");
        }
        End();
    }

    /// <summary>
    /// The record read when the witness was won knows a view newer than the one in force that this node never promised: others went on, or
    /// may, and the vote must carry no lease in this one. A regroup makes up for it: its decision must have quorum over what the record knows.
    /// </summary>
    private void GiveUpWitnessIfOvertaken()
    {
        if (_ownedUntil <= _now) return;
        foreach (ClusterView view in _recordOfWin)
        {
            if (view.Epoch <= InForceId.Epoch || view.Id == _state.InForceId || _state.FindPending(view.Id) is not null) continue;
            Log($"gives the witness up: its record knows {view}");
            GiveUpWitness();
            return;
        }
    }

    /// <summary>
    /// Stops owning at once by this node's own account. The release itself waits until no member can still count a claim that was
    /// handed out: a lease may rest on the witness' vote until then, and nobody else may have it meanwhile.
    /// </summary>
    private void GiveUpWitness()
    {
        _ownedUntil = MonotonicTime.MinValue;
        _holdsWitness = _voteIsForDecision = false;
        _ownedBeforeArbitration = false;
        _leaseDirty = true;
        _releaseAt = _claimedUntil;
        ReleaseWhenDue();
    }

    private void ReleaseWhenDue()
    {
        if (_now < _releaseAt) return;
        _releaseAt = MonotonicTime.MaxValue;
        _effects.ReleaseWitness();
    }

    /// <summary>Until when some member may count the witness' vote because of a claim in a message of ours.</summary>
    private MonotonicTime _claimedUntil = MonotonicTime.MinValue;
    private MonotonicTime _releaseAt = MonotonicTime.MaxValue;

    private void FailArbitration(string reason)
    {
        Log(reason);
        _arbitrationFailures++;
        _arbitrateNotBefore = _now + _timing.ClockPeriod;
        _statusDirty = true;
        Stuck(reason);
    }

    public void RecordWritten(long id, bool confirmed, MonotonicTime ownedUntil, MonotonicTime now)
    {
        if (!Begin(now)) return;
        if (_unconfirmedDecision is { } decision && id == _recordWriteId)
        {
            _unconfirmedDecision = null;
            _recordViews = null;
            if (confirmed && _holdsWitness && ownedUntil > _now && _stage == RegroupStage.Prune && _decision is null && _seenDecision is null)
            {
                _ownedUntil = MonotonicTime.Max(_ownedUntil, ownedUntil);
                if (decision.View.Epoch > _state.HighestEpochPersisted && !MustKeepQuiet) Name(decision);
            }
            else if (_stage == RegroupStage.Prune) FailArbitration("the witness record was not confirmed in time");
        }
        else if (id == _upkeepWriteId && confirmed) _recordedView = _upkeepView;
        End();
    }

    /// <summary>
    /// Outside any incident: the owner keeps the record up to date, so that nobody with empty disks and the witness can form
    /// beside this view; if nobody in the view owns the witness, the coordinator acquires it.
    /// </summary>
    private void TendWitness()
    {
        if (!_options.HasWitness || !_options.WitnessKeepsRecord || InRegroup || Phase != NodePhase.Member || _inForce is not { } view || !view.Rule.UsesWitness) return;
        if (_arbitrating) return;
        if (_ownedUntil > _now)
        {
            if (_recordedView != view.Id && _now - _recordWriteStartedAt >= _timing.LossPeriod) RecordIdleView(view);
        }
        else if (view.Coordinator == _self && _regroupAllowed && !_ownershipDeclined && _now >= _acquireNotBefore && !QuorumOwner(_now).IsValid) StartArbitration(idle: true, 4 * _timing.LossPeriod);
    }

    // Apart from its caller, which runs every tick and must not allocate what the lambda captures.
    private void RecordIdleView(ClusterView view)
    {
        _recordWriteStartedAt = _now;
        _upkeepWriteId = ++_arbitrationId;
        _upkeepView = view.Id;
        _effects.WriteWitnessRecord(_upkeepWriteId, [view, .. _state.Pending.Where(pending => pending.Epoch > view.Epoch)]);
    }

    private MonotonicTime _acquireNotBefore = MonotonicTime.MinValue;
    private ViewId _recordedView;
    private ViewId _upkeepView;
    private long _upkeepWriteId;
    private MonotonicTime _recordWriteStartedAt = MonotonicTime.MinValue;
}
