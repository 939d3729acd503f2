// ./demo: tells the story of a small cluster with real processes, measures it, and judges it. It asks nothing, it leaves
// no process behind, and its exit code is 0 only if everything it claims in its last line was seen to happen.
using System.Runtime.InteropServices;
using Failover.Demo;

if (DemoOptions.Parse(args, out string? problem) is not { } options)
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
using PosixSignalRegistration hangUp = PosixSignalRegistration.Create(PosixSignal.SIGHUP, Interrupt);

string directory = Directory.CreateTempSubdirectory("regroup-demo-").FullName;
var clock = new DemoClock();
try
{
    await using var cluster = new DemoCluster(options.Nodes, directory, options.NodeProgram, options.CrashEvidence, options.Web);
    for (int node = 1; node <= cluster.Pages.Count; node++) clock.Say($"live page of node {node}: {cluster.Pages[node - 1]}");
    using var limit = CancellationTokenSource.CreateLinkedTokenSource(stop.Token);
    limit.CancelAfter(TimeSpan.FromSeconds(55));
    DemoResult result = await new Story(cluster, clock, options.CrashEvidence).TellAsync(options.Faults, options.Keep, limit.Token);
    if (options.Keep)
    {
        if (options.Web) clock.Say(PageOpener.Open(cluster.Pages[0]));
        clock.Say($"keeping {options.Nodes} nodes running, files in {directory}; Ctrl-C ends them");
        Console.WriteLine(options.Faults == Faults.None ? "demo: running, no fault was made" : result.ToString());
        await Task.Delay(Timeout.Infinite, stop.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        await cluster.DisposeAsync();
        Directory.Delete(directory, recursive: true);
        return 0;
    }
    await cluster.DisposeAsync();
    Directory.Delete(directory, recursive: true);
    Console.WriteLine(result);
    return 0;
}
catch (DemoFailedException failure)
{
    clock.Say($"what the nodes logged is in {directory}");
    Console.WriteLine($"demo: failed: {failure.Message}");
    return 1;
}
catch (OperationCanceledException) when (stop.IsCancellationRequested)
{
    Directory.Delete(directory, recursive: true);
    Console.WriteLine("demo: stopped");
    return 130;
}
catch (OperationCanceledException)
{
    clock.Say($"what the nodes logged is in {directory}");
    Console.WriteLine("demo: failed: not finished after 55 s");
    return 1;
}
#pragma warning disable CA1031 // Whatever went wrong, the nodes must be ended and the last line must say so: an unhandled exception would do neither.
catch (Exception failure)
#pragma warning restore CA1031
{
    clock.Say($"what the nodes logged is in {directory}");
    Console.WriteLine($"demo: failed: {failure.GetType().Name}: {failure.Message.ReplaceLineEndings(" ")}");
    return 1;
}
