// Where the nodes are: for every node one endpoint per path, and where this node binds if that is not its own endpoints.
using System.Collections.Immutable;

namespace Membership.Engine.Transport;

/// <summary>The addresses of a cluster as one node uses them. Values are already parsed.</summary>
internal sealed record UdpTransportOptions
{
    public required NodeId Self { get; init; }

    /// <summary>For every node, this one included, one endpoint per path; all nodes have the same number of paths.</summary>
    public required ImmutableDictionary<NodeId, ImmutableArray<NodeEndpoint>> Endpoints { get; init; }

    /// <summary>Where this node binds, one per path; null = its own endpoints (behind a translated address: for example 0.0.0.0).</summary>
    public ImmutableArray<NodeEndpoint>? Bind { get; init; }

    /// <summary>Asked of the operating system for each path, which may give less. 4 MiB by default: one round of statuses at 256 nodes.</summary>
    public int ReceiveBufferBytes { get; init; } = 4 << 20;

    /// <summary>The shortest time between two look-ups of a node's host names. Default 5 s.</summary>
    public TimeSpan ResolveInterval { get; init; } = TimeSpan.FromSeconds(5);
}
