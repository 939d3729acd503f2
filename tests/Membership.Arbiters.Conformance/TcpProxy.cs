// A TCP proxy that makes networks bad: slow, cut (nothing passes, nothing is closed, and what was sent arrives when the cut
// is over, as with a real one), resetting, or answering every request with the same bytes.
using System.Net;
using System.Net.Sockets;
using System.Threading.Channels;

namespace Membership.Arbiters.Conformance;

public sealed class TcpProxy : IAsyncDisposable
{
    private readonly IPEndPoint _server;
    private readonly Socket _listener = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
    private readonly CancellationTokenSource _stopping = new();
    private readonly HashSet<Socket> _open = [];
    private readonly Lock _state = new();
    private readonly Task _accepting;
    private TaskCompletionSource? _requestsHeld;
    private TaskCompletionSource? _answersHeld;
    private TaskCompletionSource? _stranded;
    private int _connections;
    private int _strandedUpTo;
    private TimeSpan _latency;
    private bool _refusing;
    private byte[]? _answer;

    public TcpProxy(IPEndPoint server)
    {
        _server = server;
        _listener.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        _listener.Listen(128);
        EndPoint = (IPEndPoint)_listener.LocalEndPoint!;
        _accepting = Task.Run(AcceptAsync);
    }

    /// <summary>Where clients connect to.</summary>
    public IPEndPoint EndPoint { get; }

    /// <summary>From now on nothing passes in either direction.</summary>
    public void Cut()
    {
        HoldRequests();
        HoldAnswers();
    }

    /// <summary>From now on requests are kept back, also those of clients that give up.</summary>
    public void HoldRequests()
    {
        lock (_state) _requestsHeld ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
    }

    /// <summary>Keeps back the requests on the connections there are now; new connections are well.</summary>
    public void Strand()
    {
        lock (_state)
        {
            _stranded ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            _strandedUpTo = _connections;
        }
    }

    /// <summary>From now on requests take effect and their answers are kept back.</summary>
    public void HoldAnswers()
    {
        lock (_state) _answersHeld ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
    }

    /// <summary>From now on every piece of data arrives this much later.</summary>
    public void Slow(TimeSpan latency)
    {
        lock (_state) _latency = latency;
    }

    /// <summary>Resets all connections and every new one.</summary>
    public void Refuse()
    {
        Socket[] open;
        lock (_state)
        {
            _refusing = true;
            open = [.. _open];
        }
        foreach (Socket socket in open) Reset(socket);
    }

    /// <summary>From now on each request is answered with these bytes and does not reach the server.</summary>
    public void AnswerWith(byte[] answer)
    {
        lock (_state) _answer = answer;
    }

    /// <summary>All is well again; what was held back is delivered now.</summary>
    public void Heal()
    {
        TaskCompletionSource? requests, answers, stranded;
        lock (_state)
        {
            (requests, answers, stranded) = (_requestsHeld, _answersHeld, _stranded);
            _requestsHeld = _answersHeld = _stranded = null;
            _latency = TimeSpan.Zero;
            _refusing = false;
            _answer = null;
        }
        requests?.SetResult();
        answers?.SetResult();
        stranded?.SetResult();
    }

    public async ValueTask DisposeAsync()
    {
        await _stopping.CancelAsync();
        _listener.Dispose();
        Socket[] open;
        lock (_state) open = [.. _open];
        foreach (Socket socket in open) socket.Dispose();
        Heal();
        await _accepting;
        _stopping.Dispose();
    }

    private async Task AcceptAsync()
    {
        while (true)
        {
            Socket client;
            try
            {
                client = await _listener.AcceptAsync(_stopping.Token);
            }
            catch (Exception ended) when (ended is OperationCanceledException or SocketException or ObjectDisposedException)
            {
                return;
            }
            bool refused;
            int connection = 0;
            lock (_state)
            {
                refused = _refusing || _stopping.IsCancellationRequested;
                if (!refused) _open.Add(client);
                connection = ++_connections;
            }
            if (refused) Reset(client);
            else _ = Task.Run(() => ServeAsync(client, connection));
        }
    }

    private async Task ServeAsync(Socket client, int connection)
    {
        client.NoDelay = true;
        var server = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        lock (_state) _open.Add(server);
        try
        {
            // A connection made during a cut is accepted here, but the server must not see it before the cut is over.
            await GateAsync(connection, requests: true);
            await server.ConnectAsync(_server, _stopping.Token);
            await Task.WhenAll(PumpAsync(client, server, connection, requests: true), PumpAsync(server, client, connection, requests: false));
        }
        catch (Exception ended) when (ended is OperationCanceledException or SocketException or ObjectDisposedException)
        {
            // The server is not there, or the proxy is being removed.
        }
        finally
        {
            lock (_state)
            {
                _open.Remove(client);
                _open.Remove(server);
            }
            Reset(client);
            server.Dispose();
        }
    }

    /// <summary>Reads all the time, so that what a client sent before it gave up still arrives; writes when the way is open.</summary>
    private async Task PumpAsync(Socket from, Socket to, int connection, bool requests)
    {
        Channel<byte[]> underWay = Channel.CreateUnbounded<byte[]>(new UnboundedChannelOptions { SingleReader = true, SingleWriter = true });
        Task reading = Task.Run(async () =>
        {
            var buffer = new byte[64 * 1024];
            try
            {
                while (await from.ReceiveAsync(buffer, _stopping.Token) is > 0 and var count)
                {
                    byte[]? answer;
                    lock (_state) answer = _answer;
                    if (requests && answer is not null) await from.SendAsync(answer, _stopping.Token);
                    else underWay.Writer.TryWrite(buffer[..count]);
                }
            }
            catch (Exception ended) when (ended is OperationCanceledException or SocketException or ObjectDisposedException)
            {
                // The same as the end of the data.
            }
            underWay.Writer.Complete();
        });
        try
        {
            await foreach (byte[] piece in underWay.Reader.ReadAllAsync())
            {
                await GateAsync(connection, requests);
                for (int sent = 0; sent < piece.Length;) sent += await to.SendAsync(piece.AsMemory(sent), _stopping.Token);
            }
            await GateAsync(connection, requests);
            to.Shutdown(SocketShutdown.Send);
        }
        catch (Exception ended) when (ended is OperationCanceledException or SocketException or ObjectDisposedException)
        {
            // Nobody reads any more.
        }
        await reading;
    }

    private async Task GateAsync(int connection, bool requests)
    {
        TimeSpan latency;
        lock (_state) latency = _latency;
        if (latency > TimeSpan.Zero) await Task.Delay(latency, _stopping.Token);
        while (true)
        {
            Task? held;
            lock (_state) held = (requests ? connection <= _strandedUpTo && _stranded is not null ? _stranded : _requestsHeld : _answersHeld)?.Task;
            if (held is null) return;
            await held;
        }
    }

    private static void Reset(Socket socket)
    {
        try
        {
            socket.LingerState = new LingerOption(true, 0);
        }
        catch (Exception gone) when (gone is SocketException or ObjectDisposedException)
        {
            // It is closed already.
        }
        socket.Dispose();
    }
}
