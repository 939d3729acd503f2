// A cluster of real processes on a bridged network: starting, waiting for what its nodes come to agree on, and the verdict
// over everything they recorded. Ending it leaves nothing behind, unless something failed: then the files stay.
using System.Globalization;
using System.Text.Json.Nodes;
using Membership.Testbed.Node;

namespace Membership.Testbed;

/// <summary>A running cluster. Not safe for use by several threads.</summary>
public sealed class TestbedCluster : IAsyncDisposable
{
    private const string DirectoryMark = "regroup-testbed-";

    private readonly List<NodeLife> _lives = [];
    private readonly SemaphoreSlim _changed = new(0);
    private readonly WallClocks? _clocks;

    /// <summary>Makes the network and the configuration; starts nothing.</summary>
    public TestbedCluster(ClusterPlan plan)
    {
        ArgumentNullException.ThrowIfNull(plan);
        Plan = plan;
        RemoveStaleDirectories();
        Network = new BridgedNetwork(plan.Nodes);
        Directory = System.IO.Directory.CreateTempSubdirectory(string.Create(CultureInfo.InvariantCulture, $"{DirectoryMark}{Environment.ProcessId}-")).FullName;
        JsonObject configuration = plan.ToConfiguration(Directory);
        if (plan.MovableClocks) _clocks = new WallClocks(Directory, plan.Nodes);
        Witness = WitnessServer.For(plan.Witness, Network, Directory);
        Witness?.Configure(configuration);
        File.WriteAllLines(Path.Combine(Directory, "cluster.conf"), Settings("", configuration));
    }

    // A line each, as hosts name them: "RegroupMembership:Nodes:0:Number=1".
    private static IEnumerable<string> Settings(string name, JsonNode? value) => value switch
    {
        JsonObject parts => parts.SelectMany(part => Settings(name.Length == 0 ? part.Key : $"{name}:{part.Key}", part.Value)),
        JsonArray items => items.SelectMany((item, index) => Settings(string.Create(CultureInfo.InvariantCulture, $"{name}:{index}"), item)),
        null => [],
        _ => [$"{name}={value}"],
    };

    /// <summary>What was asked for.</summary>
    public ClusterPlan Plan { get; }

    /// <summary>The network, for faults.</summary>
    public BridgedNetwork Network { get; }

    /// <summary>The server behind the witness; null when there is none on the network.</summary>
    public WitnessServer? Witness { get; }

    /// <summary>Where the nodes' stores, logs and recordings are; removed at the end.</summary>
    public string Directory { get; }

    /// <summary>The numbers of all nodes.</summary>
    public IReadOnlyList<int> All => [.. Enumerable.Range(1, Plan.Nodes)];

    /// <summary>All lives so far, in order of their start.</summary>
    public IReadOnlyList<NodeLife> Lives => _lives;

    /// <summary>The host-wide clock in nanoseconds.</summary>
    public static long Now => HostClock.Now;

    /// <summary>The newest life of a node.</summary>
    public NodeLife this[int node] => _lives.Last(life => life.Node == node);

    /// <summary>All nodes but these.</summary>
    public int[] Except(params int[] nodes) => [.. All.Except(nodes)];

    /// <summary>Whether a node has on its disk how far the witness' record had come.</summary>
    public bool HasSeenTheWitness(int node) => File.Exists(Path.Combine(Directory, string.Create(CultureInfo.InvariantCulture, $"node.{node}"), "witness.seen"));

    /// <summary>Starts a process for a node that has none running.</summary>
    /// <param name="node">The node.</param>
    /// <param name="flushDelay">How long every flush to its disk is held up; needs strace. Default not at all.</param>
    public NodeLife Start(int node, TimeSpan flushDelay = default)
    {
        int life = _lives.Count(old => old.Node == node);
        if (life > 0 && !this[node].HasExited) throw new TestbedException($"Node {node} is still running, process {this[node].Id}: end it first.");
        var started = new NodeLife(node, life + 1, Network, Directory, Plan, flushDelay, _clocks, () => _changed.Release());
        _lives.Add(started);
        return started;
    }

    /// <summary>Starts all nodes and waits for their first common view.</summary>
    /// <returns>Each one's view, by number.</returns>
    public async Task<NodeEvent[]> FormAsync(CancellationToken cancellationToken)
    {
        if (Witness is { IsRunning: false } witness) await witness.StartAsync(cancellationToken);
        foreach (int node in All) Start(node);
        return await ViewAsync(All, 0, cancellationToken);
    }

    /// <summary>Waits until something holds; looks again whenever a node says something, and every 50 ms.</summary>
    /// <param name="what">For the error: what was waited for.</param>
    /// <param name="look">What is wanted, or null while it is not there.</param>
    /// <param name="cancellationToken">Stops waiting.</param>
    /// <param name="patience">How long; default 30 s, for a loaded machine, and twice the arbitration timeout.</param>
    public async Task<T> UntilAsync<T>(string what, Func<T?> look, CancellationToken cancellationToken, TimeSpan? patience = null)
        where T : class
    {
        ArgumentNullException.ThrowIfNull(look);
        TimeSpan wait = patience ?? TimeSpan.FromSeconds(30) + Plan.ArbitrationTimeout * 2;
        long deadline = Now + (long)wait.TotalNanoseconds;
        while (true)
        {
            if (look() is { } found) return found;
            if (Now > deadline) throw new TestbedException($"{what}: not within {wait.TotalSeconds:0.#} s; {State()}");
            await _changed.WaitAsync(TimeSpan.FromMilliseconds(50), cancellationToken);
        }
    }

    /// <summary>Waits until these nodes have all installed the same view, of exactly these members, in an epoch above the given one.</summary>
    /// <returns>Each one's view.</returns>
    public Task<NodeEvent[]> ViewAsync(IReadOnlyCollection<int> members, long aboveEpoch, CancellationToken cancellationToken)
        => UntilAsync($"view {{{string.Join(',', members)}}} above epoch {aboveEpoch} on all its members", () => CommonView(members, aboveEpoch), cancellationToken);

    /// <summary>The view that these nodes have all installed last, if it is one and has exactly these members; else null.</summary>
    public NodeEvent[]? CommonView(IReadOnlyCollection<int> members, long aboveEpoch)
    {
        ArgumentNullException.ThrowIfNull(members);
        var views = new List<NodeEvent>();
        foreach (int node in members)
        {
            if (this[node].LastView is not { } view || view.Epoch <= aboveEpoch || (views.Count > 0 && view.Epoch != views[0].Epoch) || !view.Members.Keys.SequenceEqual(members.Order())) return null;
            views.Add(view);
        }
        return [.. views];
    }

    /// <summary>Waits until a node's process has ended by a halt.</summary>
    public Task<NodeEvent> HaltAsync(NodeLife life, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(life);
        return UntilAsync($"node {life.Node} halts and its process ends", () => life.HasExited ? life.Halt : null, cancellationToken);
    }

    /// <summary>Sets a node's wall clock so far ahead of the machine's (behind, when negative), at once and for its next lives.</summary>
    public void MoveClock(int node, TimeSpan offset)
        => (_clocks ?? throw new TestbedException("The clocks of this cluster cannot be moved: plan it with MovableClocks.")).Move(node, offset);

    /// <summary>Judges everything recorded so far.</summary>
    public Verdict Judge() => Testbed.Judge.Of([.. _lives.Select(static life => life.Read())]);

    /// <summary>What each node said last, for errors.</summary>
    public string State() => string.Join("; ", All.Where(node => _lives.Any(life => life.Node == node)).Select(node =>
        this[node] is var life && life.LastView is { } view ? $"node {node}: e{view.Epoch} {{{string.Join(',', view.Members.Keys)}}}{End(life)}" : $"node {node}: no view{End(life)}")) + $"; logs in {Directory}";

    /// <summary>Keeps the files when the cluster is disposed of.</summary>
    public bool KeepFiles { get; set; }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        foreach (NodeLife life in _lives) await life.DisposeAsync();
        if (Witness is not null) await Witness.DisposeAsync();
        Network.Dispose();
        _clocks?.Dispose();
        if (!KeepFiles && Environment.GetEnvironmentVariable("REGROUP_TESTBED_KEEP") != "1") System.IO.Directory.Delete(Directory, recursive: true);
        _changed.Dispose();
    }

    private static string End(NodeLife life) => life.HasExited ? $", ended with {life.ExitCode}" : life.IsStopped ? ", stopped" : "";

    // What a failed run left for people to look at stays for a while.
    private static void RemoveStaleDirectories()
    {
        DateTime old = DateTime.UtcNow - TimeSpan.FromHours(2);
        foreach (string left in System.IO.Directory.EnumerateDirectories(Path.GetTempPath(), DirectoryMark + "*"))
            if (int.TryParse(Path.GetFileName(left)[DirectoryMark.Length..].Split('-')[0], NumberStyles.None, CultureInfo.InvariantCulture, out int owner) && !System.IO.Directory.Exists($"/proc/{owner}") && System.IO.Directory.GetLastWriteTimeUtc(left) < old)
                System.IO.Directory.Delete(left, recursive: true);
    }
}
