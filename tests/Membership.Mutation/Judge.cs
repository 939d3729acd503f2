// The process that runs the tests on changed engines, one after the other; a new one is started when a change ended it.
using System.Diagnostics;
using System.Globalization;

namespace Membership.Mutation;

/// <param name="Fate">What became of the change.</param>
/// <param name="By">Who noticed.</param>
/// <param name="Milliseconds">Time of the processor.</param>
internal sealed record Verdict(Fate Fate, string By, long Milliseconds);

internal sealed class Judge : IDisposable
{
    /// <summary>Exit code of a worker whose test used far more of the processor than on the engine as it is.</summary>
    private const int NeverEnds = 99;

    private readonly string _program;
    private readonly string _profile;
    private readonly string _which;
    private readonly Dictionary<string, int> _kills;
    private Process? _worker;

    /// <param name="program">The worker, in a directory of its own whose engine may be replaced.</param>
    /// <param name="kills">Which tests noticed how many changes before: those are tried first.</param>
    /// <param name="which">Who judges: "transcripts", "others", "all", or parts of names.</param>
    public Judge(string program, Dictionary<string, int> kills, string which)
    {
        _which = which;
        _program = program;
        _kills = kills;
        _profile = Path.Combine(Path.GetDirectoryName(program)!, "profile.txt");
    }

    /// <summary>From now on tests run on this engine; the engine as it is (no change switched on) must pass them all.</summary>
    /// <returns>What the worker says about them.</returns>
    public string Use(byte[] engine)
    {
        Stop();
        File.WriteAllBytes(Path.Combine(Path.GetDirectoryName(_program)!, "Membership.Engine.dll"), engine);
        File.Delete(_profile);
        return Start("--profile", _profile);
    }

    /// <summary>Switches a change of the engine in use on.</summary>
    /// <param name="mutant">Its number; 0 switches none on.</param>
    /// <param name="member">Where it is; -1 = no matter who gets there.</param>
    /// <param name="quick">Milliseconds of the processor that must do, without the longest cases: who survives that may still be noticed by the others; 0 = all cases.</param>
    public Verdict Try(int mutant, int member, int quick)
    {
        if (_worker is null) Start("--profile", _profile);
        _worker!.StandardInput.WriteLine(quick > 0 ? string.Create(CultureInfo.InvariantCulture, $"glance {mutant} {member} {quick}") : string.Create(CultureInfo.InvariantCulture, $"judge {mutant} {member}"));
        _worker.StandardInput.Flush();
        return Answer();
    }

    /// <summary>An engine with one change and nothing to switch: a process for it alone.</summary>
    public Verdict TryAlone(byte[] engine)
    {
        Stop();
        File.WriteAllBytes(Path.Combine(Path.GetDirectoryName(_program)!, "Membership.Engine.dll"), engine);
        Start("--alone", _profile);
        Verdict verdict = Answer();
        Stop();
        return verdict;
    }

    /// <summary>No change may have left anything behind: the engine as it is must still pass. Null, or what failed.</summary>
    public string? Recheck()
    {
        Verdict verdict = Try(0, -1, quick: 0);
        return verdict.Fate == Fate.Survived ? null : verdict.By;
    }

    public void Dispose() => Stop();

    private string Start(string mode, string profile)
    {
        string stats = profile + ".kills";
        File.WriteAllLines(stats, _kills.Select(static pair => string.Create(CultureInfo.InvariantCulture, $"{pair.Value}\t{pair.Key}")));
        var start = new ProcessStartInfo(_program, [mode, profile, stats, _which]) { RedirectStandardOutput = true, RedirectStandardInput = true };
        start.Environment["DOTNET_GCHeapHardLimit"] = "0x60000000";
        start.Environment["DOTNET_TieredPGO"] = "0";
        _worker = Process.Start(start)!;
        if (mode == "--alone") return "";
        string? said = _worker.StandardOutput.ReadLine();
        return said?.StartsWith("ready", StringComparison.Ordinal) == true ? said : throw new InvalidOperationException($"The engine as it is does not pass: {said}");
    }

    private Verdict Answer()
    {
        string[]? said = _worker!.StandardOutput.ReadLine()?.Split('\t');
        if (said is [string fate, string milliseconds, string by])
        {
            if (fate != nameof(Fate.Survived)) _kills[by] = _kills.GetValueOrDefault(by) + 1;
            return new Verdict(Enum.Parse<Fate>(fate), by, long.Parse(milliseconds, CultureInfo.InvariantCulture));
        }
        _worker.WaitForExit();
        int code = _worker.ExitCode;
        Stop();
        return new Verdict(code == NeverEnds ? Fate.TimedOut : Fate.Killed, $"process ended with {code}", 0);
    }

    private void Stop()
    {
        if (_worker is null) return;
        _worker.StandardInput.Close();
        if (!_worker.WaitForExit(10_000)) _worker.Kill();
        _worker.Dispose();
        _worker = null;
    }
}
