// The command line of eng/chaos.
using System.Globalization;
using Membership.Testbed;

namespace Membership.Chaos;

internal sealed record ChaosOptions(double Minutes, int Nodes, int Seed, int FirstRound, WitnessBackend Witness)
{
    public const string Usage = """
        usage: eng/chaos [--minutes M] [--nodes N] [--seed S] [--arbiter none|file|scsi|blob|share] [--from ROUND]
           M: how long faults go on, above 0, default 1 (the last round is always finished)
           N: 2..16, default 3
           S: any whole number; the same seed gives the same faults; default by chance
           ROUND: the first round, default 1: its faults are the same as in a run that came to it
           last line: faults=<n> views=<n> overlap_ms=<n> violations=<n>; exit code 1 on a violation
        """;

    public static ChaosOptions? Parse(string[] args, out string? problem)
    {
        double minutes = 1;
        int nodes = 3, seed = Random.Shared.Next(1, 1_000_000), first = 1;
        WitnessBackend witness = WitnessBackend.None;
        problem = null;
        for (int i = 0; i < args.Length && problem is null; i += 2)
        {
            string value = i + 1 < args.Length ? args[i + 1] : "";
            bool good = args[i] switch
            {
                "--minutes" => double.TryParse(value, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out minutes) && minutes > 0,
                "--nodes" => int.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out nodes) && nodes is >= 2 and <= 16,
                "--seed" => int.TryParse(value, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out seed),
                "--from" => int.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out first) && first >= 1,
                "--arbiter" => Enum.TryParse(value, ignoreCase: true, out witness) && Enum.IsDefined(witness) && !char.IsAsciiDigit(value[0]),
                _ => false,
            };
            if (!good) problem = $"chaos: {args[i]} '{value}' is not understood\n{Usage}";
        }
        return problem is null ? new ChaosOptions(minutes, nodes, seed, first, witness) : null;
    }
}
