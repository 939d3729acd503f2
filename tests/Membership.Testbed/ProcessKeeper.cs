// Starts the testbed's processes such that they die with it, however it dies and even while they are stopped: each asks its
// kernel for a SIGKILL when the thread that started it ends, and that thread is one which ends with this process only.
using System.Collections.Concurrent;
using System.Diagnostics;

namespace Membership.Testbed;

internal static class ProcessKeeper
{
    private static readonly BlockingCollection<Action> Starts = StartThread();

    /// <summary>Starts a program in a network namespace. The process' id is the program's: what is in between replaces itself.</summary>
    public static Process Start(string networkNamespace, ProcessStartInfo program)
    {
        ProcessStartInfo start = new("nsenter")
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            WorkingDirectory = program.WorkingDirectory,
        };
        foreach (string argument in (IEnumerable<string>)[$"--net={networkNamespace}", "setpriv", "--pdeathsig", "KILL", program.FileName, .. program.ArgumentList])
            start.ArgumentList.Add(argument);
        start.Environment.Clear();
        foreach ((string name, string? value) in program.Environment) start.Environment[name] = value;
        var started = new TaskCompletionSource<Process>(TaskCreationOptions.RunContinuationsAsynchronously);
        Starts.Add(() =>
        {
            try
            {
                started.SetResult(Process.Start(start)!);
            }
#pragma warning disable CA1031 // Whatever it is, it belongs to the caller, who waits on another thread.
            catch (Exception failure)
#pragma warning restore CA1031
            {
                started.SetException(failure);
            }
        });
        return started.Task.GetAwaiter().GetResult();
    }

    private static BlockingCollection<Action> StartThread()
    {
        var starts = new BlockingCollection<Action>();
        new Thread(() =>
        {
            foreach (Action start in starts.GetConsumingEnumerable()) start();
        }) { Name = "process keeper", IsBackground = true }.Start();
        return starts;
    }
}
