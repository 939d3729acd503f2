// What the other nodes say of themselves: their live row and their lease, asked of their own endpoints while somebody watches here. A
// node that does not answer in time is left out; what is shown of it is then what this node knows.
using System.Text.Json;
using Membership.Engine;
using Membership.Provider.Inspection;
using Microsoft.Extensions.Logging;

namespace Membership.Provider.AspNetCore;

internal sealed class PeerBoard(IReadOnlyDictionary<int, Uri> peers, Func<HttpClient> makeClient, TimeSpan interval, ILogger logger, TimeProvider time)
{
    private const int LongestAnswer = 4 * 1024 * 1024;
    private static readonly TimeSpan AnswerLimit = TimeSpan.FromSeconds(1);

    private readonly Lock _gate = new();
    private readonly Lazy<HttpClient> _client = new(() =>
    {
        HttpClient client = makeClient();
        client.MaxResponseContentBufferSize = LongestAnswer;
        return client;
    });

    private Task<SnapshotPeer[]>? _asking;
    private SnapshotPeer[] _told = [];
    private long _askedAt;

    /// <summary>The snapshot with what the others told within the last few intervals. Never waits for them.</summary>
    public MembershipSnapshot Complete(MembershipSnapshot snapshot)
    {
        if (peers.Count == 0) return snapshot;
        SnapshotPeer[] told = Told();
        TimeSpan old = interval * 2 + AnswerLimit;
        Dictionary<NodeId, SnapshotPeer> fresh = told.Where(peer => peer.Node != snapshot.Self && time.GetUtcNow() - peer.ReceivedAt < old).ToDictionary(static peer => peer.Node);
        if (fresh.Count == 0) return snapshot;
        return snapshot with
        {
            Nodes = [.. snapshot.Nodes.Select(node => fresh.TryGetValue(node.Node, out SnapshotPeer? peer) ? node with { Lease = peer.Lease } : node)],
            Matrix = [.. snapshot.Matrix.Where(row => !fresh.ContainsKey(row.Node)).Concat(fresh.Values.Where(static peer => peer.Row is not null).Select(static peer => peer.Row!)).OrderBy(static row => row.Node)],
        };
    }

    private SnapshotPeer[] Told()
    {
        lock (_gate)
        {
            if (_asking is { IsCompletedSuccessfully: true }) (_told, _asking) = (_asking.Result, null);
            else if (_asking is { IsCompleted: true }) _asking = null;
            if (_asking is null && (_askedAt == 0 || time.GetElapsedTime(_askedAt) >= interval * 0.8))
            {
                _askedAt = time.GetTimestamp();
                _asking = Task.Run(AskAllAsync);
            }
            return _told;
        }
    }

    private async Task<SnapshotPeer[]> AskAllAsync()
    {
        SnapshotPeer?[] answers = await Task.WhenAll(peers.Select(peer => AskAsync(peer.Key, peer.Value))).ConfigureAwait(false);
        return [.. answers.OfType<SnapshotPeer>()];
    }

    private async Task<SnapshotPeer?> AskAsync(int number, Uri address)
    {
        using var limit = new CancellationTokenSource(AnswerLimit, time);
        try
        {
            byte[] content = await _client.Value.GetByteArrayAsync(new Uri(address.ToString().TrimEnd('/') + "/peer"), limit.Token).ConfigureAwait(false);
            SnapshotPeer? peer = JsonSerializer.Deserialize(content, SnapshotJsonContext.Default.SnapshotPeer);
            return peer is not null && peer.Node.Value == number ? peer with { ReceivedAt = time.GetUtcNow() } : null;
        }
        catch (Exception silent) when (silent is HttpRequestException or OperationCanceledException or JsonException)
        {
            logger.PeerSilent(number, address.GetComponents(UriComponents.SchemeAndServer | UriComponents.Path, UriFormat.UriEscaped), silent.Message);
            return null;
        }
    }
}

internal static partial class PageLog
{
    [LoggerMessage(2030, LogLevel.Debug, "Node {Node} did not tell about itself at {Address}: {Reason}")]
    public static partial void PeerSilent(this ILogger logger, int node, string address, string reason);

    [LoggerMessage(2031, LogLevel.Warning, "{Verb} (node {Node}) was ordered over HTTP by {Who} from {Address}; it ended with {Status}.")]
    public static partial void Ordered(this ILogger logger, string verb, NodeId node, string who, string address, MembershipStatus status);
}
