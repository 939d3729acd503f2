// The tripwire: one idle TCP connection per pair of nodes. When a process dies, its kernel closes the connection at once,
// so that a crash is suspected in milliseconds instead of after R*S*T of silence. Only a suspicion: the regroup decides.
using System.Net;
using System.Net.Sockets;
using Membership.Engine.Wire;
using Microsoft.Extensions.Logging;

namespace Membership.Engine.Transport;

/// <summary>What a peer's kernel said about its tripwire port.</summary>
internal enum PortProbe
{
    /// <summary>Nobody listens: the process is gone. The only answer that is evidence of a crash.</summary>
    Refused,

    /// <summary>Somebody accepted: no evidence.</summary>
    Accepted,

    /// <summary>No answer in time: the machine, the network or a firewall; no evidence.</summary>
    TimedOut,

    /// <summary>No route, no address, or another error on the way; no evidence.</summary>
    Unreachable,
}

/// <summary>The tripwire connections of this node. Safe from any thread; its loops never throw.</summary>
/// <remarks>
/// <para>The lower number dials, the higher accepts. A connection counts once both sides have shown that they have a key of the ring and
/// which life they are; until then it is bounded in number, bytes and time, and its end means nothing. TCP keepalive is off:
/// silence is the heartbeats' business.</para>
/// <para>A firewall that forgets idle connections makes false suspicions, each of which costs a regroup that removes nobody.</para>
/// </remarks>
internal sealed partial class TcpTripwire : IAsyncDisposable
{
    private readonly TripwireOptions _options;
    private readonly TripwireHandshake _handshake;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly Action<NodeId, Incarnation> _lost;
    private readonly Lock _lock = new();
    private readonly Dictionary<NodeId, Connection> _connections = [];
    private readonly Dictionary<NodeId, CancellationTokenSource> _dialling = [];
    private readonly HashSet<Task> _tasks = [];
    private readonly CancellationTokenSource _stopping = new();
    private Socket? _listener;
    private NodeSet _wanted;
    private Incarnation _incarnation;

    /// <summary>Accepted and not yet through their hello, the oldest first.</summary>
    private readonly List<Socket> _greeting = [];

    /// <param name="options">Addresses and bounds.</param>
    /// <param name="sealer">Seals the hellos; the same as for the datagrams.</param>
    /// <param name="opener">Opens the hellos.</param>
    /// <param name="lost">Called at once, by a pool thread, when an authenticated connection ends that this side neither closed nor replaced.</param>
    /// <param name="time">For the waits between attempts.</param>
    /// <param name="logger">Takes debug lines.</param>
    public TcpTripwire(
        TripwireOptions options, DatagramSealer sealer, DatagramOpener opener, Action<NodeId, Incarnation> lost, TimeProvider time, ILogger logger)
    {
        _options = options;
        _handshake = new TripwireHandshake(options.Self, sealer, opener);
        _lost = lost;
        _time = time;
        _logger = logger;
    }

    /// <summary>The peers with an authenticated connection.</summary>
    public NodeSet Connected
    {
        get
        {
            lock (_lock) return NodeSet.From(_connections.Keys);
        }
    }

    /// <summary>Connections accepted that have not said a good hello yet.</summary>
    public int Unauthenticated
    {
        get
        {
            lock (_lock) return _greeting.Count;
        }
    }

    private Incarnation Own
    {
        get
        {
            lock (_lock) return _incarnation;
        }
    }

    /// <summary>Listens as this life of the node.</summary>
    /// <exception cref="TransportStartException">The port is in use, the address is not local, the name does not resolve.</exception>
    public async ValueTask StartAsync(Incarnation incarnation, CancellationToken cancellationToken)
    {
        SetIncarnation(incarnation);
        NodeEndpoint endpoint = _options.Bind ?? _options.Endpoints[_options.Self];
        Socket listener = await LocalBinding.BindAsync(
            endpoint, $"node {_options.Self}, tripwire, TCP", SocketType.Stream, ProtocolType.Tcp, static _ => { }, cancellationToken).ConfigureAwait(false);
        try
        {
            listener.Listen(128);
        }
        catch (SocketException failure)
        {
            listener.Dispose();
            throw new TransportStartException(
                $"{endpoint} (node {_options.Self}, tripwire, TCP) is in use by another process. Stop that process, or give this node another port on every node.", failure);
        }
        lock (_lock)
        {
            _listener = listener;
            Track(AcceptLoopAsync(listener));
        }
    }

    /// <summary>This node began a new life (a join): connections of the old one are closed, and made anew.</summary>
    public void SetIncarnation(Incarnation incarnation)
    {
        lock (_lock)
        {
            if (_incarnation == incarnation) return;
            _incarnation = incarnation;
            foreach (Connection connection in _connections.Values) connection.CloseOnPurpose();
            _connections.Clear();
        }
    }

    /// <summary>Says to whom connections are wanted: those are dialled and kept. Connections to others that were wanted before are closed, on purpose.</summary>
    /// <remarks>A connection that a peer made before this side wanted it is kept: the peer may have got the view first.</remarks>
    public void SetWanted(NodeSet wanted)
    {
        lock (_lock)
        {
            if (_stopping.IsCancellationRequested) return;
            NodeSet before = _wanted;
            _wanted = wanted.Without(_options.Self);
            foreach (NodeId node in before - _wanted)
            {
                if (_dialling.Remove(node, out CancellationTokenSource? dialling)) dialling.Cancel();
                if (_connections.Remove(node, out Connection? connection)) connection.CloseOnPurpose();
            }
            foreach (NodeId node in _wanted)
            {
                if (node < _options.Self || _dialling.ContainsKey(node) || !_options.Endpoints.ContainsKey(node)) continue;
                var cancel = CancellationTokenSource.CreateLinkedTokenSource(_stopping.Token);
                _dialling[node] = cancel;
                Track(DialLoopAsync(node, cancel));
            }
        }
    }

    /// <summary>Asks the peer's kernel whether anybody listens on its tripwire port.</summary>
    /// <returns>Only <see cref="PortProbe.Refused"/> is evidence that the peer's process is gone.</returns>
    public async Task<PortProbe> ProbeAsync(NodeId node, CancellationToken cancellationToken)
    {
        if (!_options.Endpoints.TryGetValue(node, out NodeEndpoint endpoint)) return PortProbe.Unreachable;
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, _stopping.Token);
        deadline.CancelAfter(_options.ProbeTimeout);
        try
        {
            using Socket socket = await ConnectAsync(endpoint, deadline.Token).ConfigureAwait(false);
            return PortProbe.Accepted;
        }
        catch (SocketException failure)
        {
            return failure.SocketErrorCode switch
            {
                SocketError.ConnectionRefused => PortProbe.Refused,
                SocketError.TimedOut => PortProbe.TimedOut,
                _ => PortProbe.Unreachable,
            };
        }
        catch (OperationCanceledException)
        {
            return PortProbe.TimedOut;
        }
    }

    /// <summary>Closes everything, on purpose: this side reports no loss. The peers will.</summary>
    public async ValueTask DisposeAsync()
    {
        await _stopping.CancelAsync().ConfigureAwait(false);
        Task[] running;
        lock (_lock)
        {
            _listener?.Dispose();
            foreach (Connection connection in _connections.Values) connection.CloseOnPurpose();
            _connections.Clear();
            running = [.. _tasks];
        }
        await Task.WhenAll(running).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing); // faults were logged
    }

    private async Task AcceptLoopAsync(Socket listener)
    {
        await Task.Yield();
        while (!_stopping.IsCancellationRequested)
        {
            try
            {
                Socket socket = await listener.AcceptAsync(_stopping.Token).ConfigureAwait(false);
                lock (_lock)
                {
                    // The oldest makes room: a node says its hello within a round trip, so that strangers who only wait do not keep it out.
                    if (_greeting.Count == _options.MaxUnauthenticated)
                    {
                        LogTooMany(_options.MaxUnauthenticated);
                        _greeting[0].Dispose();
                        _greeting.RemoveAt(0);
                    }
                    _greeting.Add(socket);
                    Track(AcceptAsync(socket));
                }
            }
            catch (SocketException failure)
            {
                // Out of descriptors, or a connection that was gone before it was accepted: go on, not at full speed.
                LogAcceptFailed(failure.SocketErrorCode);
                if (!await WaitAsync(_options.MinRetryDelay, _stopping.Token).ConfigureAwait(false)) return;
            }
            catch (Exception stopped) when (stopped is OperationCanceledException or ObjectDisposedException)
            {
                return;
            }
        }
    }

    private async Task AcceptAsync(Socket socket)
    {
        await Task.Yield();
        Connection? connection = null;
        try
        {
            using (var deadline = CancellationTokenSource.CreateLinkedTokenSource(_stopping.Token))
            {
                deadline.CancelAfter(_options.HelloTimeout);
                socket.NoDelay = true;
                Incarnation own = Own;
                if (await _handshake.AcceptAsync(socket, own, deadline.Token).ConfigureAwait(false) is { } peer)
                {
                    // What had to make room meanwhile is not taken in any more.
                    lock (_lock) connection = _greeting.Remove(socket) ? Register(socket, peer.Node, peer.Incarnation, own) : null;
                    if (connection is not null) await TripwireHandshake.ConfirmAsync(socket, deadline.Token).ConfigureAwait(false);
                }
                else LogHelloFailed(socket.RemoteEndPoint);
            }
        }
        catch (Exception failure) when (IsConnectionFailure(failure))
        {
            LogHandshakeEnded(failure.Message);
        }
        finally
        {
            lock (_lock) _greeting.Remove(socket);
        }
        if (connection is not null) await WatchAsync(connection).ConfigureAwait(false);
        else socket.Dispose();
    }

    private async Task DialLoopAsync(NodeId node, CancellationTokenSource cancel)
    {
        await Task.Yield();
        TimeSpan delay = _options.MinRetryDelay;
        while (!cancel.IsCancellationRequested)
        {
            if (await DialAsync(node, cancel.Token).ConfigureAwait(false) is { } connection)
            {
                delay = _options.MinRetryDelay;
                await WatchAsync(connection).ConfigureAwait(false);
            }
            if (!await WaitAsync(delay, cancel.Token).ConfigureAwait(false)) break;
            delay = TimeSpan.FromTicks(Math.Min(2 * delay.Ticks, _options.MaxRetryDelay.Ticks));
        }
        cancel.Dispose();
    }

    private async Task<Connection?> DialAsync(NodeId node, CancellationToken cancellationToken)
    {
        Socket? socket = null;
        try
        {
            using var deadline = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
            deadline.CancelAfter(_options.HelloTimeout);
            socket = await ConnectAsync(_options.Endpoints[node], deadline.Token).ConfigureAwait(false);
            Incarnation own = Own;
            if (await _handshake.DialAsync(socket, node, own, deadline.Token).ConfigureAwait(false) is { } life
                && !cancellationToken.IsCancellationRequested && Register(socket, node, life, own) is { } connection) return connection;
            LogHelloFailed(socket.RemoteEndPoint);
        }
        catch (Exception failure) when (IsConnectionFailure(failure))
        {
            LogDialFailed(node, failure.Message);
        }
        socket?.Dispose();
        return null;
    }

    // One connection per peer: the newer life, or of the same life the newer connection, replaces what was there.
    private Connection? Register(Socket socket, NodeId node, Incarnation incarnation, Incarnation own)
    {
        lock (_lock)
        {
            if (_stopping.IsCancellationRequested || own != _incarnation) return null;
            if (_connections.TryGetValue(node, out Connection? former))
            {
                if (former.Incarnation > incarnation) return null;
                former.CloseOnPurpose();
            }
            LogEstablished(node, incarnation);
            return _connections[node] = new Connection(socket, node, incarnation);
        }
    }

    private async Task WatchAsync(Connection connection)
    {
        string ended = "closed by the peer";
        try
        {
            // Nothing is ever sent after the hello; what a later version may send is not ours to understand.
            var ignored = new byte[16];
            while (await connection.Socket.ReceiveAsync(ignored, SocketFlags.None).ConfigureAwait(false) > 0)
            {
            }
        }
        catch (Exception failure) when (IsConnectionFailure(failure))
        {
            ended = failure.Message;
        }
        bool lost;
        lock (_lock)
        {
            lost = !connection.ClosedOnPurpose && !_stopping.IsCancellationRequested;
            if (_connections.TryGetValue(connection.Node, out Connection? current) && current == connection) _connections.Remove(connection.Node);
        }
        connection.Socket.Dispose();
        if (!lost) return;
        LogLost(connection.Node, connection.Incarnation, ended);
        _lost(connection.Node, connection.Incarnation);
    }

    private static async Task<Socket> ConnectAsync(NodeEndpoint endpoint, CancellationToken cancellationToken)
    {
        SocketException? last = null;
        foreach (IPAddress address in await endpoint.ResolveAsync(cancellationToken).ConfigureAwait(false))
        {
            var socket = new Socket(address.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
            try
            {
                socket.NoDelay = true;
                await socket.ConnectAsync(new IPEndPoint(address, endpoint.Port), cancellationToken).ConfigureAwait(false);
                return socket;
            }
            catch (SocketException failure)
            {
                socket.Dispose();
                last = failure;
            }
            catch
            {
                socket.Dispose();
                throw;
            }
        }
        throw last!;
    }

    private async Task<bool> WaitAsync(TimeSpan delay, CancellationToken cancellationToken)
    {
        try
        {
            await Task.Delay(delay, _time, cancellationToken).ConfigureAwait(false);
            return true;
        }
        catch (OperationCanceledException)
        {
            return false;
        }
    }

    private static bool IsConnectionFailure(Exception failure) => failure is SocketException or OperationCanceledException or ObjectDisposedException;

    // Under the lock.
    private void Track(Task task)
    {
        _tasks.Add(task);
        _ = task.ContinueWith(
            ended =>
            {
                if (ended.Exception is { } fault) LogFault(fault);
                lock (_lock) _tasks.Remove(ended);
            },
            CancellationToken.None, TaskContinuationOptions.None, TaskScheduler.Default);
    }

    [LoggerMessage(1201, LogLevel.Debug, "Tripwire to node {Node}, life {Incarnation}, is up")]
    private partial void LogEstablished(NodeId node, Incarnation incarnation);

    [LoggerMessage(1202, LogLevel.Debug, "Tripwire to node {Node}, life {Incarnation}, is lost: {Reason}")]
    private partial void LogLost(NodeId node, Incarnation incarnation, string reason);

    [LoggerMessage(1203, LogLevel.Debug, "Dialling the tripwire of node {Node} failed: {Reason}")]
    private partial void LogDialFailed(NodeId node, string reason);

    [LoggerMessage(1204, LogLevel.Debug, "A tripwire connection with {Remote} was refused: its hello is not good or not wanted")]
    private partial void LogHelloFailed(EndPoint? remote);

    [LoggerMessage(1205, LogLevel.Debug, "A tripwire connection ended before its hello did: {Reason}")]
    private partial void LogHandshakeEnded(string reason);

    [LoggerMessage(1206, LogLevel.Debug, "More than {Limit} tripwire connections without a hello; the oldest is closed")]
    private partial void LogTooMany(int limit);

    [LoggerMessage(1207, LogLevel.Debug, "Accepting a tripwire connection failed: {Error}")]
    private partial void LogAcceptFailed(SocketError error);

    [LoggerMessage(1208, LogLevel.Error, "A tripwire task failed in a way that is a defect")]
    private partial void LogFault(Exception fault);

    private sealed class Connection(Socket socket, NodeId node, Incarnation incarnation)
    {
        public Socket Socket { get; } = socket;

        public NodeId Node { get; } = node;

        public Incarnation Incarnation { get; } = incarnation;

        public bool ClosedOnPurpose { get; private set; }

        public void CloseOnPurpose()
        {
            ClosedOnPurpose = true;
            Socket.Dispose();
        }
    }
}
