// What the live page may show and do, and to whom.
namespace Membership.Provider.AspNetCore;

/// <summary>Options of <c>MapRegroupMembership</c>.</summary>
public sealed class MembershipPageOptions
{
    /// <summary>The cluster's name when the process has several; null for the one without a name (default).</summary>
    public string? ClusterName { get; set; }

    /// <summary>The authorization policy that reading needs; null = what the host demands of all its endpoints (default).</summary>
    public string? ReadPolicy { get; set; }

    /// <summary>
    /// The authorization policy that ejecting, switching over, qualifying and forcing a regroup need; null = nobody may (default). It also needs
    /// <c>services.AddAntiforgery()</c>, since a browser could be made to send such a request.
    /// </summary>
    public string? ActionPolicy { get; set; }

    /// <summary>How often watchers get a snapshot, 100 ms..1 min; default 500 ms. A new view is sent at once.</summary>
    public TimeSpan RefreshInterval { get; set; } = TimeSpan.FromMilliseconds(500);

    /// <summary>How many may watch at the same time, 1..10,000; default 64. More are told to come back later (503).</summary>
    public int MostWatchers { get; set; } = 64;

    /// <summary>
    /// Where the same endpoint of each other node is, by node number, e.g. <c>http://10.0.0.2:8080/membership</c>: their live rows of the connectivity
    /// table and their leases are then shown, too. They are asked only while somebody watches. Empty = their rows are as of the last regroup (default).
    /// </summary>
    public IDictionary<int, Uri> Peers { get; } = new Dictionary<int, Uri>();

    /// <summary>Makes the client that asks <see cref="Peers"/>, e.g. one that proves who it is; null = a plain one.</summary>
    public Func<IServiceProvider, HttpClient>? PeerClient { get; set; }

    /// <exception cref="ArgumentException">A value is of no use; the message says which and what to do.</exception>
    internal void Check()
    {
        if (RefreshInterval < TimeSpan.FromMilliseconds(100) || RefreshInterval > TimeSpan.FromMinutes(1))
            throw new ArgumentException($"RefreshInterval is {RefreshInterval}: use 100 ms to 1 minute (default 500 ms).");
        if (MostWatchers is < 1 or > 10_000) throw new ArgumentException($"MostWatchers is {MostWatchers}: use 1 to 10000 (default 64).");
        foreach ((int node, Uri address) in Peers)
            if (!address.IsAbsoluteUri || address.Scheme is not ("http" or "https")) throw new ArgumentException($"Peers[{node}] is '{address}': use an absolute http or https address.");
    }
}
