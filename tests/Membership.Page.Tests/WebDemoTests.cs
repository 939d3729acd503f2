// ./demo --web as anyone would run it: it opens the page, the page shows the running cluster, Ctrl-C ends everything.
using System.Diagnostics;
using System.Globalization;
using System.Text.RegularExpressions;
using Membership.Tests;
using Microsoft.Playwright;
using Xunit;
using static Microsoft.Playwright.Assertions;

namespace Membership.Page.Tests;

public sealed partial class WebDemoTests(Browser browser, ITestOutputHelper output) : IClassFixture<Browser>
{
    [Fact]
    public async Task The_web_demo_opens_the_page_of_a_cluster_that_keeps_running_until_it_is_interrupted()
    {
        CancellationToken token = LiveCluster.Deadline;
        string opened = Path.Combine(Directory.CreateTempSubdirectory("regroup-web-demo-").FullName, "opened");
        string program = opened + ".sh";
        await File.WriteAllTextAsync(program, $"#!/bin/sh\necho \"$1\" > {opened}.part && mv {opened}.part {opened}\n", token);
        using (Process mode = Process.Start("chmod", ["700", program])) await mode.WaitForExitAsync(token);
        var start = new ProcessStartInfo(Path.Combine(RepositoryRoot.Path, "demo"), ["--web", "--no-build"]) { RedirectStandardOutput = true, RedirectStandardInput = true };
        start.Environment["BROWSER"] = program;
        using Process demo = Process.Start(start)!;
        try
        {
            var pages = new List<string>();
            string line;
            do
            {
                line = await demo.StandardOutput.ReadLineAsync(token) ?? throw new InvalidOperationException("the demo ended early");
                output.WriteLine(line);
                if (PageLine().Match(line) is { Success: true } page) pages.Add(page.Value);
            }
            while (!line.StartsWith("demo: running", StringComparison.Ordinal));
            Assert.Equal(3, pages.Count);
            while (!File.Exists(opened)) await Task.Delay(20, token);
            Assert.Equal(pages[0], (await File.ReadAllTextAsync(opened, token)).TrimEnd());

            foreach (string url in pages)
            {
                (IPage page, _) = await browser.OpenAsync(url);
                await Expect(page.Locator("#f-members")).ToHaveTextAsync("3 of 3");
                await page.CloseAsync();
            }
            Assert.False(demo.HasExited);
            using (Process kill = Process.Start("kill", ["-INT", demo.Id.ToString(CultureInfo.InvariantCulture)])) await kill.WaitForExitAsync(token);
            await demo.WaitForExitAsync(token);
            Assert.Equal(0, demo.ExitCode);
            using var client = new HttpClient();
            foreach (string url in pages) await Assert.ThrowsAsync<HttpRequestException>(() => client.GetAsync(new Uri(url), token));
        }
        finally
        {
            if (!demo.HasExited) demo.Kill(entireProcessTree: true);
            Directory.Delete(Path.GetDirectoryName(opened)!, recursive: true);
        }
    }

    [GeneratedRegex("http://127.0.0.1:[0-9]+/membership")]
    private static partial Regex PageLine();
}
