// Shows what happens to every checker that wants to know. Checkers only watch: they never change the run, and
// each keeps its own idea of what is right, independent of the core's code.
using System.Collections.Immutable;
using Membership.Engine;
using Membership.Engine.Protocol;
using Membership.Engine.Replication;
using Membership.Simulator.World;

namespace Membership.Simulator.Checkers;

internal sealed class CheckerSet
{
    private readonly ClusterWorld _world;
    private readonly ExclusivityChecker _exclusivity;
    private readonly ViewChainChecker _chain;
    private readonly CallbackOrderChecker _callbacks;
    private readonly ArbitrationChecker _arbitration;
    private readonly StoreChecker _store;
    private readonly PromiseChecker _promises;
    private readonly StormChecker _storm;
    private readonly HealthyNodeChecker _healthy;

    private readonly QuarantineChecker _quarantine;
    private readonly RoleChecker _roles;
    private readonly StaleChecker _stale;
    private readonly StateChecker _state;

    public CheckerSet(ClusterWorld world)
    {
        _world = world;
        _chain = new ViewChainChecker(world);
        _exclusivity = new ExclusivityChecker(world, _chain);
        _callbacks = new CallbackOrderChecker(world);
        _arbitration = new ArbitrationChecker(world);
        _store = new StoreChecker(world);
        _promises = new PromiseChecker(world);
        _storm = new StormChecker(world);
        _healthy = new HealthyNodeChecker(world);
        _quarantine = new QuarantineChecker(world);
        _roles = new RoleChecker(world, _chain);
        _stale = new StaleChecker(world, _chain);
        _state = new StateChecker(world);
    }

    public ViewChainChecker Chain => _chain;

    public void FirstView(ClusterView view) => _chain.FirstView(view);

    public void LeasePublished(SimProcess process, in LeaseState lease)
    {
        _promises.LeasePublished(process, in lease);
        _exclusivity.LeasePublished(process, in lease);
        _roles.LeasePublished(process, in lease);
    }

    public void StatusSent(SimProcess process, StatusMessage status) => _promises.StatusSent(process, status);

    public void ViewInForce(SimProcess process, ClusterView view)
    {
        _chain.ViewInForce(process, view);
        _callbacks.ViewInForce(process, view);
        _roles.ViewInForce(process, view);
        _stale.ViewInForce(process, view);
    }

    /// <summary>A view is in force for the first time, on the disk of this node.</summary>
    public void InForceSomewhere(int node, ClusterView view)
    {
        _healthy.NewViewInForce(view, _chain.Before(view));
        _quarantine.NewViewInForce(view, _chain.Before(view));
        _exclusivity.ViewInForce(node, view);
    }

    public void ViewInstalled(SimProcess process, ClusterView view)
    {
        _callbacks.ViewInstalled(process, view);
        _roles.ViewInstalled(process, view);
        _stale.ViewInstalled(process, view);
    }

    public void Notified(SimProcess process, ClusterChangeNotification change, ViewId view)
    {
        _roles.Notified(process, change, view);
        _stale.Notified(process, change.Change, view);
    }

    public StateMark StateFloor => _state.Floor;

    public int StateAnswers => _state.Answers;

    public void StateIs(SimProcess process, ClusterState state) => _state.StateIs(process, state);

    public void StateAnswered(SimProcess process, in StateRequest request) => _state.Answered(process, in request);

    public void HandedOver(SimProcess process) => _roles.HandedOver(process);

    public void Receives(SimProcess process, in MessageHeader header) => _stale.Receives(process, in header);

    public void Dropped(SimProcess process, DropReason reason) => _stale.Dropped(process, reason);

    public void AfterInput(SimProcess process) => _stale.AfterInput(process);

    public void StageEntered(SimProcess process, ActivationId activation, RegroupStage stage)
    {
        if (stage == RegroupStage.Activate) _storm.Activated(process);
        _callbacks.StageEntered(process, activation, stage);
    }

    public void Quarantined(SimProcess process, NodeId node, int removals, MonotonicTime until) => _quarantine.Announced(process, node, removals, until);

    public void CallbackInvoked(SimProcess process, in CallbackRequest callback) => _callbacks.Invoked(process, in callback);

    public void WriteIssued(SimProcess process, StoredState state)
    {
        _store.WriteIssued(process, state);
        _promises.WriteIssued(process, state);
    }

    public void Durable(int node, StoredState state)
    {
        _store.Durable(node, state);
        _chain.Durable(node, state);
    }

    public void RecordWritten(ImmutableArray<ClusterView> slot) => _chain.RecordWritten(slot);

    public void OwnershipBelieved(SimProcess process, MonotonicTime until) => _arbitration.Believed(process, until);

    public void OwnershipClaimed(SimProcess process, TimeSpan remaining) => _arbitration.Claimed(process, remaining);

    public void NodeHalted(SimProcess process, HaltCode code)
    {
        _world.Health.TouchNode(process.Number);
        _chain.NodeHalted(process, code);
        _stale.AfterLastInput(process);
    }

    public void Twinned(SimProcess process) => _exclusivity.Twinned(process);

    public void HasLeft(SimProcess process)
    {
        _callbacks.HasLeft(process);
        _roles.Left(process);
        _stale.Left(process);
    }

    public void ProcessEnded(SimProcess process)
    {
        _exclusivity.ProcessEnded(process);
        _arbitration.ProcessEnded(process);
        _callbacks.ProcessEnded(process);
        _roles.Left(process);
        _stale.Left(process);
    }
}
