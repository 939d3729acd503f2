// Answers clients that ask this node where the gateways are, from the replicated table, while the node is a member. Read-only,
// and bounded: so many connections at once, so many bytes, so much time.
using System.Net;
using System.Net.Sockets;
using System.Text;
using Membership.Engine;
using Membership.Engine.Replication;
using Microsoft.Extensions.Logging;

namespace Membership.Provider.Silos;

internal sealed class SiloDirectoryServer(IClusterMembership membership, SiloTable table, IPEndPoint endpoint, TimeProvider time, ILogger logger) : IAsyncDisposable
{
    private const int MaxConnections = 64;
    private static readonly TimeSpan Deadline = TimeSpan.FromSeconds(2);

    private readonly TcpListener _listener = new(endpoint);
    private readonly CancellationTokenSource _stop = new();
    private readonly SemaphoreSlim _room = new(MaxConnections);
    private Task _accepting = Task.CompletedTask;

    /// <summary>Where it listens, once started.</summary>
    public EndPoint LocalEndpoint => _listener.LocalEndpoint;

    /// <exception cref="InvalidOperationException">The port cannot be bound.</exception>
    public void Start()
    {
        try
        {
            _listener.Start(MaxConnections);
        }
        catch (SocketException failure)
        {
            throw new InvalidOperationException($"The silo directory cannot listen on {endpoint} ({failure.SocketErrorCode}): free the port, or set another endpoint.", failure);
        }
        _accepting = AcceptAsync();
    }

    private async Task AcceptAsync()
    {
        try
        {
            while (true)
            {
                await _room.WaitAsync(_stop.Token).ConfigureAwait(false);
                _ = AnswerAsync(await AcceptOneAsync().ConfigureAwait(false));
            }
        }
        catch (OperationCanceledException) when (_stop.IsCancellationRequested)
        {
            // Told to stop.
        }
    }

    private async Task<Socket> AcceptOneAsync()
    {
        while (true)
        {
            try
            {
                return await _listener.AcceptSocketAsync(_stop.Token).ConfigureAwait(false);
            }
            catch (SocketException failure)
            {
                // One connection went away before it was taken, or the process is out of handles: the next may do better.
                logger.SiloDirectoryTrouble(failure.SocketErrorCode.ToString());
                await Task.Delay(Deadline / 10, time, _stop.Token).ConfigureAwait(false);
            }
        }
    }

    private async Task AnswerAsync(Socket socket)
    {
        using Socket client = socket;
        using var limit = new CancellationTokenSource(Deadline, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, _stop.Token);
        try
        {
            string? line = await ReadLineAsync(client, either.Token).ConfigureAwait(false);
            await client.SendAsync(line is null ? SiloDirectoryProtocol.Refuse("a request is one line") : await AnswerToAsync(line, either.Token).ConfigureAwait(false), either.Token).ConfigureAwait(false);
            client.Shutdown(SocketShutdown.Send);
        }
        catch (Exception gone) when (gone is SocketException or OperationCanceledException)
        {
            logger.SiloDirectoryTrouble(gone.Message);
        }
        finally
        {
            _room.Release();
        }
    }

    private async Task<byte[]> AnswerToAsync(string line, CancellationToken cancellationToken)
    {
        if (SiloDirectoryProtocol.ParseRequest(line) is not { } asked) return SiloDirectoryProtocol.Refuse("the request is not understood");
        if (asked != table.SilosCluster) return SiloDirectoryProtocol.Refuse($"the silos here are of cluster '{table.SilosCluster}'");
        // What this node has, not a read, which would wait through a hold: where a gateway was a moment ago beats no answer.
        if (membership.CurrentView is { } view)
            await foreach (TableSnapshot now in membership.WatchTableAsync(table.Name, cancellationToken).ConfigureAwait(false))
                return SiloDirectoryProtocol.Answer(SiloGateways.Of(SiloTable.Content(now), view));
        return SiloDirectoryProtocol.Refuse($"node {membership.Self} is not a member of the cluster now");
    }

    private static async Task<string?> ReadLineAsync(Socket client, CancellationToken cancellationToken)
    {
        byte[] buffer = new byte[SiloDirectoryProtocol.MaxRequest];
        for (int length = 0; length < buffer.Length;)
        {
            int read = await client.ReceiveAsync(buffer.AsMemory(length), cancellationToken).ConfigureAwait(false);
            if (read == 0) return null;
            length += read;
            int end = buffer.AsSpan(0, length).IndexOf((byte)'\n');
            if (end >= 0) return Encoding.UTF8.GetString(buffer, 0, end).TrimEnd('\r');
        }
        return null;
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync().ConfigureAwait(false);
        _listener.Dispose();
        await _accepting.ConfigureAwait(false);
        _stop.Dispose();
    }
}
