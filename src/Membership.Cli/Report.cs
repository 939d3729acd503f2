// What is printed: plain text that lines up, for people; --json prints the answer itself, for programs.
using System.Globalization;
using System.Text;
using System.Text.Json;
using Membership.Engine;
using Membership.Engine.Runtime;
using Membership.Provider.Control;
using Membership.Provider.Inspection;

namespace Membership.Cli;

internal static class Report
{
    private static readonly SnapshotJsonContext Indented = new(new JsonSerializerOptions(SnapshotJsonContext.Default.Options) { WriteIndented = true });

    private static readonly CliJsonContext Compact = new(new JsonSerializerOptions(CliJsonContext.Default.Options) { WriteIndented = false });

    public static string Json(MembershipSnapshot snapshot) => JsonSerializer.Serialize(snapshot, Indented.MembershipSnapshot);

    public static string Json(ControlResponse response) => JsonSerializer.Serialize(response, Indented.ControlResponse);

    /// <summary>One line of JSON for a program that watches.</summary>
    public static string JsonLine(MembershipSnapshot snapshot) => JsonSerializer.Serialize(snapshot, SnapshotJsonContext.Default.MembershipSnapshot);

    public static string JsonError(string message, int code) => JsonSerializer.Serialize(new ErrorDocument(message, code), CliJsonContext.Default.ErrorDocument);

    public static string JsonErrorLine(string message, int code) => JsonSerializer.Serialize(new ErrorDocument(message, code), Compact.ErrorDocument);

    public static string Status(MembershipSnapshot s)
    {
        var text = new StringBuilder();
        text.AppendLine(CultureInfo.InvariantCulture, $"cluster   {s.ClusterId}, as seen by node {s.Self} ({s.Role})");
        text.AppendLine(CultureInfo.InvariantCulture, $"state     {State(s)}");
        if (s.KeptOut is { } why) text.AppendLine(CultureInfo.InvariantCulture, $"kept out  {why}");
        foreach (SnapshotNode kept in s.Nodes)
            if (kept.Quarantine is { } quarantine) text.AppendLine(CultureInfo.InvariantCulture, $"kept out  node {kept.Node}: {Quarantine(quarantine)}");
        text.AppendLine(s.View is { } view ? Text($"view      epoch {view.Epoch}, members {List(view.Members)} of {s.Nodes.Count}, master {None(view.Master)}, vice-master {None(view.ViceMaster)}") : "view      none: not a member");
        text.AppendLine(CultureInfo.InvariantCulture, $"lease     {s.Lease.State}, epoch {s.Lease.Epoch}, {Ms(s.Lease.Remaining)} left of L = {Ms(s.Timing.LossPeriod)}");
        text.AppendLine(s.Witness is { } w ? Text($"witness   {w.Description}, owner {None(w.Owner)}{(w.LastDetail is null ? "" : $"; last: {w.LastOutcome}, {w.LastDetail}")}") : "witness   none");
        if (s.Past is [var last, ..]) text.AppendLine(CultureInfo.InvariantCulture, $"last      {last.Cause} at {last.Began.ToLocalTime():yyyy-MM-dd HH:mm:ss}, took {Ms(last.Duration)}{Delta(last)}");
        return text.ToString().TrimEnd();
    }

    public static string State(MembershipSnapshot s)
        => s.Halt is { } halt ? $"halted with {halt.Code}: {halt.Detail}"
            : s.Current is { } now ? Text($"{s.Phase}, regrouping ({now.Cause}), stage {(now.Stages is [.., var stage] ? stage.Stage : "?")} for {Ms(now.Duration)}")
            : s.Stale ? $"{s.Phase}, stale: no word of the master" : s.Phase;

    /// <summary>Whether the node is a member that may serve now.</summary>
    public static bool IsHealthy(MembershipSnapshot s) => s is { Phase: "Member", Stale: false } && s.Lease.State == "valid";

    public static string Nodes(MembershipSnapshot s) => Table(
        ["node", "role", "state", "life", "votes", "qualified", "endpoints"],
        s.Nodes.Select(static n => (string[])[Text($"{n.Node}"), $"{n.Role}", n.State, Text($"{n.Incarnation}"), Text($"{n.Votes}"), n.Qualified ? "yes" : "no", string.Join(' ', n.Endpoints)]));

    public static string Quarantine(MembershipSnapshot s)
        => s.Nodes.Any(static node => node.Quarantine is not null)
            ? string.Join('\n', s.Nodes.Where(static node => node.Quarantine is not null).Select(static node => Text($"node {node.Node}: {Quarantine(node.Quarantine!)}")))
            : s.KeptOut is { } why ? $"this node is kept out by {why}" : "nobody is kept out";

    private static string Quarantine(SnapshotQuarantine quarantine)
        => Text($"{quarantine.Removals} removals, {Ms(quarantine.Remaining)} more{(quarantine.Applies ? "" : "; let in all the same: the members are too few without it")}");

    public static string View(MembershipSnapshot s)
    {
        if (s.View is not { } v) return "none: this node is not a member";
        var text = new StringBuilder();
        text.AppendLine(CultureInfo.InvariantCulture, $"epoch {v.Epoch} ({v.Id}), {v.Votes} votes, {v.Policy}");
        text.AppendLine(CultureInfo.InvariantCulture, $"members {List(v.Members)}; coordinator {v.Coordinator}, master {None(v.Master)}, vice-master {None(v.ViceMaster)}");
        if (v.Disqualified.Count > 0) text.AppendLine(CultureInfo.InvariantCulture, $"disqualified {List(v.Disqualified)}");
        foreach (SnapshotView pending in s.Pending) text.AppendLine(CultureInfo.InvariantCulture, $"pending epoch {pending.Epoch} ({pending.Id}), members {List(pending.Members)}");
        text.Append(CultureInfo.InvariantCulture, $"highest epoch seen {s.HighestEpoch}");
        return text.ToString();
    }

    /// <summary>Row hears column: the round trip in ms, "+" heard in the last regroup, "X" not heard, "?" not known.</summary>
    public static string Matrix(MembershipSnapshot s)
    {
        var rows = s.Matrix.ToDictionary(static row => row.Node);
        string Cell(NodeId from, NodeId to)
        {
            if (from == to) return "-";
            if (!rows.TryGetValue(from, out SnapshotRow? row)) return "?";
            if (!row.Hears.Contains(to)) return "X";
            return row.Source != "live" ? "+" : row.Cells.FirstOrDefault(cell => cell.Node == to)?.RoundTrip is { } time ? time.TotalMilliseconds.ToString("0.0", CultureInfo.InvariantCulture) : "+";
        }

        return Table(["hears", .. s.Nodes.Select(static n => Text($"{n.Node}"))], s.Nodes.Select(from => (string[])[Text($"{from.Node}"), .. s.Nodes.Select(to => Cell(from.Node, to.Node))]))
            + "\nrow hears column: round trip in ms now; + in the last regroup; X not heard; ? not known";
    }

    public static string Journal(MembershipSnapshot s) => string.Join('\n', s.Journal.Reverse().Select(static line => Text($"{line.Time.ToLocalTime():HH:mm:ss.fff}  {line.Text}")));

    public static string Table(string[] header, IEnumerable<string[]> rows)
    {
        string[][] all = [header, .. rows];
        int[] widths = [.. header.Select((_, column) => all.Max(row => row[column].Length))];
        return string.Join('\n', all.Select(row => string.Join("  ", row.Select((cell, column) => cell.PadRight(widths[column]))).TrimEnd()));
    }

    public static string Ms(TimeSpan? time) => time is not { } t ? "no end" : t.TotalSeconds < 10 ? Text($"{t.TotalMilliseconds:0.#} ms") : Text($"{t.TotalSeconds:0.#} s");

    public static string Delta(SnapshotRegroup regroup)
        => (regroup.Removed.Count > 0 ? $", without {List(regroup.Removed)}" : "") + (regroup.Added.Count > 0 ? $", with {List(regroup.Added)}" : "");

    public static string List(IEnumerable<NodeId> nodes) => string.Join(',', nodes);

    public static string None(NodeId node) => node.IsValid ? Text($"{node}") : "none";

    private static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
