// The instruments of a node, on the meter "Membership.Engine". What is counted anyway is only read when somebody collects;
// what is measured is recorded with tags made beforehand, so that a heartbeat allocates nothing, watched or not.
using System.Diagnostics.Metrics;
using Membership.Engine.Protocol;

namespace Membership.Engine.Runtime;

/// <summary>Recording is the loop's and the witness runner's; collecting is for any thread.</summary>
internal sealed class NodeMetrics : IDisposable
{
    /// <summary>The name of meter and activity source.</summary>
    public const string Name = "Membership.Engine";

    private readonly Meter _meter = new(Name, typeof(NodeMetrics).Assembly.GetName().Version?.ToString(3));
    private readonly KeyValuePair<string, object?> _cluster;
    private readonly KeyValuePair<string, object?> _node;
    private readonly Dictionary<(NodeId Node, int Path), KeyValuePair<string, object?>[]> _pathTags = [];
    private readonly KeyValuePair<string, object?>[][] _stageTags;
    private readonly Histogram<double> _roundTrip;
    private readonly Histogram<double> _stage;
    private readonly Histogram<double> _regroup;
    private readonly Histogram<double> _arbitration;

    public NodeMetrics(MembershipNode node, MembershipNodeOptions options)
    {
        _cluster = new("membership.cluster", options.ClusterId);
        _node = new("membership.node", options.Self);
        foreach (MembershipNodeAddress peer in options.Nodes)
            for (int path = 0; path < peer.Endpoints.Count; path++)
                _pathTags[(new NodeId(peer.Number), path)] = [_cluster, _node, new("membership.peer", peer.Number), new("membership.path", path)];
        _stageTags = [.. Enum.GetNames<RegroupStage>().Select(name => (KeyValuePair<string, object?>[])[_cluster, _node, new("membership.stage", name)])];

        _roundTrip = _meter.CreateHistogram<double>("membership.heartbeat.round_trip", "s", "From a heartbeat that asks for an answer to its acknowledgement, per peer and path.");
        _stage = _meter.CreateHistogram<double>("membership.regroup.stage.duration", "s", "How long one stage of a regroup took on this node.");
        _regroup = _meter.CreateHistogram<double>("membership.regroup.duration", "s", "From the beginning of a regroup on this node to its end, by cause.");
        _arbitration = _meter.CreateHistogram<double>("membership.arbitration.duration", "s", "How long a challenge for the witness took, by outcome.");

        Count("membership.heartbeats.sent", "{heartbeat}", "Plain heartbeats sent.", node, static counters => counters.HeartbeatsSent);
        Count("membership.heartbeats.received", "{heartbeat}", "Plain heartbeats received.", node, static counters => counters.HeartbeatsReceived);
        Count("membership.heartbeats.missed", "{heartbeat}", "How often a member had to be asked again.", node, static counters => counters.HeartbeatsMissed);
        Count("membership.datagrams.sent", "{datagram}", "Datagrams sent.", node, static counters => counters.DatagramsSent);
        Count("membership.datagrams.received", "{datagram}", "Datagrams received, good or bad.", node, static counters => counters.DatagramsReceived);
        Count("membership.views.installed", "{view}", "Views installed.", node, static counters => counters.ViewsInstalled);
        Count("membership.notifications", "{notification}", "Change notifications.", node, static counters => counters.Notifications);
        Count("membership.notifications.lost", "{notification}", "Change notifications that full queues of handlers did not hold.", node, static counters => counters.NotificationsLost);
        CountBy("membership.datagrams.dropped", "{datagram}", "Datagrams dropped before they reached the protocol, by reason.", "membership.reason", node,
            static counters => counters.DatagramsDropped.Select(static dropped => (dropped.Key.ToString(), dropped.Value)));
        CountBy("membership.messages.dropped", "{message}", "Authentic messages that the protocol did not act on, by reason.", "membership.reason", node,
            static counters => counters.MessagesDropped.Select(static dropped => (dropped.Key, dropped.Value)));
        CountBy("membership.regroups", "{regroup}", "Regroups, by what this node took as their cause.", "membership.cause", node,
            static counters => counters.Regroups.Select(static regroup => (regroup.Key, regroup.Value)));
        Gauge("membership.view.epoch", "{epoch}", "The epoch of the installed view; 0 while not a member.", () => (double)(node.CurrentView?.Epoch.Value ?? 0));
        Gauge("membership.view.members", "{node}", "How many members the installed view has.", () => node.CurrentView?.Members.Length ?? 0);
        // Nobody can plot an endless lease: the only voter has one heartbeat-loss period as far as anybody else is concerned.
        Gauge("membership.lease.remaining", "s", "What is left of the lease unless it is renewed; 0 while it is held or lost.",
            () => node.Lease.Remaining is var left && left == TimeSpan.MaxValue ? options.EffectiveTiming.LossPeriod.TotalSeconds : left.TotalSeconds);
        Gauge("membership.role", "{role}", "This node's role: 0 out, 1 in, 2 vice-master, 3 master.", () => (int)node.Role);
        Gauge("membership.quarantined", "{node}", "How many nodes are kept out because they keep losing their place.", () => node.QuarantineCount);
        Gauge("membership.stale", "{state}", "1 while no frame of the master has come for too long.", () => node.IsStale ? 1 : 0);
    }

    public void RoundTrip(NodeId peer, int path, TimeSpan time)
    {
        if (_roundTrip.Enabled && _pathTags.TryGetValue((peer, path), out KeyValuePair<string, object?>[]? tags)) _roundTrip.Record(time.TotalSeconds, tags.AsSpan());
    }

    public void StageEnded(RegroupStage stage, TimeSpan time) => _stage.Record(time.TotalSeconds, _stageTags[(int)stage].AsSpan());

    public void RegroupEnded(RegroupCause cause, TimeSpan time) => _regroup.Record(time.TotalSeconds, _cluster, _node, new("membership.cause", cause.ToString()));

    public void Arbitrated(ArbitrationOutcome outcome, TimeSpan time) => _arbitration.Record(time.TotalSeconds, _cluster, _node, new("membership.outcome", outcome.ToString()));

    public void Dispose() => _meter.Dispose();

    private void Count(string name, string unit, string description, MembershipNode node, Func<MembershipCounters, long> read)
        => _meter.CreateObservableCounter(name, () => new Measurement<long>(read(node.GetCounters()), _cluster, _node), unit, description);

    private void CountBy(string name, string unit, string description, string tag, MembershipNode node, Func<MembershipCounters, IEnumerable<(string Key, long Value)>> read)
        => _meter.CreateObservableCounter(name, () => read(node.GetCounters()).Select(counted => new Measurement<long>(counted.Value, _cluster, _node, new(tag, counted.Key))).ToArray(), unit, description);

    private void Gauge(string name, string unit, string description, Func<double> read)
        => _meter.CreateObservableGauge(name, () => new Measurement<double>(read(), _cluster, _node), unit, description);
}
