// The parent's end of one contender process, and the set of them that a test plays with. Signals go to process ids that the
// test itself started, and to no others.
using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;
using Xunit;

namespace Membership.Arbiters.Conformance;

public sealed class ContenderProcess : IDisposable
{
    private readonly Process _process;

    internal ContenderProcess(string log, int node, int incarnation, IEnumerable<string> arguments)
    {
        Log = log;
        File.WriteAllBytes(log, []);
        var start = new ProcessStartInfo(Environment.ProcessPath!) { RedirectStandardInput = true, RedirectStandardOutput = true };
        if (Path.GetFileNameWithoutExtension(start.FileName) == "dotnet") start.ArgumentList.Add(Environment.GetCommandLineArgs()[0]);
        foreach (string argument in (string[])[ContenderProgram.Verb, log, node.ToString(CultureInfo.InvariantCulture), incarnation.ToString(CultureInfo.InvariantCulture), .. arguments])
            start.ArgumentList.Add(argument);
        _process = Process.Start(start)!;
    }

    /// <summary>The file it writes its beliefs to.</summary>
    public string Log { get; }

    public void Tell(string command)
    {
        _process.StandardInput.WriteLine(command);
        _process.StandardInput.Flush();
    }

    /// <summary>The next answer.</summary>
    public async Task<string> AnswerAsync()
        => await _process.StandardOutput.ReadLineAsync().WaitAsync(TimeSpan.FromSeconds(120), TestContext.Current.CancellationToken)
           ?? throw new InvalidOperationException("The contender ended without an answer.");

    public Task<string> AskAsync(string command)
    {
        Tell(command);
        return AnswerAsync();
    }

    /// <summary>Challenges again and again until it has won.</summary>
    /// <returns>Null when won; the last answer when <paramref name="limit"/> was up.</returns>
    public async Task<string?> WinAsync(TimeSpan limit)
    {
        var clock = Stopwatch.StartNew();
        while (true)
        {
            TimeSpan left = limit - clock.Elapsed;
            string answer = await AskAsync(string.Create(CultureInfo.InvariantCulture, $"arbitrate {Math.Max(100, (int)left.TotalMilliseconds)}"));
            if (answer.StartsWith("Success", StringComparison.Ordinal)) return null;
            if (clock.Elapsed >= limit) return answer;
        }
    }

    /// <summary>kill -9; returns when it is gone.</summary>
    public void Kill()
    {
        _process.Kill();
        _process.WaitForExit();
    }

    /// <summary>kill -STOP.</summary>
    public void Freeze() => ProcessSignal.Send(_process.Id, ProcessSignal.Stop);

    /// <summary>kill -CONT.</summary>
    public void Thaw() => ProcessSignal.Send(_process.Id, ProcessSignal.Continue);

    public void Dispose()
    {
        if (!_process.HasExited) _process.Kill();
        _process.WaitForExit();
        _process.Dispose();
    }
}

/// <summary>All contenders of one test.</summary>
public sealed class Contenders : IDisposable
{
    private readonly string _directory = Directory.CreateTempSubdirectory("regroup-contenders-").FullName;
    private readonly List<ContenderProcess> _all = [];

    public IReadOnlyList<ContenderProcess> All => _all;

    /// <summary>Starts one and waits until its check has passed.</summary>
    public async Task<ContenderProcess> StartAsync(IEnumerable<string> arguments, int? node = null, int incarnation = 1)
    {
        ContenderProcess process = Launch(arguments, node, incarnation);
        await AssertReadyAsync(process);
        return process;
    }

    /// <summary>Starts several at once and waits until all their checks have passed.</summary>
    public async Task StartManyAsync(int count, Func<int, IEnumerable<string>> arguments)
    {
        ContenderProcess[] started = [.. Enumerable.Range(0, count).Select(i => Launch(arguments(i), null, 1))];
        foreach (ContenderProcess process in started) await AssertReadyAsync(process);
    }

    /// <summary>Everything they wrote down so far.</summary>
    public OwnershipLog ReadLog() => OwnershipLog.Read(_all.Select(static process => process.Log));

    public void Dispose()
    {
        var failures = new List<Exception>();
        foreach (ContenderProcess process in _all)
        {
            try
            {
                process.Dispose();
            }
            catch (Exception failure) when (failure is InvalidOperationException or System.ComponentModel.Win32Exception)
            {
                // The others must end all the same.
                failures.Add(failure);
            }
        }
        Directory.Delete(_directory, recursive: true);
        if (failures.Count > 0) throw new AggregateException(failures);
    }

    private static async Task AssertReadyAsync(ContenderProcess process)
    {
        string answer = await process.AnswerAsync();
        Assert.True(answer == "ready", answer);
    }

    private ContenderProcess Launch(IEnumerable<string> arguments, int? node, int incarnation)
    {
        var process = new ContenderProcess(Path.Combine(_directory, $"{_all.Count + 1}.log"), node ?? _all.Count + 1, incarnation, arguments);
        _all.Add(process);
        return process;
    }
}

/// <summary>Signals by process id.</summary>
public static partial class ProcessSignal
{
    public const int Stop = 19;
    public const int Continue = 18;
    public const int Terminate = 15;
    public const int Kill = 9;

    public static void Send(int process, int signal)
    {
        if (SendSignal(process, signal) != 0) throw new InvalidOperationException($"Signal {signal} to {process} failed: {Marshal.GetLastPInvokeErrorMessage()}");
    }

    [LibraryImport("libc", EntryPoint = "kill", SetLastError = true)]
    private static partial int SendSignal(int process, int signal);
}
