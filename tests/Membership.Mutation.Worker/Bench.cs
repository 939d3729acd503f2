// Runs cases until one notices, the likeliest first. A change that never ends is noticed by the number of entries into changed members and
// of turns of their loops; one that loops elsewhere by the time of the processor, which ends the process.
using System.Diagnostics;
using System.Globalization;
using System.Reflection;

namespace Membership.Mutation.Worker;

internal sealed class Bench
{
    private const int NeverEnds = 99;

    /// <summary>Of the processor: which cases are too long for a quick look, unless they are half of it.</summary>
    private const long LongCase = 250;

    private readonly IReadOnlyList<Case> _cases;
    private readonly Dictionary<string, int> _kills = new(StringComparer.Ordinal);
    private readonly Dictionary<(int Member, int Case), int> _killsIn = [];
    private readonly Profile[] _profiles;
    private readonly TextWriter _output = Console.Out;
    private long _startedAt = -1;
    private long _budget;

    public Bench(IReadOnlyList<Case> cases, string kills)
    {
        _cases = cases;
        _profiles = new Profile[cases.Count];
        foreach (string[] parts in File.ReadLines(kills).Select(static line => line.Split('\t', 2))) _kills[parts[1]] = int.Parse(parts[0], CultureInfo.InvariantCulture);
        // What a test prints belongs nowhere.
        Console.SetOut(TextWriter.Null);
    }

    /// <summary>What a case does on the engine as it is.</summary>
    private sealed record Profile(long Milliseconds, long Calls, ulong Story, int[] Reached);

    private static long Processor => (long)Environment.CpuUsage.TotalTime.TotalMilliseconds;

    /// <summary>Looks after the time of the processor until the thread ends.</summary>
    public void Watch(Thread thread)
    {
        while (!thread.Join(250))
        {
            long started = Interlocked.Read(ref _startedAt);
            if (started >= 0 && Processor - started > Interlocked.Read(ref _budget)) Environment.Exit(NeverEnds);
        }
    }

    public int Serve(string file)
    {
        var change = new ChangeSwitch();
        if (File.Exists(file)) ReadProfiles(file);
        else if (!Measure(change, file)) return 3;
        Say(string.Create(CultureInfo.InvariantCulture, $"ready: {_cases.Count} cases take {_profiles.Sum(static profile => profile.Milliseconds) / 1000.0:F1} s on the engine as it is"));
        while (Console.In.ReadLine() is { } line)
        {
            string[] words = line.Split(' ');
            int number = int.Parse(words[1], CultureInfo.InvariantCulture), member = int.Parse(words[2], CultureInfo.InvariantCulture);
            long started = Processor;
            change.Active = number;
            (string fate, string by) = Judge(change, member, quick: words is ["glance", _, _, var time] ? long.Parse(time, CultureInfo.InvariantCulture) : null);
            change.Active = 0;
            Say(string.Create(CultureInfo.InvariantCulture, $"{fate}\t{Processor - started}\t{by}"));
        }
        return 0;
    }

    /// <summary>Nothing to switch, nothing measured: everything runs, against the time of the measured ones if there are.</summary>
    public int JudgeAlone(string file)
    {
        if (File.Exists(file)) ReadProfiles(file);
        else Array.Fill(_profiles, new Profile(1000, 0, 0, []));
        long started = Processor;
        (string fate, string by) = Judge(null, -1, quick: null);
        Say(string.Create(CultureInfo.InvariantCulture, $"{fate}\t{Processor - started}\t{by}"));
        return 0;
    }

    // quick: time of the processor after which no more seeds are tried; null = all cases.
    private (string Fate, string By) Judge(ChangeSwitch? change, int member, long? quick)
    {
        long began = Processor;
        long reached = member < 0 ? 0 : Math.Max(1, _profiles.Sum(profile => (long)profile.Reached[member]));
        // First those that noticed most, in this member above all, or that are much about it, for the time they take.
        int[] order = [.. Enumerable.Range(0, _cases.Count).Where(index => member < 0 || _profiles[index].Reached[member] > 0).OrderByDescending(index => Promise(index) / (3 + _profiles[index].Milliseconds))];
        // What is noticed at all is noticed soonest by a transcript.
        order = [.. order.OrderBy(index => _cases[index] is TranscriptCase ? 0 : 1)];
        if (quick is not null) order = [.. order.Where(index => IsPointed(index)), .. order.Where(index => !IsPointed(index))];
        double Share(int index) => member < 0 ? 0 : (double)_profiles[index].Reached[member] / reached;
        double Promise(int index) => _kills.GetValueOrDefault(_cases[index].Name) + 10 * _killsIn.GetValueOrDefault((member, index)) + 100 * Share(index) + 0.2;
        bool differs = false;
        foreach (int index in order)
        {
            Profile plain = _profiles[index];
            if (plain.Milliseconds > Math.Max(LongCase, quick / 2 ?? long.MaxValue) && Share(index) < 0.1) continue;
            if (!IsPointed(index) && Processor - began > quick) break;
            if (change is not null) change.Allow(20 * plain.Calls + 200_000);
            Interlocked.Exchange(ref _budget, 10_000 + 40 * plain.Milliseconds);
            Interlocked.Exchange(ref _startedAt, Processor);
            Outcome outcome = RunGuarded(_cases[index]);
            Interlocked.Exchange(ref _startedAt, -1);
            if (outcome.Failure is null && change?.IsOver != true)
            {
                differs |= outcome.Story != plain.Story;
                continue;
            }
            _killsIn[(member, index)] = _killsIn.GetValueOrDefault((member, index)) + 1;
            _kills[_cases[index].Name] = _kills.GetValueOrDefault(_cases[index].Name) + 1;
            return (change?.IsOver == true ? "TimedOut" : "Killed", _cases[index].Name.Replace('\t', ' '));
        }
        if (quick is not null) return ("Survived", order.Length == 0 ? "never reached" : "a quick look");
        return ("Survived", order.Length == 0 ? "never reached" : change is null ? "alone" : differs ? "another story" : "the same stories");
    }

    /// <summary>A short test that somebody wrote for one thing: no quick look leaves those out.</summary>
    private bool IsPointed(int index) => _cases[index].IsPointed && _profiles[index].Milliseconds < 100;

    private static Outcome RunGuarded(Case one)
    {
        try
        {
            return one.Play();
        }
        catch (Exception error)
        {
            // Whatever it is: with the engine as it is, it does not happen.
            return new Outcome(TestCase.Text(error), 0);
        }
    }

    private bool Measure(ChangeSwitch change, string file)
    {
        // The first run of a few is for the compiler.
        for (int index = 0; index < _cases.Count; index += 25) RunGuarded(_cases[index]);
        var lines = new List<string>();
        for (int index = 0; index < _cases.Count; index++)
        {
            change.Forget();
            change.Allow(long.MaxValue);
            long started = Processor;
            Outcome outcome = RunGuarded(_cases[index]);
            if (outcome.Failure is { } failure)
            {
                Say($"{_cases[index].Name}: {failure}");
                return false;
            }
            _profiles[index] = new Profile(Processor - started, change.Calls, outcome.Story, change.Reached);
            lines.Add(string.Create(CultureInfo.InvariantCulture, $"{_profiles[index].Milliseconds}\t{_profiles[index].Calls}\t{outcome.Story}\t{string.Join(',', _profiles[index].Reached)}\t{_cases[index].Name}"));
        }
        File.WriteAllLines(file, lines);
        return true;
    }

    private void ReadProfiles(string file)
    {
        int index = 0;
        foreach (string[] parts in File.ReadLines(file).Select(static line => line.Split('\t')))
            _profiles[index++] = new Profile(long.Parse(parts[0], CultureInfo.InvariantCulture), long.Parse(parts[1], CultureInfo.InvariantCulture), ulong.Parse(parts[2], CultureInfo.InvariantCulture), [.. parts[3].Split(',').Select(static count => int.Parse(count, CultureInfo.InvariantCulture))]);
    }

    private void Say(string line)
    {
        _output.WriteLine(line);
        _output.Flush();
    }

    /// <summary>The engine's switch, which the unchanged engine does not have: found by its name.</summary>
    private sealed class ChangeSwitch
    {
        private readonly FieldInfo _active, _calls, _limit, _reached;
        private long _allowed;

        public ChangeSwitch()
        {
            Type type = typeof(Membership.Engine.NodeId).Assembly.GetType("Membership.Engine.MutationSwitch", throwOnError: true)!;
            FieldInfo Field(string name) => type.GetField(name) ?? throw new MissingFieldException(name);
            (_active, _calls, _limit, _reached) = (Field("Active"), Field("Calls"), Field("Limit"), Field("Reached"));
        }

        public int Active
        {
            set => _active.SetValue(null, value);
        }

        public long Calls => (long)_calls.GetValue(null)!;

        public bool IsOver => Calls > _allowed;

        public int[] Reached => (int[])((int[])_reached.GetValue(null)!).Clone();

        public void Forget() => Array.Clear((int[])_reached.GetValue(null)!);

        public void Allow(long calls)
        {
            _allowed = calls;
            _calls.SetValue(null, 0L);
            _limit.SetValue(null, calls);
        }
    }
}
