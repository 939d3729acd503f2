// Faults that a test switches on in a running node, by the diagnostic language. Off, and cannot be switched on, unless the
// node's options allow it.
namespace Membership.Engine.Runtime;

/// <summary>Which peers this node is cut off from. Written by any thread, read on every datagram without a lock.</summary>
internal sealed class FaultSwitch
{
    private sealed record Cuts(NodeSet Nodes);

    private volatile Cuts _cuts = new(default(NodeSet));

    /// <summary>Nothing goes to these nodes, and nothing of theirs is taken.</summary>
    public NodeSet Cut
    {
        get => _cuts.Nodes;
        set => _cuts = new Cuts(value);
    }

    public bool IsCut(NodeId node) => _cuts.Nodes is { IsEmpty: false } nodes && nodes.Contains(node);
}
