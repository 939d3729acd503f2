// One node of the demo's cluster: a real process, the events it printed, and the signals sent to it.
using System.ComponentModel;
using System.Diagnostics;
using System.Runtime.InteropServices;

namespace Failover.Demo;

internal sealed partial class NodeProcess : IAsyncDisposable
{
    private readonly Process _process;
    private readonly List<NodeEvent> _events = [];
    private readonly StreamWriter _log;
    private readonly Task _reading;
    private Process? _waker;
    private bool _disposed;

    public NodeProcess(int node, string program, string configuration, string logFile, Action changed)
    {
        Node = node;
        if (!File.Exists(program)) throw new DemoFailedException($"{program} is missing: run ./demo without --no-build");
        _log = new StreamWriter(logFile, append: true) { AutoFlush = true };
        var start = new ProcessStartInfo(program)
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            WorkingDirectory = Path.GetDirectoryName(configuration),
        };
        foreach (string argument in (string[])["--node", $"{node}", "--config", configuration, "--exit-with-parent", "true"]) start.ArgumentList.Add(argument);
        // Nothing in between when the runtime pauses: a node of a demo should not share its cores with server-sized garbage collection.
        start.Environment["DOTNET_gcServer"] = "0";
        start.Environment["DOTNET_TieredPGO"] = "0";
        _process = Process.Start(start) ?? throw new DemoFailedException($"{program} could not be started");
        StartedAt = DemoClock.Now;
        _reading = Task.WhenAll(ReadAsync(_process.StandardOutput, changed), ReadAsync(_process.StandardError, changed));
    }

    public int Node { get; }

    public int Id => _process.Id;

    public long StartedAt { get; }

    public bool HasExited => _process.HasExited;

    public int ExitCode => _process.ExitCode;

    /// <summary>The newest event that passes, or null.</summary>
    public NodeEvent? Last(Func<NodeEvent, bool> filter)
    {
        lock (_events) return _events.LastOrDefault(filter);
    }

    /// <summary>The oldest event that passes, or null.</summary>
    public NodeEvent? First(Func<NodeEvent, bool> filter)
    {
        lock (_events) return _events.FirstOrDefault(filter);
    }

    public void Signal(Signal signal)
    {
        if (signal == Demo.Signal.Stop) _waker ??= StartWaker(_process.Id);
        if (SendSignal(_process.Id, (int)signal) != 0) throw new Win32Exception(Marshal.GetLastPInvokeError(), $"signal {signal} to node {Node}, process {Id}");
        if (signal == Demo.Signal.Continue) EndWaker();
    }

    /// <summary>Asks the process to end and waits; kills it when it does not.</summary>
    /// <returns>Its exit code, or null when it had to be killed.</returns>
    public async ValueTask<int?> EndAsync(TimeSpan patience)
    {
        if (!_process.HasExited)
        {
            Signal(Demo.Signal.Terminate);
            using var limit = new CancellationTokenSource(patience);
            await _process.WaitForExitAsync(limit.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
        int? code = _process.HasExited ? _process.ExitCode : null;
        await DisposeAsync();
        return code;
    }

    public async ValueTask DisposeAsync()
    {
        if (_disposed) return;
        _disposed = true;
        if (!_process.HasExited) _process.Kill();
        EndWaker();
        await _process.WaitForExitAsync();
        await _reading;
        await _log.DisposeAsync();
        _process.Dispose();
    }

    // A stopped process cannot notice that the demo is gone. If the demo is killed meanwhile, its end of this shell's input
    // closes, the shell wakes the node, and the node ends by itself.
    private static Process StartWaker(int node)
        => Process.Start(new ProcessStartInfo("/bin/sh", ["-c", $"read -r _; kill -CONT {node}"]) { RedirectStandardInput = true })
            ?? throw new DemoFailedException("/bin/sh could not be started");

    private void EndWaker()
    {
        if (_waker is null) return;
        _waker.Kill();
        _waker.WaitForExit();
        _waker.Dispose();
        _waker = null;
    }

    [LibraryImport("libc", EntryPoint = "kill", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int SendSignal(int process, int signal);

    private async Task ReadAsync(StreamReader lines, Action changed)
    {
        while (await lines.ReadLineAsync() is { } line)
        {
            lock (_log) _log.WriteLine(line);
            if (NodeEvent.Parse(line) is not { } parsed) continue;
            lock (_events) _events.Add(parsed);
            changed();
        }
        changed();
    }
}

internal enum Signal
{
    Kill = 9,
    Terminate = 15,
    Continue = 18,
    Stop = 19,
}
