// eng/chaos as a program: its last line, and that nothing of it outlives it, however it ends.
using System.Diagnostics;
using System.Globalization;
using System.Text.RegularExpressions;
using Membership.Tests;
using Xunit;

namespace Membership.Testbed.Tests;

public sealed partial class ChaosProgramTests(ITestOutputHelper output)
{
    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_short_campaign_ends_with_its_line_and_finds_nothing()
    {
        ulong seed = TestSeed.Current & 0xffffff;
        using Process chaos = Start("--minutes", "0.1", "--seed", seed.ToString(CultureInfo.InvariantCulture));
        string[] lines = (await chaos.StandardOutput.ReadToEndAsync(Token)).TrimEnd().Split('\n');
        await chaos.WaitForExitAsync(Token);
        foreach (string line in lines) output.WriteLine(line);
        Assert.Matches(LastLine(), lines[^1]);
        Assert.Equal(0, chaos.ExitCode);
    }

    [Fact]
    public async Task A_killed_campaign_takes_its_nodes_with_it_and_the_next_network_removes_what_is_left()
    {
        using Process chaos = Start("--minutes", "1", "--seed", "1");
        while (await chaos.StandardOutput.ReadLineAsync(Token) is { } line && !line.Contains("formed", StringComparison.Ordinal))
            output.WriteLine(line);
        string[] left = [.. Directory.EnumerateFiles(NetworkNames.Directory).Where(file => NetworkNames.OwnerOf(Path.GetFileName(file)) == chaos.Id)];
        Assert.Equal(5, left.Length);
        int[] nodes = [.. left.SelectMany(static file => SystemTool.Run("ip", ["netns", "pids", Path.GetFileName(file)]).Split('\n', StringSplitOptions.RemoveEmptyEntries)).Select(static id => int.Parse(id, CultureInfo.InvariantCulture))];
        Assert.Equal(3, nodes.Length);
        Signals.TrySend(nodes[0], Signal.Stop);
        chaos.Kill();
        await chaos.WaitForExitAsync(Token);
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(Token);
        patience.CancelAfter(TimeSpan.FromSeconds(20));
        while (nodes.Any(static node => Directory.Exists($"/proc/{node}"))) await Task.Delay(20, patience.Token);
        using (new BridgedNetwork(1)) Assert.All(left, static file => Assert.False(File.Exists(file), file));
    }

    [Theory]
    [InlineData("--nodes", "1")]
    [InlineData("--arbiter", "7")]
    [InlineData("--minutes", "0")]
    [InlineData("--what", "")]
    public void A_wrong_argument_is_named_with_its_value_and_the_usage(string name, string value)
    {
        Assert.Null(Membership.Chaos.ChaosOptions.Parse([name, value], out string? problem));
        Assert.Contains($"{name} '{value}'", problem, StringComparison.Ordinal);
        Assert.Contains("usage: eng/chaos", problem, StringComparison.Ordinal);
    }

    private static Process Start(params string[] arguments)
    {
        string build = Path.TrimEndingDirectorySeparator(AppContext.BaseDirectory);
        return Process.Start(new ProcessStartInfo(Path.Combine(build, "..", "..", "Membership.Chaos", Path.GetFileName(build), "Membership.Chaos"), arguments) { RedirectStandardOutput = true })!;
    }

    [GeneratedRegex(@"^faults=[1-9]\d* views=[1-9]\d* overlap_ms=0 violations=0$")]
    private static partial Regex LastLine();
}
