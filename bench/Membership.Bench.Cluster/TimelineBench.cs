// Where the time of one failover goes: the stages of our nodes, from the engine's own spans, and the peer's steps, from its log, in one
// picture on one axis.
using System.Globalization;
using Membership.Testbed;

namespace Membership.Bench.Cluster;

internal sealed class TimelineBench(Options options, TextWriter output)
{
    private const string NotNoticed = "nothing noticed yet", Silent = "no answer, asked each tick: L runs";

    private static readonly TimeSpan Settling = TimeSpan.FromSeconds(3), Patience = TimeSpan.FromSeconds(30);

    /// <returns>Zero: there is nothing to miss.</returns>
    public async Task<int> RunAsync(CancellationToken cancellationToken)
    {
        Directory.CreateDirectory(options.Svg);
        foreach (int nodes in options.Nodes)
        {
            await using var ours = new RegroupCluster(nodes, options.ClockPeriod, crashEvidence: false, traced: true);
            await using CorosyncCluster? peer = options.Peer ? new CorosyncCluster(nodes, options.Token) : null;
            await Task.WhenAll(ours.FormAsync(cancellationToken), peer?.FormAsync(cancellationToken) ?? Task.CompletedTask);
            int[] survivors = [.. Enumerable.Range(1, nodes - 1)];
            foreach (BenchFault fault in options.Faults)
            {
                await Task.Delay(Settling, cancellationToken);
                long from = ours.Make(fault, nodes);
                await ours.AgreedAsync(survivors, from, cancellationToken);
                var own = new List<TimelineRow>();
                foreach (int node in survivors) own.Add(new TimelineRow($"Regroup {node}", OurStages(await RegroupAsync(ours, node, from, cancellationToken), ours.Life(node).LastView!.Time, from, fault == BenchFault.Kill ? NotNoticed : Silent)));
                await ours.AgreedAsync([.. survivors, nodes], await ours.MendAsync(fault, nodes, cancellationToken), cancellationToken);
                var theirs = new List<TimelineRow>();
                if (peer is not null)
                {
                    from = peer.Make(fault, nodes);
                    await peer.AgreedAsync(survivors, from, cancellationToken);
                    foreach (int node in survivors) theirs.Add(new TimelineRow($"Corosync {node}", PeerStages(await StepsAsync(peer, node, from, cancellationToken), from)));
                    await peer.AgreedAsync([.. survivors, nodes], await peer.MendAsync(fault, nodes, cancellationToken), cancellationToken);
                }
                Write(nodes, fault, ours.LossPeriod, own, theirs);
            }
        }
        return 0;
    }

    /// <summary>From the fault through the stages of the regroup to the view that the node told.</summary>
    internal static IReadOnlyList<TimelineStage> OurStages(NodeEvent regroup, long told, long from, string before = NotNoticed)
    {
        var stages = new List<TimelineStage>();
        string name = before;
        long began = from;
        void Enter(string next, long at)
        {
            if (at > began) stages.Add(new TimelineStage(name, (began - from) / 1e6, (at - from) / 1e6));
            (name, began) = (next, Math.Max(began, at));
        }

        foreach (string step in regroup["steps"].Split(',', StringSplitOptions.RemoveEmptyEntries))
        {
            string[] parts = step.Split(':');
            Enter(NameOf(parts[0], name), long.Parse(parts[1], CultureInfo.InvariantCulture));
        }
        Enter("", Math.Max(told, began));
        return stages;
    }

    /// <summary>From the fault through the steps in the log to the services' readiness.</summary>
    internal static IReadOnlyList<TimelineStage> PeerStages(IReadOnlyList<(CorosyncStep Step, long At)> steps, long from)
    {
        var stages = new List<TimelineStage>();
        string name = "token on its way, or lost";
        long began = from;
        foreach ((CorosyncStep step, long at) in steps)
        {
            if (step == CorosyncStep.LinkDown || at < from) continue;
            if (at > began) stages.Add(new TimelineStage(name, (began - from) / 1e6, (at - from) / 1e6));
            began = at;
            name = step switch
            {
                CorosyncStep.TokenMissed => "token late (warning)",
                CorosyncStep.TokenLost => "consensus of those left",
                CorosyncStep.Formed => "synchronisation",
                CorosyncStep.Members => "last services",
                _ => "",
            };
            if (step == CorosyncStep.Ready) break;
        }
        return stages;
    }

    private static string NameOf(string step, string before) => step switch
    {
        "Activate" => "1 activate: who is here",
        "Close" => "2 close",
        "Prune" => "3 prune: the lost lease runs out",
        "view_in_force" => "view in force, on disk",
        "CleanUp1" => "4 clean up",
        "CleanUp2" => "5 clean up",
        "Stabilised" => "6 callbacks",
        _ => before,
    };

    private static async Task<NodeEvent> RegroupAsync(RegroupCluster cluster, int node, long from, CancellationToken cancellationToken)
        => await UntilAsync($"node {node} tells of its regroup", () => cluster.Life(node).Events.LastOrDefault(found => found.What == "regroup" && found.Time > from), cancellationToken);

    private static async Task<IReadOnlyList<(CorosyncStep Step, long At)>> StepsAsync(CorosyncCluster cluster, int node, long from, CancellationToken cancellationToken)
        => await UntilAsync($"corosync node {node} is ready again", () => cluster.StepsOf(node) is var steps && steps.Any(step => step.Step == CorosyncStep.Ready && step.At > from) ? steps : null, cancellationToken);

    private static async Task<T> UntilAsync<T>(string what, Func<T?> look, CancellationToken cancellationToken)
        where T : class
    {
        long deadline = TestbedCluster.Now + (long)Patience.TotalNanoseconds;
        while (true)
        {
            if (look() is { } found) return found;
            if (TestbedCluster.Now > deadline) throw new TestbedException($"{what}: not within {Patience.TotalSeconds:0} s.");
            await Task.Delay(5, cancellationToken);
        }
    }

    /// <summary>A row of a table: what each phase took, in ms, of whoever was last, ours and the peer's.</summary>
    private string Phases(int nodes, BenchFault fault, List<TimelineRow> ours, List<TimelineRow> theirs)
    {
        IReadOnlyList<TimelineStage> own = ours.MaxBy(static row => row.Stages[^1].To)!.Stages, other = theirs.MaxBy(static row => row.Stages[^1].To)?.Stages ?? [];
        double noticed = Sum(own, NotNoticed, Silent), here = Sum(own, "1 ", "2 "), lease = Sum(own, "3 "), all = own[^1].To;
        string row = string.Create(CultureInfo.InvariantCulture, $"| {nodes} | {options.Timing} | {fault.ToString().ToLowerInvariant()} | {noticed:0} | {here:0} | {lease:0} | {all - noticed - here - lease:0.0} | **{all:0}** |");
        if (other.Count == 0) return row;
        double token = Sum(other, "token"), consensus = Sum(other, "consensus");
        return row + string.Create(CultureInfo.InvariantCulture, $" {token:0} | {consensus:0} | {other[^1].To - token - consensus:0.0} | **{other[^1].To:0}** |");
    }

    private static double Sum(IReadOnlyList<TimelineStage> stages, params string[] names)
        => stages.Where(stage => names.Any(name => stage.Name.StartsWith(name, StringComparison.Ordinal))).Sum(static stage => stage.To - stage.From);

    private void Write(int nodes, BenchFault fault, TimeSpan lossPeriod, List<TimelineRow> ours, List<TimelineRow> theirs)
    {
        string name = fault.ToString().ToLowerInvariant();
        foreach (TimelineRow row in (IEnumerable<TimelineRow>)[.. ours, .. theirs])
            output.WriteLine($"timeline nodes={nodes} fault={name} timing={options.Timing} {row.Name}: {string.Join("; ", row.Stages.Select(static stage => string.Create(CultureInfo.InvariantCulture, $"{stage.Name} {stage.To - stage.From:0.0}")))}");
        output.WriteLine(Phases(nodes, fault, ours, theirs));
        double limit = lossPeriod.TotalMilliseconds, lease = ours.SelectMany(static row => row.Stages).Where(static stage => stage.Name.StartsWith('3')).Select(static stage => stage.To).DefaultIfEmpty(0).Max();
        var panels = new List<TimelinePanel>();
        if (theirs.Count > 0) panels.Add(new TimelinePanel(string.Create(CultureInfo.InvariantCulture, $"Both, from the fault; the dashed line is Regroup's limit, L = {limit:0} ms"), [.. ours, .. theirs], limit));
        else panels.Add(new TimelinePanel(string.Create(CultureInfo.InvariantCulture, $"From the fault; the dashed line is the limit, L = {limit:0} ms"), ours, limit));
        TimelineRow[] end = [.. ours.Select(row => row with { Stages = [.. row.Stages.Where(stage => stage.To > lease - 5).Select(stage => stage with { From = Math.Max(0, stage.From - lease + 5), To = stage.To - lease + 5 })] })];
        panels.Add(new TimelinePanel(string.Create(CultureInfo.InvariantCulture, $"Regroup's end, from 5 ms before the last lease has run out ({lease:0} ms)"), end, null));
        string file = Path.Combine(options.Svg, $"timeline-{name}-{nodes}-{options.Timing}.svg");
        TimelineSvg.Draw($"{name} of one of {nodes} nodes, timing: {options.Timing}", panels).Save(file);
        output.WriteLine($"  {file}");
    }
}
