// The samples as a user runs them: every deployment file is good with a number and a key and says what is missing without;
// the observability sample shows its numbers on the console and posts them by OTLP.
using System.Collections.Concurrent;
using System.Diagnostics;
using System.Net;
using Failover.Demo;
using Xunit;

namespace Membership.Provider.Tests;

public sealed class SamplesTests
{
    private static readonly string Key = Convert.ToBase64String([.. Enumerable.Range(0, 32).Select(static number => (byte)number)]);

    [Theory]
    [InlineData("two-nodes-disk.json")]
    [InlineData("two-nodes-share.json")]
    [InlineData("three-nodes.json")]
    [InlineData("five-nodes-cloud.json")]
    public async Task A_deployment_file_is_good_with_a_number_and_a_key_and_names_what_is_missing_without(string file)
    {
        string path = Path.Combine(Path.GetDirectoryName(Sample("Deployments"))!, file);
        (int code, string said) = await RunAsync("Deployments", "--config", path, "--RegroupMembership:Self=2", $"--RegroupMembership:Keys:0={Key}", "--check");
        Assert.Equal((0, $"{file}: good"), (code, said.Trim()));
        (code, said) = await RunAsync("Deployments", "--config", path, "--check");
        Assert.Equal(1, code);
        Assert.Contains("Self is 0", said, StringComparison.Ordinal);
        Assert.Contains("Keys is not set", said, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_observability_sample_writes_to_the_console_and_posts_metrics_and_traces_by_otlp()
    {
        string directory = Directory.CreateTempSubdirectory("regroup-otlp-tests-").FullName;
        int[] ports = FreePorts.Find(2);
        using var collector = new HttpListener { Prefixes = { $"http://127.0.0.1:{ports[0]}/" } };
        collector.Start();
        var posted = new ConcurrentDictionary<string, long>();
        Task collecting = Task.Run(async () =>
        {
            try
            {
                while (true)
                {
                    HttpListenerContext request = await collector.GetContextAsync();
                    using var body = new MemoryStream();
                    await request.Request.InputStream.CopyToAsync(body);
                    posted.AddOrUpdate(request.Request.Url!.AbsolutePath, body.Length, (_, before) => before + body.Length);
                    request.Response.ContentType = "application/x-protobuf";
                    request.Response.Close();
                }
            }
            catch (Exception stopped) when (stopped is HttpListenerException or ObjectDisposedException)
            {
                // The test is over.
            }
        }, TestContext.Current.CancellationToken);
        var lines = new ConcurrentQueue<string>();
        ProcessStartInfo start = Start("Observability", $"--RegroupMembership:StoreDirectory={directory}", $"--RegroupMembership:Nodes:0:Endpoints:0=127.0.0.1:{ports[1]}", "--Telemetry:IntervalSeconds=1");
        start.Environment["OTEL_EXPORTER_OTLP_ENDPOINT"] = $"http://127.0.0.1:{ports[0]}";
        start.Environment["OTEL_EXPORTER_OTLP_PROTOCOL"] = "http/protobuf";
        using Process sample = Process.Start(start)!;
        try
        {
            sample.OutputDataReceived += (_, line) =>
            {
                if (line.Data is not null) lines.Enqueue(line.Data);
            };
            sample.BeginOutputReadLine();
            await TestHosts.UntilAsync("metrics and a span on the console, and both posted", () =>
                lines.Any(static line => line.StartsWith("metric membership.view.members membership.cluster=observability-sample membership.node=1: 1", StringComparison.Ordinal))
                && lines.Any(static line => line.StartsWith("span regroup", StringComparison.Ordinal) && line.Contains("membership.cause=Forming", StringComparison.Ordinal))
                && posted.GetValueOrDefault("/v1/metrics") > 100 && posted.GetValueOrDefault("/v1/traces") > 100);
        }
        finally
        {
            sample.Kill();
            await sample.WaitForExitAsync(CancellationToken.None);
            collector.Stop();
            await collecting;
            Directory.Delete(directory, recursive: true);
        }
    }

    /// <summary>Where the build of the solution put a sample.</summary>
    private static string Sample(string name)
    {
        string here = AppContext.BaseDirectory.TrimEnd(Path.DirectorySeparatorChar);
        string path = Path.Combine(here, "..", "..", name, Path.GetFileName(here), name + ".dll");
        Assert.True(File.Exists(path), $"{path} is missing: build the whole solution");
        return Path.GetFullPath(path);
    }

    internal static ProcessStartInfo Start(string sample, params string[] arguments)
        => new("dotnet", [Sample(sample), .. arguments]) { RedirectStandardOutput = true, RedirectStandardError = true };

    private static async Task<(int Code, string Said)> RunAsync(string sample, params string[] arguments)
    {
        using Process process = Process.Start(Start(sample, arguments))!;
        Task<string> output = process.StandardOutput.ReadToEndAsync(TestHosts.Deadline), errors = process.StandardError.ReadToEndAsync(TestHosts.Deadline);
        await process.WaitForExitAsync(TestHosts.Deadline);
        return (process.ExitCode, await output + await errors);
    }
}
