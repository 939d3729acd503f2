// eng/chaos: random faults on real processes in network namespaces, from a seed; ends with one line that says what was
// found. Nothing is left behind but, when something was found, the files to look at.
using System.Globalization;
using System.Runtime.InteropServices;
using Membership.Chaos;
using Membership.Testbed;

if (ChaosOptions.Parse(args, out string? problem) is not { } options)
{
    Console.Error.WriteLine(problem);
    return 2;
}

using var stop = new CancellationTokenSource();
void Interrupt(PosixSignalContext context)
{
    context.Cancel = true;
    stop.Cancel();
}

using PosixSignalRegistration interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, Interrupt);
using PosixSignalRegistration terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, Interrupt);

long begin = TestbedCluster.Now;
void Say(string line) => Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"[{(TestbedCluster.Now - begin) / 1e9,8:0.000}] {line}"));

Say($"nodes={options.Nodes} arbiter={options.Witness} seed={options.Seed} minutes={options.Minutes.ToString(CultureInfo.InvariantCulture)}");
Verdict verdict;
Campaign campaign;
var violations = new SortedSet<string>(StringComparer.Ordinal);
await using (var cluster = new TestbedCluster(new ClusterPlan { Nodes = options.Nodes, Witness = options.Witness, MovableClocks = true }) { KeepFiles = true })
{
    campaign = new Campaign(cluster, new Schedule(options.Seed, options.Nodes, cluster.Witness is not null), Say);
    try
    {
        await campaign.RunAsync(options.FirstRound, TimeSpan.FromMinutes(options.Minutes), stop.Token);
    }
    catch (OperationCanceledException) when (stop.IsCancellationRequested)
    {
        Say("interrupted");
    }
    catch (TestbedException failure)
    {
        violations.Add(failure.Message);
    }
    verdict = cluster.Judge();
    violations.UnionWith(campaign.Violations);
    violations.UnionWith(verdict.Violations);
    cluster.KeepFiles = violations.Count > 0;
    if (cluster.KeepFiles) Say($"logs and recordings are in {cluster.Directory}");
}

foreach (string violation in violations) Say($"VIOLATION {violation}");
TimeSpan[] together = [.. campaign.Convergences.Order()];
if (together.Length > 0) Say($"convergence after healing and the last start: {together[0].TotalMilliseconds:0} / {together[together.Length / 2].TotalMilliseconds:0} / {together[^1].TotalMilliseconds:0} ms (min / median / max of {together.Length})");
Say($"served {verdict.Served.TotalSeconds:0} s in all, master-only work {verdict.MasterServed.TotalSeconds:0} s, unjudged pairs {verdict.Unjudged}");
double overlap = Math.Ceiling((verdict.Overlap + verdict.MasterOverlap + verdict.RunOverlap).TotalMilliseconds);
Console.WriteLine($"faults={campaign.Faults} views={verdict.Views} overlap_ms={overlap.ToString(CultureInfo.InvariantCulture)} violations={violations.Count}");
return violations.Count > 0 || (stop.IsCancellationRequested && campaign.Faults == 0) ? 1 : 0;
