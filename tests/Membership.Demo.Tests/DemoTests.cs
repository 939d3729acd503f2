// ./demo itself, as anyone would run it, over plain pipes.
using System.Diagnostics;
using System.Globalization;
using System.Text.RegularExpressions;
using Membership.Tests;
using Xunit;

namespace Membership.Demo.Tests;

[Trait("Category", "Demo")]
public sealed partial class DemoTests(ITestOutputHelper output)
{
    private static readonly string Root = RepositoryRoot.Path;

    [Fact]
    public async Task The_demo_survives_a_kill_and_a_stop_of_its_master_and_nobody_serves_twice()
    {
        (int failover, int rejoin) = await RunAsync();
        Assert.InRange(failover, 1, 2550);
        Assert.InRange(rejoin, 1, 20_000);
    }

    [Fact]
    public async Task Five_nodes_fail_over_as_fast_as_three()
    {
        (int failover, _) = await RunAsync("--nodes", "5", "--fault", "kill");
        Assert.InRange(failover, 1, 2550);
    }

    [Fact]
    public async Task A_proven_crash_costs_round_trips_and_not_a_lease()
    {
        (int failover, _) = await RunAsync("--fault", "kill", "--crash-evidence");
        Assert.InRange(failover, 1, 100);
    }

    [Fact]
    public async Task An_interrupted_demo_leaves_no_process_behind()
    {
        using Process demo = Start([]);
        string line;
        do line = await demo.StandardOutput.ReadLineAsync(TestContext.Current.CancellationToken) ?? throw new InvalidOperationException("the demo ended early");
        while (!line.Contains("view epoch", StringComparison.Ordinal));
        int[] nodes = [.. ChildrenOf(demo.Id)];
        Assert.Equal(3, nodes.Length);
        using (Process kill = Process.Start("kill", ["-INT", demo.Id.ToString(CultureInfo.InvariantCulture)])) await kill.WaitForExitAsync(TestContext.Current.CancellationToken);
        await demo.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken);
        await demo.WaitForExitAsync(TestContext.Current.CancellationToken);
        Assert.Equal(130, demo.ExitCode);
        Assert.All(nodes, static node => Assert.False(Directory.Exists($"/proc/{node}"), $"process {node} is still there"));
    }

    [Fact]
    public async Task A_killed_demo_leaves_no_process_behind_not_even_a_stopped_one()
    {
        using Process demo = Start(["--fault", "stop"]);
        string line, files = "";
        int[] nodes = [];
        do
        {
            line = await demo.StandardOutput.ReadLineAsync(TestContext.Current.CancellationToken) ?? throw new InvalidOperationException("the demo ended early");
            if (line.Contains("view epoch", StringComparison.Ordinal) && nodes.Length == 0) nodes = [.. ChildrenOf(demo.Id)];
        }
        while (!line.Contains("SIGSTOP", StringComparison.Ordinal));
        Assert.Equal(3, nodes.Length);
        files = File.ReadAllText($"/proc/{nodes[0]}/cmdline").Split('\0').First(static word => word.EndsWith("cluster.json", StringComparison.Ordinal));
        demo.Kill();
        await demo.WaitForExitAsync(TestContext.Current.CancellationToken);
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(30));
        while (nodes.Any(static node => Directory.Exists($"/proc/{node}")) && !limit.IsCancellationRequested) await Task.Delay(20, TestContext.Current.CancellationToken);
        int[] left = [.. nodes.Where(static node => Directory.Exists($"/proc/{node}"))];
        foreach (int node in left)
            using (var process = Process.GetProcessById(node)) process.Kill();
        Directory.Delete(Path.GetDirectoryName(files)!, recursive: true);
        Assert.Empty(left);
    }

    /// <summary>A limit of time is met at least once in three runs, whatever else the machine has to do; anything else that fails, fails.</summary>
    private async Task<(int FailoverMs, int RejoinMs)> RunAsync(params string[] arguments)
    {
        for (int run = 1; ; run++)
        {
            var watch = Stopwatch.StartNew();
            using Process demo = Start(arguments);
            string[] lines = (await demo.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken)).TrimEnd().Split('\n');
            await demo.WaitForExitAsync(TestContext.Current.CancellationToken);
            foreach (string line in lines) output.WriteLine(line);
            if (run < 3 && demo.ExitCode == 1 && TooLate().IsMatch(lines[^1])) continue;
            Assert.Equal(0, demo.ExitCode);
            Assert.InRange(watch.Elapsed.TotalSeconds, 0, 60);
            Assert.All(lines[..^1], static line => Assert.Matches(Stamped(), line));
            Match last = LastLine().Match(lines[^1]);
            Assert.True(last.Success, lines[^1]);
            return (Number(last.Groups[1]), Number(last.Groups[2]));
        }
    }

    private static Process Start(string[] arguments)
    {
        var start = new ProcessStartInfo(Path.Combine(Root, "demo")) { RedirectStandardOutput = true, RedirectStandardInput = true, WorkingDirectory = Path.GetTempPath() };
        start.ArgumentList.Add("--no-build");
        foreach (string argument in arguments) start.ArgumentList.Add(argument);
        return Process.Start(start)!;
    }

    private static IEnumerable<int> ChildrenOf(int process)
        => File.ReadAllText($"/proc/{process}/task/{process}/children").Split(' ', StringSplitOptions.RemoveEmptyEntries)
            .Concat(Directory.GetDirectories($"/proc/{process}/task").Where(task => !task.EndsWith($"/{process}", StringComparison.Ordinal))
                .SelectMany(static task => File.ReadAllText(Path.Combine(task, "children")).Split(' ', StringSplitOptions.RemoveEmptyEntries)))
            .Select(static id => int.Parse(id, CultureInfo.InvariantCulture)).Distinct();

    private static int Number(Group group) => int.Parse(group.ValueSpan, CultureInfo.InvariantCulture);

    [GeneratedRegex(@"^demo: failed: the new view took \d+ ms, more than \d+ ms")]
    private static partial Regex TooLate();

    [GeneratedRegex(@"^\[ *\d+\.\d{3}\] .")]
    private static partial Regex Stamped();

    [GeneratedRegex(@"^demo: ok failover_ms=(\d+) rejoin_ms=(\d+) overlap_ms=0$")]
    private static partial Regex LastLine();
}
