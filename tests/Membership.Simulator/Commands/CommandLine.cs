// What the user typed, checked: each wrong argument is answered with what was wrong and what to type instead.
using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using Membership.Engine;
using Membership.Engine.Protocol;
using Membership.Simulator.Gray;
using Membership.Simulator.Workload;

namespace Membership.Simulator.Commands;

internal sealed record CommandLine
{
    private const string Usage = """
        eng/simulate --seeds 1..1000 [--nodes 2..9] [--policy NodeMajority|NodeAndWitnessMajority|WitnessOnly|TwoNodeWitness|all] [--focus F] [--jobs N] [--defect D] [--mixed-versions] [--remember VIEWS]
        eng/simulate --campaign FILE --seeds 1..1000000 [--seconds S] [options as above]   (goes on where FILE ends)
        eng/simulate --replay SEED [--trace] [--nodes ..] [--policy ..] [--focus F] [--defect D]
        eng/simulate --defects all|D1,D2 [--budget SECONDS]
        eng/simulate --change 16 [--timing Local|Lan|Default] [--pauses MS] [--delay MS] [--stall MS] [--loss PER_MILLE] [--seeds 1..20] [--defect D]   (Lan = loss detection of 1000 ms)
        eng/simulate --gray all|IngressLoss,OneWayCut,FlipFlop,Crashes,LinkFlap,Blinks,TripwireResets [--nodes 100..100] [--minutes 10] [--seeds 1..1] [--trace]
        eng/simulate --scenario FILE [--trace] [--defect D]
        """;

    public ulong FirstSeed { get; init; } = 1;

    /// <summary>Unless said: a hundred random runs, or one seed of a gray failure.</summary>
    public ulong? LastSeed { get; init; }

    public ulong? Replay { get; init; }

    public bool Trace { get; init; }

    public int Jobs { get; init; } = 2;

    public RunFilter Filter { get; init; } = new();

    public IReadOnlyList<PlantedDefects>? Defects { get; init; }

    public int BudgetSeconds { get; init; } = 300;

    public int? Change { get; init; }

    public ClusterTiming Timing { get; init; } = ClusterTiming.Default;

    public int PauseMilliseconds { get; init; }

    public int LossPerMille { get; init; }

    public int DelayMilliseconds { get; init; }

    public int StallMilliseconds { get; init; }

    public string? Scenario { get; init; }

    public string? Campaign { get; init; }

    public int CampaignSeconds { get; init; } = int.MaxValue;

    public IReadOnlyList<GrayFault>? Gray { get; init; }

    public int Minutes { get; init; } = 10;

    public int Run()
    {
        if (Change is { } nodes) return ChangeCommand.Run(nodes, Timing, TimeSpan.FromMilliseconds(PauseMilliseconds), TimeSpan.FromMilliseconds(DelayMilliseconds), LossPerMille, TimeSpan.FromMilliseconds(StallMilliseconds), Filter.Defects, FirstSeed, LastSeed ?? 20, Console.Out);
        if (Gray is { } faults) return GrayCommand.Run(GrayNodes, faults, TimeSpan.FromMinutes(Minutes), FirstSeed, LastSeed ?? FirstSeed, Trace, Console.Out);
        if (Defects is { } defects) return DefectsCommand.Run(defects, TimeSpan.FromSeconds(BudgetSeconds), Filter, Console.Out);
        if (Scenario is { } file) return ScenarioCommand.Run(file, Filter.Defects, Trace, Console.Out);
        if (Replay is { } seed) return SeedsCommand.Replay(seed, Filter, Trace, Console.Out);
        if (Campaign is { } log) return CampaignCommand.Run(log, FirstSeed, LastSeed ?? 100, TimeSpan.FromSeconds(CampaignSeconds), Filter, Jobs, Console.Out);
        return SeedsCommand.Run(FirstSeed, LastSeed ?? 100, Filter, Jobs, Console.Out);
    }

    /// <summary>A hundred, as in the paper, unless --nodes says otherwise.</summary>
    private int GrayNodes => Filter == new RunFilter() ? 100 : Filter.MaxNodes;

    public static int Refuse(string error)
    {
        Console.Error.WriteLine(error);
        Console.Error.WriteLine(Usage);
        return 2;
    }

    public static bool TryParse(string[] args, [NotNullWhen(true)] out CommandLine? command, [NotNullWhen(false)] out string? error)
    {
        command = null;
        var line = new CommandLine();
        for (int i = 0; i < args.Length; i++)
        {
            string name = args[i];
            if (name == "--trace")
            {
                line = line with { Trace = true };
                continue;
            }
            if (name == "--mixed-versions")
            {
                line = line with { Filter = line.Filter with { MixedVersions = true } };
                continue;
            }
            if (i + 1 == args.Length)
            {
                error = $"{name} needs a value, or is not an option.";
                return false;
            }
            CommandLine? next = line.With(name, args[++i]);
            if (next is null)
            {
                error = $"{name} {args[i]}: not understood.";
                return false;
            }
            line = next;
        }
        command = line;
        error = null;
        return true;
    }

    private CommandLine? With(string name, string value)
    {
        switch (name)
        {
            case "--seeds" when Range(value, out ulong first, out ulong last): return this with { FirstSeed = first, LastSeed = last };
            case "--nodes" when Range(value, out ulong low, out ulong high) && low >= 1 && high <= 200 && low <= high:
                return this with { Filter = Filter with { MinNodes = (int)low, MaxNodes = (int)high } };
            case "--policy" when value == "all": return this with { Filter = Filter with { Policy = null } };
            case "--policy" when Name(value, out QuorumPolicy policy): return this with { Filter = Filter with { Policy = policy } };
            case "--remember" when Number(value, out int remembered): return this with { Filter = Filter with { RememberedViews = remembered } };
            case "--focus" when Name(value, out FaultFocus focus): return this with { Filter = Filter with { Focus = focus } };
            case "--defect" when Name(value, out PlantedDefects defect): return this with { Filter = Filter with { Defects = defect } };
            case "--defects" when value == "all": return this with { Defects = [.. Enum.GetValues<PlantedDefects>().Where(static defect => defect != PlantedDefects.None)] };
            case "--defects":
                var defects = new List<PlantedDefects>();
                foreach (string each in value.Split(','))
                {
                    if (!Name(each, out PlantedDefects named)) return null;
                    defects.Add(named);
                }
                return this with { Defects = defects };
            case "--replay" when ulong.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out ulong seed): return this with { Replay = seed };
            case "--jobs" when Number(value, out int jobs) && jobs is >= 1 and <= 64: return this with { Jobs = jobs };
            case "--budget" when Number(value, out int seconds): return this with { BudgetSeconds = seconds };
            case "--campaign" when Path.GetDirectoryName(Path.GetFullPath(value)) is { } folder && Directory.Exists(folder) && !Directory.Exists(value): return this with { Campaign = value };
            case "--seconds" when Number(value, out int limit) && limit > 0: return this with { CampaignSeconds = limit };
            case "--minutes" when Number(value, out int minutes) && minutes is >= 1 and <= 600: return this with { Minutes = minutes };
            case "--gray" when value == "all": return this with { Gray = Enum.GetValues<GrayFault>() };
            case "--gray":
                var faults = new List<GrayFault>();
                foreach (string each in value.Split(','))
                {
                    if (!Name(each, out GrayFault fault)) return null;
                    faults.Add(fault);
                }
                return this with { Gray = faults };
            case "--change" when Number(value, out int size) && size is >= 3 and <= 200: return this with { Change = size };
            case "--timing" when value is "Local" or "Lan" or "Default":
                return this with { Timing = value switch { "Local" => ClusterTiming.Local, "Lan" => ClusterTiming.Lan, _ => ClusterTiming.Default } };
            case "--pauses" when Number(value, out int pause) && pause <= 10_000: return this with { PauseMilliseconds = pause };
            case "--delay" when Number(value, out int delay) && delay <= 10_000: return this with { DelayMilliseconds = delay };
            case "--stall" when Number(value, out int stall) && stall <= 20_000: return this with { StallMilliseconds = stall };
            case "--loss" when Number(value, out int loss) && loss <= 900: return this with { LossPerMille = loss };
            case "--scenario": return this with { Scenario = value };
            default: return null;
        }
    }

    private static bool Name<T>(string value, out T parsed)
        where T : struct, Enum
        => Enum.TryParse(value, ignoreCase: true, out parsed) && Enum.IsDefined(parsed) && !char.IsDigit(value[0]);

    private static bool Number(string value, out int number) => int.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out number);

    private static bool Range(string value, out ulong first, out ulong last)
    {
        int dots = value.IndexOf("..", StringComparison.Ordinal);
        string left = dots < 0 ? value : value[..dots], right = dots < 0 ? value : value[(dots + 2)..];
        last = 0;
        return ulong.TryParse(left, NumberStyles.None, CultureInfo.InvariantCulture, out first)
            && ulong.TryParse(right, NumberStyles.None, CultureInfo.InvariantCulture, out last) && first <= last;
    }
}
