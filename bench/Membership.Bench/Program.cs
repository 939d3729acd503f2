// What a node at rest costs, with the memory diagnoser: eng/bench. Runs in this process, because BenchmarkDotNet 0.14
// cannot make a project of its own for this SDK. --check also fails (exit 1) unless the heartbeats allocate nothing.
using BenchmarkDotNet.Columns;
using BenchmarkDotNet.Configs;
using BenchmarkDotNet.Diagnosers;
using BenchmarkDotNet.Exporters;
using BenchmarkDotNet.Jobs;
using BenchmarkDotNet.Loggers;
using BenchmarkDotNet.Reports;
using BenchmarkDotNet.Running;
using BenchmarkDotNet.Toolchains.InProcess.Emit;
using Membership.Bench;

ManualConfig config = ManualConfig.CreateEmpty()
    .AddColumnProvider(DefaultColumnProviders.Instance)
    .AddDiagnoser(MemoryDiagnoser.Default)
    .AddExporter(MarkdownExporter.GitHub)
    .AddLogger(ConsoleLogger.Default)
    .WithArtifactsPath(Path.Combine(AppContext.BaseDirectory, "results"))
    .AddJob(Job.ShortRun.WithToolchain(InProcessEmitToolchain.Instance));
string[] rest = [.. args.Where(static argument => argument != "--check")];
Summary[] summaries = [.. BenchmarkSwitcher.FromTypes([typeof(WireHeartbeat), typeof(CoreHeartbeat)]).Run(rest.Length > 0 ? rest : ["--filter", "*"], config)];
if (rest.Length == args.Length) return 0;

int failures = 0;
foreach (BenchmarkReport report in summaries.SelectMany(static summary => summary.Reports))
{
    long? allocated = report.Success ? report.GcStats.GetBytesAllocatedPerOperation(report.BenchmarkCase) : null;
    Console.WriteLine($"{report.BenchmarkCase.DisplayInfo}: {(allocated is { } bytes ? $"{bytes} B" : "failed")}");
    if (allocated != 0) failures++;
}
return failures == 0 && summaries.Length > 0 ? 0 : 1;
