// A real child process that runs a test class's static ChildMain(string[]) in this same executable. It talks by
// lines on standard input and output, and is killed, by its own id only, when the test lets go of it.
using System.Diagnostics;
using System.Runtime.InteropServices;

namespace Membership.Engine.Tests;

internal sealed partial class ChildProcess : IDisposable
{
    private readonly Process _process;

    private ChildProcess(Process process) => _process = process;

    public int Id => _process.Id;

    public bool HasExited => _process.HasExited;

    public int ExitCode => _process.ExitCode;

    /// <summary>Starts <c>ChildMain</c> of <paramref name="type"/> in a new process.</summary>
    public static ChildProcess Start(Type type, params string[] arguments)
    {
        var start = new ProcessStartInfo(Environment.ProcessPath!) { RedirectStandardInput = true, RedirectStandardOutput = true };
        if (Path.GetFileNameWithoutExtension(start.FileName) == "dotnet") start.ArgumentList.Add(typeof(ChildProcess).Assembly.Location);
        start.ArgumentList.Add("--child");
        start.ArgumentList.Add(type.FullName!);
        foreach (string argument in arguments) start.ArgumentList.Add(argument);
        return new ChildProcess(Process.Start(start)!);
    }

    /// <summary>The next line the child writes; fails after <paramref name="seconds"/> or when it ended.</summary>
    public async Task<string> ReadLineAsync(double seconds = 20)
        => await _process.StandardOutput.ReadLineAsync().WaitAsync(TimeSpan.FromSeconds(seconds))
           ?? throw new InvalidOperationException("The child process ended without another line.");

    public void WriteLine(string line)
    {
        _process.StandardInput.WriteLine(line);
        _process.StandardInput.Flush();
    }

    /// <summary>kill -9.</summary>
    public void Kill() => _process.Kill();

    /// <summary>kill -STOP: frozen, not dead.</summary>
    public void Freeze() => Signal(OperatingSystem.IsLinux() ? 19 : 17);

    /// <summary>kill -CONT.</summary>
    public void Thaw() => Signal(OperatingSystem.IsLinux() ? 18 : 19);

    public Task WaitForExitAsync(double seconds = 20) => _process.WaitForExitAsync().WaitAsync(TimeSpan.FromSeconds(seconds));

    public void Dispose()
    {
        if (!_process.HasExited) _process.Kill();
        _process.WaitForExit();
        _process.Dispose();
    }

    private void Signal(int number)
    {
        if (SendSignal(_process.Id, number) != 0) throw new InvalidOperationException($"Signal {number} to {_process.Id} failed: {Marshal.GetLastPInvokeErrorMessage()}");
    }

    [LibraryImport("libc", EntryPoint = "kill", SetLastError = true)]
    private static partial int SendSignal(int process, int signal);
}
