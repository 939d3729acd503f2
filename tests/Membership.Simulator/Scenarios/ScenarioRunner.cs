// Plays a script in a world without random faults. With a rule taken out, expectations may fail: the story then
// counts only by the violation (or failure) it leads to.
using System.Globalization;
using Membership.Engine;
using Membership.Engine.Protocol;
using Membership.Simulator.Transcripts;
using Membership.Simulator.Workload;
using Membership.Simulator.World;

namespace Membership.Simulator.Scenarios;

/// <summary>Expectations that did not hold, what a checker found, and the fingerprint of the story.</summary>
internal sealed record ScenarioResult(IReadOnlyList<string> Failures, Violation? Violation, ulong Hash);

internal sealed partial class ScenarioRunner
{
    private readonly Scenario _scenario;
    private readonly ClusterWorld _world;
    private readonly List<string> _failures = [];
    private readonly PlantedDefects _defects;
    private readonly TextWriter? _trace;
    private readonly ulong _index;
    private readonly Dictionary<int, IReadOnlyList<string>>? _happened;
    private readonly List<(SimNode Node, string Moment, Action Stop)> _stops = [];
    private ScenarioStep? _step;
    private readonly List<(SimNode? Node, string Moment, string[] Words)> _triggers = [];

    public ScenarioRunner(Scenario scenario, PlantedDefects defects, TextWriter? trace, ulong seedOffset = 0)
    {
        _scenario = scenario;
        _defects = defects;
        _trace = trace;
        _index = seedOffset;
        _world = new ClusterWorld(scenario.Options with { Defects = defects, Seed = scenario.Options.Seed + seedOffset }, new Trace(trace));
        _world.OnMoment = OnMoment;
    }

    /// <summary>Plays it in a world without chance and writes down, by the script's lines, what the nodes do.</summary>
    /// <param name="scenario">The script.</param>
    /// <param name="defects">Rules taken out.</param>
    /// <param name="happened">What happened at each line, counted from 1.</param>
    public ScenarioRunner(Scenario scenario, PlantedDefects defects, Dictionary<int, IReadOnlyList<string>> happened)
        : this(scenario with { Options = scenario.Options.Settle() }, defects, trace: null)
    {
        _happened = happened;
        _world.Transcript = new Transcript(_world);
        _world.Network.Watch = Remember;
    }

    public ScenarioResult Run()
    {
        if (_scenario.Random is { } random) return RunRandom(random);
        foreach (ScenarioStep step in _scenario.Steps)
        {
            if (_world.Violation is not null) break;
            if (_world.Trace.On) _world.Trace.Line(_world.Now, 0, "> " + step.Text);
            _world.Transcript?.BeginStep();
            _step = step;
            try
            {
                if (step.Words[0] == "expect") Expect(step);
                else Do(step.Words);
            }
            catch (SimulatorException) when (_world.Violation is not null)
            {
                break;
            }
            catch (Exception error) when (error is FormatException or ArgumentException or IndexOutOfRangeException or KeyNotFoundException)
            {
                throw new FormatException($"{_scenario.Name}.txt line {step.Line}: '{step.Text}': {error.Message}", error);
            }
            if (_world.Transcript is { } transcript) _happened![step.Line] = transcript.EndStep();
        }
        if (_world.Violation is { } violation) _failures.Add($"{_scenario.Name}.txt: violation of {violation.Checker} at {violation.Time / 1e7:F3} s: {violation.Text}");
        return new ScenarioResult(_failures, _world.Violation, _world.Trace.Hash);
    }

    private ScenarioResult RunRandom(RandomStory random)
    {
        ulong known = (ulong)random.KnownSeeds.Count;
        ulong seed = _index < known ? random.KnownSeeds[(int)_index] : _index - known + 1;
        SeedResult result = SeedRun.Run(seed, random.Filter with { Defects = _defects }, _trace);
        if (result.Violation is { } violation) _failures.Add($"{_scenario.Name}.txt: seed {seed}: violation of {violation.Checker} at {violation.Time / 1e7:F3} s: {violation.Text}");
        return new ScenarioResult(_failures, result.Violation, result.Hash);
    }

    private void Do(string[] words)
    {
        switch (words[0])
        {
            case "start":
                int[] starters = NodesOf(words.Length > 1 ? words[1] : "all");
                for (int i = 0; i < starters.Length; i++)
                {
                    SimNode starter = _world.Node(starters[i]);
                    if (_world.Options.Settled && i > 0) _world.After(i * 11 * Ticks.Millisecond, starter.Start);
                    else starter.Start();
                }
                break;
            case "run":
                _world.RunUntil(_world.Now + Time(words[1]));
                break;
            case "crash":
                foreach (int node in NodesOf(words[1])) _world.Node(node).Kill("kill -9", power: false);
                break;
            case "power-off":
                foreach (int node in NodesOf(words[1])) _world.Node(node).Kill("power off", power: true);
                break;
            case "restart":
                foreach (int node in NodesOf(words[1]))
                {
                    if (_world.Node(node).Process is not null) _world.Node(node).Kill("restarted", power: false);
                    _world.Node(node).Start();
                }
                break;
            case "upgrade" or "downgrade":
                foreach (int node in NodesOf(words[1])) _world.Node(node).NextMinor = words[0] == "upgrade";
                Do(["restart", words[1]]);
                break;
            case "pause":
                foreach (int node in NodesOf(words[1])) _world.Node(node).Process?.Freeze();
                break;
            case "twin":
                _world.Node(Number(words[1])).StartTwin();
                break;
            case "resume":
                foreach (int node in NodesOf(words[1])) _world.Node(node).Process?.Thaw();
                break;
            case "leave":
                _world.Node(Number(words[1])).Process?.Leave(forGood: true);
                break;
            case "eject": // eject 3 by 1
                _world.Node(Number(words[3])).Process?.Eject(Number(words[1]));
                break;
            case "clear-quarantine": // clear-quarantine 3 by 1
                _world.Node(Number(words[3])).Process?.ClearQuarantine(Number(words[1]));
                break;
            case "force-regroup":
                _world.Node(Number(words[1])).Process?.ForceRegroup();
                break;
            case "switchover": // switchover 1: node 1 is asked to hand the mastership over
                _world.Node(Number(words[1])).Process?.Switchover();
                break;
            case "qualify" or "disqualify": // disqualify 2 by 1
                _world.Node(Number(words[3])).Process?.Qualify(Number(words[1]), words[0] == "qualify");
                break;
            case "mark": // "told" counts from here
                foreach (SimNode node in _world.Nodes) node.Newest?.Told.Clear();
                break;
            case "unreachable": // unreachable 3 from 1
                _world.Node(Number(words[3])).Process?.ReportUnreachable(Number(words[1]));
                break;
            case "false-tripwire": // false-tripwire 3 at 1
                if (_world.Node(Number(words[3])).Process is { } observer && _world.Node(Number(words[1])).Process is { } peer)
                    _world.LoseTripwire(observer, peer.Number, peer.Incarnation);
                break;
            case "cut-path": // cut-path 1 1->2: that path of several
                (int near, int far) = Arrow(words[2]);
                _world.Network.Cut(near, far, Number(words[1]));
                break;
            case "cut" or "heal":
                Links(words);
                break;
            case "loss":
                EachLink((ref Link link) => link.LossPerMille = Number(words[1]) * 10);
                break;
            case "delay": // delay 1->2 20ms
                (int from, int to) = Arrow(words[1]);
                for (int path = 0; path < _world.Options.Paths; path++) _world.Network.At(path, from, to).ExtraDelay = Time(words[2]);
                break;
            case "late-copies": // late-copies 1->2 3s: copies of everything, up to this late; 0s ends it
                (int source, int target) = Arrow(words[1]);
                for (int path = 0; path < _world.Options.Paths; path++)
                {
                    ref Link link = ref _world.Network.At(path, source, target);
                    link.LateCopies = Time(words[2]);
                    link.DuplicatePerMille = link.LateCopies > 0 ? 1000 : 0;
                }
                break;
            case "disk":
                Disk(_world.Node(Number(words[1])), words);
                break;
            case "callbacks": // callbacks 2 slow 1s | callbacks 2 normal
                _world.Node(Number(words[1])).CallbackDelay = words[2] == "slow" ? Time(words[3]) : 0;
                break;
            case "witness":
                Witness(words);
                break;
            case "faults": // faults Churn 10s
                RandomFaults(Enum.Parse<FaultFocus>(words[1]), Time(words[2]));
                break;
            case "force-form":
                _world.ForceForm = words[1] == "on";
                break;
            case "when": // when 2 reaches prune: crash 2
                string moment = words[3].TrimEnd(':');
                _triggers.Add((words[1] == "any" ? null : _world.Node(Number(words[1])), moment, words[4..]));
                break;
            case "after": // after 20ms: crash 2
                string[] later = words[2..];
                _world.After(Time(words[1].TrimEnd(':')), () => Do(later));
                break;
            default:
                if (!Ask(words)) throw new FormatException($"'{words[0]}' is not a command.");
                break;
        }
    }

    // Random faults of one family for a while, all mended at its end; the script goes on in the quiet.
    private void RandomFaults(FaultFocus focus, long duration)
    {
        double moments = focus == FaultFocus.Moments ? 0.04 : 0.005;
        long gap = focus == FaultFocus.Churn ? _world.Options.L / 3 : 2 * _world.Options.L;
        var schedule = new FaultSchedule(_world, new RunPlan(_world.Options, focus, duration, gap, moments, 0));
        schedule.Begin(0);
        _world.RunUntil(_world.Now + duration);
        schedule.Heal();
        _world.QuietPhase = false;
        _world.OnMoment = OnMoment;
    }

    private void Disk(SimNode node, string[] words)
    {
        switch (words[2])
        {
            case "hold": node.Disk.Held = true; break;
            case "release": node.ReleaseDisk(); break;
            case "slow": node.Disk.ExtraDelay = Time(words[3]); break;
            case "normal": node.Disk.ExtraDelay = 0; break;
            case "fail": node.Disk.FailNext = true; break;
            case "replace": node.Disk.Replace(); break;
            default: throw new FormatException($"'{words[2]}' is not something a disk does.");
        }
    }

    private void Witness(string[] words)
    {
        switch (words[1])
        {
            case "hang": _world.Witness.Mode = WitnessMode.Hangs; break;
            case "error": _world.Witness.Mode = WitnessMode.Fails; break;
            case "answer": _world.Witness.HealAll(); break;
            case "slow": _world.Witness.ExtraDelay = Time(words[2]); break;
            case "forget": _world.Witness.Forget(); break;
            case "cut": foreach (int node in NodesOf(words[2])) _world.Witness.SetReachable(node, false); break;
            case "mend": foreach (int node in NodesOf(words[2])) _world.Witness.SetReachable(node, true); break;
            default: throw new FormatException($"'{words[1]}' is not something a witness does.");
        }
    }

    // cut 3 from 1,2 | cut 3->1 | cut 1,2 from rest | heal | heal 3 from 1,2 | heal 3->1
    private void Links(string[] words)
    {
        bool cut = words[0] == "cut";
        if (words.Length == 1)
        {
            _world.Network.HealAll();
            return;
        }
        if (words[1].Contains("->", StringComparison.Ordinal))
        {
            (int from, int to) = Arrow(words[1]);
            if (cut) _world.Network.Cut(from, to);
            else _world.Network.HealLink(from, to);
            return;
        }
        int[] left = NodesOf(words[1]);
        int[] right = words[3] == "rest" ? [.. NodesOf("all").Except(left)] : NodesOf(words[3]);
        foreach (int a in left)
            foreach (int b in right)
            {
                if (cut)
                {
                    _world.Network.Cut(a, b);
                    _world.Network.Cut(b, a);
                }
                else
                {
                    _world.Network.HealLink(a, b);
                    _world.Network.HealLink(b, a);
                }
            }
    }

    private delegate void LinkChange(ref Link link);

    private void EachLink(LinkChange change)
    {
        foreach (int a in NodesOf("all"))
            foreach (int b in NodesOf("all"))
                for (int path = 0; path < _world.Options.Paths; path++)
                    if (a != b) change(ref _world.Network.At(path, a, b));
    }

    private void OnMoment(SimProcess process, Moment moment)
    {
        string name = moment switch
        {
            Moment.InForce => "force",
            _ => moment.ToString().ToLowerInvariant(),
        };
        foreach ((SimNode stopAt, string wanted, Action stop) in _stops)
            if (stopAt == process.Node && (wanted == name || (moment is Moment.Stage or Moment.Prune && string.Equals(wanted, process.Core.Stage.ToString(), StringComparison.OrdinalIgnoreCase)))) stop();
        for (int i = 0; i < _triggers.Count; i++)
        {
            (SimNode? node, string wanted, string[] words) = _triggers[i];
            bool matches = wanted == name || (moment is Moment.Stage or Moment.Prune && string.Equals(wanted, process.Core.Stage.ToString(), StringComparison.OrdinalIgnoreCase));
            if ((node is not null && node != process.Node) || !matches) continue;
            _triggers.RemoveAt(i);
            // After the input that led here: effects of one input belong together.
            _world.After(0, () =>
            {
                if (_world.Trace.On) _world.Trace.Line(_world.Now, process.Number, $"> when {name}: {string.Join(' ', words)}");
                Do(words);
            });
            return;
        }
    }

    private long Time(string text) => Scenario.Duration(text, _world.Options);

    private int[] NodesOf(string text)
        => text == "all" ? [.. Enumerable.Range(1, _world.Options.Nodes)] : [.. text.Trim('{', '}').Split(',').Select(Number)];

    private static int Number(string text) => int.Parse(text.TrimEnd('%'), CultureInfo.InvariantCulture);

    private static (int From, int To) Arrow(string text)
    {
        string[] ends = text.Split("->");
        return (Number(ends[0]), Number(ends[1]));
    }
}
