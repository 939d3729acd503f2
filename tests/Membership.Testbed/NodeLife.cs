// One life of a node: a process from its start to its end, what it said, what was done to it, and what it recorded.
using System.Diagnostics;
using System.Globalization;
using Membership.Testbed.Node;

namespace Membership.Testbed;

/// <summary>One process of a node.</summary>
public sealed class NodeLife : IAsyncDisposable
{
    private readonly NamespacedProcess _process;
    private readonly List<NodeEvent> _events = [];
    private readonly string _recordings;

    internal NodeLife(int node, int life, BridgedNetwork network, string directory, ClusterPlan plan, TimeSpan flushDelay, WallClocks? clocks, Action changed)
    {
        Node = node;
        Life = life;
        _recordings = Path.Combine(directory, $"node{node}.life{life}");
        string program = plan.Program ?? ProgramFile();
        string[] command = [program, "--node", $"{node}", "--config", Path.Combine(directory, "cluster.conf"), .. plan.Recorded ? (string[])["--record", _recordings] : []];
        if (flushDelay > TimeSpan.Zero) command = [.. SlowDisk(flushDelay), .. command];
        ProcessStartInfo start = new(command[0], command[1..]) { WorkingDirectory = directory };
        SetRuntime(start);
        clocks?.Apply(start, node);
        HasSlowDisk = flushDelay > TimeSpan.Zero;
        StartedAt = HostClock.Now;
        _process = new NamespacedProcess(network.NamespaceOf(node), start, Path.Combine(directory, $"node{node}.log"), line => Take(line, changed), changed);
    }

    /// <summary>The runtime as nodes have it, whatever the environment of the harness says.</summary>
    public static void SetRuntime(ProcessStartInfo start)
    {
        ArgumentNullException.ThrowIfNull(start);
        start.Environment["DOTNET_gcServer"] = "0";
        start.Environment["DOTNET_TieredPGO"] = "0";
        start.Environment["DOTNET_TieredCompilation"] = "1";
    }

    /// <summary>The node's number.</summary>
    public int Node { get; }

    /// <summary>Which of the node's lives it is, from 1.</summary>
    public int Life { get; }

    /// <summary>When the process was started, on the host-wide clock.</summary>
    public long StartedAt { get; }

    /// <summary>Whether its flushes to disk are held up.</summary>
    public bool HasSlowDisk { get; }

    /// <summary>Whether it was ever frozen.</summary>
    public bool WasStopped { get; private set; }

    /// <summary>Whether it is frozen now.</summary>
    public bool IsStopped { get; private set; }

    /// <summary>The id of the process.</summary>
    public int Id => _process.Id;

    /// <summary>Whether it has ended.</summary>
    public bool HasExited => _process.HasExited;

    /// <summary>Its exit code, once it has ended.</summary>
    public int ExitCode => _process.ExitCode;

    /// <summary>What it said so far.</summary>
    public IReadOnlyList<NodeEvent> Events
    {
        get
        {
            lock (_events) return [.. _events];
        }
    }

    /// <summary>The newest view it installed; null before the first.</summary>
    public NodeEvent? LastView => Last("view");

    /// <summary>Its halt; null while it has not halted.</summary>
    public NodeEvent? Halt => Last("halt");

    /// <summary>The newest event of a kind, or null.</summary>
    public NodeEvent? Last(string what)
    {
        lock (_events) return _events.LastOrDefault(found => found.What == what);
    }

    /// <summary>Sends a signal to the process.</summary>
    /// <returns>When, on the host-wide clock: just before.</returns>
    public long Send(Signal signal)
    {
        if (signal == Signal.Stop) WasStopped = true;
        if (signal is Signal.Stop or Signal.Continue) IsStopped = signal == Signal.Stop;
        long now = HostClock.Now;
        _process.Send(signal);
        return now;
    }

    /// <summary>Waits until it has ended and all it said has been read.</summary>
    public Task<int> WaitForExitAsync(CancellationToken cancellationToken) => _process.WaitForExitAsync(cancellationToken);

    /// <inheritdoc/>
    public ValueTask DisposeAsync() => _process.DisposeAsync();

    /// <summary>What it recorded so far, for the judge.</summary>
    internal LifeRecord Read() => new(
        Node,
        Life,
        WasStopped,
        ReadIntervals(Recordings.Serving(_recordings)),
        ReadIntervals(Recordings.MasterServing(_recordings)),
        ReadIntervals(Recordings.MasterRunning(_recordings)),
        [.. Events.Where(static found => found.What == "view").Select(static found => new ViewRecord(found.Epoch, found["hash"], found.Members))]);

    /// <summary>The end of the last interval in which it served with a valid lease; 0 when it never did.</summary>
    public long LastServedAt => ReadIntervals(Recordings.Serving(_recordings)) is { Count: > 0 } intervals ? intervals[^1].Until : 0;

    /// <summary>The first instant after another at which it served with a valid lease; null when it did not.</summary>
    public long? FirstServedAfter(long instant, long aboveEpoch)
        => ReadIntervals(Recordings.Serving(_recordings)).FirstOrDefault(served => served.Epoch > aboveEpoch && served.Until > instant) is { From: > 0 } found ? Math.Max(found.From, instant) : null;

    private static IReadOnlyList<RecordedInterval> ReadIntervals(string file) => File.Exists(file) ? IntervalFile.Read(file) : [];

    // The kernel stops the process at these calls only, for so long; the tracer is a process beside it, so that the id stays the node's.
    private static string[] SlowDisk(TimeSpan flushDelay)
        => ["strace", "-D", "-f", "--seccomp-bpf", "-qq", "-o", "/dev/null", "-e", "trace=fsync,fdatasync", "-e", string.Create(CultureInfo.InvariantCulture, $"inject=fsync,fdatasync:delay_enter={flushDelay.TotalMicroseconds:0}")];

    /// <summary>The node's program, as it was built beside this one.</summary>
    public static string ProgramFile()
    {
        string build = Path.TrimEndingDirectorySeparator(AppContext.BaseDirectory);
        string file = Path.Combine(build, "..", "..", "Membership.Testbed.Node", Path.GetFileName(build), "Membership.Testbed.Node");
        return File.Exists(file) ? Path.GetFullPath(file) : throw new TestbedException($"The node's program {file} is missing: build tests/Membership.Testbed.Node.");
    }

    private void Take(string line, Action changed)
    {
        if (NodeEvent.Parse(line) is not { } parsed) return;
        lock (_events) _events.Add(parsed with { ReadAt = HostClock.Now });
        changed();
    }
}
