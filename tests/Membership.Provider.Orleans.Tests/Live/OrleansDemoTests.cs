// ./demo --orleans, the program behind it, over plain pipes.
using System.Diagnostics;
using Xunit;

namespace Membership.Provider.Orleans.Tests.Live;

[Collection(Silos.OneClusterAtATime)]
public sealed class OrleansDemoTests
{
    [LiveFact]
    [Trait("Run", "Full")]
    public async Task The_demo_ends_with_ok_and_tells_both_times()
    {
        (int code, string[] lines) = await RunAsync();
        Assert.Equal(0, code);
        Assert.Contains(lines, static line => line.StartsWith("regroup membership ", StringComparison.Ordinal));
        Assert.Contains(lines, static line => line.StartsWith("development clustering ", StringComparison.Ordinal));
        Assert.StartsWith("demo: ok", lines[^1], StringComparison.Ordinal);
    }

#if !ORLEANS_PACKAGES
    [Fact]
    public async Task Without_the_packages_the_demo_says_so_in_one_line_and_is_no_failure()
    {
        (int code, string[] lines) = await RunAsync();
        Assert.Equal(0, code);
        Assert.StartsWith("demo: skipped", Assert.Single(lines), StringComparison.Ordinal);
    }
#endif

    private static async Task<(int Code, string[] Lines)> RunAsync()
    {
        string program = Path.GetFullPath(Path.Combine(AppContext.BaseDirectory, "..", "..", "OrleansCluster", Path.GetFileName(Path.TrimEndingDirectorySeparator(AppContext.BaseDirectory)), "OrleansCluster"));
        using Process process = Process.Start(new ProcessStartInfo(program, ["demo"]) { RedirectStandardOutput = true, RedirectStandardInput = true })!;
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
        limit.CancelAfter(TimeSpan.FromMinutes(5));
        try
        {
            string output = await process.StandardOutput.ReadToEndAsync(limit.Token);
            await process.WaitForExitAsync(limit.Token);
            return (process.ExitCode, output.Split('\n', StringSplitOptions.RemoveEmptyEntries));
        }
        finally
        {
            if (!process.HasExited) process.Kill(entireProcessTree: true);
        }
    }
}
