// Where the tripwires go and how patient they are.
using System.Collections.Immutable;

namespace Membership.Engine.Transport;

/// <summary>Options of <see cref="TcpTripwire"/>.</summary>
internal sealed record TripwireOptions
{
    public required NodeId Self { get; init; }

    /// <summary>For every node, this one included, where its tripwire listens: the endpoint of its first path, TCP instead of UDP.</summary>
    public required ImmutableDictionary<NodeId, NodeEndpoint> Endpoints { get; init; }

    /// <summary>Where this node listens; null = its own endpoint.</summary>
    public NodeEndpoint? Bind { get; init; }

    /// <summary>From the connect to the end of the hello, and for a connect alone. Default 2 s.</summary>
    public TimeSpan HelloTimeout { get; init; } = TimeSpan.FromSeconds(2);

    /// <summary>The wait before a second attempt to connect; doubles up to <see cref="MaxRetryDelay"/>. Default 100 ms.</summary>
    public TimeSpan MinRetryDelay { get; init; } = TimeSpan.FromMilliseconds(100);

    /// <summary>The longest wait between attempts to connect. Default 2 s.</summary>
    public TimeSpan MaxRetryDelay { get; init; } = TimeSpan.FromSeconds(2);

    /// <summary>How long a probe waits for the peer's kernel. Default 500 ms.</summary>
    public TimeSpan ProbeTimeout { get; init; } = TimeSpan.FromMilliseconds(500);

    /// <summary>The most accepted connections that have not said a good hello yet; one more closes the oldest. Default 64.</summary>
    public int MaxUnauthenticated { get; init; } = 64;
}
