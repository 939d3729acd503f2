// A process in a namespace of the testbed: its lines as they come, its log, and signals by its id.
using System.Diagnostics;

namespace Membership.Testbed;

/// <summary>A started process. It dies when it is disposed of, and when the harness dies.</summary>
public sealed class NamespacedProcess : IAsyncDisposable
{
    private readonly Process _process;
    private readonly StreamWriter _log;
    private readonly Task _reading;
    private bool _disposed;

    /// <param name="networkNamespace">Where: see <see cref="BridgedNetwork.NamespaceOf"/>.</param>
    /// <param name="program">What to run; standard streams are redirected.</param>
    /// <param name="logFile">Where everything it prints goes.</param>
    /// <param name="line">Called for every line of standard output, on any thread, one at a time.</param>
    /// <param name="ended">Called once when both outputs are closed.</param>
    public NamespacedProcess(string networkNamespace, ProcessStartInfo program, string logFile, Action<string>? line = null, Action? ended = null)
    {
        ArgumentNullException.ThrowIfNull(program);
        _log = new StreamWriter(logFile, append: true) { AutoFlush = true };
        _process = ProcessKeeper.Start(networkNamespace, program);
        _reading = ReadAllAsync(line, ended);
    }

    /// <summary>The id of the process.</summary>
    public int Id => _process.Id;

    /// <summary>Whether it has ended.</summary>
    public bool HasExited => _process.HasExited;

    /// <summary>Its exit code, once it has ended.</summary>
    public int ExitCode => _process.ExitCode;

    /// <summary>Sends a signal; nothing happens when the process has ended.</summary>
    /// <returns>Whether it was sent.</returns>
    public bool Send(Signal signal) => !_process.HasExited && Signals.TrySend(_process.Id, signal);

    /// <summary>Waits until it has ended and all it printed has been read.</summary>
    public async Task<int> WaitForExitAsync(CancellationToken cancellationToken)
    {
        await _process.WaitForExitAsync(cancellationToken);
        await _reading.WaitAsync(cancellationToken);
        return _process.ExitCode;
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        if (_disposed) return;
        _disposed = true;
        Send(Signal.Kill);
        await _process.WaitForExitAsync();
        await _reading;
        await _log.DisposeAsync();
        _process.Dispose();
    }

    private async Task ReadAllAsync(Action<string>? line, Action? ended)
    {
        await Task.WhenAll(ReadAsync(_process.StandardOutput, line), ReadAsync(_process.StandardError, null));
        ended?.Invoke();
    }

    private async Task ReadAsync(StreamReader lines, Action<string>? line)
    {
        while (await lines.ReadLineAsync() is { } text)
        {
            lock (_log) _log.WriteLine(text);
            line?.Invoke(text);
        }
    }
}
