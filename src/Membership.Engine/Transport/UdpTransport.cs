// Datagrams over UDP unicast: one socket and one receiving thread per path, so that a host that starves the thread pool
// does not silence its node. Non-blocking sends; every error of the network is counted and survived.
using System.Collections.Immutable;
using System.Net;
using System.Net.Sockets;
using Membership.Engine.Wire;
using Microsoft.Extensions.Logging;

namespace Membership.Engine.Transport;

/// <summary>UDP over IPv4 and IPv6. See <see cref="IDatagramTransport"/> for the contract; nothing is allocated per datagram.</summary>
internal sealed partial class UdpTransport : IDatagramTransport
{
    private const int BufferSize = 65_536;
    private static readonly TimeSpan PollPeriod = TimeSpan.FromMilliseconds(250);

    private readonly UdpTransportOptions _options;
    private readonly DatagramCounters _counters;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly PathSocket[] _paths;
    private readonly long[] _lastLookUp;
    private readonly CancellationTokenSource _stopping = new();
    private DatagramHandler? _handler;
    private int _started;

    /// <exception cref="ArgumentException">The nodes do not all have the same number of paths, or this node is not among them.</exception>
    public UdpTransport(UdpTransportOptions options, DatagramCounters counters, TimeProvider time, ILogger logger)
    {
        _options = options;
        _counters = counters;
        _time = time;
        _logger = logger;
        if (!options.Endpoints.TryGetValue(options.Self, out ImmutableArray<NodeEndpoint> own))
            throw new ArgumentException($"Node {options.Self}, this node, is not in the list of nodes; add it.", nameof(options));
        foreach ((NodeId node, ImmutableArray<NodeEndpoint> endpoints) in options.Endpoints)
        {
            if (endpoints.Length != own.Length)
                throw new ArgumentException(
                    $"Node {node} has {endpoints.Length} endpoint(s), node {options.Self} has {own.Length}; give every node one endpoint per path.", nameof(options));
        }
        if (options.Bind is { } bind && bind.Length != own.Length)
            throw new ArgumentException($"There are {bind.Length} addresses to bind for {own.Length} path(s); give one per path.", nameof(options));
        int highest = options.Endpoints.Keys.Max().Value;
        _paths = [.. own.Select((_, path) => new PathSocket(path, highest + 1))];
        _lastLookUp = new long[highest + 1];
    }

    /// <inheritdoc/>
    public int PathCount => _paths.Length;

    /// <summary>What a path is bound to, once started.</summary>
    public EndPoint LocalEndPoint(int path) => _paths[path].Socket!.LocalEndPoint!;

    /// <inheritdoc/>
    public async ValueTask StartAsync(DatagramHandler handler, CancellationToken cancellationToken)
    {
        if (Interlocked.Exchange(ref _started, 1) != 0) throw new InvalidOperationException("The transport was already started.");
        _handler = handler;
        try
        {
            foreach (PathSocket path in _paths)
            {
                path.Socket = await BindAsync(path.Index, cancellationToken).ConfigureAwait(false);
                foreach (NodeId node in _options.Endpoints.Keys)
                    if (node != _options.Self) path.Remotes[node.Value] = await ResolveAsync(node, path, cancellationToken).ConfigureAwait(false);
            }
        }
        catch
        {
            foreach (PathSocket path in _paths) path.Socket?.Dispose();
            foreach (PathSocket path in _paths) path.Finished.TrySetResult();
            throw;
        }
        foreach (PathSocket path in _paths)
        {
            LogBound(path.Index, path.Socket!.LocalEndPoint!);
            new Thread(() => ReceiveLoop(path)) { IsBackground = true, Name = $"regroup-udp-{_options.Self}-{path.Index}" }.Start();
            path.Running = true;
        }
    }

    /// <inheritdoc/>
    public bool Send(NodeId to, int path, ReadOnlySpan<byte> datagram)
    {
        if ((uint)path >= (uint)_paths.Length) return false;
        PathSocket from = _paths[path];
        if ((uint)to.Value >= (uint)from.Remotes.Length || Volatile.Read(ref from.Remotes[to.Value]) is not { } remote) return false;
        try
        {
            from.Socket!.SendTo(datagram, SocketFlags.None, remote);
            _counters.CountSent(datagram.Length);
            return true;
        }
        catch (SocketException failure)
        {
            _counters.CountSendFailure();
            LogSendFailed(to, path, failure.SocketErrorCode);
            if (failure.SocketErrorCode is not (SocketError.WouldBlock or SocketError.NoBufferSpaceAvailable)) AddressSuspect(to);
            return false;
        }
        catch (ObjectDisposedException)
        {
            return false;
        }
    }

    /// <inheritdoc/>
    public void AddressSuspect(NodeId node)
    {
        if (_stopping.IsCancellationRequested || !_options.Endpoints.TryGetValue(node, out ImmutableArray<NodeEndpoint> endpoints)
            || node == _options.Self || endpoints.All(static endpoint => endpoint.IsAddress)) return;
        long last = Volatile.Read(ref _lastLookUp[node.Value]);
        long now = _time.GetTimestamp();
        if (last != 0 && _time.GetElapsedTime(last, now) < _options.ResolveInterval) return;
        if (Interlocked.CompareExchange(ref _lastLookUp[node.Value], now, last) != last) return;
        _ = LookUpAgainAsync(node);
    }

    /// <inheritdoc/>
    public async ValueTask StopAsync()
    {
        await _stopping.CancelAsync().ConfigureAwait(false);
        foreach (PathSocket path in _paths)
        {
            if (!path.Running) continue;
            path.Wake();
            await path.Finished.Task.ConfigureAwait(false);
        }
    }

    /// <inheritdoc/>
    public ValueTask DisposeAsync() => StopAsync();

    private async ValueTask<Socket> BindAsync(int path, CancellationToken cancellationToken)
    {
        NodeEndpoint endpoint = (_options.Bind ?? _options.Endpoints[_options.Self])[path];
        return await LocalBinding.BindAsync(endpoint, $"node {_options.Self}, path {path}, UDP", SocketType.Dgram, ProtocolType.Udp, Prepare, cancellationToken)
            .ConfigureAwait(false);
    }

    private void Prepare(Socket socket)
    {
        socket.Blocking = false;
        socket.ReceiveBufferSize = _options.ReceiveBufferBytes;
        socket.SendBufferSize = 1 << 20;
        // Windows reports a peer's closed port as an error of the next receive; that is noise here.
        if (OperatingSystem.IsWindows()) socket.IOControl(unchecked((int)0x9800000C), [0, 0, 0, 0], null);
    }

    private async ValueTask<SocketAddress> ResolveAsync(NodeId node, PathSocket path, CancellationToken cancellationToken)
    {
        NodeEndpoint endpoint = _options.Endpoints[node][path.Index];
        IPAddress[] addresses;
        try
        {
            addresses = await endpoint.ResolveAsync(cancellationToken).ConfigureAwait(false);
        }
        catch (SocketException failure)
        {
            throw new TransportStartException(
                $"The host name \"{endpoint.Host}\" in endpoint {endpoint} of node {node} (path {path.Index}) does not resolve: {failure.Message}. "
                + "Correct the name, make it known to the resolver (DNS or the hosts file), or write the IP address.", failure);
        }
        AddressFamily family = path.Socket!.AddressFamily;
        IPAddress address = addresses.FirstOrDefault(candidate => candidate.AddressFamily == family)
            ?? throw new TransportStartException(
                $"Endpoint {endpoint} of node {node} (path {path.Index}) has no {FamilyName(family)} address, but this node's socket of that path, "
                + $"{path.Socket.LocalEndPoint}, is {FamilyName(family)}. Use the same family on both ends of a path.");
        return new IPEndPoint(address, endpoint.Port).Serialize();
    }

    private async Task LookUpAgainAsync(NodeId node)
    {
        foreach (PathSocket path in _paths)
        {
            try
            {
                SocketAddress found = await ResolveAsync(node, path, _stopping.Token).ConfigureAwait(false);
                if (found.Equals(path.Remotes[node.Value])) continue;
                Volatile.Write(ref path.Remotes[node.Value], found);
                LogMoved(node, path.Index, found);
            }
            catch (Exception failure) when (failure is TransportStartException or OperationCanceledException or ObjectDisposedException)
            {
                LogLookUpFailed(node, path.Index, failure.Message);
            }
        }
    }

    private void ReceiveLoop(PathSocket path)
    {
        byte[] buffer = GC.AllocateUninitializedArray<byte>(BufferSize, pinned: true);
        Socket socket = path.Socket!;
        var from = new SocketAddress(socket.AddressFamily);
        int errorsInARow = 0;
        while (!_stopping.IsCancellationRequested)
        {
            try
            {
                if (!socket.Poll(PollPeriod, SelectMode.SelectRead)) continue;
                int length = socket.ReceiveFrom(buffer, SocketFlags.None, from);
                errorsInARow = 0;
                if (_stopping.IsCancellationRequested) break;
                _counters.CountReceived(length);
                _handler!(buffer.AsSpan(0, length), path.Index);
            }
            catch (SocketException failure)
            {
                if (failure.SocketErrorCode == SocketError.WouldBlock) continue;
                _counters.CountReceiveError();
                LogReceiveFailed(path.Index, failure.SocketErrorCode);
                // A socket that goes on failing must not burn a core; one ICMP error costs nothing.
                if (++errorsInARow > 16) _stopping.Token.WaitHandle.WaitOne(TimeSpan.FromMilliseconds(20));
            }
            catch (ObjectDisposedException)
            {
                break;
            }
        }
        socket.Dispose();
        path.Finished.TrySetResult();
    }

    private static string FamilyName(AddressFamily family) => family == AddressFamily.InterNetworkV6 ? "IPv6" : "IPv4";

    [LoggerMessage(1101, LogLevel.Debug, "Path {Path} is bound to UDP {Local}")]
    private partial void LogBound(int path, EndPoint local);

    [LoggerMessage(1102, LogLevel.Debug, "Sending to node {Node} on path {Path} failed: {Error}")]
    private partial void LogSendFailed(NodeId node, int path, SocketError error);

    [LoggerMessage(1103, LogLevel.Debug, "Receiving on path {Path} failed: {Error}")]
    private partial void LogReceiveFailed(int path, SocketError error);

    [LoggerMessage(1104, LogLevel.Information, "Node {Node} is now at {Address} on path {Path}")]
    private partial void LogMoved(NodeId node, int path, SocketAddress address);

    [LoggerMessage(1105, LogLevel.Debug, "Looking up node {Node} on path {Path} again failed: {Reason}")]
    private partial void LogLookUpFailed(NodeId node, int path, string reason);

    private sealed class PathSocket(int index, int nodes)
    {
        public int Index { get; } = index;

        public SocketAddress?[] Remotes { get; } = new SocketAddress?[nodes];

        public Socket? Socket { get; set; }

        public bool Running { get; set; }

        public TaskCompletionSource Finished { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        /// <summary>Ends a wait early by an empty datagram to itself; if that fails, the poll period ends it.</summary>
        public void Wake()
        {
            try
            {
                var local = (IPEndPoint)Socket!.LocalEndPoint!;
                IPAddress self = local.Address.Equals(IPAddress.Any) ? IPAddress.Loopback : local.Address.Equals(IPAddress.IPv6Any) ? IPAddress.IPv6Loopback : local.Address;
                Socket.SendTo([], SocketFlags.None, new IPEndPoint(self, local.Port));
            }
            catch (Exception failure) when (failure is SocketException or ObjectDisposedException)
            {
                // Nothing to do: the receiving thread looks by itself every poll period.
            }
        }
    }
}
