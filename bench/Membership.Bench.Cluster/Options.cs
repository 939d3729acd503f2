// The command line of eng/bench failover and eng/bench rest.
using System.Collections.Immutable;
using System.Globalization;

namespace Membership.Bench.Cluster;

internal sealed record Options
{
    public const string Usage = """
        usage: eng/bench failover [--nodes 2,3,5,8,16] [--fault kill,stop,cut,oneway] [--runs 5] [--peer corosync|none] [--timing default|1000ms] [--evidence] [--check]
               eng/bench rest     [--nodes 3,8,16] [--seconds 30] [--peer corosync|none] [--timing default|1000ms] [--check]
           --timing 1000ms: both detect a loss after 1000 ms; default: each with its own defaults
           --evidence: ours trusts a refused connection as proof of a crash
           --check: exit code 1 when a target is missed
        """;

    public required string Command { get; init; }

    public ImmutableArray<int> Nodes { get; init; } = [3];

    public ImmutableArray<BenchFault> Faults { get; init; } = [BenchFault.Kill, BenchFault.Stop, BenchFault.Cut, BenchFault.OneWay];

    public int Runs { get; init; } = 5;

    public int Seconds { get; init; } = 30;

    public bool Peer { get; init; } = true;

    public bool EqualDetection { get; init; }

    public bool Evidence { get; init; }

    public bool Check { get; init; }

    public TimeSpan ClockPeriod => EqualDetection ? TimeSpan.FromMilliseconds(125) : TimeSpan.FromMilliseconds(300);

    public TimeSpan? Token => EqualDetection ? TimeSpan.FromMilliseconds(1000) : null;

    public static Options? Parse(string[] args, out string? problem)
    {
        problem = args is [] ? Usage : args[0] is "failover" or "rest" ? null : $"bench: '{args[0]}' is not understood\n{Usage}";
        if (problem is not null) return null;
        var options = new Options { Command = args[0] };
        for (int i = 1; i < args.Length; i++)
        {
            string name = args[i], value = name is "--evidence" or "--check" ? "" : ++i < args.Length ? args[i] : "";
            Options? next = name switch
            {
                "--nodes" when Numbers(value, 2, 64) is { } nodes => options with { Nodes = nodes },
                "--fault" when FaultsOf(value) is { } faults => options with { Faults = faults },
                "--runs" when Numbers(value, 1, 1000) is [int runs] => options with { Runs = runs },
                "--seconds" when Numbers(value, 1, 3600) is [int seconds] => options with { Seconds = seconds },
                "--peer" when value is "corosync" or "none" => options with { Peer = value == "corosync" },
                "--timing" when value is "default" or "1000ms" => options with { EqualDetection = value == "1000ms" },
                "--evidence" => options with { Evidence = true },
                "--check" => options with { Check = true },
                _ => null,
            };
            if (next is null)
            {
                problem = $"bench: {name} '{value}' is not understood\n{Usage}";
                return null;
            }
            options = next;
        }
        return options;
    }

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

    private static ImmutableArray<BenchFault>? FaultsOf(string text)
    {
        var faults = ImmutableArray.CreateBuilder<BenchFault>();
        foreach (string word in text.Split(','))
        {
            if (word.Length == 0 || char.IsAsciiDigit(word[0]) || !Enum.TryParse(word, ignoreCase: true, out BenchFault fault)) return null;
            faults.Add(fault);
        }
        return faults.ToImmutable();
    }
}
