// The command line of the commands that run real clusters: failover, rest, overlap, timeline and publish.
using System.Collections.Immutable;
using System.Globalization;

namespace Membership.Bench.Cluster;

internal sealed record Options
{
    public const string Usage = """
        usage: eng/bench failover [--nodes 2,3,5,8,16] [--fault kill,stop,cut,oneway] [--runs 5] [--peer-runs N] [--peer corosync|none] [--timing default|1000ms] [--evidence] [--markdown FILE] [--check]
               eng/bench overlap  [--nodes 2,4] [--fault split,isolated] [--runs 3] [--peer corosync|none] [--timing default|1000ms] [--markdown FILE] [--check]
               eng/bench rest     [--nodes 3,8,16] [--seconds 30] [--peer corosync|none] [--timing default|1000ms] [--check]
               eng/bench timeline [--nodes 3] [--fault kill,stop,cut,oneway] [--timing default|1000ms] [--peer corosync|none] [--svg DIR]
               eng/bench publish  [--nodes 3] [--runs 3] [--seconds 10] [--variant jit,r2r,trimmed,aot] [--markdown FILE]
           --timing 1000ms: both detect a loss after 1000 ms; default: each with its own defaults
           --peer-runs: how often the peer is measured in a row; default as often as ours
           --evidence: ours trusts a refused connection as proof of a crash
           --markdown: rows are added to this file as they are measured; those that are in it already are not measured again
           --check: exit code 1 when a target is missed
        """;

    private static readonly ImmutableArray<string> Commands = ["failover", "overlap", "rest", "timeline", "publish"];

    public required string Command { get; init; }

    public ImmutableArray<int> Nodes { get; init; } = [3];

    public ImmutableArray<BenchFault> Faults { get; init; } = [BenchFault.Kill, BenchFault.Stop, BenchFault.Cut, BenchFault.OneWay];

    public ImmutableArray<SplitFault> Splits { get; init; } = [SplitFault.Split, SplitFault.Isolated];

    public int Runs { get; init; } = 5;

    /// <summary>Null: as many as ours.</summary>
    public int? PeerRuns { get; init; }

    public int Seconds { get; init; } = 30;

    public bool Peer { get; init; } = true;

    public bool EqualDetection { get; init; }

    public bool Evidence { get; init; }

    public bool Check { get; init; }

    public string? Markdown { get; init; }

    public string Svg { get; init; } = Path.Combine("docs", "images");

    public ImmutableArray<PublishVariant> Variants { get; init; } = [.. Enum.GetValues<PublishVariant>()];

    public string Timing => EqualDetection ? "1000ms" : "default";

    public TimeSpan ClockPeriod => EqualDetection ? TimeSpan.FromMilliseconds(125) : TimeSpan.FromMilliseconds(300);

    public TimeSpan? Token => EqualDetection ? TimeSpan.FromMilliseconds(1000) : null;

    public static Options? Parse(string[] args, out string? problem)
    {
        problem = args is [] || args.Contains("--help") ? Usage : Commands.Contains(args[0]) ? null : $"bench: '{args[0]}' is not understood\n{Usage}";
        if (problem is not null) return null;
        var options = new Options { Command = args[0] };
        options = args[0] switch
        {
            "overlap" => options with { Nodes = [2, 4], Runs = 3 },
            "publish" => options with { Runs = 3, Seconds = 10 },
            _ => options,
        };
        for (int i = 1; i < args.Length; i++)
        {
            string name = args[i], value = name is "--evidence" or "--check" ? "" : ++i < args.Length ? args[i] : "";
            Options? next = options.With(name, value);
            if (next is null)
            {
                problem = $"bench {args[0]}: {name} '{value}' is not understood\n{Usage}";
                return null;
            }
            options = next;
        }
        return options;
    }

    private Options? With(string name, string value) => (Command, name) switch
    {
        ("overlap", "--nodes") => Numbers(value, 2, 64) is { } nodes && nodes.All(static count => count % 2 == 0) ? this with { Nodes = nodes } : null,
        (_, "--nodes") => Numbers(value, 2, 64) is { } nodes ? this with { Nodes = nodes } : null,
        ("overlap", "--fault") => Names<SplitFault>(value) is { } splits ? this with { Splits = splits } : null,
        ("failover" or "timeline", "--fault") => Names<BenchFault>(value) is { } faults ? this with { Faults = faults } : null,
        ("failover" or "overlap" or "publish", "--runs") => Numbers(value, 1, 1000) is [int runs] ? this with { Runs = runs } : null,
        ("failover", "--peer-runs") => Numbers(value, 1, 1000) is [int runs] ? this with { PeerRuns = runs } : null,
        ("rest" or "publish", "--seconds") => Numbers(value, 1, 3600) is [int seconds] ? this with { Seconds = seconds } : null,
        ("failover" or "overlap" or "rest" or "timeline", "--peer") => value is "corosync" or "none" ? this with { Peer = value == "corosync" } : null,
        ("failover" or "overlap" or "rest" or "timeline", "--timing") => value is "default" or "1000ms" ? this with { EqualDetection = value == "1000ms" } : null,
        ("failover" or "overlap" or "publish", "--markdown") => value.Length > 0 ? this with { Markdown = value } : null,
        ("timeline", "--svg") => value.Length > 0 ? this with { Svg = value } : null,
        ("publish", "--variant") => Names<PublishVariant>(value) is { } variants ? this with { Variants = variants } : null,
        ("failover", "--evidence") => this with { Evidence = true },
        ("failover" or "overlap" or "rest", "--check") => this with { Check = true },
        _ => null,
    };

    private static ImmutableArray<int>? Numbers(string text, int least, int most)
    {
        var numbers = ImmutableArray.CreateBuilder<int>();
        foreach (string word in text.Split(','))
        {
            if (!int.TryParse(word, NumberStyles.None, CultureInfo.InvariantCulture, out int number) || number < least || number > most) return null;
            numbers.Add(number);
        }
        return numbers.ToImmutable();
    }

    private static ImmutableArray<T>? Names<T>(string text)
        where T : struct, Enum
    {
        var names = ImmutableArray.CreateBuilder<T>();
        foreach (string word in text.Split(','))
        {
            if (word.Length == 0 || !char.IsAsciiLetter(word[0]) || !Enum.TryParse(word, ignoreCase: true, out T name)) return null;
            names.Add(name);
        }
        return names.ToImmutable();
    }
}
