// The engine's callbacks as the host's side has them: a mastership is handed over only when all master-only work has
// stopped; everything goes on to the host's own callbacks, if it registered any.
using Membership.Engine;
using Membership.Engine.Runtime;

namespace Membership.Provider;

internal sealed class HostCallbacks(MasterWorkGate work, IMembershipCallbacks? own) : IMembershipCallbacks
{
    public async ValueTask HandOverMastershipAsync(ClusterView view)
    {
        await work.HandOverAsync(view).ConfigureAwait(false);
        if (own is not null) await own.HandOverMastershipAsync(view).ConfigureAwait(false);
    }

    public ValueTask HoldAllIOAsync() => own?.HoldAllIOAsync() ?? default;

    public ValueTask ResumeAllIOAsync() => own?.ResumeAllIOAsync() ?? default;

    public ValueTask MsgCleanup1Async(NodeId deadNode) => own?.MsgCleanup1Async(deadNode) ?? default;

    public ValueTask MsgCleanup2Async(NodeSet deadNodes) => own?.MsgCleanup2Async(deadNodes) ?? default;

    public ValueTask ClusterInfoChangedAsync(ClusterView view) => own?.ClusterInfoChangedAsync(view) ?? default;

    public ValueTask NodesDownAsync(NodeSet nodes) => own?.NodesDownAsync(nodes) ?? default;

    public ValueTask NodeChangeAsync(NodeId node, bool up) => own?.NodeChangeAsync(node, up) ?? default;

    public ValueTask JoinFailedAsync() => own?.JoinFailedAsync() ?? default;

    public ValueTask HaltAsync(HaltCode code, string detail) => own?.HaltAsync(code, detail) ?? default;
}
