// From the engine's snapshot to what is shown. Nothing is asked of the node here.
using System.Collections.Immutable;
using Membership.Engine;
using Membership.Engine.Protocol;
using Membership.Engine.Runtime;

namespace Membership.Provider.Inspection;

internal static class SnapshotBuilder
{
    public static MembershipSnapshot Build(NodeSnapshot node, string name, int journalLines)
    {
        CoreSnapshot? core = node.Core;
        var self = new NodeId(node.Options.Self);
        ClusterView? view = node.Halted is null ? core?.Installed : null;
        SnapshotLease lease = Lease(node.Lease);
        ClusterTiming timing = core?.Timing ?? node.Options.EffectiveTiming;
        (SnapshotRegroup? current, List<SnapshotRegroup> past) = Regroups(node.Incidents);
        return new MembershipSnapshot
        {
            ClusterId = node.Options.ClusterId,
            Name = name,
            Self = self,
            TakenAt = node.TakenAt,
            Phase = node.Halted is not null ? nameof(NodePhase.Halted) : (core?.Phase ?? NodePhase.Down).ToString(),
            Role = MembershipNode.RoleIn(view, self),
            Stale = core?.IsStale ?? false,
            Halt = node.Halted is { } halt ? new SnapshotHalt(halt.Code, halt.Detail) : null,
            KeptOut = core?.KeptOut,
            View = view is null ? null : View(view),
            Pending = core is null ? [] : [.. core.Pending.Select(View)],
            HighestEpoch = core?.HighestSeen ?? Epoch.None,
            Lease = lease,
            Timing = new SnapshotTiming { ClockPeriod = timing.ClockPeriod, SendRate = timing.SendRate, ReceiveRate = timing.ReceiveRate, LossPeriod = timing.LossPeriod },
            Nodes = [.. node.Options.Nodes.OrderBy(static configured => configured.Number).Select(configured => Node(configured, self, view, core, timing, lease))],
            Matrix = core is null ? [] : Matrix(core, node.Options, self, timing),
            Current = current,
            Past = past,
            Witness = node.Witness is { } witness ? Witness(witness, core, node.LastWitnessCall) : null,
            Counters = Counters(node.Counters),
            Changes = [.. node.Changes.Reverse().Select(static noted => new SnapshotChange(noted.Time, noted.Change.Change, noted.Change.Node))],
            Journal = [.. node.Journal.Reverse().Take(journalLines).Select(static line => new SnapshotLine(line.Time, line.Text))],
        };
    }

    private static SnapshotView View(ClusterView view) => new()
    {
        Epoch = view.Epoch,
        Id = view.Id.ToString(),
        Members = [.. view.Nodes],
        Coordinator = view.Coordinator,
        Master = view.Master,
        ViceMaster = view.ViceMaster,
        Disqualified = [.. view.Disqualified],
        Votes = view.TotalVotes,
        Policy = view.Rule.Policy,
    };

    private static SnapshotLease Lease(MembershipLease lease)
    {
        TimeSpan remaining = lease.Remaining;
        return new SnapshotLease
        {
            Epoch = lease.Epoch,
            State = remaining > TimeSpan.Zero ? "valid" : lease.IsHeld ? "held" : "lost",
            Remaining = Known(remaining),
        };
    }

    private static SnapshotNode Node(MembershipNodeAddress configured, NodeId self, ClusterView? view, CoreSnapshot? core, ClusterTiming timing, SnapshotLease lease)
    {
        var node = new NodeId(configured.Number);
        bool member = view is not null && view.Contains(node);
        PeerSnapshot? peer = core?.Peers.FirstOrDefault(peer => peer.Node == node);
        bool heard = node == self ? core is not null : peer is not null && peer.Heard < timing.LossPeriod;
        SnapshotQuarantine? quarantine = !member && core?.Quarantined.FirstOrDefault(kept => kept.Node == node) is { Removals: > 0 } kept
            ? new SnapshotQuarantine { Removals = kept.Removals, Remaining = kept.Remaining, Applies = kept.Applies } : null;
        return new SnapshotNode
        {
            Quarantine = quarantine,
            Node = node,
            Role = MembershipNode.RoleIn(view, node),
            State = member ? (node == self || peer!.Heard < timing.HeartbeatInterval + timing.ClockPeriod ? "up" : "silent") : quarantine is { Applies: true } ? "quarantined" : heard ? "reachable" : "out",
            Incarnation = member ? view!.Find(node).Incarnation : node == self ? core?.Incarnation ?? Incarnation.None : peer?.Incarnation ?? Incarnation.None,
            Votes = member ? view!.Find(node).Votes : configured.Votes,
            Qualified = view is null || !view.Disqualified.Contains(node),
            Endpoints = [.. configured.Endpoints],
            Lease = node == self ? lease : null,
        };
    }

    private static List<SnapshotRow> Matrix(CoreSnapshot core, MembershipNodeOptions options, NodeId self, ClusterTiming timing)
    {
        var rows = new List<SnapshotRow>
        {
            new()
            {
                Node = self,
                Source = "live",
                Hears = [.. core.Peers.Where(peer => peer.Heard < timing.LossPeriod).Select(static peer => peer.Node)],
                Cells = [.. core.Peers.Select(peer => Cell(peer, options))],
            },
        };
        foreach (RowSnapshot row in core.Rows)
            if (row.Node != self) rows.Add(new SnapshotRow { Node = row.Node, Hears = [.. row.Heard.Without(row.Node)] });
        rows.Sort(static (one, other) => one.Node.CompareTo(other.Node));
        return rows;
    }

    private static SnapshotCell Cell(PeerSnapshot peer, MembershipNodeOptions options)
    {
        IReadOnlyList<string> endpoints = options.Nodes.First(node => node.Number == peer.Node.Value).Endpoints;
        return new SnapshotCell
        {
            Node = peer.Node,
            Heard = Known(peer.Heard),
            Acknowledged = Known(peer.Acknowledged),
            HeardBy = Known(peer.HeardBy),
            RoundTrip = peer.RoundTripOnPath.Where(static time => time > TimeSpan.Zero).Cast<TimeSpan?>().Min(),
            Paths = [.. peer.HeardOnPath.Select((heard, path) => new SnapshotPath
            {
                Endpoint = path < endpoints.Count ? endpoints[path] : "",
                Heard = Known(heard),
                RoundTrip = peer.RoundTripOnPath[path] is var time && time > TimeSpan.Zero ? time : null,
            })],
        };
    }

    private static (SnapshotRegroup? Current, List<SnapshotRegroup> Past) Regroups(ImmutableArray<Incident> incidents)
    {
        SnapshotRegroup? current = null;
        var past = new List<SnapshotRegroup>();
        foreach (Incident incident in incidents.Reverse())
        {
            SnapshotRegroup shown = Regroup(incident);
            if (shown.Ended) past.Add(shown);
            else current = shown;
        }
        return (current, past);
    }

    private static SnapshotRegroup Regroup(Incident incident)
    {
        NodeSet before = incident.Before?.Nodes ?? default, after = incident.View?.Nodes ?? default;
        return new SnapshotRegroup
        {
            Began = incident.Began,
            Cause = incident.Cause == RegroupCause.None ? "ViewChange" : incident.Cause.ToString(),
            Duration = incident.Duration,
            Ended = incident.Ended,
            Restarts = Math.Max(0, incident.Stages.Count(static stage => stage.Stage == RegroupStage.Activate) - 1),
            Stages = [.. incident.Stages.Select((stage, index) => new SnapshotStage
            {
                Stage = stage.Stage.ToString(),
                Activation = stage.Activation.ToString(),
                Since = stage.Since,
                Duration = (index + 1 < incident.Stages.Length ? incident.Stages[index + 1].Since : incident.Duration) - stage.Since,
            })],
            Epoch = incident.View?.Epoch,
            Members = [.. after],
            Removed = incident.View is null ? [] : [.. before.Where(node => !after.Contains(node))],
            Added = [.. after.Where(node => !before.Contains(node))],
        };
    }

    private static SnapshotWitness Witness(string description, CoreSnapshot? core, WitnessCall? last) => new()
    {
        Description = description,
        Owner = core?.QuorumOwner ?? NodeId.Invalid,
        LastWinner = core?.LastArbitrationWinner ?? NodeId.Invalid,
        LastCall = last?.What,
        LastOutcome = last?.Outcome.ToString(),
        LastDetail = last?.Detail,
        LastAt = last?.Ended,
        LastTook = last?.Took,
    };

    private static SnapshotCounters Counters(MembershipCounters counters)
    {
        var dropped = new Dictionary<string, long>(counters.MessagesDropped);
        foreach ((var reason, long count) in counters.DatagramsDropped) dropped[reason.ToString()] = dropped.GetValueOrDefault(reason.ToString()) + count;
        return new SnapshotCounters
        {
            DatagramsReceived = counters.DatagramsReceived,
            DatagramsSent = counters.DatagramsSent,
            BytesReceived = counters.BytesReceived,
            BytesSent = counters.BytesSent,
            SendFailures = counters.SendFailures,
            MessagesDelivered = counters.MessagesDelivered,
            QueueOverflows = counters.QueueOverflows,
            Dropped = dropped,
            Regroups = counters.Regroups,
            ViewsInstalled = counters.ViewsInstalled,
            StoreWrites = counters.StoreWrites,
            SlowCallbacks = counters.SlowCallbacks,
            FailedCallbacks = counters.FailedCallbacks,
            LatestWakeup = counters.LatestWakeup,
        };
    }

    private static TimeSpan? Known(TimeSpan time) => time == TimeSpan.MaxValue ? null : time;
}
