// Three real processes of samples/LivePage on loopback, each a node with its own page; and what their pages' data says.
using System.Diagnostics;
using System.Text.Json;
using Failover.Demo;
using Membership.Engine;
using Membership.Provider.Inspection;
using Membership.Tests;
using Xunit;

namespace Membership.Page.Tests;

/// <summary>Node 1 lets this machine act; node 2 lets nobody.</summary>
public sealed class LiveCluster : IAsyncLifetime
{
    private static readonly string Program = Path.Combine(RepositoryRoot.Path, "artifacts", "bin", "LivePage", "release", "LivePage");

    private readonly Dictionary<int, Process> _processes = [];
    private readonly string _directory = Directory.CreateTempSubdirectory("regroup-page-tests-").FullName;
    private readonly int[] _ports = FreePorts.Find(6);
    private readonly HttpClient _client = new() { Timeout = TimeSpan.FromSeconds(5) };

    public static CancellationToken Deadline => CancellationTokenSource.CreateLinkedTokenSource(
        TestContext.Current.CancellationToken, new CancellationTokenSource(TimeSpan.FromSeconds(60)).Token).Token;

    public string Url(int node) => $"http://127.0.0.1:{_ports[2 + node]}/membership";

    public async ValueTask InitializeAsync()
    {
        await File.WriteAllTextAsync(Path.Combine(_directory, "cluster.json"), JsonSerializer.Serialize(new
        {
            RegroupMembership = new
            {
                ClusterId = "page-tests",
                Preset = "Lan",
                // More tolerance for late scheduling than the preset has: two cores are shared with everything else that runs.
                Timing = new { ReceiveRate = 4 },
                StoreDirectory = Path.Combine(_directory, "node"),
                WitnessFile = new { Directory = Path.Combine(_directory, "witness") },
                Nodes = Enumerable.Range(1, 3).Select(node => new { Number = node, Endpoints = new[] { $"127.0.0.1:{_ports[node - 1]}" } }),
            },
            Web = new { Ports = _ports[3..] },
            Resource = new { File = Path.Combine(_directory, "served.log") },
        }));
        for (int node = 1; node <= 3; node++) Start(node);
        await UntilAsync(1, "all three are members", static snapshot => snapshot.View?.Members.Count == 3);
    }

    public void Start(int node)
    {
        string[] arguments = ["--node", $"{node}", "--config", Path.Combine(_directory, "cluster.json"), "--exit-with-parent", "true", "--Web:Actions", node == 1 ? "true" : "false"];
        _processes[node] = StartProgram(_directory, arguments);
    }

    public static Process StartProgram(string directory, params string[] arguments)
    {
        Process process = Process.Start(new ProcessStartInfo(Program, arguments) { RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true, WorkingDirectory = directory })
            ?? throw new InvalidOperationException($"{Program} could not be started");
        process.OutputDataReceived += static (_, _) => { };
        process.ErrorDataReceived += static (_, _) => { };
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
        return process;
    }

    /// <summary>Waits until somebody listens there.</summary>
    public static async Task AnswersAsync(string url)
    {
        using var client = new HttpClient();
        CancellationToken deadline = Deadline;
        while (true)
        {
            try
            {
                using HttpResponseMessage answer = await client.GetAsync(new Uri(url), deadline);
                return;
            }
            catch (HttpRequestException)
            {
                await Task.Delay(50, deadline);
            }
        }
    }

    public void Kill(int node)
    {
        _processes[node].Kill();
        _processes[node].WaitForExit();
    }

    public async Task<MembershipSnapshot> SnapshotAsync(int node)
        => JsonSerializer.Deserialize(await _client.GetByteArrayAsync(new Uri(Url(node) + "/snapshot?lines=50"), Deadline), SnapshotJsonContext.Default.MembershipSnapshot)!;

    /// <summary>Asks a node until something is so.</summary>
    public async Task<MembershipSnapshot> UntilAsync(int node, string what, Func<MembershipSnapshot, bool> condition)
    {
        CancellationToken deadline = Deadline;
        MembershipSnapshot? last = null;
        while (!deadline.IsCancellationRequested)
        {
            try
            {
                last = await SnapshotAsync(node);
                if (condition(last)) return last;
            }
            catch (HttpRequestException)
            {
                // Not listening yet.
            }
            await Task.Delay(50, TestContext.Current.CancellationToken);
        }
        throw new TimeoutException($"node {node}: not in time: {what}; last seen: {(last is null ? "nothing" : JsonSerializer.Serialize(last, SnapshotJsonContext.Default.MembershipSnapshot))}");
    }

    public async ValueTask DisposeAsync()
    {
        foreach (Process process in _processes.Values)
        {
            if (!process.HasExited) process.Kill();
            await process.WaitForExitAsync();
            process.Dispose();
        }
        _client.Dispose();
        Directory.Delete(_directory, recursive: true);
    }

    internal static NodeId Node(int number) => new(number);
}
