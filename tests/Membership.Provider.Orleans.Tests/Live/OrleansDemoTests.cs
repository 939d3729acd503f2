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

    [LiveFact]
    public async Task The_sample_shows_its_silos_grains_and_balances_on_a_page_and_refuses_a_transfer_that_is_none()
    {
        using Process process = Process.Start(new ProcessStartInfo(Program) { RedirectStandardOutput = true, RedirectStandardInput = true })!;
        try
        {
            using var limit = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
            limit.CancelAfter(TimeSpan.FromMinutes(2));
            string first = await process.StandardOutput.ReadLineAsync(limit.Token) ?? "nothing";
            Assert.StartsWith("silo 1: http://", first, StringComparison.Ordinal);
            using var client = new HttpClient { BaseAddress = new Uri(first["silo 1: ".Length..]) };

            using HttpResponseMessage moved = await client.PostAsync(new Uri("transfer/bob/carol/100", UriKind.Relative), null, limit.Token);
            using HttpResponseMessage toItself = await client.PostAsync(new Uri("transfer/bob/bob/100", UriKind.Relative), null, limit.Token);
            using HttpResponseMessage negative = await client.PostAsync(new Uri("transfer/bob/carol/-100", UriKind.Relative), null, limit.Token);
            string page = await client.GetStringAsync(new Uri("", UriKind.Relative), limit.Token);

            Assert.Equal("true", await moved.Content.ReadAsStringAsync(limit.Token));
            Assert.Equal(System.Net.HttpStatusCode.BadRequest, toItself.StatusCode);
            Assert.False(negative.IsSuccessStatusCode);
            Assert.Equal(3, page.Split("<td>Active<td>").Length - 1);
            Assert.Contains("<td>alice<td>750<td>", page, StringComparison.Ordinal);
            Assert.Contains("<td>bob<td>1150<td>", page, StringComparison.Ordinal);
            Assert.Contains("<td>carol<td>1100<td>", page, StringComparison.Ordinal);
            Assert.Contains("<th>all<th>3000", page, StringComparison.Ordinal);
            // The grains counted on the silos: alice, bob, carol at least live on one each.
            Assert.InRange(page.Split("<td>Active<td>").Skip(1).Sum(static cell => int.Parse(cell[..cell.IndexOf('<', StringComparison.Ordinal)], System.Globalization.CultureInfo.InvariantCulture)), 3, 6);
            process.StandardInput.Close();
            await process.WaitForExitAsync(limit.Token);
            Assert.Equal(0, process.ExitCode);
        }
        finally
        {
            if (!process.HasExited) process.Kill(entireProcessTree: true);
        }
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

    private static string Program { get; } = Path.GetFullPath(Path.Combine(AppContext.BaseDirectory, "..", "..", "OrleansCluster", Path.GetFileName(Path.TrimEndingDirectorySeparator(AppContext.BaseDirectory)), "OrleansCluster"));

    private static async Task<(int Code, string[] Lines)> RunAsync()
    {
        using Process process = Process.Start(new ProcessStartInfo(Program, ["demo"]) { RedirectStandardOutput = true, RedirectStandardInput = true })!;
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
