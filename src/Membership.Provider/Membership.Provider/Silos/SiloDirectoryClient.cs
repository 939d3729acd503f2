// Asks the nodes, one after the other, where the gateways are; begins with the one that answered last. No database: any node
// that is a member knows.
using System.Net.Sockets;
using System.Text;

namespace Membership.Provider.Silos;

internal sealed class SiloDirectoryClient
{
    private readonly string _silosCluster;
    private readonly (string Host, int Port)[] _nodes;
    private readonly TimeSpan _deadline;
    private readonly TimeProvider _time;
    private int _first;

    /// <param name="silosCluster">The framework's own name of its cluster.</param>
    /// <param name="nodes">The nodes' directory endpoints, <c>host:port</c>.</param>
    /// <param name="deadline">How long one node has to answer.</param>
    /// <param name="time">The clock of the deadline.</param>
    public SiloDirectoryClient(string silosCluster, IEnumerable<string> nodes, TimeSpan deadline, TimeProvider time)
    {
        _silosCluster = silosCluster;
        _nodes = [.. nodes.Select(Parse)];
        _deadline = deadline;
        _time = time;
        if (_nodes.Length == 0) throw new ArgumentException("No node is named that could be asked for gateways: give at least one 'host:port'.", nameof(nodes));
    }

    /// <exception cref="SiloTableException">No node answered; the message lists what each said.</exception>
    public async Task<IReadOnlyList<Uri>> AskAsync(CancellationToken cancellationToken = default)
    {
        var trouble = new StringBuilder();
        int first = _first;
        IReadOnlyList<Uri>? none = null;
        for (int step = 0; step < _nodes.Length; step++)
        {
            int node = (first + step) % _nodes.Length;
            using var limit = new CancellationTokenSource(_deadline, _time);
            using var either = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, cancellationToken);
            try
            {
                IReadOnlyList<Uri> gateways = await AskOneAsync(_nodes[node].Host, _nodes[node].Port, either.Token).ConfigureAwait(false);
                if (gateways.Count > 0)
                {
                    _first = node;
                    return gateways;
                }
                none = gateways;
            }
            catch (Exception failure) when (failure is SocketException or InvalidDataException or IOException)
            {
                trouble.Append($"; {_nodes[node].Host}:{_nodes[node].Port}: {failure.Message}");
            }
            catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
            {
                trouble.Append($"; {_nodes[node].Host}:{_nodes[node].Port}: no answer within {_deadline}");
            }
        }
        return none ?? throw new SiloTableException($"No node could be asked for the gateways of '{_silosCluster}'{trouble}.");
    }

    private async Task<IReadOnlyList<Uri>> AskOneAsync(string host, int port, CancellationToken cancellationToken)
    {
        using var client = new TcpClient();
        await client.ConnectAsync(host, port, cancellationToken).ConfigureAwait(false);
        await client.Client.SendAsync(SiloDirectoryProtocol.Request(_silosCluster), cancellationToken).ConfigureAwait(false);
        using var answer = new MemoryStream();
        byte[] buffer = new byte[4096];
        while (await client.Client.ReceiveAsync(buffer, cancellationToken).ConfigureAwait(false) is > 0 and var read)
        {
            answer.Write(buffer, 0, read);
            if (answer.Length > SiloDirectoryProtocol.MaxAnswer) throw new InvalidDataException($"its answer is longer than {SiloDirectoryProtocol.MaxAnswer} bytes");
        }
        return SiloDirectoryProtocol.ParseAnswer(Encoding.UTF8.GetString(answer.ToArray()));
    }

    private static (string Host, int Port) Parse(string node)
    {
        int colon = node.LastIndexOf(':');
        return colon > 0 && int.TryParse(node.AsSpan(colon + 1), out int port) && port is > 0 and < 65536
            ? (node[..colon].Trim('[', ']'), port)
            : throw new ArgumentException($"'{node}' is no endpoint: write host:port, or [v6]:port.", nameof(node));
    }
}
