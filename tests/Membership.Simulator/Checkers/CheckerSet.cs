// Shows what happens to every checker that wants to know. Checkers only watch: they never change the run, and
// each keeps its own idea of what is right, independent of the core's code.
using System.Collections.Immutable;
using Membership.Engine;
using Membership.Engine.Protocol;
using Membership.Simulator.World;

namespace Membership.Simulator.Checkers;

internal sealed class CheckerSet(ClusterWorld world)
{
    private readonly ExclusivityChecker _exclusivity = new(world);
    private readonly ViewChainChecker _chain = new(world);
    private readonly CallbackOrderChecker _callbacks = new(world);
    private readonly ArbitrationChecker _arbitration = new(world);
    private readonly StoreChecker _store = new(world);
    private readonly PromiseChecker _promises = new(world);
    private readonly StormChecker _storm = new(world);
    private readonly HealthyNodeChecker _healthy = new(world);

    public ViewChainChecker Chain => _chain;

    public void FirstView(ClusterView view) => _chain.FirstView(view);

    public void LeasePublished(SimProcess process, in LeaseState lease)
    {
        _promises.LeasePublished(process, in lease);
        _exclusivity.LeasePublished(process, in lease);
    }

    public void StatusSent(SimProcess process, StatusMessage status) => _promises.StatusSent(process, status);

    public void ViewInForce(SimProcess process, ClusterView view)
    {
        _chain.ViewInForce(process, view);
        _callbacks.ViewInForce(process, view);
    }

    /// <summary>A view is in force for the first time, on the disk of this node.</summary>
    public void InForceSomewhere(int node, ClusterView view)
    {
        _healthy.NewViewInForce(view, _chain.Before(view));
        _exclusivity.ViewInForce(node, view);
    }

    public void ViewInstalled(SimProcess process, ClusterView view) => _callbacks.ViewInstalled(process, view);

    public void StageEntered(SimProcess process, ActivationId activation, RegroupStage stage)
    {
        if (stage == RegroupStage.Activate) _storm.Activated(process);
        _callbacks.StageEntered(process, activation, stage);
    }

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
        world.Health.TouchNode(process.Number);
        _chain.NodeHalted(process, code);
    }

    public void Twinned(SimProcess process) => _exclusivity.Twinned(process);

    public void HasLeft(SimProcess process) => _callbacks.HasLeft(process);

    public void ProcessEnded(SimProcess process)
    {
        _exclusivity.ProcessEnded(process);
        _arbitration.ProcessEnded(process);
        _callbacks.ProcessEnded(process);
    }
}
