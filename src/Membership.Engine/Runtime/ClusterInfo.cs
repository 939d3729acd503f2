// What the header's cluster information holds, as one immutable value.
using System.Collections.Immutable;

namespace Membership.Engine.Runtime;

/// <summary>The cluster as this node knows it.</summary>
/// <param name="UpNodes">The members in numeric order; empty while this node is down. The header's <c>UpNodeList</c>.</param>
/// <param name="Timing">The clock values in use: the cluster's while this node is a member, else its own options'.</param>
/// <param name="Epoch">The epoch of the view; <see cref="Epoch.None"/> while this node is down.</param>
/// <remarks>CLUSTERINFO.</remarks>
public readonly record struct ClusterInfo(ImmutableArray<NodeId> UpNodes, ClusterTiming Timing, Epoch Epoch)
{
    /// <summary>The header's <c>NumActiveNodes</c>.</summary>
    public int ActiveNodes => UpNodes.IsDefault ? 0 : UpNodes.Length;
}
