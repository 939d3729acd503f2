// eng/fuzz: one line per target; exit code 1 with the input when something was found.
using System.Diagnostics;
using System.Globalization;
using Membership.Fuzz;
using Membership.Fuzz.Golden;

const string Usage = "usage: eng/fuzz [--target NAME|all] [--seconds S] [--inputs N] [--seed N] | --write-corpus DIRECTORY | --write-golden DIRECTORY";
string target = "all";
double seconds = 10;
long inputs = long.MaxValue;
int seed = Random.Shared.Next();
for (int i = 0; i < args.Length; i += 2)
{
    string value = i + 1 < args.Length ? args[i + 1] : "";
    bool good = args[i] switch
    {
        "--target" => (target = value) == "all" || FuzzTarget.Find(value) is not null,
        "--seconds" => double.TryParse(value, CultureInfo.InvariantCulture, out seconds) && seconds > 0 && seconds < 1e7,
        "--inputs" => long.TryParse(value, CultureInfo.InvariantCulture, out inputs) && inputs > 0,
        "--seed" => int.TryParse(value, CultureInfo.InvariantCulture, out seed),
        "--write-corpus" or "--write-golden" => Directory.Exists(value),
        _ => false,
    };
    if (!good)
    {
        Console.Error.WriteLine($"fuzz: '{args[i]} {value}' is not understood; targets: all {string.Join(' ', FuzzTarget.All.Select(static known => known.Name))}\n{Usage}");
        return 2;
    }
    if (args[i] == "--write-golden")
    {
        Console.WriteLine($"{GoldenCorpus.Write(value)} files written to {value}; those that were there are as they were");
        return 0;
    }
    if (args[i] != "--write-corpus") continue;
    CorpusMaker.Write(value);
    return 0;
}

bool found = false;
foreach (FuzzTarget each in FuzzTarget.All.Where(each => target == "all" || each.Name == target))
{
    long started = Stopwatch.GetTimestamp();
    FuzzResult result = new Fuzzer(each, seed).Run(inputs, TimeSpan.FromSeconds(seconds));
    double took = Stopwatch.GetElapsedTime(started).TotalSeconds;
    Console.WriteLine(string.Create(
        CultureInfo.InvariantCulture,
        $"{each.Name,-9} inputs={result.Inputs} accepted={result.Accepted} paths={result.Paths} most_bytes={result.MostBytes} slowest_us={result.Slowest.TotalMicroseconds:F0} per_second={result.Inputs / took:F0} seed={seed} findings={(result.Finding is null ? 0 : 1)}"));
    if (result.Finding is null) continue;
    Console.WriteLine(result.Finding);
    found = true;
}
return found ? 1 : 0;
