// The header's callback types, and their one-to-one hand-over to the engine's callbacks.
using Membership.Engine.Runtime;

namespace Membership.Engine.Compat;

/// <summary>A node came up (1) or went down (2). The returned value is ignored.</summary>
/// <param name="node">The node.</param>
/// <param name="newStatus">NODE_UP or NODE_DOWN.</param>
/// <returns>Ignored.</returns>
public delegate uint MMNodeChange(uint node, uint newStatus);

/// <summary>These nodes went down in the regroup that ends.</summary>
/// <param name="nodes">All of them (the header's BITSET).</param>
/// <returns>Ignored.</returns>
public delegate uint MMNodesDown(NodeSet nodes);

/// <summary>Whether this node may stay although it is alone of two.</summary>
/// <returns>True to stay; false halts the node.</returns>
public delegate bool MMQuorumSelect();

/// <summary>Hold all I/O on shared things: a regroup begins.</summary>
public delegate void MMHoldAllIO();

/// <summary>Go on with the I/O that was held.</summary>
public delegate void MMResumeAllIO();

/// <summary>Cancel incoming messages from a failed node.</summary>
/// <param name="deadNode">The node.</param>
public delegate void MMMsgCleanup1(uint deadNode);

/// <summary>Cancel outgoing messages to dead nodes.</summary>
/// <param name="nodes">All of them.</param>
public delegate void MMMsgCleanup2(NodeSet nodes);

/// <summary>Stop serving now.</summary>
/// <param name="haltCode">A <see cref="HaltCode"/> as a number.</param>
public delegate void MMHalt(uint haltCode);

/// <summary>This node's join failed.</summary>
public delegate void MMJoinFailed();

/// <summary>All callbacks of the header; a null one is not called.</summary>
/// <param name="UpDown">MMNodeChange.</param>
/// <param name="Quorum">MMQuorumSelect; null = none.</param>
/// <param name="HoldIO">MMHoldAllIO.</param>
/// <param name="ResumeIO">MMResumeAllIO.</param>
/// <param name="MsgCleanup1">MMMsgCleanup1.</param>
/// <param name="MsgCleanup2">MMMsgCleanup2.</param>
/// <param name="Halt">MMHalt.</param>
/// <param name="JoinFailed">MMJoinFailed.</param>
/// <param name="NodesDown">MMNodesDown.</param>
public sealed record MembershipManagerCallbacks(
    MMNodeChange? UpDown, MMQuorumSelect? Quorum, MMHoldAllIO? HoldIO, MMResumeAllIO? ResumeIO, MMMsgCleanup1? MsgCleanup1,
    MMMsgCleanup2? MsgCleanup2, MMHalt? Halt, MMJoinFailed? JoinFailed, MMNodesDown? NodesDown);

/// <summary>Calls the header's callbacks where the engine calls its own.</summary>
internal sealed class HeaderCallbacks(MembershipManagerCallbacks to) : IMembershipCallbacks
{
    public ValueTask HoldAllIOAsync()
    {
        to.HoldIO?.Invoke();
        return default;
    }

    public ValueTask ResumeAllIOAsync()
    {
        to.ResumeIO?.Invoke();
        return default;
    }

    public ValueTask MsgCleanup1Async(NodeId deadNode)
    {
        to.MsgCleanup1?.Invoke((uint)deadNode.Value);
        return default;
    }

    public ValueTask MsgCleanup2Async(NodeSet deadNodes)
    {
        to.MsgCleanup2?.Invoke(deadNodes);
        return default;
    }

    public ValueTask NodesDownAsync(NodeSet nodes)
    {
        to.NodesDown?.Invoke(nodes);
        return default;
    }

    public ValueTask NodeChangeAsync(NodeId node, bool up)
    {
        to.UpDown?.Invoke((uint)node.Value, up ? MembershipManagerCodes.NODE_UP : MembershipManagerCodes.NODE_DOWN);
        return default;
    }

    public ValueTask JoinFailedAsync()
    {
        to.JoinFailed?.Invoke();
        return default;
    }

    public ValueTask HaltAsync(HaltCode code, string detail)
    {
        to.Halt?.Invoke((uint)code);
        return default;
    }
}
