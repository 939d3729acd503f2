// Two transports whose datagrams lie still until a test delivers them, in an order and number of its choice.
using Membership.Engine.Transport;

namespace Membership.Engine.Tests.Wire;

internal sealed class SwappingTransportPair
{
    private readonly List<(NodeId To, byte[] Bytes)> _waiting = [];

    public SwappingTransportPair()
    {
        Left = new End(this);
        Right = new End(this);
    }

    public End Left { get; }

    public End Right { get; }

    /// <summary>Delivers what waits for node 2 to the right end, last first, each twice.</summary>
    public void DeliverSwappedAndDoubled(NodeId to)
    {
        foreach ((NodeId receiver, byte[] bytes) in Enumerable.Reverse(_waiting))
        {
            if (receiver != to) continue;
            Right.Handler!(bytes, 0);
            Right.Handler!(bytes, 0);
        }
        _waiting.Clear();
    }

    internal sealed class End(SwappingTransportPair pair) : IDatagramTransport
    {
        public DatagramHandler? Handler { get; private set; }

        public int PathCount => 1;

        public ValueTask StartAsync(DatagramHandler handler, CancellationToken cancellationToken)
        {
            Handler = handler;
            return ValueTask.CompletedTask;
        }

        public bool Send(NodeId to, int path, ReadOnlySpan<byte> datagram)
        {
            pair._waiting.Add((to, datagram.ToArray()));
            return true;
        }

        public void AddressSuspect(NodeId node)
        {
        }

        public ValueTask StopAsync() => ValueTask.CompletedTask;

        public ValueTask DisposeAsync() => ValueTask.CompletedTask;
    }
}
