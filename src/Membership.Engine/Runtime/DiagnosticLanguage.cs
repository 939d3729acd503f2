// The small text language of MMDiag: a verb and perhaps an argument in, lines of text out. It reads a copy of the node's
// state; only the fault verbs, off by default, touch anything.
using System.Globalization;
using System.Text;
using Membership.Engine.Protocol;

namespace Membership.Engine.Runtime;

/// <summary>What the language may look at and touch.</summary>
internal sealed record DiagnosticSubject(
    MembershipNode Node, MembershipNodeOptions Options, CoreSnapshot? Core, FaultSwitch Faults, Action<TimeSpan> Stall, NodeHalt? Halted);

internal static class DiagnosticLanguage
{
    private const string Help =
        "help           this list\n"
        + "state          phase, stage, incarnation, quorum owner, arbitration winners\n"
        + "view           the installed view, the one in force, pending ones\n"
        + "matrix         who heard whom in the last regroup, and whom this node hears now\n"
        + "lease          epoch, what is left of it, held or lost\n"
        + "paths          for each peer, how long ago it was heard on each path\n"
        + "counters       what was counted since the start\n"
        + "journal [n]    the last n lines of the journal (20)\n"
        + "fault cut n    no datagrams to and from node n; fault mend [n]; fault stall ms   (tests only)";

    public static string Answer(string command, DiagnosticSubject subject)
    {
        string[] words = command.Split(' ', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
        string verb = words.Length == 0 ? "help" : words[0];
        switch (verb)
        {
            case "help": return Help;
            case "counters": return Counters(subject.Node.GetCounters());
            case "journal": return Journal(subject.Node.Journal, words);
            case "lease": return Lease(subject.Node.Lease);
            case "fault": return Fault(words, subject);
            case "state" or "view" or "matrix" or "paths" when subject.Core is null:
                return subject.Halted is { } halt ? $"halted: {halt.Code}, {halt.Detail}" : "down: not started, or stopped";
            case "state": return State(subject.Core!, subject.Node.Self);
            case "view": return View(subject.Core!);
            case "matrix": return Matrix(subject.Core!, subject.Node.Self);
            case "paths": return Paths(subject.Core!, subject.Options);
            default: return $"unknown command '{verb}'\n{Help}";
        }
    }

    private static string State(CoreSnapshot core, NodeId self) => string.Join('\n',
        $"node {self} life {core.Incarnation.Value} {core.Phase}",
        core.Stage == RegroupStage.None ? "no regroup in progress" : $"regroup {core.Activation} stage {(int)core.Stage} {core.Stage} ({core.Cause})",
        $"regroup allowed {core.RegroupAllowed}",
        $"quorum owner {core.QuorumOwner}, declared by the host {core.DeclaredQuorumOwner}, chosen in the last regroup {core.SelectedOwner}",
        $"arbitration winner of the last regroup {core.ArbitrationWinner}, of the last arbitration {core.LastArbitrationWinner}",
        $"unreachable {core.Unreachable}",
        core.KeptOut is { } why ? $"kept out by {why}" : core.Quarantined.IsEmpty ? "nobody is quarantined" : string.Join('\n', core.Quarantined.Select(static kept =>
            $"node {kept.Node} quarantined for {Age(kept.Remaining)} after {kept.Removals} removals{(kept.Applies ? "" : ", but let in: too few without it")}")),
        string.Create(CultureInfo.InvariantCulture, $"T {core.Timing.ClockPeriod.TotalMilliseconds:0.###} ms, S {core.Timing.SendRate}, R {core.Timing.ReceiveRate}, L {core.Timing.LossPeriod.TotalMilliseconds:0.###} ms"));

    private static string View(CoreSnapshot core)
    {
        var text = new StringBuilder();
        text.Append(CultureInfo.InvariantCulture, $"installed {core.Installed?.ToString() ?? "none"}\nin force {core.InForce?.ToString() ?? "none"}\npending");
        if (core.Pending.IsEmpty) text.Append(" none");
        foreach (ClusterView pending in core.Pending) text.Append(CultureInfo.InvariantCulture, $" {pending}");
        text.Append(CultureInfo.InvariantCulture, $"\nhighest epoch seen {core.HighestSeen}");
        if (core.InForce is not { } view) return text.ToString();
        text.Append(CultureInfo.InvariantCulture, $"\ncoordinator {view.Coordinator} master {view.Master} vice-master {view.ViceMaster}");
        foreach (ClusterMember member in view.Members) text.Append(CultureInfo.InvariantCulture, $"\nnode {member.Node} life {member.Incarnation.Value} votes {member.Votes}");
        return text.ToString();
    }

    private static string Matrix(CoreSnapshot core, NodeId self)
    {
        var text = new StringBuilder();
        foreach (RowSnapshot row in core.Rows) text.Append(CultureInfo.InvariantCulture, $"regroup: node {row.Node} heard {row.Heard} closed {row.Closed}\n");
        NodeSet hears = NodeSet.Of(self), heardBy = NodeSet.Of(self);
        foreach (PeerSnapshot peer in core.Peers)
        {
            if (peer.Heard < core.Timing.LossPeriod) hears = hears.With(peer.Node);
            if (peer.HeardBy < core.Timing.LossPeriod) heardBy = heardBy.With(peer.Node);
        }
        return text.Append(CultureInfo.InvariantCulture, $"now: node {self} hears {hears}, heard by {heardBy}").ToString();
    }

    private static string Lease(MembershipLease lease)
        => lease.IsValid ? $"epoch {lease.Epoch} valid for {Age(lease.Remaining)}" : $"epoch {lease.Epoch} {(lease.IsHeld ? "held" : "lost")}";

    private static string Paths(CoreSnapshot core, MembershipNodeOptions options)
    {
        var text = new StringBuilder();
        foreach (PeerSnapshot peer in core.Peers)
        {
            MembershipNodeAddress? address = options.Nodes.FirstOrDefault(node => node.Number == peer.Node.Value);
            for (int path = 0; path < peer.HeardOnPath.Length; path++)
                text.Append(CultureInfo.InvariantCulture, $"node {peer.Node} path {path} {(path < address?.Endpoints.Count ? address.Endpoints[path] : "")} heard {Ago(peer.HeardOnPath[path])}\n");
            text.Append(CultureInfo.InvariantCulture, $"node {peer.Node} life {peer.Incarnation.Value} acknowledged {Ago(peer.Acknowledged)}{(peer.TripwireLost ? ", tripwire lost" : "")}\n");
        }
        return text.ToString().TrimEnd('\n');
    }

    private static string Counters(MembershipCounters counters)
    {
        var text = new StringBuilder();
        text.Append(CultureInfo.InvariantCulture, $"datagrams received {counters.DatagramsReceived} sent {counters.DatagramsSent} send failures {counters.SendFailures}\n");
        text.Append(CultureInfo.InvariantCulture, $"bytes received {counters.BytesReceived} sent {counters.BytesSent}\n");
        text.Append(CultureInfo.InvariantCulture, $"messages delivered {counters.MessagesDelivered} overflows {counters.QueueOverflows}\n");
        text.Append(CultureInfo.InvariantCulture, $"views installed {counters.ViewsInstalled} store writes {counters.StoreWrites}\n");
        text.Append(CultureInfo.InvariantCulture, $"callbacks slow {counters.SlowCallbacks} failed {counters.FailedCallbacks}");
        foreach (var (reason, count) in counters.DatagramsDropped) text.Append(CultureInfo.InvariantCulture, $"\ndatagrams dropped {reason} {count}");
        foreach (var (reason, count) in counters.MessagesDropped) text.Append(CultureInfo.InvariantCulture, $"\nmessages dropped {reason} {count}");
        foreach (var (cause, count) in counters.Regroups) text.Append(CultureInfo.InvariantCulture, $"\nregroups {cause} {count}");
        return text.ToString();
    }

    private static string Journal(IReadOnlyList<JournalLine> lines, string[] words)
    {
        int count = words.Length > 1 && int.TryParse(words[1], NumberStyles.None, CultureInfo.InvariantCulture, out int asked) ? asked : 20;
        return string.Join('\n', lines.TakeLast(count).Select(static line => string.Create(CultureInfo.InvariantCulture, $"{line.SinceStart.TotalSeconds:0.000} {line.Text}")));
    }

    private static string Fault(string[] words, DiagnosticSubject subject)
    {
        if (!subject.Options.AllowDiagnosticFaults) return "refused: set AllowDiagnosticFaults in the node's options; it is for tests only";
        int argument = words.Length > 2 && int.TryParse(words[2], NumberStyles.None, CultureInfo.InvariantCulture, out int number) ? number : -1;
        switch (words.Length > 1 ? words[1] : "")
        {
            case "cut" when argument is >= 1 and <= NodeId.MaxValue:
                subject.Faults.Cut = subject.Faults.Cut.With(new NodeId(argument));
                break;
            case "mend" when words.Length == 2:
                subject.Faults.Cut = default;
                break;
            case "mend" when argument is >= 1 and <= NodeId.MaxValue:
                subject.Faults.Cut = subject.Faults.Cut.Without(new NodeId(argument));
                break;
            case "stall" when argument is >= 1 and <= 60_000:
                subject.Stall(TimeSpan.FromMilliseconds(argument));
                return $"the loop stands still for {argument} ms";
            default:
                return "use: fault cut n | fault mend [n] | fault stall ms (1..60000)";
        }
        return $"cut off from {subject.Faults.Cut}";
    }

    private static string Ago(TimeSpan age) => age == TimeSpan.MaxValue ? "never" : Age(age) + " ago";

    private static string Age(TimeSpan age) => age == TimeSpan.MaxValue ? "ever" : string.Create(CultureInfo.InvariantCulture, $"{age.TotalMilliseconds:0} ms");
}
