// Another real process for tests about crashes and stopped processes: started, told, stopped, resumed, killed.
using System.Diagnostics;
using System.Runtime.InteropServices;
using System.Threading.Channels;

namespace Membership.Engine.Tests;

internal sealed partial class TestProcess : IAsyncDisposable
{
    private readonly Process _process;
    private readonly Channel<string> _lines = Channel.CreateUnbounded<string>();
    private readonly List<string> _history = [];

    private TestProcess(Process process)
    {
        _process = process;
        process.OutputDataReceived += (_, line) => Took(line.Data);
        process.ErrorDataReceived += (_, line) => Took(line.Data is null ? "" : "stderr: " + line.Data);
    }

    public int Id => _process.Id;

    public bool HasExited => _process.HasExited;

    /// <summary>Every line it wrote so far.</summary>
    public IReadOnlyList<string> History
    {
        get
        {
            lock (_history) return [.. _history];
        }
    }

    public static TestProcess Start(params string[] arguments)
    {
        var start = new ProcessStartInfo("dotnet")
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        start.ArgumentList.Add(Path.Combine(AppContext.BaseDirectory, "Membership.Engine.TestProcess.dll"));
        foreach (string argument in arguments) start.ArgumentList.Add(argument);
        start.Environment["DOTNET_TieredPGO"] = "0";
        var process = new TestProcess(Process.Start(start) ?? throw new InvalidOperationException("dotnet did not start."));
        process._process.BeginOutputReadLine();
        process._process.BeginErrorReadLine();
        return process;
    }

    public void Tell(string line)
    {
        _process.StandardInput.WriteLine(line);
        _process.StandardInput.Flush();
    }

    /// <summary>The next line that does not report an ownership interval.</summary>
    public async Task<string> ReadAsync(TimeSpan? within = null)
    {
        using var deadline = new CancellationTokenSource(within ?? TimeSpan.FromSeconds(30));
        try
        {
            while (true)
            {
                string line = await _lines.Reader.ReadAsync(deadline.Token);
                if (!line.StartsWith("owns ", StringComparison.Ordinal) && !line.StartsWith("gaveup ", StringComparison.Ordinal)) return line.TrimEnd();
            }
        }
        catch (OperationCanceledException)
        {
            throw new TimeoutException($"Process {Id} said nothing; so far: {string.Join(" | ", History.TakeLast(10))}");
        }
    }

    public async Task<string> AskAsync(string line, TimeSpan? within = null)
    {
        Tell(line);
        return await ReadAsync(within);
    }

    public void Stop() => Signal(19);

    public void Resume() => Signal(18);

    public async Task KillAsync()
    {
        Signal(9);
        await _process.WaitForExitAsync();
    }

    public async ValueTask DisposeAsync()
    {
        if (!_process.HasExited) await KillAsync();
        _process.Dispose();
    }

    private void Took(string? line)
    {
        if (string.IsNullOrEmpty(line)) return;
        lock (_history) _history.Add(line);
        _lines.Writer.TryWrite(line);
    }

    private void Signal(int signal)
    {
        if (Kill(_process.Id, signal) != 0) throw new InvalidOperationException($"kill({_process.Id}, {signal}) failed: errno {Marshal.GetLastPInvokeError()}.");
    }

    [LibraryImport("libc", EntryPoint = "kill", SetLastError = true)]
    private static partial int Kill(int process, int signal);
}

/// <summary>A directory of a test's own, removed when the test is over.</summary>
internal sealed class TestDirectory : IDisposable
{
    public TestDirectory() => Path = Directory.CreateTempSubdirectory("regroup-test-").FullName;

    public string Path { get; }

    public string At(string name) => System.IO.Path.Combine(Path, name);

    public void Dispose() => Directory.Delete(Path, recursive: true);
}
