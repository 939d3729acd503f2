// eng/mutate: changes one place of the protocol's files at a time and sees whether a test notices. The log has one line per change, and a
// later run goes on from it. Exit code 1 when a score is below what was asked for, 2 when survivors.txt has entries that fit nothing any more.
using System.Diagnostics;
using System.Globalization;
using Membership.Mutation;

const string Usage = "usage: eng/mutate --file NAME.cs[,NAME.cs...] | --all  [--sample N] [--seed S] [--seconds S] [--quick | --each MILLISECONDS] [--again] [--cases all|transcripts|others|PART_OF_A_NAME,...] [--least PERCENT] [--log FILE] [--survivors FILE]   NAME.cs: a file of src/Membership.Engine/Protocol";
string file = "", log = "", survivors = "", build = "", generated = "", worker = "", cases = "all";
double seconds = 1e9, least = 0;
int sample = 0, seed = 1, quick = 0;
bool every = false, again = false;
for (int i = 0; i < args.Length; i++)
{
    if (args[i] == "--all") every = true;
    else if (args[i] == "--again") again = true;
    else if (args[i] == "--quick") quick = 800;
    else
    {
        string option = args[i], value = ++i < args.Length ? args[i] : "";
        bool good = option switch
        {
            "--file" => (file = value).EndsWith(".cs", StringComparison.Ordinal),
            "--cases" => (cases = value).Length > 0,
            "--log" => (log = value).Length > 0,
            "--seconds" => double.TryParse(value, CultureInfo.InvariantCulture, out seconds) && seconds > 0,
            "--each" => int.TryParse(value, CultureInfo.InvariantCulture, out quick) && quick > 0,
            "--survivors" => File.Exists(survivors = value),
            "--least" => double.TryParse(value, CultureInfo.InvariantCulture, out least) && least is >= 0 and <= 100,
            "--sample" => int.TryParse(value, CultureInfo.InvariantCulture, out sample) && sample > 0,
            "--seed" => int.TryParse(value, CultureInfo.InvariantCulture, out seed),
            "--build" => File.Exists(build = value),
            "--generated" => Directory.Exists(generated = value),
            "--worker" => File.Exists(worker = value),
            _ => false,
        };
        if (good) continue;
        Console.Error.WriteLine($"mutate: '{option} {value}' is not understood\n{Usage}");
        return 2;
    }
}
if (every == (file.Length > 0) || log.Length == 0)
{
    Console.Error.WriteLine(Usage);
    return 2;
}

EngineCompilation compilation = EngineCompilation.Load(build, generated);
var verdicts = new Verdicts(log, again);
using var judge = new Judge(worker, verdicts.Kills, cases);
var run = new MutationRun(compilation, judge, verdicts, Explanations.Of(survivors.Length > 0 ? File.ReadLines(survivors) : []), new RunOptions(sample, seed, quick, Stopwatch.GetTimestamp() + (long)(seconds * Stopwatch.Frequency)));
Console.WriteLine($"changes in the order of seed {seed}{(sample > 0 ? $", at most {sample} of a file" : "")}");
// A file may be named as "Lease.cs" for "MembershipCore.Lease.cs".
string[] files = [.. compilation.ProtocolFiles];
if (!every) files = [.. file.Split(',').Select(part => files.FirstOrDefault(name => name == part) ?? files.FirstOrDefault(name => name == "MembershipCore." + part) ?? part)];
IReadOnlyList<FileScore> scores = run.Run(files, every);
foreach (FileScore score in scores) Console.WriteLine(score);
if (scores.Count > 1) Console.WriteLine(FileScore.Sum(scores));
foreach (string entry in run.Stale) Console.Error.WriteLine($"{survivors}: {entry}");
if (run.Stale.Count > 0) return 2;
return scores.All(score => score.Percent >= least && score.Changes > score.NotJudged) ? 0 : 1;
