// Stale exactly when it should be (design 7), after every input of every member: no message of the master of the view in force,
// under that view, for as long as the options say; and no end of it before the next view is installed. Invalid exactly when it should be:
// whoever serves and gets a message of another cluster in force says so with that input, and within L all members of its view have.
using Membership.Engine;
using Membership.Engine.Protocol;
using Membership.Simulator.World;

namespace Membership.Simulator.Checkers;

internal sealed class StaleChecker(ClusterWorld world, ViewChainChecker chain)
{
    private readonly Dictionary<ViewId, (long At, int Node)> _firstInvalid = [];
    private readonly Dictionary<SimProcess, State> _states = [];

    private sealed class State
    {
        public ViewId InForce;
        public ViewId Installed;
        public MonotonicTime FrameAt;
        public MonotonicTime FrameBefore = MonotonicTime.MinValue;
        public bool Stale;
        public bool ToldStale;
        public bool ToldInvalid;
        public ViewId LastInvalid;
        public bool MetAnother;
    }

    public void ViewInForce(SimProcess process, ClusterView view)
    {
        State state = Of(process);
        (state.InForce, state.FrameAt) = (view.Id, process.LocalNow);
    }

    public void ViewInstalled(SimProcess process, ClusterView view) => Of(process).Installed = view.Id;

    /// <summary>Before the core gets it.</summary>
    public void Receives(SimProcess process, in MessageHeader header)
    {
        if (_states.TryGetValue(process, out State? before)) before.FrameBefore = MonotonicTime.MinValue;
        if (process.Core.InForce is not { } view) return;
        if (process.Core.Phase == NodePhase.Member && process.PublishedLease.ValidUntil > process.LocalNow && header.InForce.Epoch > view.Epoch
            && header.ToIncarnation == process.Incarnation && chain.Find(header.InForce) is not null && !chain.SameChain(header.InForce.Epoch, view.Epoch))
            Of(process).MetAnother = true;
        if (header.From != view.Master || header.InForce != view.Id) return;
        if (header.FromIncarnation != view.Find(view.Master).Incarnation) return;
        if (header.ToIncarnation != Incarnation.None && header.ToIncarnation != process.Incarnation) return;
        State state = Of(process);
        (state.FrameBefore, state.FrameAt) = (state.FrameAt, process.LocalNow);
    }

    /// <summary>A message of another life than the one known here is no frame.</summary>
    public void Dropped(SimProcess process, DropReason reason)
    {
        if (reason is DropReason.OldIncarnation or DropReason.WrongIncarnation && _states.TryGetValue(process, out State? state) && state.FrameBefore != MonotonicTime.MinValue)
            state.FrameAt = state.FrameBefore;
    }

    public void Notified(SimProcess process, ClusterChange change, ViewId view)
    {
        State state = Of(process);
        bool told = change switch
        {
            ClusterChange.StaleCluster => !state.ToldStale,
            ClusterChange.InvalidCluster => !state.ToldInvalid,
            ClusterChange.ValidState => state.ToldStale || state.ToldInvalid,
            _ => true,
        };
        if (!told) world.Violate("stale", $"node {process.Number} is told {change} twice.");
        if (change == ClusterChange.StaleCluster) state.ToldStale = true;
        if (change == ClusterChange.InvalidCluster) state.ToldInvalid = true;
        if (change == ClusterChange.ValidState) state.ToldStale = state.ToldInvalid = false;
        if (change != ClusterChange.InvalidCluster) return;
        state.LastInvalid = view;
        _firstInvalid.TryAdd(view, (world.Now, process.Number));
        if (!world.TwoClusters) world.Violate("invalid-cluster", $"node {process.Number} says that there are two masters.");
    }

    public void AfterInput(SimProcess process)
    {
        MembershipCore core = process.Core;
        if (core.Phase != NodePhase.Member || core.InForce is not { } view)
        {
            _states.Remove(process);
            return;
        }
        if (core.Installed is null) return;
        CheckInvalid(process, view);
        State state = Of(process);
        bool quiet = view.Master.Value != process.Number && process.LocalNow - state.FrameAt >= world.Options.StaleAfter;
        state.Stale = quiet || (state.Stale && state.Installed != view.Id);
        if (core.IsStale != state.Stale)
            world.Violate("stale", $"node {process.Number} is {(core.IsStale ? "" : "not ")}stale {(process.LocalNow - state.FrameAt).TotalMilliseconds:F0} ms after the last frame of the master, node {view.Master}.");
        if (state.Stale && !state.ToldStale) world.Violate("stale", $"node {process.Number} is stale and was not told.");
        if (!state.Stale && !state.ToldInvalid && state.ToldStale) world.Violate("stale", $"node {process.Number} is valid again and was not told.");
        if (!state.Stale && view.Master.Value != process.Number && core.NextWakeup > state.FrameAt + world.Options.StaleAfter)
            world.Violate("stale", $"node {process.Number} sleeps past the time when it would be stale.");
    }

    /// <summary>It halts: what it should have said, it has said by now.</summary>
    public void AfterLastInput(SimProcess process)
    {
        if (process.Core is { InForce: { } view, Installed: not null }) CheckInvalid(process, view);
    }

    private void CheckInvalid(SimProcess process, ClusterView view)
    {
        State state = Of(process);
        if (process.Core.Stage != RegroupStage.None || state.Installed != view.Id) return;
        // Who said so in an earlier view and still holds to it does not say it again.
        if (state.ToldInvalid) state.LastInvalid = view.Id;
        if (state.MetAnother && !state.ToldInvalid && state.LastInvalid != view.Id)
            world.Violate("invalid-cluster", $"node {process.Number} serves in {view}, met another cluster, and does not say so.");
        state.MetAnother = false;
        if (state.ToldInvalid || state.LastInvalid == view.Id || !_firstInvalid.TryGetValue(view.Id, out (long At, int Node) first)) return;
        if (world.Now - first.At > world.Options.L && world.Network.Connected(first.Node, process.Number) && world.Network.Connected(process.Number, first.Node))
            world.Violate("invalid-cluster", $"node {first.Node} said {(world.Now - first.At) / 1e4:F0} ms ago that there are two masters, node {process.Number} of the same {view} did not.");
    }

    public void Left(SimProcess process) => _states.Remove(process);

    private State Of(SimProcess process)
    {
        if (!_states.TryGetValue(process, out State? state)) _states.Add(process, state = new State());
        return state;
    }
}
