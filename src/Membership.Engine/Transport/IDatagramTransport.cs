// The seam between the engine and the network: datagrams to numbered nodes over numbered paths. What it may do to a
// datagram is the network's worst; everything above it must live with that, and the simulator shows that it does.
namespace Membership.Engine.Transport;

/// <summary>Takes one received datagram.</summary>
/// <param name="datagram">Valid during the call only.</param>
/// <param name="path">The path, 0.., on which it came in.</param>
internal delegate void DatagramHandler(ReadOnlySpan<byte> datagram, int path);

/// <summary>Sends and receives datagrams between the configured nodes.</summary>
/// <remarks>
/// <para>What may happen to a datagram: it may be lost, at any time and for any length of time, in one direction only, on one path
/// only; it may come twice or more often; datagrams may overtake each other, also on one path; any of them may be late by any time,
/// even after the receiver or the sender was restarted. What never happens: a datagram that comes has the bytes and the
/// length that were sent, except by accident or malice, which the seal finds. Who a datagram is from is told by its
/// seal, never by the address it came from.</para>
/// <para>Threading: <see cref="Send"/> may be called by any thread, also from inside the handler, at the same time as any other call. The
/// handler is called by one thread per path, so up to <see cref="PathCount"/> calls run at once; it must be quick, must not block,
/// and must not throw. After <see cref="StopAsync"/> has completed it is called no more.</para>
/// <para><see cref="Send"/> never blocks and never throws for what a network can do. Nothing is queued above the operating system's
/// own buffers: what does not fit is lost and counted.</para>
/// </remarks>
internal interface IDatagramTransport : IAsyncDisposable
{
    /// <summary>How many paths there are to every node.</summary>
    int PathCount { get; }

    /// <summary>Opens every path and begins to receive.</summary>
    /// <exception cref="TransportStartException">A host name does not resolve, a port is in use, an address is not local.</exception>
    ValueTask StartAsync(DatagramHandler handler, CancellationToken cancellationToken);

    /// <summary>Hands one datagram over for a node.</summary>
    /// <param name="to">A configured node; any other is refused.</param>
    /// <param name="path">0..<see cref="PathCount"/>-1.</param>
    /// <param name="datagram">Copied before the call returns.</param>
    /// <returns>False when it is certainly lost; true says nothing about its arrival.</returns>
    bool Send(NodeId to, int path, ReadOnlySpan<byte> datagram);

    /// <summary>A hint that nothing is heard from a node: its host name may be looked up again, at a bounded rate. Never blocks.</summary>
    void AddressSuspect(NodeId node);

    /// <summary>Stops receiving and sending and frees every port. May be called more than once.</summary>
    ValueTask StopAsync();
}
