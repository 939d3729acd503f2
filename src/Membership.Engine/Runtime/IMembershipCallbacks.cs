// What the engine tells the host during an incident, in the header's order, one call at a time, off the engine's loop.
namespace Membership.Engine.Runtime;

/// <summary>
/// The host's callbacks. All have an empty default. They are called one after another, in the order of the protocol, never on the
/// engine's loop; the incident goes on when a call has returned. A call that takes over 2 s is logged with its name, one that takes
/// longer than <see cref="MembershipNodeOptions.CallbackLimit"/> halts the node. An exception is logged and counts as a return.
/// </summary>
public interface IMembershipCallbacks
{
    /// <summary>Early in a regroup, before stage 1: hold all I/O on shared things, and cluster messages. The lease is not valid any more.</summary>
    /// <remarks>MMHoldAllIO.</remarks>
    /// <returns>When I/O is held.</returns>
    ValueTask HoldAllIOAsync() => default;

    /// <summary>In stage 4, when it is known that this node stays: go on with the I/O that was held.</summary>
    /// <remarks>MMResumeAllIO.</remarks>
    /// <returns>When I/O goes on.</returns>
    ValueTask ResumeAllIOAsync() => default;

    /// <summary>In stage 4, once for each removed node: cancel incoming messages from it.</summary>
    /// <param name="deadNode">The node.</param>
    /// <remarks>MMMsgCleanup1.</remarks>
    /// <returns>When that is done.</returns>
    ValueTask MsgCleanup1Async(NodeId deadNode) => default;

    /// <summary>In stage 5, once: cancel outgoing messages to the removed nodes.</summary>
    /// <param name="deadNodes">All of them.</param>
    /// <remarks>MMMsgCleanup2.</remarks>
    /// <returns>When that is done.</returns>
    ValueTask MsgCleanup2Async(NodeSet deadNodes) => default;

    /// <summary>The cluster information (<see cref="MembershipNode.CurrentView"/>) has just changed; the calls about it follow.</summary>
    /// <param name="view">The new view.</param>
    /// <returns>When the host has taken note.</returns>
    ValueTask ClusterInfoChangedAsync(ClusterView view) => default;

    /// <summary>Once per incident: who went down in it.</summary>
    /// <param name="nodes">All of them.</param>
    /// <remarks>MMNodesDown.</remarks>
    /// <returns>When the host has taken note.</returns>
    ValueTask NodesDownAsync(NodeSet nodes) => default;

    /// <summary>A node came up or went down. A node gets one for its own coming up.</summary>
    /// <param name="node">The node.</param>
    /// <param name="up">True for up.</param>
    /// <remarks>MMNodeChange. Start no failover from here that takes long.</remarks>
    /// <returns>When the host has taken note.</returns>
    ValueTask NodeChangeAsync(NodeId node, bool up) => default;

    /// <summary>This node was the master and is demoted, by a switchover or because it was disqualified: stop the work that only the master does.</summary>
    /// <param name="view">The view that demotes it. Nobody is elected before the call has returned here.</param>
    /// <returns>When that work has stopped. Unlike with the other calls an exception is no return: the node halts at the callback limit.</returns>
    ValueTask HandOverMastershipAsync(ClusterView view) => default;

    /// <summary>This node's join failed; it petitions again by itself.</summary>
    /// <remarks>MMJoinFailed.</remarks>
    /// <returns>When the host has cleaned up.</returns>
    ValueTask JoinFailedAsync() => default;

    /// <summary>This node must stop serving now. Does not wait behind other calls; nothing follows.</summary>
    /// <param name="code">Why.</param>
    /// <param name="detail">For people.</param>
    /// <remarks>MMHalt.</remarks>
    /// <returns>Not waited for.</returns>
    ValueTask HaltAsync(HaltCode code, string detail) => default;
}
