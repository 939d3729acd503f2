// One silo, or one client, as a real process: what it says, what it is told, and the signals sent to it.
using System.ComponentModel;
using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;
using Xunit;

namespace Membership.Provider.Orleans.Tests.Live;

internal enum Signal
{
    Kill = 9,
    Continue = 18,
    Stop = 19,
}

/// <summary>An answer of a call that a process made again and again. Times are of the machine's monotonic clock.</summary>
internal readonly record struct Call(string Key, long Started, long Ended, bool Ok, string Answer)
{
    /// <summary>The node that answered.</summary>
    public int Node => int.Parse(Answer[..Answer.IndexOf('.', StringComparison.Ordinal)], CultureInfo.InvariantCulture);
}

internal sealed partial class SiloProcess : IAsyncDisposable
{
    private readonly Process _process;
    private readonly List<string> _lines = [];
    private readonly List<string> _errors = [];
    private readonly Task _reading;

    public SiloProcess(int node, IEnumerable<string> enter, IEnumerable<string> arguments)
    {
        Node = node;
        string name = "Membership.Provider.Orleans.Silo";
        string program = Path.GetFullPath(Path.Combine(AppContext.BaseDirectory, "..", "..", name, Path.GetFileName(Path.TrimEndingDirectorySeparator(AppContext.BaseDirectory)), name));
        string[] command = [.. enter, program, .. arguments];
        var start = new ProcessStartInfo(command[0], command[1..]) { RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true };
        start.Environment["DOTNET_gcServer"] = "0";
        start.Environment["DOTNET_TieredPGO"] = "0";
        _process = Process.Start(start) ?? throw new InvalidOperationException($"{program} could not be started");
        StartedAt = Stopwatch.GetTimestamp();
        _reading = Task.WhenAll(ReadAsync(_process.StandardOutput, _lines), ReadAsync(_process.StandardError, _errors));
    }

    public int Node { get; }

    public long StartedAt { get; }

    public bool HasExited => _process.HasExited;

    public int ExitCode => _process.ExitCode;

    public string[] Lines
    {
        get
        {
            lock (_lines) return [.. _lines];
        }
    }

    public IEnumerable<Call> Calls => Lines.Where(static line => line.StartsWith("call ", StringComparison.Ordinal)).Select(static line =>
    {
        string[] words = line.Split(' ');
        return new Call(words[1], long.Parse(words[2], CultureInfo.InvariantCulture), long.Parse(words[3], CultureInfo.InvariantCulture), words[4] == "ok", words[5]);
    });

    public void Tell(string line)
    {
        _process.StandardInput.WriteLine(line);
        _process.StandardInput.Flush();
    }

    /// <summary>The moment at which it was sent.</summary>
    public long Send(Signal signal)
    {
        long now = Stopwatch.GetTimestamp();
        if (NativeMethods.Kill(_process.Id, (int)signal) != 0) throw new Win32Exception(Marshal.GetLastPInvokeError(), $"signal {signal} to node {Node}");
        return now;
    }

    public async Task<string> LineAsync(string what, Func<string, bool> condition, int seconds = 45)
    {
        for (long end = Stopwatch.GetTimestamp() + seconds * Stopwatch.Frequency; Stopwatch.GetTimestamp() < end;)
        {
            if (Lines.FirstOrDefault(condition) is { } line) return line;
            if (_process.HasExited && _reading.IsCompleted) break;
            await Task.Delay(5, TestContext.Current.CancellationToken);
        }
        Assert.Fail($"node {Node}: {what} did not come{(_process.HasExited ? $", exit code {_process.ExitCode}" : "")}; it said {string.Join(" | ", Lines.TakeLast(6))} and {Errors}");
        return "";
    }

    public string Errors
    {
        get
        {
            lock (_errors) return string.Join(Environment.NewLine, _errors.TakeLast(12).Select(static line => line.Length > 400 ? line[..400] : line));
        }
    }

    public async Task<int> ExitAsync(int seconds = 60)
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(seconds));
        await _process.WaitForExitAsync(limit.Token);
        return _process.ExitCode;
    }

    public async ValueTask DisposeAsync()
    {
        if (!_process.HasExited) _process.Kill();
        await _process.WaitForExitAsync();
        await _reading;
        _process.Dispose();
    }

    private static async Task ReadAsync(StreamReader reader, List<string> lines)
    {
        while (await reader.ReadLineAsync() is { } line)
            lock (lines) lines.Add(line);
    }

    private static partial class NativeMethods
    {
        [LibraryImport("libc", EntryPoint = "kill", SetLastError = true)]
        [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
        internal static partial int Kill(int process, int signal);
    }
}
