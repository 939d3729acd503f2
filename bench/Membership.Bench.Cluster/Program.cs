// The commands of eng/bench that run real processes in network namespaces, ours and the peer's in one run. Nothing is left behind.
using System.Runtime.InteropServices;
using Membership.Bench.Cluster;
using Membership.Testbed;

if (Options.Parse(args, out string? problem) is not { } options)
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
try
{
    int missed = options.Command switch
    {
        "failover" => await new FailoverBench(options, Console.Out).RunAsync(stop.Token),
        "overlap" => await new OverlapBench(options, Console.Out).RunAsync(stop.Token),
        "timeline" => await new TimelineBench(options, Console.Out).RunAsync(stop.Token),
        "publish" => await new PublishBench(options, Console.Out).RunAsync(stop.Token),
        _ => await new RestBench(options, Console.Out).RunAsync(stop.Token),
    };
    Console.WriteLine($"targets missed: {missed}");
    return options.Check && missed > 0 ? 1 : 0;
}
catch (TestbedException failure)
{
    Console.Error.WriteLine($"bench: {failure.Message}");
    return 1;
}
catch (OperationCanceledException) when (stop.IsCancellationRequested)
{
    return 130;
}
