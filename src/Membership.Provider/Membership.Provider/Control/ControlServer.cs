// Serves the control socket of one node. Whatever comes in over it, and however many come, the node is not hurt: connections, sizes and
// times are bounded, a request is answered or its connection is closed, and trouble with the socket itself only goes to the log.
using System.IO.Pipes;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using System.Text;
using Membership.Engine;
using Membership.Provider.Inspection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Membership.Provider.Control;

internal sealed class ControlServer(ClusterMembership membership, ILogger<ControlServer> logger) : BackgroundService
{
    private const int MostConnections = 16;
    private const int Backlog = 128;
    private static readonly TimeSpan IdleLimit = TimeSpan.FromSeconds(60);
    private static readonly TimeSpan WriteLimit = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan PauseAfterTrouble = TimeSpan.FromSeconds(1);

    private readonly SemaphoreSlim _room = new(MostConnections);
    private readonly RegroupControlSocketOptions _options = membership.Options.ControlSocket;
    private readonly string _path = ControlAddress.For(membership.Options);
    private Socket? _listener;

    public override async Task StartAsync(CancellationToken cancellationToken)
    {
        if (!_options.Enabled) return;
        if (!OperatingSystem.IsWindows())
        {
            try
            {
                _listener = await ListenAsync(cancellationToken).ConfigureAwait(false);
            }
            catch (Exception trouble) when (trouble is IOException or SocketException or UnauthorizedAccessException or ArgumentException)
            {
                // A node without its control socket is a node all the same.
                logger.ControlSocketFailed(membership.Self, _path, trouble.Message);
                return;
            }
        }
        await base.StartAsync(cancellationToken).ConfigureAwait(false);
    }

    public override async Task StopAsync(CancellationToken cancellationToken)
    {
        await base.StopAsync(cancellationToken).ConfigureAwait(false);
        if (_listener is null) return;
        _listener.Dispose();
        _listener = null;
        File.Delete(_path);
    }

    public override void Dispose()
    {
        _listener?.Dispose();
        _room.Dispose();
        base.Dispose();
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        var serving = new HashSet<Task>();
        while (!stoppingToken.IsCancellationRequested)
        {
            try
            {
                await _room.WaitAsync(stoppingToken).ConfigureAwait(false);
                (Stream stream, string who) = await AcceptAsync(stoppingToken).ConfigureAwait(false);
                serving.RemoveWhere(static task => task.IsCompleted);
                serving.Add(Task.Run(() => ServeAsync(stream, who, stoppingToken), CancellationToken.None));
            }
            catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
            {
                break;
            }
            catch (Exception trouble) when (trouble is IOException or SocketException or UnauthorizedAccessException)
            {
                _room.Release();
                logger.ControlSocketFailed(membership.Self, _path, trouble.Message);
                await Task.Delay(PauseAfterTrouble, stoppingToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
        }
        await Task.WhenAll(serving).ConfigureAwait(false);
    }

    /// <summary>Bound first, then closed to others, and only then listening: nobody else can have connected in between.</summary>
    private async Task<Socket> ListenAsync(CancellationToken cancellationToken)
    {
        if (Encoding.UTF8.GetByteCount(_path) > ControlAddress.LongestPath)
            throw new IOException($"the path has more than {ControlAddress.LongestPath} bytes; set ControlSocket.Path to a shorter one, e.g. in /run");
        await RemoveDeadSocketAsync(cancellationToken).ConfigureAwait(false);
        Directory.CreateDirectory(Path.GetDirectoryName(_path)!);
        var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        try
        {
            socket.Bind(new UnixDomainSocketEndPoint(_path));
            if (!OperatingSystem.IsWindows())
                File.SetUnixFileMode(_path, UnixFileMode.UserRead | UnixFileMode.UserWrite | (_options.GroupAccess ? UnixFileMode.GroupRead | UnixFileMode.GroupWrite : 0));
            socket.Listen(Backlog);
            return socket;
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    private async Task RemoveDeadSocketAsync(CancellationToken cancellationToken)
    {
        if (!File.Exists(_path)) return;
        using var probe = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        try
        {
            await probe.ConnectAsync(new UnixDomainSocketEndPoint(_path), cancellationToken).ConfigureAwait(false);
        }
        catch (SocketException dead) when (dead.SocketErrorCode == SocketError.ConnectionRefused)
        {
            if ((File.GetAttributes(_path) & FileAttributes.Directory) == 0 && new FileInfo(_path).Length == 0) File.Delete(_path);
            return;
        }
        throw new IOException("another process serves it");
    }

    private async Task<(Stream Stream, string Who)> AcceptAsync(CancellationToken cancellationToken)
    {
        if (_listener is { } listener)
        {
            Socket socket = await listener.AcceptAsync(cancellationToken).ConfigureAwait(false);
            return (new NetworkStream(socket, ownsSocket: true), Who(socket));
        }
        return (await AcceptPipeAsync(cancellationToken).ConfigureAwait(false), "the node's own user");
    }

    // By itself: only Windows loads what it needs.
    private async Task<Stream> AcceptPipeAsync(CancellationToken cancellationToken)
    {
        var pipe = new NamedPipeServerStream(
            _path, PipeDirection.InOut, MostConnections, PipeTransmissionMode.Byte, PipeOptions.Asynchronous | PipeOptions.CurrentUserOnly, ControlFrame.MaxRequest, ControlFrame.MaxRequest);
        try
        {
            await pipe.WaitForConnectionAsync(cancellationToken).ConfigureAwait(false);
            return pipe;
        }
        catch
        {
            await pipe.DisposeAsync().ConfigureAwait(false);
            throw;
        }
    }

    private async Task ServeAsync(Stream stream, string who, CancellationToken stoppingToken)
    {
        try
        {
            await using (stream.ConfigureAwait(false))
                while (await AnswerOneAsync(stream, who, stoppingToken).ConfigureAwait(false))
                {
                }
        }
        catch (Exception gone) when (gone is IOException or SocketException or OperationCanceledException or ObjectDisposedException)
        {
            logger.ControlConnectionEnded(membership.Self, gone.Message);
        }
#pragma warning disable CA1031 // Whatever a request brought about, it ends its own connection and nothing else.
        catch (Exception failure)
#pragma warning restore CA1031
        {
            logger.ControlRequestFailed(membership.Self, failure);
        }
        finally
        {
            _room.Release();
        }
    }

    /// <returns>False when the connection is to be closed.</returns>
    private async Task<bool> AnswerOneAsync(Stream stream, string who, CancellationToken stoppingToken)
    {
        ControlResponse response;
        bool goOn = true;
        using (var patience = CancellationTokenSource.CreateLinkedTokenSource(stoppingToken))
        {
            patience.CancelAfter(IdleLimit);
            try
            {
                ControlRequest? request = await ControlFrame.ReadAsync(stream, SnapshotJsonContext.Default.ControlRequest, ControlFrame.MaxRequest, patience.Token).ConfigureAwait(false);
                if (request is null) return false;
                if (ControlVerbs.Changes(request)) logger.ControlRequested(membership.Self, request.Verb, request.Node, who);
                response = await ControlVerbs.DoAsync(membership, request, stoppingToken).ConfigureAwait(false);
            }
            catch (ControlProtocolException bad)
            {
                response = new ControlResponse { Status = MembershipStatus.Fault, Message = bad.Message };
                goOn = bad.IsInSync;
            }
        }
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(stoppingToken);
        limit.CancelAfter(WriteLimit);
        await ControlFrame.WriteAsync(stream, response, SnapshotJsonContext.Default.ControlResponse, ControlFrame.MaxResponse, limit.Token).ConfigureAwait(false);
        return goOn;
    }

    /// <summary>Who is at the other end, as the kernel says; for the log.</summary>
    private static string Who(Socket socket)
    {
        const int SocketLevel = 1, PeerCredentials = 17;
        if (!OperatingSystem.IsLinux()) return "a local user";
        Span<byte> credentials = stackalloc byte[3 * sizeof(int)];
        int size = socket.GetRawSocketOption(SocketLevel, PeerCredentials, credentials);
        ReadOnlySpan<int> fields = MemoryMarshal.Cast<byte, int>(credentials[..size]);
        return fields.Length < 2 ? "a local user" : $"user {fields[1]}, process {fields[0]}";
    }
}
