// The header's promises to the host, per process: I/O is held before stage 1 ends and resumed in stage 4; MsgCleanup1
// once per removed node and installed view, ascending; MsgCleanup2 once with that set in stage 5; then cluster information changes
// before NodesDown(set), NodeDown ascending; one NodeUp for itself; one callback at a time; in every view it installs.
using Membership.Engine;
using Membership.Engine.Protocol;
using Membership.Simulator.World;

namespace Membership.Simulator.Checkers;

internal sealed class CallbackOrderChecker(ClusterWorld world)
{
    private readonly State[] _states = new State[world.Options.Nodes + 1];

    private struct State
    {
        public SimProcess? Process;
        public bool IoHeld;
        public RegroupStage Stage;
        public ActivationId Activation;
        public NodeSet CleanedUp1;
        public bool CleanedUp2;
        public NodeId LastCleaned;
        public ClusterView? Info;
        public NodeSet Down;
        public NodeId LastDown;
        public Incarnation UpFor;
        public ClusterView? InForce;
        public Epoch LastInstalled;
    }

    public void StageEntered(SimProcess process, ActivationId activation, RegroupStage stage)
    {
        ref State state = ref Of(process);
        // A starting node has no I/O to hold, also when it votes in others' regroup as a restarted life.
        // HoldAllIO may wait for a callback that is still running; the lease is over at once, and stage 1 does not end before the hold.
        bool member = process.Core.Phase is NodePhase.Member or NodePhase.Leaving;
        if (stage == RegroupStage.Activate && member && process.PublishedLease.ValidUntil > process.LocalNow)
            world.Violate("callbacks", $"node {process.Number} enters stage 1 of {activation} with a valid lease.");
        if (stage is RegroupStage.Close or RegroupStage.Prune && member && !state.IoHeld)
            world.Violate("callbacks", $"node {process.Number} enters stage {stage} of {activation} without HoldAllIO.");
        if (stage == RegroupStage.CleanUp1) state.LastCleaned = default;
        // Proof that the view is in force elsewhere leads straight to stage 4.
        if (stage > RegroupStage.Activate && stage != state.Stage + 1 && stage != state.Stage && stage != RegroupStage.CleanUp1)
            world.Violate("callbacks", $"node {process.Number} goes from stage {state.Stage} to {stage}.");
        state.Stage = stage;
        state.Activation = activation;
    }

    public void ViewInForce(SimProcess process, ClusterView view)
    {
        ref State state = ref Of(process);
        if (state.InForce is { } before && before.Epoch >= view.Epoch)
            world.Violate("callbacks", $"node {process.Number} goes from {before} back to {view}.");
        state.InForce = view;
    }

    public void ViewInstalled(SimProcess process, ClusterView view)
    {
        ref State state = ref Of(process);
        if (!view.Contains(new NodeId(process.Number), process.Incarnation))
            world.Violate("callbacks", $"node {process.Number} (incarnation {process.Incarnation.Value}) installs {view}, which does not contain this life of it.");
        if (view.Epoch <= state.LastInstalled)
            world.Violate("callbacks", $"node {process.Number} installs {view} after epoch {state.LastInstalled}.");
        if (state.Info?.Id != view.Id)
            world.Violate("callbacks", $"node {process.Number} installs {view} but its cluster information still says {state.Info?.ToString() ?? "nothing"}.");
        state.LastInstalled = view.Epoch;
    }

    public void Invoked(SimProcess process, in CallbackRequest callback)
    {
        ref State state = ref Of(process);
        switch (callback.Kind)
        {
            case CallbackKind.HoldAllIO:
                if (state.IoHeld) Fail(process, "HoldAllIO while I/O is held already");
                state.IoHeld = true;
                break;
            case CallbackKind.ResumeAllIO:
                if (!state.IoHeld) Fail(process, "ResumeAllIO without HoldAllIO");
                if (state.Stage is not (RegroupStage.CleanUp1 or RegroupStage.None)) Fail(process, $"ResumeAllIO in stage {state.Stage}");
                state.IoHeld = false;
                break;
            case CallbackKind.MsgCleanup1:
                // What an abandoned incident had still to call is called before stage 1 of the next one ends.
                if (state.Stage is not (RegroupStage.CleanUp1 or RegroupStage.Activate)) Fail(process, $"MsgCleanup1({callback.Node}) in stage {state.Stage}");
                if (state.CleanedUp1.Contains(callback.Node)) Fail(process, $"MsgCleanup1({callback.Node}) twice for one installed view");
                if (callback.Node <= state.LastCleaned) Fail(process, $"MsgCleanup1({callback.Node}) after MsgCleanup1({state.LastCleaned})");
                if (!state.IoHeld) Fail(process, "MsgCleanup1 after ResumeAllIO");
                state.LastCleaned = callback.Node;
                state.CleanedUp1 = state.CleanedUp1.With(callback.Node);
                break;
            case CallbackKind.MsgCleanup2:
                if (state.Stage is not (RegroupStage.CleanUp2 or RegroupStage.Activate)) Fail(process, $"MsgCleanup2 in stage {state.Stage}");
                if (state.CleanedUp2) Fail(process, "MsgCleanup2 twice for one installed view");
                if (callback.Nodes != state.CleanedUp1) Fail(process, $"MsgCleanup2({callback.Nodes}) but MsgCleanup1 was for {state.CleanedUp1}");
                state.CleanedUp2 = true;
                break;
            case CallbackKind.ClusterInfoChanged:
                if (callback.View is not { } view || !view.Contains(new NodeId(process.Number))) Fail(process, $"ClusterInfoChanged({callback.View}) without this node");
                else if (view.Epoch > state.InForce?.Epoch || view.Epoch <= state.Info?.Epoch) Fail(process, $"ClusterInfoChanged({view}) after {state.Info}, with {state.InForce} in force here");
                state.Info = callback.View;
                state.CleanedUp1 = default;
                state.CleanedUp2 = false;
                state.Down = default;
                state.LastDown = default;
                break;
            case CallbackKind.NodesDown:
                if (state.Info is not { } info || info.Nodes.Overlaps(callback.Nodes)) Fail(process, $"NodesDown({callback.Nodes}) before cluster information changed from {state.Info}");
                state.Down = callback.Nodes;
                break;
            case CallbackKind.NodeDown:
                if (!state.Down.Contains(callback.Node)) Fail(process, $"NodeDown({callback.Node}) without NodesDown of it (NodesDown was {state.Down})");
                if (callback.Node <= state.LastDown) Fail(process, $"NodeDown({callback.Node}) after NodeDown({state.LastDown})");
                state.LastDown = callback.Node;
                break;
            case CallbackKind.NodeUp:
                if (state.Info?.Contains(callback.Node) != true) Fail(process, $"NodeUp({callback.Node}) before cluster information shows it ({state.Info})");
                if (callback.Node.Value != process.Number) break;
                if (state.UpFor == process.Incarnation) Fail(process, "a second NodeUp for itself");
                state.UpFor = process.Incarnation;
                break;
        }
    }

    /// <summary>The node has left the cluster within this process: a later start is a new beginning.</summary>
    public void HasLeft(SimProcess process) => _states[process.Number] = new State { Process = process };

    public void ProcessEnded(SimProcess process)
    {
        if (_states[process.Number].Process == process) _states[process.Number] = default;
    }

    private void Fail(SimProcess process, string what) => world.Violate("callbacks", $"node {process.Number}: {what}.");

    private ref State Of(SimProcess process)
    {
        ref State state = ref _states[process.Number];
        if (state.Process != process) state = new State { Process = process };
        return ref state;
    }
}
