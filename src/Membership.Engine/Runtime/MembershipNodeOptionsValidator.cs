// The check of a node's options: pure, complete, and every failure says what, which value, and what to do.
using System.Globalization;
using Membership.Engine.Transport;

namespace Membership.Engine.Runtime;

internal static class MembershipNodeOptionsValidator
{
    private const int MaxVotes = 1000;
    private const int MaxPaths = 8;

    public static IReadOnlyList<string> Validate(MembershipNodeOptions options, bool hasArbiter)
    {
        var failures = new List<string>();
        void Check(bool ok, FormattableString failure)
        {
            if (!ok) failures.Add(failure.ToString(CultureInfo.InvariantCulture));
        }

        Check(!string.IsNullOrWhiteSpace(options.ClusterId), $"ClusterId is empty: give the cluster a name, the same on every node.");
        Check((options.ClusterId?.Length ?? 0) <= 256, $"ClusterId has {options.ClusterId?.Length} characters: use at most 256.");
        Check(!string.IsNullOrWhiteSpace(options.StoreDirectory), $"StoreDirectory is empty: name a directory on a local disk that only this node uses.");
        CheckNodes(options, Check);
        CheckTiming(options, Check);
        CheckQuorum(options, hasArbiter, Check);
        Check(options.Keys is not null || options.AllowPlainText,
            $"Keys is not set: give every node the same key ring (KeyRing.Generate() makes a key), or set AllowPlainText if anyone who reaches the ports may be trusted.");
        CheckRange("ArbitrationTimeout", options.ArbitrationTimeout, TimeSpan.FromSeconds(1), TimeSpan.FromMinutes(10), Check);
        CheckRange("ArbitrationEqualizer", options.ArbitrationEqualizer, TimeSpan.Zero, TimeSpan.FromMinutes(10), Check);
        if (options.DiscoveryTime is { } discovery) CheckRange("DiscoveryTime", discovery, TimeSpan.Zero, TimeSpan.FromMinutes(10), Check);
        CheckRange("JoinTimeout", options.JoinTimeout, TimeSpan.FromSeconds(1), TimeSpan.FromHours(1), Check);
        CheckRange("CallbackLimit", options.CallbackLimit, TimeSpan.FromMilliseconds(100), TimeSpan.FromHours(1), Check);
        CheckRange("LeaveOnDispose", options.LeaveOnDispose, TimeSpan.Zero, TimeSpan.FromMinutes(10), Check);
        CheckRange("MembershipFrameInterval", options.MembershipFrameInterval, TimeSpan.FromMilliseconds(10), TimeSpan.FromMinutes(1), Check);
        Check(options.StaleAfter >= options.MembershipFrameInterval * 2.5 && options.StaleAfter <= TimeSpan.FromMinutes(10),
            $"StaleAfter is {options.StaleAfter}: use at least two and a half times MembershipFrameInterval ({options.MembershipFrameInterval}), so that one lost frame means nothing, and at most 10 minutes.");
        CheckQuarantine(options.Quarantine, Check);
        Check(options.NotificationQueueLength is >= 1 and <= 1_000_000, $"NotificationQueueLength is {options.NotificationQueueLength}: use 1..1000000 (default 1024).");
        Check(Enum.IsDefined(options.CrashEvidence), $"CrashEvidence is {options.CrashEvidence}: use None or ConnectionRefused.");
        Check(options.TimeProvider is not null, $"TimeProvider is null: leave it at its default, TimeProvider.System.");
        return failures;
    }

    private static void CheckNodes(MembershipNodeOptions options, Action<bool, FormattableString> check)
    {
        IReadOnlyList<MembershipNodeAddress> nodes = options.Nodes ?? [];
        check(nodes.Count > 0, $"Nodes is empty: list every node of the cluster, this one included.");
        var numbers = new HashSet<int>();
        var endpoints = new Dictionary<string, int>(StringComparer.OrdinalIgnoreCase);
        int paths = nodes.Count > 0 ? nodes[0].Endpoints?.Count ?? 0 : 0;
        foreach (MembershipNodeAddress node in nodes)
        {
            check(node.Number is >= 1 and <= NodeId.MaxValue, $"Nodes lists the number {node.Number}: numbers are 1..{NodeId.MaxValue} (0 means no node).");
            check(numbers.Add(node.Number), $"Nodes lists the number {node.Number} twice: every node has a number of its own.");
            check(node.Number > NodeId.MaxValue || node.Number <= options.MaxNodes, $"Nodes lists the number {node.Number} and MaxNodes is {options.MaxNodes}: raise MaxNodes or give the node a lower number.");
            check(node.Votes is >= 0 and <= MaxVotes, $"Node {node.Number} has {node.Votes} votes: use 0..{MaxVotes} (default 1).");
            int count = node.Endpoints?.Count ?? 0;
            check(count is >= 1 and <= MaxPaths, $"Node {node.Number} has {count} endpoints: give it one per path, 1..{MaxPaths}.");
            check(count == 0 || count == paths, $"Node {node.Number} has {count} endpoints and node {nodes[0].Number} has {paths}: every node needs one per path.");
            foreach (string endpoint in node.Endpoints ?? [])
            {
                if (EndpointFault(endpoint) is { } fault)
                    check(false, $"Node {node.Number} has the endpoint '{endpoint}': {fault}");
                else
                    check(endpoints.TryAdd(endpoint, node.Number), $"Endpoint '{endpoint}' is listed for node {endpoints.GetValueOrDefault(endpoint)} and again for node {node.Number}: every node and path has its own.");
            }
        }
        check(options.MaxNodes is >= 1 and <= NodeId.MaxValue, $"MaxNodes is {options.MaxNodes}: use 1..{NodeId.MaxValue}.");
        check(options.Self is >= 1 and <= NodeId.MaxValue, $"Self is {options.Self}: set this node's own number, 1..{NodeId.MaxValue}.");
        if (options.Self is >= 1 and <= NodeId.MaxValue && nodes.Count > 0)
            check(numbers.Contains(options.Self), $"Self is {options.Self} and Nodes lists {string.Join(", ", numbers.Order())}: add this node to Nodes or correct Self.");
        check(nodes.Count == 0 || nodes.Sum(static node => (long)Math.Max(0, node.Votes)) > 0, $"No node has a vote: give at least one node 1.");
        IReadOnlyList<string> local = options.LocalEndpoints ?? [];
        check(local.Count == 0 || local.Count == paths, $"LocalEndpoints has {local.Count} entries: give one per path ({paths}), or none.");
        foreach (string endpoint in local)
            if (EndpointFault(endpoint) is { } fault) check(false, $"LocalEndpoints has '{endpoint}': {fault}");
    }

    private static void CheckTiming(MembershipNodeOptions options, Action<bool, FormattableString> check)
    {
        // Zero as a whole means the defaults; zero or less beside other values is a mistake.
        ClusterTiming timing = options.Timing == default ? ClusterTiming.Default : options.Timing;
        bool sane = timing.ClockPeriod >= TimeSpan.FromMilliseconds(5) && timing.ClockPeriod <= TimeSpan.FromSeconds(10);
        check(sane, $"Timing.ClockPeriod is {timing.ClockPeriod.TotalMilliseconds} ms: use 5 ms to 10 s (default 300 ms).");
        bool send = timing.SendRate is 0 or (>= 1 and <= 100), receive = timing.ReceiveRate is 0 or (>= 2 and <= 100);
        check(send, $"Timing.SendRate is {timing.SendRate}: use 1..100 (default 4).");
        check(receive, $"Timing.ReceiveRate is {timing.ReceiveRate}: use 2..100 (default 2); a single missed heartbeat must not remove a node.");
        bool bound = options.ClockRateBound is >= 0 and <= 0.2;
        check(bound, $"ClockRateBound is {options.ClockRateBound}: use 0..0.2 (default 0.01, that is 1 %).");
        CheckRange("RoundTrip", options.RoundTrip, TimeSpan.FromMilliseconds(0.1), TimeSpan.FromSeconds(10), check);
        if (!sane || !send || !receive || !bound) return;
        ClusterTiming effective = (options with { Timing = timing }).EffectiveTiming;
        TimeSpan lease = effective.LossPeriod * (1 - options.ClockRateBound), needed = effective.HeartbeatInterval + options.RoundTrip;
        check(lease >= needed,
            $"A lease lasts {lease.TotalMilliseconds:0.#} ms (R*S*T less ClockRateBound) and must outlast a heartbeat interval and a round trip, {needed.TotalMilliseconds:0.#} ms: lengthen ClockPeriod or ReceiveRate, or lower RoundTrip.");
    }

    private static void CheckQuorum(MembershipNodeOptions options, bool hasArbiter, Action<bool, FormattableString> check)
    {
        check(options.Policy is null || Enum.IsDefined(options.Policy.Value), $"Policy is {options.Policy}: use NodeMajority, NodeAndWitnessMajority, WitnessOnly or TwoNodeWitness.");
        check(Enum.IsDefined(options.TieBreaker), $"TieBreaker is {options.TieBreaker}: use None or LowestNode.");
        check(hasArbiter || options.Policy is null or QuorumPolicy.NodeMajority, $"Policy is {options.Policy} and no arbiter is registered: register one, or use NodeMajority.");
        check(!hasArbiter || options.Policy is not QuorumPolicy.NodeMajority, $"Policy is NodeMajority and an arbiter is registered that it would never ask: remove the arbiter, or use NodeAndWitnessMajority.");
        check(hasArbiter || !options.WitnessPinned, $"WitnessPinned is true and no arbiter is registered: register one, or set it to false.");
        check(options.Nodes is not { Count: 2 } || hasArbiter || options.TieBreaker != TieBreaker.None || options.AllowTwoNodesWithoutTieBreaker,
            $"Nodes lists two nodes, with neither a tie-breaker nor a witness: the failure of either one would stop both. Register an arbiter, set TieBreaker to LowestNode, or say so with AllowTwoNodesWithoutTieBreaker.");
    }

    private static void CheckQuarantine(QuarantineOptions? quarantine, Action<bool, FormattableString> check)
    {
        check(quarantine is not null, $"Quarantine is null: leave it at its default, or use QuarantineOptions.Off.");
        if (quarantine is null) return;
        TimeSpan most = TimeSpan.FromDays(7);
        check(quarantine.After is >= 0 and <= 1000, $"Quarantine.After is {quarantine.After}: use 1..1000 removals (default 3), or 0 for no quarantine.");
        CheckRange("Quarantine.Window", quarantine.Window, TimeSpan.FromSeconds(1), most, check);
        CheckRange("Quarantine.Limit", quarantine.Limit, TimeSpan.FromSeconds(1), most, check);
        check(quarantine.Time >= TimeSpan.FromSeconds(1) && quarantine.Time <= quarantine.Limit, $"Quarantine.Time is {quarantine.Time}: use {TimeSpan.FromSeconds(1)} to Quarantine.Limit, {quarantine.Limit}.");
    }

    private static void CheckRange(string name, TimeSpan value, TimeSpan least, TimeSpan most, Action<bool, FormattableString> check)
        => check(value >= least && value <= most, $"{name} is {value}: use {least} to {most}.");

    /// <summary>What is wrong with the text of an endpoint, or null.</summary>
    private static string? EndpointFault(string? text)
    {
        if (!NodeEndpoint.TryParse(text, out NodeEndpoint endpoint, out string? error)) return error;
        return endpoint.IsAddress || IsHostName(endpoint.Host) ? null : $"\"{endpoint.Host}\" is no host name and no address.";
    }

    // By itself: what parses addresses of the web is not loaded where all endpoints are plain addresses.
    private static bool IsHostName(string host) => Uri.CheckHostName(host) != UriHostNameType.Unknown;
}
