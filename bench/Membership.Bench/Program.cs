// The small costs, each beside a named baseline of the same run, with the memory diagnoser: eng/bench micro. Runs in this process, because
// BenchmarkDotNet 0.14 cannot make a project of its own for this SDK. --quick: shorter, and exit code 1 unless every target is met;
// --check: the same for the heartbeats only. Other arguments are BenchmarkDotNet's own, e.g. --filter '*Wire*'.
using BenchmarkDotNet.Columns;
using BenchmarkDotNet.Configs;
using BenchmarkDotNet.Diagnosers;
using BenchmarkDotNet.Exporters;
using BenchmarkDotNet.Jobs;
using BenchmarkDotNet.Loggers;
using BenchmarkDotNet.Running;
using BenchmarkDotNet.Toolchains.InProcess.Emit;
using Membership.Bench;
using Perfolizer.Horology;

bool check = args.Contains("--check"), quick = check || args.Contains("--quick");
string[] rest = [.. args.Where(static argument => argument is not ("--check" or "--quick"))];
if (rest.Length == 0) rest = check ? ["--filter", "*EncodeSealOpenDecode", "*HeartbeatStep"] : ["--filter", "*"];

Job job = Job.Default.WithToolchain(InProcessEmitToolchain.Instance).WithId(quick ? "quick" : "full")
    .WithWarmupCount(quick ? 2 : 4).WithIterationCount(quick ? 6 : 12).WithIterationTime(TimeInterval.FromMilliseconds(quick ? 20 : 60));
ManualConfig config = ManualConfig.CreateEmpty()
    .AddColumnProvider(DefaultColumnProviders.Instance)
    .AddDiagnoser(MemoryDiagnoser.Default)
    .AddExporter(MarkdownExporter.GitHub)
    .AddLogger(quick ? NullLogger.Instance : ConsoleLogger.Default)
    .WithArtifactsPath(Path.Combine(AppContext.BaseDirectory, "results"))
    .WithOptions(ConfigOptions.DisableOptimizationsValidator)
    .AddJob(job);
Type[] benchmarks = [typeof(LeaseBenchmarks), typeof(WireBenchmarks), typeof(CoreBenchmarks), typeof(NodeSetBenchmarks), typeof(CliqueBenchmarks), typeof(TableBenchmarks)];
bool met = MicroReport.Of(BenchmarkSwitcher.FromTypes(benchmarks).Run(rest, config)).Print(Console.Out);
return quick && !met ? 1 : 0;
