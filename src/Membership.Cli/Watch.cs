// regroupctl watch: the same as the live page, in a terminal; drawn anew twice a second until Ctrl-C.
using System.Globalization;
using Membership.Engine.Runtime;
using Membership.Engine;
using Membership.Provider.Control;
using Membership.Provider.Inspection;
using Spectre.Console;
using Spectre.Console.Rendering;

namespace Membership.Cli;

internal static class Watch
{
    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(500);

    public static async Task<int> RunAsync(NodeTarget target, bool json, CancellationToken cancellationToken)
    {
        if (json) return await PrintAsync(target, cancellationToken);
        MembershipSnapshot? last = (await target.AskAsync(Request, cancellationToken)).Snapshot;
        using var timer = new PeriodicTimer(Interval);
        await AnsiConsole.Live(Draw(target, last, null)).StartAsync(async live =>
        {
            try
            {
                while (await timer.WaitForNextTickAsync(cancellationToken))
                {
                    string? trouble = null;
                    try
                    {
                        last = (await target.AskAsync(Request, cancellationToken)).Snapshot ?? last;
                    }
                    catch (CommandException gone)
                    {
                        trouble = gone.Message;
                    }
                    live.UpdateTarget(Draw(target, last, trouble));
                }
            }
            catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
            {
                // Ctrl-C ends a watch: that is no failure.
            }
        });
        return ExitCode.Good;
    }

    /// <summary>A snapshot a line, until Ctrl-C or until nobody reads any more; a node that cannot be asked is a line as well.</summary>
    private static async Task<int> PrintAsync(NodeTarget target, CancellationToken cancellationToken)
    {
        if ((await target.AskAsync(Request, cancellationToken)).Snapshot is { } first) Console.WriteLine(Report.JsonLine(first));
        using var timer = new PeriodicTimer(Interval);
        try
        {
            while (await timer.WaitForNextTickAsync(cancellationToken))
            {
                try
                {
                    if ((await target.AskAsync(Request, cancellationToken)).Snapshot is { } snapshot) Console.WriteLine(Report.JsonLine(snapshot));
                }
                catch (CommandException gone)
                {
                    Console.WriteLine(Report.JsonErrorLine(gone.Message, gone.Code));
                }
            }
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            // Ctrl-C ends a watch: that is no failure.
        }
        return ExitCode.Good;
    }

    private static ControlRequest Request { get; } = new() { Verb = ControlVerb.Journal, Lines = 8, Timeout = TimeSpan.FromSeconds(3) };

    private static Rows Draw(NodeTarget target, MembershipSnapshot? s, string? trouble)
    {
        var parts = new List<IRenderable>();
        if (trouble is not null) parts.Add(new Markup($"[red]{Markup.Escape(trouble)} What is shown is old.[/]"));
        if (s is null) return new Rows([.. parts, new Text($"{target} told nothing.")]);
        string color = s.Halt is not null ? "red" : Report.IsHealthy(s) && s.Current is null ? "green" : "yellow";
        parts.Add(new Markup($"[bold]{Markup.Escape(s.ClusterId)}[/] as seen by node {s.Self}   [{color}]{Markup.Escape(Report.State(s))}[/]   epoch {s.View?.Epoch.ToString() ?? "none"}   lease {s.Lease.State} {Report.Ms(s.Lease.Remaining)}"));
        var nodes = new Table().Border(TableBorder.Rounded).AddColumns("node", "role", "state", "life", "votes", "hears, ms");
        var rows = s.Matrix.ToDictionary(static row => row.Node);
        foreach (SnapshotNode node in s.Nodes)
        {
            string hears = rows.TryGetValue(node.Node, out SnapshotRow? row)
                ? string.Join(' ', s.Nodes.Where(other => other.Node != node.Node).Select(other => Hears(row, other.Node))) : "?";
            nodes.AddRow(
                Text($"{node.Node}"), node.Role == MemberRole.Master ? "[bold]Master[/]" : $"{node.Role}", $"[{(node.State == "up" ? "green" : "red")}]{node.State}[/]",
                Text($"{node.Incarnation}"), Text($"{node.Votes}"), hears);
        }
        parts.Add(nodes);
        foreach (SnapshotRegroup regroup in (s.Current is null ? s.Past : s.Past.Prepend(s.Current)).Take(5))
            parts.Add(new Markup(Markup.Escape(Text($"{regroup.Began.ToLocalTime():HH:mm:ss}  {regroup.Cause,-14} epoch {regroup.Epoch?.ToString() ?? "-",-5} {Report.Ms(regroup.Duration),-10}{Report.Delta(regroup)}"))));
        parts.Add(new Rule { Style = Style.Parse("grey") });
        foreach (SnapshotLine line in s.Journal) parts.Add(new Markup($"[grey]{line.Time.ToLocalTime():HH:mm:ss.fff}[/]  {Markup.Escape(line.Text)}"));
        parts.Add(new Markup("[grey]Ctrl-C ends this.[/]"));
        return new Rows(parts);
    }

    private static string Hears(SnapshotRow row, NodeId other)
        => !row.Hears.Contains(other) ? $"[red]{other}:X[/]" : row.Cells.FirstOrDefault(cell => cell.Node == other)?.RoundTrip is { } time ? Text($"{other}:{time.TotalMilliseconds:0.0}") : $"{other}:+";

    private static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
