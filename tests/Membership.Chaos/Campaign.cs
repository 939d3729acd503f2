// Rounds of faults on a running cluster. A supervisor starts again whatever ended, as a service manager would; after each
// round everything is healed and the cluster must come together in time; then the judge looks at all that was recorded.
using System.Globalization;
using Membership.Testbed;

namespace Membership.Chaos;

internal sealed class Campaign(TestbedCluster cluster, Schedule schedule, Action<string> say)
{
    /// <summary>Starting a process on a loaded machine takes its time; it is counted from when the process says that it runs.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(90);

    /// <summary>What the machine may add to a convergence: pauses and a loaded scheduler.</summary>
    private static readonly TimeSpan Slack = TimeSpan.FromSeconds(1);

    private const int OverrunExitCode = 108;

    private readonly Dictionary<int, TimeSpan> _down = [];
    private readonly Dictionary<int, TimeSpan> _flushDelays = [];
    private readonly List<string> _violations = [];
    private readonly HashSet<NodeLife> _mourned = [];
    private readonly HashSet<NodeLife> _ended = [];
    private LinkState _links = LinkState.Healthy;
    private TimeSpan _witnessBackAt;

    public int Faults { get; private set; }

    public IReadOnlyList<string> Violations => _violations;

    public List<TimeSpan> Convergences { get; } = [];

    /// <summary>3 L; whoever needs the witness' vote may have to outwait a former owner first.</summary>
    private TimeSpan Limit => cluster.Plan.LossPeriod * 3 + cluster.Plan.Takeover + Slack;

    private static TimeSpan Now => TimeSpan.FromTicks(TestbedCluster.Now / 100);

    public async Task RunAsync(int firstRound, TimeSpan duration, CancellationToken cancellationToken)
    {
        await cluster.FormAsync(cancellationToken);
        say($"formed: {cluster.State()}");
        TimeSpan until = Now + duration;
        for (int round = firstRound; Now < until && _violations.Count == 0; round++)
        {
            IReadOnlyList<Fault> faults = schedule.Round(round);
            foreach (Fault fault in faults) say($"round {round}: {fault}");
            Faults += faults.Count;
            await HarmAsync(faults, cancellationToken);
            await ConvergeAsync(round, cancellationToken);
            _violations.AddRange(cluster.Judge().Violations);
        }
    }

    private async Task HarmAsync(IReadOnlyList<Fault> faults, CancellationToken cancellationToken)
    {
        TimeSpan begin = Now;
        var begun = new HashSet<Fault>();
        var over = new HashSet<Fault>();
        while (over.Count < faults.Count)
        {
            TimeSpan time = Now - begin;
            foreach (Fault fault in faults)
            {
                if (time >= fault.At && begun.Add(fault)) await BeginAsync(fault, begin);
                if (time >= fault.End && begun.Contains(fault) && over.Add(fault)) await EndAsync(fault, cancellationToken);
            }
            SetLinks(faults.Aggregate(LinkState.Healthy, (links, fault) => links.And(fault.LinksAt(time))));
            Supervise();
            await Task.Delay(10, cancellationToken);
        }
    }

    private async Task BeginAsync(Fault fault, TimeSpan roundBegin)
    {
        switch (fault)
        {
            case KillFault kill:
                _down[kill.Node] = roundBegin + kill.End;
                EndProcess(kill.Node, Signal.Kill);
                break;
            case LeaveFault leave:
                _down[leave.Node] = roundBegin + leave.End;
                EndProcess(leave.Node, Signal.Terminate);
                break;
            case StopFault stop:
                cluster[stop.Node].Send(Signal.Stop);
                break;
            case ClockFault clock:
                cluster.MoveClock(clock.Node, clock.By);
                break;
            case SlowDiskFault disk:
                _flushDelays[disk.Node] = disk.FlushDelay;
                EndProcess(disk.Node, Signal.Kill);
                break;
            case WitnessFault { Killed: true }:
                await cluster.Witness!.KillAsync();
                break;
            case WitnessFault:
                cluster.Witness!.Send(Signal.Stop);
                break;
        }
    }

    // A node frozen at the time takes a SIGTERM only when it wakes; a kill does not wait.
    private void EndProcess(int node, Signal signal)
    {
        _ended.Add(cluster[node]);
        cluster[node].Send(signal);
    }

    private async Task EndAsync(Fault fault, CancellationToken cancellationToken)
    {
        // Of two jumps of one clock the first that ends sets it right.
        if (fault is ClockFault clock) cluster.MoveClock(clock.Node, TimeSpan.Zero);
        if (fault is StopFault stop) cluster[stop.Node].Send(Signal.Continue);
        if (fault is SlowDiskFault disk && _flushDelays.Remove(disk.Node)) EndProcess(disk.Node, Signal.Kill);
        if (fault is not WitnessFault) return;
        // Of two faults the one that ends first ends both.
        if (cluster.Witness!.IsRunning) cluster.Witness.Send(Signal.Continue);
        else await cluster.Witness.StartAsync(cancellationToken);
        _witnessBackAt = Now;
    }

    private void SetLinks(LinkState links)
    {
        if (links.Equals(_links)) return;
        cluster.Network.Links = links;
        _links = links;
    }

    /// <summary>Starts again what ended, unless a fault keeps it down; and looks why it ended.</summary>
    private void Supervise()
    {
        foreach (int node in cluster.All)
        {
            NodeLife life = cluster[node];
            if (!life.HasExited) continue;
            if (_mourned.Add(life)) Mourn(life);
            if (_down.TryGetValue(node, out TimeSpan until) && Now < until) continue;
            _down.Remove(node);
            cluster.Start(node, _flushDelays.GetValueOrDefault(node));
        }
    }

    // Halts that protect: decided by the protocol, or master-only work that a starved machine did not let stop in time. Anything
    // else that ends a process, unless it was we, is a defect.
    private void Mourn(NodeLife life)
    {
        // Work that overran ends its process at once: before the line, perhaps.
        string halt = life.Halt is { } said ? said["code"] : life.ExitCode == OverrunExitCode ? "MasterWorkOverrun" : "none";
        // A node does not start without its witness: it says so and ends.
        bool noWitness = halt == "none" && life.LastView is null && cluster.Witness is not null;
        bool expected = noWitness || (life.HasSlowDisk && halt == "StoreFailed") || halt is "NoQuorum" or "Poisoned" or "Removed" or "MasterWorkOverrun" || _ended.Contains(life);
        say($"  node {life.Node} (life {life.Life}) ended: exit code {life.ExitCode}, halt {halt}");
        if (!expected) _violations.Add($"node {life.Node} (life {life.Life}) ended with exit code {life.ExitCode}, halt {halt}: see its log in {cluster.Directory}");
    }

    /// <summary>
    /// Everything is healed: all nodes come together within the limit, counted from when the last of them was started for the first time since. Who ends
    /// and is started a second time has not come together.
    /// </summary>
    private async Task ConvergeAsync(int round, CancellationToken cancellationToken)
    {
        SetLinks(LinkState.Healthy);
        long healed = TestbedCluster.Now;
        long highest = cluster.All.Max(node => cluster[node].LastView?.Epoch ?? 0);
        TimeSpan deadline = Now + Patience;
        while (true)
        {
            Supervise();
            if (cluster.All.All(node => !cluster[node].HasExited && cluster[node].LastServedAt > healed) && cluster.CommonView(cluster.All, highest - 1) is { } views)
            {
                long whole = Math.Max(healed, (long)_witnessBackAt.TotalNanoseconds);
                long ready = Math.Max(whole, cluster.All.Max(node => FirstStartAfter(node, whole)));
                long together = Math.Max(ready, views.Max(static view => view.Time));
                TimeSpan took = TimeSpan.FromTicks((together - ready) / 100);
                Convergences.Add(took);
                say(string.Create(CultureInfo.InvariantCulture, $"  together in epoch {views[0].Epoch}, {(together - healed) / 1e6:0} ms after healing, {took.TotalMilliseconds:0} ms after the last start"));
                if (took > Limit) _violations.Add($"round {round}: together only {took.TotalMilliseconds:0} ms after healing and the last start, more than {Limit.TotalMilliseconds:0} ms");
                return;
            }
            if (Now > deadline)
            {
                _violations.Add($"round {round}: not together {Patience.TotalSeconds:0} s after healing: {cluster.State()}");
                return;
            }
            await Task.Delay(20, cancellationToken);
        }
    }

    /// <summary>0 when it has not been started since.</summary>
    private long FirstStartAfter(int node, long instant) => cluster.Lives.Where(life => life.Node == node)
        .Select(static life => life.Last("started")?.Time ?? 0).FirstOrDefault(started => started > instant);
}
