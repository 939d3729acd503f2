// A network inside one process, for tests of what stands above the transport: it loses and doubles what it is told to.
using System.Collections.Concurrent;
using System.Threading.Channels;

namespace Membership.Engine.Transport;

/// <summary>Connects <see cref="InMemoryTransport"/>s. Safe from any thread.</summary>
internal sealed class InMemoryNetwork(int pathCount = 1)
{
    private readonly ConcurrentDictionary<NodeId, InMemoryTransport> _attached = [];

    public int PathCount { get; } = pathCount;

    /// <summary>How often a datagram (from, to, path) arrives: 0 = lost, 1 = once, 2 = twice. Default: always once.</summary>
    public Func<NodeId, NodeId, int, int> Copies { get; set; } = static (_, _, _) => 1;

    /// <summary>A transport for a node; it takes part from its start to its stop.</summary>
    public InMemoryTransport CreateTransport(NodeId node) => new(this, node);

    internal void Attach(NodeId node, InMemoryTransport transport)
    {
        if (!_attached.TryAdd(node, transport)) throw new TransportStartException($"Node {node} is in use on this network; stop the other one first.");
    }

    internal void Detach(NodeId node, InMemoryTransport transport) => _attached.TryRemove(new KeyValuePair<NodeId, InMemoryTransport>(node, transport));

    internal bool Send(NodeId from, NodeId to, int path, ReadOnlySpan<byte> datagram)
    {
        if (!_attached.TryGetValue(to, out InMemoryTransport? target)) return false;
        for (int copies = Copies(from, to, path); copies > 0; copies--) target.Enqueue(datagram.ToArray(), path);
        return true;
    }
}

/// <summary>One node's end of an <see cref="InMemoryNetwork"/>; keeps the contract of <see cref="IDatagramTransport"/>.</summary>
internal sealed class InMemoryTransport : IDatagramTransport
{
    private const int QueueLength = 1024;

    private readonly InMemoryNetwork _network;
    private readonly NodeId _node;
    private readonly Channel<byte[]>[] _queues;
    private Task[] _pumps = [];

    internal InMemoryTransport(InMemoryNetwork network, NodeId node)
    {
        _network = network;
        _node = node;
        _queues = [.. Enumerable.Range(0, network.PathCount).Select(static _ => Channel.CreateBounded<byte[]>(
            new BoundedChannelOptions(QueueLength) { FullMode = BoundedChannelFullMode.DropWrite, SingleReader = true }))];
    }

    /// <inheritdoc/>
    public int PathCount => _queues.Length;

    /// <inheritdoc/>
    public ValueTask StartAsync(DatagramHandler handler, CancellationToken cancellationToken)
    {
        _network.Attach(_node, this);
        _pumps = [.. _queues.Select((queue, path) => Task.Run(() => PumpAsync(queue.Reader, path, handler), CancellationToken.None))];
        return ValueTask.CompletedTask;
    }

    /// <inheritdoc/>
    public bool Send(NodeId to, int path, ReadOnlySpan<byte> datagram)
        => (uint)path < (uint)_queues.Length && _network.Send(_node, to, path, datagram);

    /// <inheritdoc/>
    public void AddressSuspect(NodeId node)
    {
        // Addresses here are the numbers themselves.
    }

    /// <inheritdoc/>
    public async ValueTask StopAsync()
    {
        _network.Detach(_node, this);
        foreach (Channel<byte[]> queue in _queues) queue.Writer.TryComplete();
        await Task.WhenAll(_pumps).ConfigureAwait(false);
    }

    /// <inheritdoc/>
    public ValueTask DisposeAsync() => StopAsync();

    internal void Enqueue(byte[] datagram, int path) => _queues[path].Writer.TryWrite(datagram);

    private static async Task PumpAsync(ChannelReader<byte[]> queue, int path, DatagramHandler handler)
    {
        await foreach (byte[] datagram in queue.ReadAllAsync().ConfigureAwait(false)) handler(datagram, path);
    }
}
