// Runs the tests on a changed engine, the quick ones first, and stops at the first that fails.
using System.Diagnostics;

namespace Membership.Mutation;

internal enum Fate
{
    /// <summary>Every test passed: nobody noticed.</summary>
    Survived,

    /// <summary>A test failed.</summary>
    Killed,

    /// <summary>A test did not end: noticed as well.</summary>
    TimedOut,

    /// <summary>The change does not compile; it counts for nothing.</summary>
    NoCompile,
}

/// <param name="Program">A test program, in a directory of its own whose engine may be replaced.</param>
/// <param name="Arguments">Which of its tests.</param>
internal sealed record Stage(string Program, string[] Arguments);

internal sealed class Judge(IReadOnlyList<Stage> stages)
{
    private TimeSpan _limit = TimeSpan.FromMinutes(10);

    /// <summary>The engine as it is must pass; how long that takes decides when a changed one hangs.</summary>
    public TimeSpan Calibrate(byte[] engine)
    {
        long started = Stopwatch.GetTimestamp();
        Fate fate = Try(engine);
        if (fate != Fate.Survived) throw new InvalidOperationException($"the unchanged engine is {fate}: nothing can be judged by these tests");
        TimeSpan took = Stopwatch.GetElapsedTime(started);
        _limit = TimeSpan.FromSeconds(30) + took * 4;
        return took;
    }

    public Fate Try(byte[] engine)
    {
        foreach (Stage stage in stages)
        {
            File.WriteAllBytes(Path.Combine(Path.GetDirectoryName(stage.Program)!, "Membership.Engine.dll"), engine);
            Fate fate = Run(stage);
            if (fate != Fate.Survived) return fate;
        }
        return Fate.Survived;
    }

    private Fate Run(Stage stage)
    {
        var start = new ProcessStartInfo(stage.Program, ["-noLogo", "-noColor", "-reporter", "quiet", "-maxThreads", "1", "-stopOnFail", .. stage.Arguments])
        {
            RedirectStandardOutput = true, RedirectStandardError = true, RedirectStandardInput = true,
        };
        using Process process = Process.Start(start)!;
        process.OutputDataReceived += static (_, _) => { };
        process.ErrorDataReceived += static (_, _) => { };
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
        if (process.WaitForExit(_limit)) return process.ExitCode == 0 ? Fate.Survived : Fate.Killed;
        process.Kill(entireProcessTree: true);
        process.WaitForExit();
        return Fate.TimedOut;
    }
}
