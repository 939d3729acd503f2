// What the adapter for Orleans offers to set, for silos and for clients.
namespace Membership.Provider.Orleans;

/// <summary>How a silo uses its regroup membership. Nothing of it has to be set.</summary>
public sealed class RegroupSiloOptions
{
    /// <summary>
    /// Grain calls, incoming and outgoing, and timer ticks wait while the cluster regroups, and are refused with
    /// <c>SiloUnavailableException</c> when this silo's lease is not valid; default true. Without it a silo that was frozen may still
    /// serve what had reached it before it notices.
    /// </summary>
    public bool GuardGrainCalls { get; set; } = true;

    /// <summary>The longest that a call waits through a regroup before it is refused; 0..10 min, default 20 s, under the framework's usual response time-out.</summary>
    public TimeSpan HoldLimit { get; set; } = TimeSpan.FromSeconds(20);

    /// <summary>Where this node tells clients the gateways, <c>address:port</c> on TCP; null (the default) for a node that does not.</summary>
    /// <remarks>Read-only. Who can reach it learns the gateways' addresses and nothing else; keep it in the network of the gateways themselves.</remarks>
    public string? DirectoryEndpoint { get; set; }

    /// <summary>
    /// The framework's own probes stay advisory: they are made and logged, and no silo is declared dead by them; default true. With false both
    /// detectors may remove a silo; they never disagree about who is in, but the slower one's mistakes are added.
    /// </summary>
    public bool AdvisoryProbes { get; set; } = true;

    /// <summary>How long a silo that starts or stops waits for others that do the same before it writes to the membership table; 0..1 min, default 5 s.</summary>
    public TimeSpan TurnLimit { get; set; } = TimeSpan.FromSeconds(5);

    internal IEnumerable<string> Failures()
    {
        if (HoldLimit < TimeSpan.Zero || HoldLimit > TimeSpan.FromMinutes(10)) yield return $"HoldLimit is {HoldLimit}; it must be 0..10 min.";
        if (TurnLimit < TimeSpan.Zero || TurnLimit > TimeSpan.FromMinutes(1)) yield return $"TurnLimit is {TurnLimit}; it must be 0..1 min.";
        if (DirectoryEndpoint is { } text && (!System.Net.IPEndPoint.TryParse(text, out System.Net.IPEndPoint? endpoint) || endpoint.Port == 0))
            yield return $"DirectoryEndpoint is '{text}'; write an address and a port, e.g. 10.0.0.1:7500.";
    }
}

/// <summary>Where a client asks for gateways.</summary>
public sealed class RegroupClientOptions
{
    /// <summary>The nodes' <see cref="RegroupSiloOptions.DirectoryEndpoint"/>s, <c>host:port</c>; at least one, better all. Required.</summary>
    public IList<string> Nodes { get; set; } = [];

    /// <summary>How long one node has to answer before the next is asked; 10 ms..1 min, default 1 s.</summary>
    public TimeSpan NodeDeadline { get; set; } = TimeSpan.FromSeconds(1);

    /// <summary>How often the list is renewed; 100 ms..1 h, default 1 s: a frozen gateway is dropped that soon after the view has lost it.</summary>
    public TimeSpan RefreshPeriod { get; set; } = TimeSpan.FromSeconds(1);

    internal IEnumerable<string> Failures()
    {
        if (Nodes.Count == 0) yield return "Nodes is empty; name at least one node's directory endpoint, e.g. 10.0.0.1:7500.";
        if (NodeDeadline < TimeSpan.FromMilliseconds(10) || NodeDeadline > TimeSpan.FromMinutes(1)) yield return $"NodeDeadline is {NodeDeadline}; it must be 10 ms..1 min.";
        if (RefreshPeriod < TimeSpan.FromMilliseconds(100) || RefreshPeriod > TimeSpan.FromHours(1)) yield return $"RefreshPeriod is {RefreshPeriod}; it must be 100 ms..1 h.";
    }
}
