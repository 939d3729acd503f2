// The host's own quorum resource and the book of arbitrations: who was chosen to arbitrate, who won, and the callers
// that wait until the regroup under way is over.
namespace Membership.Engine.Protocol;

/// <summary>Where the core writes a node number before it completes the request that asks for it.</summary>
internal sealed class NodeAnswer
{
    public NodeId Node;
}

internal sealed partial class MembershipCore
{
    private readonly List<(RequestId Request, NodeId Owner, NodeAnswer Selected)> _ownerRequests = [];
    private readonly List<(RequestId Request, NodeAnswer Winner)> _regroupWaiters = [];

    /// <summary>Chosen to arbitrate in the incident under way, or in the last one.</summary>
    private NodeId _selectedOwner;
    private NodeId _winnerOfIncident;
    private ActivationId _wonActivation;

    /// <summary>The host gave its quorum ownership up: this node does not acquire the witness outside regroups.</summary>
    private bool _ownershipDeclined;

    /// <summary>The winner of the arbitration of the last regroup; none when it needed no arbitration.</summary>
    public NodeId ArbitrationWinner { get; private set; }

    /// <summary>The winner of the last arbitration, however many regroups ago.</summary>
    public NodeId LastArbitrationWinner { get; private set; }

    /// <summary>What the host last declared: this node, or none.</summary>
    public NodeId DeclaredQuorumOwner { get; private set; }

    /// <summary>A regroup of a cluster that this node is a member of; looking for a cluster is none.</summary>
    public bool RegroupInProgress => InRegroup && Phase is NodePhase.Member or NodePhase.Leaving;

    /// <summary>The host is about to own its quorum resource (this node) or gives it up (none). A blocking request waits for the end of a regroup.</summary>
    public void SetQuorumOwner(RequestId request, NodeId owner, bool block, NodeAnswer selected, MonotonicTime now)
    {
        if (!Begin(now)) return;
        if (owner.IsValid && owner != _self)
            _effects.CompleteRequest(request, MembershipStatus.Fault, $"a node declares itself or nobody as the quorum owner, not node {owner}");
        else if (RegroupInProgress && block) _ownerRequests.Add((request, owner, selected));
        else SettleQuorumOwner(request, owner, RegroupInProgress, block, selected);
        End();
    }

    /// <summary>Completes when no regroup is in progress, at once if there is none; the winner of the last arbitration is in the answer.</summary>
    public void WaitWhileRegrouping(RequestId request, NodeAnswer winner, MonotonicTime now)
    {
        if (!Begin(now)) return;
        if (RegroupInProgress) _regroupWaiters.Add((request, winner));
        else
        {
            winner.Node = LastArbitrationWinner;
            _effects.CompleteRequest(request, MembershipStatus.Ok, null);
        }
        End();
    }

    /// <summary>The winner of the last regroup's arbitration; Transient during a regroup.</summary>
    public void GetArbitrationWinner(RequestId request, NodeAnswer winner, MonotonicTime now)
    {
        if (!Begin(now)) return;
        winner.Node = RegroupInProgress ? NodeId.Invalid : ArbitrationWinner;
        _effects.CompleteRequest(request, RegroupInProgress ? MembershipStatus.Transient : MembershipStatus.Ok, null);
        End();
    }

    /// <summary>A stop without a leave: during a regroup it is a halt, so that nobody takes what follows for an orderly end.</summary>
    public void Stop(RequestId request, MonotonicTime now)
    {
        if (!Begin(now)) return;
        _effects.CompleteRequest(request, MembershipStatus.Ok, null);
        if (RegroupInProgress) Halt(HaltCode.StopRequested, $"a stop was asked for during regroup {_activation}");
        End();
    }

    private void SettleQuorumOwner(RequestId request, NodeId owner, bool regrouped, bool blocked, NodeAnswer selected)
    {
        selected.Node = regrouped ? SelectedOwner() : NodeId.Invalid;
        // Giving up at once, whatever happens, never conflicts; giving up in order does when the regroup counts on this node.
        bool conflict = selected.Node.IsValid && (owner.IsValid ? selected.Node != _self : blocked && selected.Node == _self);
        if (conflict)
        {
            _effects.CompleteRequest(request, MembershipStatus.Transient, $"the regroup chose node {selected.Node}");
            return;
        }
        DeclaredQuorumOwner = owner;
        _ownershipDeclined = !owner.IsValid;
        ApplyDeclaredOwnership();
        _effects.CompleteRequest(request, MembershipStatus.Ok, null);
    }

    /// <summary>Outside a regroup the witness follows the host's word: acquired if nobody has it, or given up.</summary>
    private void ApplyDeclaredOwnership()
    {
        if (!_options.HasWitness || InRegroup || _arbitrating || Phase != NodePhase.Member || _inForce is not { Rule.UsesWitness: true }) return;
        if (_ownershipDeclined && _ownedUntil > _now) GiveUpWitness();
        else if (DeclaredQuorumOwner == _self && _options.WitnessKeepsRecord && !QuorumOwner(_now).IsValid) StartArbitration(idle: true, 4 * _timing.LossPeriod);
    }

    /// <summary>Chosen so far: named by an arbitration or a decision, or whoever would have to arbitrate now.</summary>
    private NodeId SelectedOwner()
    {
        if (_selectedOwner.IsValid || _stage != RegroupStage.Prune || _base is not { } view || !_options.HasWitness) return _selectedOwner;
        NodeSet group = _clique & view.Nodes;
        bool needed = _clique.Contains(_self) && !Quorum.Has(view, group, witnessVote: false) && Quorum.Has(view, group, witnessVote: true);
        return needed ? ActingDecider() : NodeId.Invalid;
    }

    private void BeginArbitrationBook()
    {
        _selectedOwner = _winnerOfIncident = NodeId.Invalid;
        FailAdmissions("a regroup began");
    }

    /// <summary>A witness without a record votes for one decision; what it said carries no lease and no later attempt.</summary>
    private void ForgetGrant()
    {
        if (!_options.WitnessKeepsRecord && _ownedUntil > _now && !_arbitrating) GiveUpWitness();
    }

    private void NoteArbitrationWon()
    {
        _wonActivation = _activation;
        _ownershipDeclined = false;
    }

    /// <summary>
    /// The decider knows whether it arbitrated. The others see it in the decision: its group had too few votes without the
    /// witness, and its decider owned the witness.
    /// </summary>
    private void NoteDecision(Decision decision)
    {
        bool arbitrated;
        if (decision.Decider == _self) arbitrated = _wonActivation == _activation;
        else
        {
            NodeSet group = decision.View.Nodes | decision.Voters;
            bool enough = _base is { } view && Quorum.Has(view, group & view.Nodes, witnessVote: false);
            foreach (ClusterView pending in _durable.Pending) enough &= pending.Epoch <= InForceId.Epoch || Quorum.Has(pending, group, witnessVote: false);
            arbitrated = _options.HasWitness && !enough && decision.View.QuorumOwner == decision.Decider;
        }
        _winnerOfIncident = arbitrated ? decision.Decider : NodeId.Invalid;
        if (arbitrated) _selectedOwner = decision.Decider;
    }

    private void CloseArbitrationBook()
    {
        ForgetGrant();
        ArbitrationWinner = _winnerOfIncident;
        if (_winnerOfIncident.IsValid) LastArbitrationWinner = _winnerOfIncident;
        if (_ownerRequests.Count > 0)
        {
            foreach (var (request, owner, selected) in _ownerRequests) SettleQuorumOwner(request, owner, regrouped: true, blocked: true, selected);
            _ownerRequests.Clear();
        }
        else ApplyDeclaredOwnership();
        ReleaseWaiters(MembershipStatus.Ok, null);
    }

    private void ReleaseWaiters(MembershipStatus status, string? detail)
    {
        foreach (var (request, winner) in _regroupWaiters)
        {
            winner.Node = LastArbitrationWinner;
            _effects.CompleteRequest(request, status, detail);
        }
        _regroupWaiters.Clear();
    }

    /// <summary>This node is out or halted: nobody waits any longer.</summary>
    private void CompleteManagerRequests(MembershipStatus status, string? detail)
    {
        foreach (var (request, _, _) in _ownerRequests) _effects.CompleteRequest(request, status, detail);
        _ownerRequests.Clear();
        ReleaseWaiters(status, detail);
        FailAdmissions(detail ?? "");
        DeclaredQuorumOwner = NodeId.Invalid;
        _ownershipDeclined = _disallowedByHost = false;
    }
}
