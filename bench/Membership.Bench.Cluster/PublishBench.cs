// What the way of publishing does to a node: the same program compiled at run time, ahead of time in part, trimmed, and ahead of time
// as a whole. Size on disk, from the start of a process to its place in the view, CPU until then, and memory at rest.
using System.Diagnostics;
using System.Globalization;
using Membership.Testbed;

namespace Membership.Bench.Cluster;

/// <summary>A way to publish a program.</summary>
internal enum PublishVariant
{
    /// <summary>As built: needs the runtime installed; compiled while it runs.</summary>
    Jit,

    /// <summary>The same with its assemblies compiled beforehand (ReadyToRun).</summary>
    R2r,

    /// <summary>One file with the runtime in it, trimmed, compiled beforehand where possible.</summary>
    Trimmed,

    /// <summary>Native AOT: one native program, no runtime, nothing compiled while it runs.</summary>
    Aot,
}

internal sealed class PublishBench(Options options, TextWriter output)
{
    private const double MillisecondsPerTick = 10;

    public async Task<int> RunAsync(CancellationToken cancellationToken)
    {
        var table = new MarkdownTable(options.Markdown, 2, "nodes", "published", "on disk, MB", "process start to host started, ms", "to its place in the view, ms", "CPU until then, ms", "resident, MB", "of it its own, MB");
        (int Nodes, PublishVariant Variant)[] rows = [.. options.Nodes.SelectMany(_ => options.Variants, static (nodes, variant) => (nodes, variant)).Where(row => !table.Has(Key(row.nodes, row.variant)))];
        var programs = new Dictionary<PublishVariant, string>();
        foreach (PublishVariant variant in rows.Select(static row => row.Variant).Distinct()) programs[variant] = await PublishAsync(variant, cancellationToken);
        foreach ((int nodes, PublishVariant variant) in rows) await MeasureAsync(table, nodes, variant, programs[variant], cancellationToken);
        return 0;
    }

    private static string[] Key(int nodes, PublishVariant variant) => [nodes.ToString(CultureInfo.InvariantCulture), variant.ToString().ToLowerInvariant()];

    private async Task MeasureAsync(MarkdownTable table, int nodes, PublishVariant variant, string program, CancellationToken cancellationToken)
    {
        await using var cluster = new RegroupCluster(nodes, TimeSpan.FromMilliseconds(125), crashEvidence: false, program: program);
        await cluster.FormAsync(cancellationToken);
        int[] all = cluster.All;
        Measured started = new(), joined = new(), cpu = new();
        for (int run = 0; run < options.Runs; run++)
        {
            int victim = nodes - run % nodes;
            long from = cluster.Make(BenchFault.Kill, victim);
            await cluster.SurvivedAsync(BenchFault.Kill, victim, from, cancellationToken);
            from = await cluster.MendAsync(BenchFault.Kill, victim, cancellationToken);
            await cluster.AgreedAsync(all, from, cancellationToken);
            NodeLife life = cluster.Life(victim);
            cpu.Add(0, (long)(CpuOf(life.Id) * 1e6));
            started.Add(life.StartedAt, life.Last("started")!.ReadAt);
            joined.Add(life.StartedAt, life.LastView!.ReadAt);
        }
        await Task.Delay(TimeSpan.FromSeconds(options.Seconds), cancellationToken);
        double[] resident = [.. all.Select(node => MemoryOf(cluster.ProcessOf(node), "Rss"))], own = [.. all.Select(node => MemoryOf(cluster.ProcessOf(node), "Private_Clean") + MemoryOf(cluster.ProcessOf(node), "Private_Dirty"))];
        string[] cells = [.. Key(nodes, variant), Number(SizeOf(Path.GetDirectoryName(program)!)), started.ToString(), joined.ToString(), cpu.ToString(), Number(resident.Average()), Number(own.Average())];
        output.WriteLine($"publish nodes={nodes} variant={cells[1]} size_mb={cells[2]} started_ms={cells[3]} joined_ms={cells[4]} cpu_ms={cells[5]} rss_mb={cells[6]} own_mb={cells[7]}");
        table.Add(cells);
    }

    private static async Task<string> PublishAsync(PublishVariant variant, CancellationToken cancellationToken)
    {
        DirectoryInfo? root = new(AppContext.BaseDirectory);
        while (root is not null && !File.Exists(Path.Combine(root.FullName, "global.json"))) root = root.Parent;
        if (root is null) throw new TestbedException($"No source tree above {AppContext.BaseDirectory}: 'publish' needs it.");
        string name = variant.ToString().ToLowerInvariant(), place = Path.Combine(root.FullName, "artifacts", "bench-publish", name);
        if (Directory.Exists(Path.Combine(place, "out"))) Directory.Delete(Path.Combine(place, "out"), recursive: true);
        string[] how = variant switch
        {
            PublishVariant.Jit => ["--self-contained", "false"],
            PublishVariant.R2r => ["--self-contained", "false", "-p:PublishReadyToRun=true"],
            PublishVariant.Trimmed => ["--self-contained", "true", "-p:PublishTrimmed=true", "-p:PublishSingleFile=true", "-p:PublishReadyToRun=true"],
            _ => ["-p:PublishAot=true"],
        };
        // What Azure's packages warn about is not ours; what this repository's own packages would is an error when they are built.
        var start = new ProcessStartInfo("dotnet", ["publish", Path.Combine("tests", "Membership.Testbed.Node"), "-c", "Release", "-r", "linux-x64", "-m:1", "-v", "q", "--nologo", $"-p:ArtifactsPath={Path.Combine(place, "build")}", "-p:TreatWarningsAsErrors=false", "-p:DebugType=none", "-p:GenerateDocumentationFile=false", "-p:StripSymbols=true", .. how, "-o", Path.Combine(place, "out")])
        {
            WorkingDirectory = root.FullName, RedirectStandardOutput = true, RedirectStandardError = true,
        };
        using Process build = Process.Start(start)!;
        Task<string> errors = build.StandardError.ReadToEndAsync(cancellationToken);
        string said = await build.StandardOutput.ReadToEndAsync(cancellationToken);
        await build.WaitForExitAsync(cancellationToken);
        if (build.ExitCode != 0) throw new TestbedException($"'dotnet publish' of {name} ended with {build.ExitCode}: {said} {await errors}");
        return Path.Combine(place, "out", "Membership.Testbed.Node");
    }

    private static double SizeOf(string directory)
        => Directory.EnumerateFiles(directory).Where(static file => Path.GetExtension(file) is not (".pdb" or ".dbg" or ".xml")).Sum(static file => new FileInfo(file).Length) / 1e6;

    private static double CpuOf(int process)
    {
        string stat = File.ReadAllText($"/proc/{process}/stat");
        string[] fields = stat[(stat.LastIndexOf(')') + 2)..].Split(' ');
        return (long.Parse(fields[11], CultureInfo.InvariantCulture) + long.Parse(fields[12], CultureInfo.InvariantCulture)) * MillisecondsPerTick;
    }

    private static double MemoryOf(int process, string what)
    {
        string line = File.ReadLines($"/proc/{process}/smaps_rollup").First(line => line.StartsWith(what + ":", StringComparison.Ordinal));
        return long.Parse(line.Split(' ', StringSplitOptions.RemoveEmptyEntries)[1], CultureInfo.InvariantCulture) / 1024.0;
    }

    private static string Number(double value) => value.ToString("0.0", CultureInfo.InvariantCulture);
}
