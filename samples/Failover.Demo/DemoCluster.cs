// The processes of the demo, their shared configuration, and waiting for what they should come to agree on.
using System.Security.Cryptography;
using System.Text.Json;

namespace Failover.Demo;

internal sealed class DemoCluster : IAsyncDisposable
{
    private readonly Dictionary<int, NodeProcess> _nodes = [];
    private readonly SemaphoreSlim _changed = new(0);
    private readonly string _directory;
    private readonly string _program;
    private readonly string _configuration;

    public DemoCluster(int size, string directory, string program, bool crashEvidence, bool web = false)
    {
        Size = size;
        _directory = directory;
        _program = program;
        _configuration = Path.Combine(directory, "cluster.json");
        ResourceFile = Path.Combine(directory, "served.log");
        int[] ports = FreePorts.Find(size * 2);
        Pages = web ? [.. ports[size..].Select(static port => $"http://127.0.0.1:{port}/membership")] : [];
        File.WriteAllText(_configuration, JsonSerializer.Serialize(new
        {
            RegroupMembership = new
            {
                ClusterId = "demo",
                Preset = "Default",
                CrashEvidence = crashEvidence ? "ConnectionRefused" : "None",
                AllowPlainText = false,
                Keys = new[] { Convert.ToBase64String(RandomNumberGenerator.GetBytes(32)) },
                StoreDirectory = Path.Combine(directory, "node"),
                WitnessFile = new { Directory = Path.Combine(directory, "witness") },
                Nodes = Enumerable.Range(1, size).Select(n => new { Number = n, Endpoints = new[] { $"127.0.0.1:{ports[n - 1]}" } }),
            },
            Resource = new { File = ResourceFile },
            Web = new { Ports = ports[size..], Actions = true },
        }));
    }

    public int Size { get; }

    /// <summary>With --web: where the live page of each node is.</summary>
    public IReadOnlyList<string> Pages { get; }

    /// <summary>Where every use of the shared resource was recorded.</summary>
    public string ResourceFile { get; }

    public IReadOnlyList<int> All => [.. Enumerable.Range(1, Size)];

    public NodeProcess this[int node] => _nodes[node];

    public async Task<NodeProcess> StartAsync(int node)
    {
        if (_nodes.Remove(node, out NodeProcess? old)) await old.DisposeAsync();
        return _nodes[node] = new NodeProcess(node, _program, _configuration, Path.Combine(_directory, $"node{node}.log"), () => _changed.Release());
    }

    /// <summary>Waits until something holds; looks again whenever a node printed something.</summary>
    public async Task<T> UntilAsync<T>(string what, TimeSpan patience, Func<T?> look, CancellationToken cancellationToken)
        where T : class
    {
        long deadline = DemoClock.Now + (long)patience.TotalNanoseconds;
        while (true)
        {
            if (look() is { } found) return found;
            long left = deadline - DemoClock.Now;
            if (left <= 0) throw new DemoFailedException($"{what}: not within {patience.TotalSeconds:0.#} s");
            await _changed.WaitAsync(TimeSpan.FromMilliseconds(Math.Min(200, left / 1e6 + 1)), cancellationToken);
        }
    }

    /// <summary>Waits until all the given nodes have installed the same view with exactly these members, in an epoch above the given one.</summary>
    /// <returns>Each one's view event.</returns>
    public Task<NodeEvent[]> ViewAsync(IReadOnlyCollection<int> members, long aboveEpoch, TimeSpan patience, CancellationToken cancellationToken)
    {
        string wanted = string.Join(',', members);
        return UntilAsync($"view {{{wanted}}} on nodes {wanted}", patience, () =>
        {
            foreach (int node in members)
                if (_nodes[node].HasExited) throw new DemoFailedException($"node {node} ended by itself, exit code {_nodes[node].ExitCode}");
            NodeEvent?[] views = [.. members.Select(node => _nodes[node].Last(static e => e.What == "view"))];
            return views.All(view => view is not null && view.Members == wanted && view.Epoch > aboveEpoch && view.Epoch == views[0]!.Epoch) ? views as NodeEvent[] : null;
        }, cancellationToken);
    }

    /// <summary>Lets every node leave cleanly, one after the other, as a rolling stop does.</summary>
    public async Task EndAsync()
    {
        foreach (NodeProcess node in _nodes.Values.OrderByDescending(static node => node.Node))
            if (await node.EndAsync(TimeSpan.FromSeconds(5)) is not 0 and var code) throw new DemoFailedException($"node {node.Node} did not leave cleanly: {(code is null ? "not within 5 s" : $"exit code {code}")}");
    }

    public async ValueTask DisposeAsync()
    {
        foreach (NodeProcess node in _nodes.Values) await node.DisposeAsync();
        _nodes.Clear();
    }
}
