// The asking end of the control socket, for regroupctl and for whoever wants to script a node.
using System.IO.Pipes;
using System.Net.Sockets;
using Membership.Provider.Inspection;

namespace Membership.Provider.Control;

/// <summary>Asks a node on this machine through its control socket. One request at a time; not safe from several threads.</summary>
public sealed class MembershipControlClient : IAsyncDisposable
{
    private static readonly TimeSpan Grace = TimeSpan.FromSeconds(5);

    private readonly Stream _stream;

    private MembershipControlClient(Stream stream) => _stream = stream;

    /// <summary>Connects to the node that keeps its views in a directory.</summary>
    /// <param name="storeDirectory">Its store directory, as in its options.</param>
    /// <param name="cancellationToken">The deadline.</param>
    /// <returns>The connection.</returns>
    /// <exception cref="IOException">Nobody answers there, or it may not be asked by this user.</exception>
    public static Task<MembershipControlClient> ConnectToStoreAsync(string storeDirectory, CancellationToken cancellationToken = default)
        => ConnectAsync(ControlAddress.Default(storeDirectory), cancellationToken);

    /// <summary>Connects to a control socket.</summary>
    /// <param name="path">The path of the socket, or on Windows the name of the pipe.</param>
    /// <param name="cancellationToken">The deadline.</param>
    /// <returns>The connection.</returns>
    /// <exception cref="IOException">Nobody answers there, or it may not be asked by this user.</exception>
    public static async Task<MembershipControlClient> ConnectAsync(string path, CancellationToken cancellationToken = default)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(path);
        try
        {
            return new MembershipControlClient(OperatingSystem.IsWindows()
                ? await ConnectPipeAsync(path, cancellationToken).ConfigureAwait(false)
                : await ConnectSocketAsync(path, cancellationToken).ConfigureAwait(false));
        }
        catch (SocketException refused)
        {
            throw new IOException(refused.SocketErrorCode switch
            {
                SocketError.WouldBlock => $"Too many are asking the control socket {path} at the same time: try again.",
                SocketError.AccessDenied => $"The control socket {path} is not open to this user: be the user the node runs as, or root.",
                SocketError.ConnectionRefused => $"Nobody serves the control socket {path}: the node is not running.",
                _ => File.Exists(path) ? $"The control socket {path} cannot be used: {refused.Message}." : $"There is no control socket {path}: the node is not running, has its store elsewhere, or serves none (ControlSocket.Enabled).",
            }, refused);
        }
        catch (Exception bad) when (bad is ArgumentOutOfRangeException or UnauthorizedAccessException or TimeoutException)
        {
            throw new IOException($"The control socket {path} cannot be used: {bad.Message}", bad);
        }
    }

    /// <summary>Asks and waits for the answer.</summary>
    /// <param name="request">What.</param>
    /// <param name="cancellationToken">Stops waiting; afterwards the connection is of no use any more.</param>
    /// <returns>The answer.</returns>
    /// <exception cref="IOException">The node went away, answered nothing in time, or answered something else (<see cref="ControlProtocolException"/>).</exception>
    public async Task<ControlResponse> AskAsync(ControlRequest request, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(request);
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        limit.CancelAfter((request.Timeout ?? ControlVerbs.DefaultTimeout) + Grace);
        try
        {
            await ControlFrame.WriteAsync(_stream, request, SnapshotJsonContext.Default.ControlRequest, ControlFrame.MaxRequest, limit.Token).ConfigureAwait(false);
            return await ControlFrame.ReadAsync(_stream, SnapshotJsonContext.Default.ControlResponse, ControlFrame.MaxResponse, limit.Token).ConfigureAwait(false)
                ?? throw new IOException("The node closed the connection without an answer: it is stopping.");
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            throw new IOException($"No answer to '{request.Verb}' within {(request.Timeout ?? ControlVerbs.DefaultTimeout).TotalSeconds:0.#} s.");
        }
    }

    /// <inheritdoc/>
    public ValueTask DisposeAsync() => _stream.DisposeAsync();

    private static async Task<Stream> ConnectSocketAsync(string path, CancellationToken cancellationToken)
    {
        var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        try
        {
            await socket.ConnectAsync(new UnixDomainSocketEndPoint(path), cancellationToken).ConfigureAwait(false);
            return new NetworkStream(socket, ownsSocket: true);
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    private static async Task<Stream> ConnectPipeAsync(string name, CancellationToken cancellationToken)
    {
        var pipe = new NamedPipeClientStream(".", name, PipeDirection.InOut, PipeOptions.Asynchronous | PipeOptions.CurrentUserOnly);
        try
        {
            await pipe.ConnectAsync(TimeSpan.FromSeconds(5), cancellationToken).ConfigureAwait(false);
            return pipe;
        }
        catch
        {
            await pipe.DisposeAsync().ConfigureAwait(false);
            throw;
        }
    }
}
