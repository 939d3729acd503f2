// eng/mutate: changes one place of a file of the engine at a time and sees whether a test notices. One line per change in a log that a
// later run goes on from; the last line is the score. Exit code 1 when the score is below what was asked for.
using System.Diagnostics;
using System.Globalization;
using Membership.Mutation;
using Microsoft.CodeAnalysis;

const string Usage = "usage: eng/mutate --file NAME.cs [--seconds S] [--log FILE] [--least PERCENT]   NAME.cs: a file of src/Membership.Engine/Protocol";
string file = "", log = "", build = "", generated = "", simulator = "", engine = "";
double seconds = double.MaxValue / 1e10, least = 0;
for (int i = 0; i + 1 < args.Length; i += 2)
{
    string value = args[i + 1];
    bool good = args[i] switch
    {
        "--file" => (file = value).EndsWith(".cs", StringComparison.Ordinal),
        "--log" => (log = value).Length > 0,
        "--seconds" => double.TryParse(value, CultureInfo.InvariantCulture, out seconds) && seconds > 0,
        "--least" => double.TryParse(value, CultureInfo.InvariantCulture, out least) && least is >= 0 and <= 100,
        "--build" => File.Exists(build = value),
        "--generated" => Directory.Exists(generated = value),
        "--simulator-tests" => File.Exists(simulator = value),
        "--engine-tests" => File.Exists(engine = value),
        _ => false,
    };
    if (good) continue;
    Console.Error.WriteLine($"mutate: '{args[i]} {value}' is not understood\n{Usage}");
    return 2;
}
if (args.Length % 2 != 0 || file.Length == 0 || log.Length == 0)
{
    Console.Error.WriteLine(Usage);
    return 2;
}

EngineCompilation compilation = EngineCompilation.Load(build, generated);
SyntaxTree tree = compilation.Find("Protocol/" + file);
List<Mutant> mutants = Mutator.MutantsOf(tree);
// The place of a change is its line: when the file has changed, its mutants are new ones.
string version = Convert.ToHexStringLower(tree.GetText().GetChecksum().AsSpan()[..4]);
var known = new Dictionary<string, Fate>();
if (File.Exists(log))
    foreach (string[] parts in File.ReadLines(log).Select(static line => line.Split('\t')))
        if (parts.Length == 4 && parts[0] == file && parts[1] == version && Enum.TryParse(parts[2], out Fate fate)) known[parts[3]] = fate;

// Stories that must end badly without a rule are about the rules that are taken out there, not about a change here.
var judge = new Judge([new Stage(simulator, ["-method-", "*Without_its_rule*", "-class-", "*CampaignTests"]), new Stage(engine, ["-namespace", "Membership.Engine.Tests.Protocol"])]);
Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{file}: {mutants.Count} changes, {known.Count} judged before; the tests take {judge.Calibrate(compilation.With(tree, null)!).TotalSeconds:F1} s on the engine as it is"));
long started = Stopwatch.GetTimestamp();
var fates = new Dictionary<Fate, int>();
int left = 0;
for (int i = 0; i < mutants.Count; i++)
{
    string name = $"{mutants[i].Place.Start} {mutants[i].Describe(tree)}";
    if (!known.TryGetValue(name, out Fate fate))
    {
        if (Stopwatch.GetElapsedTime(started).TotalSeconds > seconds)
        {
            left++;
            continue;
        }
        fate = compilation.With(tree, mutants[i]) is { } changed ? judge.Try(changed) : Fate.NoCompile;
        File.AppendAllText(log, $"{file}\t{version}\t{fate}\t{name}\n");
    }
    fates[fate] = fates.GetValueOrDefault(fate) + 1;
    if (fate == Fate.Survived) Console.WriteLine($"survived: {file} {mutants[i].Describe(tree)}");
}
int noticed = fates.GetValueOrDefault(Fate.Killed) + fates.GetValueOrDefault(Fate.TimedOut), survived = fates.GetValueOrDefault(Fate.Survived);
double score = noticed + survived == 0 ? 100 : 100.0 * noticed / (noticed + survived);
Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{file}: score={score:F1} % killed={fates.GetValueOrDefault(Fate.Killed)} timed_out={fates.GetValueOrDefault(Fate.TimedOut)} survived={survived} no_compile={fates.GetValueOrDefault(Fate.NoCompile)} not_judged={left}"));
return score >= least ? 0 : 1;
