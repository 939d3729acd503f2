// A scenario script: the story of one incident as commands with the expected effects beside them. The language is
// described in tests/Membership.Simulator.Tests/scenarios/README.md.
using System.Globalization;
using Membership.Engine;
using Membership.Engine.Protocol;
using Membership.Simulator.Workload;
using Membership.Simulator.World;

namespace Membership.Simulator.Scenarios;

/// <summary>One command or expectation; lines count from 1.</summary>
internal sealed record ScenarioStep(int Line, string Text, string[] Words);

/// <summary>What must happen when a rule is taken out: a checker's violation, or (null) a failed expectation.</summary>
internal sealed record MissingRule(PlantedDefects Defect, string? Checker);

/// <summary>A story left to chance: whole random runs, the seeds that told it last time first.</summary>
internal sealed record RandomStory(RunFilter Filter, IReadOnlyList<ulong> KnownSeeds);

internal sealed record Scenario(
    string Name, WorldOptions Options, IReadOnlyList<ScenarioStep> Steps, IReadOnlyList<MissingRule> MissingRules, int Sweep, RandomStory? Random)
{
    /// <summary>Random runs with all rules in place that are worth the time here; ./test plays hundreds elsewhere.</summary>
    private const int PlainRandomRuns = 5;

    /// <summary>How often to play it with all rules.</summary>
    public int PlainSweep => Random is { } random ? Math.Min(Sweep, PlainRandomRuns + random.KnownSeeds.Count) : Sweep;

    public static Scenario Parse(string name, string[] lines)
    {
        var steps = new List<ScenarioStep>();
        var rules = new List<MissingRule>();
        WorldOptions? options = null;
        RandomStory? random = null;
        int sweep = 1;
        for (int i = 0; i < lines.Length; i++)
        {
            string text = lines[i].Split('#')[0].Trim();
            if (text.Length == 0) continue;
            string[] words = text.Split(' ', StringSplitOptions.RemoveEmptyEntries);
            try
            {
                switch (words[0])
                {
                    case "cluster":
                        options = ParseCluster(words);
                        break;
                    case "random":
                        random = ParseRandom(words);
                        options = ParseCluster(["cluster"]);
                        break;
                    case "without":
                        // without RULE expect violation CHECKER | without RULE expect failure
                        rules.Add(new MissingRule(Enum.Parse<PlantedDefects>(words[1]), words[3] == "violation" ? words[4] : null));
                        break;
                    case "sweep":
                        sweep = int.Parse(words[1], CultureInfo.InvariantCulture);
                        break;
                    default:
                        steps.Add(new ScenarioStep(i + 1, text, words));
                        break;
                }
            }
            catch (Exception error) when (error is FormatException or ArgumentException or IndexOutOfRangeException)
            {
                throw new FormatException($"{name}.txt line {i + 1}: '{text}': {error.Message}", error);
            }
        }
        return new Scenario(name, options ?? throw new FormatException($"{name}.txt: no 'cluster' or 'random' line."), steps, rules, sweep, random);
    }

    /// <summary>E.g. 5s, 150ms, 2.5L, 3T.</summary>
    public static long Duration(string text, WorldOptions options)
    {
        (long unit, int length) = text switch
        {
            _ when text.EndsWith("ms", StringComparison.Ordinal) => (Ticks.Millisecond, 2),
            _ when text.EndsWith("us", StringComparison.Ordinal) => (Ticks.Microsecond, 2),
            _ when text.EndsWith('s') => (Ticks.Second, 1),
            _ when text.EndsWith('L') => (options.L, 1),
            _ when text.EndsWith('T') => (options.T, 1),
            _ => throw new FormatException($"'{text}' is not a duration (5s, 150ms, 2.5L, 3T)."),
        };
        return (long)(double.Parse(text[..^length], CultureInfo.InvariantCulture) * unit);
    }

    // random nodes=3..5 focus=Moments policy=NodeMajority known=407,1131
    private static RandomStory ParseRandom(string[] words)
    {
        var filter = new RunFilter();
        ulong[] known = [];
        for (int i = 1; i < words.Length; i++)
        {
            string[] pair = words[i].Split('=');
            switch (pair[0])
            {
                case "nodes":
                    string[] ends = pair[1].Split("..");
                    filter = filter with { MinNodes = int.Parse(ends[0], CultureInfo.InvariantCulture), MaxNodes = int.Parse(ends[^1], CultureInfo.InvariantCulture) };
                    break;
                case "focus": filter = filter with { Focus = Enum.Parse<FaultFocus>(pair[1]) }; break;
                case "policy": filter = filter with { Policy = Enum.Parse<QuorumPolicy>(pair[1]) }; break;
                case "known": known = [.. pair[1].Split(',').Select(static seed => ulong.Parse(seed, CultureInfo.InvariantCulture))]; break;
                default: throw new FormatException($"'{pair[0]}' is not a setting of a random story");
            }
        }
        return new RandomStory(filter, known);
    }

    private static WorldOptions ParseCluster(string[] words)
    {
        int nodes = 3;
        ulong seed = 1;
        var policy = QuorumPolicy.NodeMajority;
        var tieBreaker = TieBreaker.None;
        bool pinned = false, evidence = false, drift = true, locked = true, supervised = false, fromView = true, bootstrap = true, liars = false, admit = false, keepsRecord = true;
        ClusterTiming timing = ClusterTiming.Local;
        int[]? votes = null;
        string? equalizer = null, period = null, stale = null, quarantine = null;
        ulong disqualified = 0;
        double discovery = 2;
        int paths = 1, first = 0;
        for (int i = 1; i < words.Length; i++)
        {
            string[] pair = words[i].Split('=');
            string value = pair.Length == 2 ? pair[1] : throw new FormatException($"'{words[i]}' is not name=value");
            switch (pair[0])
            {
                case "nodes": nodes = int.Parse(value, CultureInfo.InvariantCulture); break;
                case "seed": seed = ulong.Parse(value, CultureInfo.InvariantCulture); break;
                case "policy": policy = Enum.Parse<QuorumPolicy>(value); break;
                case "tiebreaker": tieBreaker = Enum.Parse<TieBreaker>(value); break;
                case "timing": timing = value switch { "Local" => ClusterTiming.Local, "Lan" => ClusterTiming.Lan, "Default" => ClusterTiming.Default, _ => throw new FormatException(value) }; break;
                case "votes": votes = [.. value.Split(',').Select(static each => int.Parse(each, CultureInfo.InvariantCulture))]; break;
                case "start": fromView = value == "view" || (value == "empty" ? false : throw new FormatException(value)); break;
                case "discovery": discovery = double.Parse(value.TrimEnd('L'), CultureInfo.InvariantCulture); break;
                case "stale": stale = value; break;
                case "disqualified": disqualified = value.Split(',').Aggregate(0UL, static (bits, node) => bits | 1UL << int.Parse(node, CultureInfo.InvariantCulture)); break;
                case "period": period = value; break;
                case "pinned": pinned = value == "on"; break;
                case "evidence": evidence = value == "on"; break;
                case "drift": drift = value == "on"; break;
                case "locked": locked = value == "on"; break;
                case "supervised": supervised = value == "on"; break;
                case "quarantine": quarantine = value; break; // quarantine=2,4L: after two removals, for 4 L
                case "admit": admit = value == "on"; break;
                case "record": keepsRecord = value == "on"; break;
                case "equalizer": equalizer = value; break;
                case "liars": liars = value == "on"; break;
                case "paths": paths = int.Parse(value, CultureInfo.InvariantCulture); break;
                case "first": first = int.Parse(value, CultureInfo.InvariantCulture); break; // first=3: only nodes 1 to 3 are in the first view
                case "bootstrap": bootstrap = value == "on"; break;
                default: throw new FormatException($"'{pair[0]}' is not a setting");
            }
        }
        if (votes is null)
        {
            votes = new int[nodes];
            Array.Fill(votes, 1);
        }
        var options = new WorldOptions
        {
            Seed = seed,
            Votes = [.. votes],
            Rule = new QuorumRule(policy, tieBreaker, pinned),
            Timing = timing,
            HasWitness = policy != QuorumPolicy.NodeMajority,
            StartFromView = fromView,
            DiscoveryInL = discovery,
            ClocksDrift = drift,
            TrustConnectionRefused = evidence,
            StoreLocked = locked,
            Supervised = supervised,
            Bootstrap = bootstrap,
            Liars = liars,
            AdmitOnRequest = admit,
            WitnessKeepsRecord = keepsRecord,
            Paths = paths,
            FirstMembers = first,
            Disqualified = disqualified,
            WitnessPeriod = timing.LossPeriod.Ticks,
        };
        if (stale is not null) options = options with { StaleAfter = new TimeSpan(Duration(stale, options)), FrameInterval = new TimeSpan(Duration(stale, options) * 2 / 5) };
        if (quarantine?.Split(',') is [var after, var time])
        {
            var kept = new TimeSpan(Duration(time, options));
            options = options with { Quarantine = new QuarantineOptions { After = int.Parse(after, CultureInfo.InvariantCulture), Window = 100 * options.Timing.LossPeriod, Time = kept, Limit = 8 * kept } };
        }
        if (equalizer is not null) options = options with { ArbitrationEqualizer = new TimeSpan(Duration(equalizer, options)) };
        return period is null ? options : options with { WitnessPeriod = Duration(period, options) };
    }
}
