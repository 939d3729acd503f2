// One file of the protocol: its changes written into one assembly, judged one by one in an order that the seed shuffles (so that a run that
// was stopped has judged a uniform sample), and counted.
using System.Diagnostics;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.Text;

namespace Membership.Mutation;

/// <summary>What is asked for.</summary>
/// <param name="Sample">At most so many changes of a file; 0 = all.</param>
/// <param name="Seed">Which ones, and in which order.</param>
/// <param name="Ends">When to stop, by <see cref="Stopwatch.GetTimestamp"/>.</param>
internal sealed record RunOptions(int Sample, int Seed, long Ends)
{
    public bool IsOver => Stopwatch.GetTimestamp() > Ends;
}

/// <param name="File">The file's name.</param>
/// <param name="Changes">How many it has.</param>
/// <param name="Fates">What became of those that were judged.</param>
internal sealed record FileScore(string File, int Changes, IReadOnlyDictionary<Fate, int> Fates)
{
    private int Noticed => Fates.GetValueOrDefault(Fate.Killed) + Fates.GetValueOrDefault(Fate.TimedOut);

    private int Counted => Noticed + Fates.GetValueOrDefault(Fate.Survived);

    public int NotJudged => Changes - Fates.Values.Sum();

    public double Percent => Counted == 0 ? 100 : 100.0 * Noticed / Counted;

    public static FileScore Sum(IReadOnlyList<FileScore> scores)
        => new("all files", scores.Sum(static score => score.Changes), Enum.GetValues<Fate>().ToDictionary(static fate => fate, fate => scores.Sum(score => score.Fates.GetValueOrDefault(fate))));

    /// <summary>The 95 % interval (Wilson) when only a sample was judged.</summary>
    public override string ToString()
    {
        double n = Math.Max(1, Counted), p = Noticed / n, z = 1.96, centre = (p + z * z / 2 / n) / (1 + z * z / n), half = z / (1 + z * z / n) * Math.Sqrt(p * (1 - p) / n + z * z / 4 / n / n);
        string interval = NotJudged == 0 ? "" : string.Create(CultureInfo.InvariantCulture, $" ({100 * (centre - half):F1} to {100 * (centre + half):F1})");
        return string.Create(CultureInfo.InvariantCulture,
            $"{File}: score={Percent:F1} %{interval} changes={Changes} killed={Fates.GetValueOrDefault(Fate.Killed)} timed_out={Fates.GetValueOrDefault(Fate.TimedOut)} survived={Fates.GetValueOrDefault(Fate.Survived)} no_compile={Fates.GetValueOrDefault(Fate.NoCompile)} not_judged={NotJudged}");
    }
}

internal sealed class FileRun(EngineCompilation compilation, Judge judge, Verdicts verdicts, RunOptions options)
{
    private const int RecheckEvery = 200;

    public FileScore Run(string file)
    {
        SyntaxTree tree = compilation.Find("Protocol/" + file);
        IReadOnlyList<(Mutant Mutant, string Name)> all = Mutant.Named(tree, Mutator.MutantsOf(tree));
        IEnumerable<(Mutant Mutant, string Name)> asked = all.OrderBy(one => Order(file, one.Name), StringComparer.Ordinal);
        if (options.Sample > 0) asked = asked.Take(options.Sample);
        List<(Mutant Mutant, string Name)> open = [.. asked.Where(one => verdicts.Of(file, one.Name) is null)];
        if (open.Count > 0 && !options.IsOver) JudgeAll(file, tree, open);

        var fates = new Dictionary<Fate, int>();
        foreach ((Mutant mutant, string name) in all)
        {
            if (verdicts.Of(file, name) is not { } fate) continue;
            fates[fate] = fates.GetValueOrDefault(fate) + 1;
            if (fate == Fate.Survived) Console.WriteLine($"survived: {file} {mutant.Describe(tree)}   in: {name}");
        }
        return new FileScore(file, all.Count, fates);
    }

    private string Order(string file, string name) => Convert.ToHexString(SHA256.HashData(Encoding.UTF8.GetBytes(string.Create(CultureInfo.InvariantCulture, $"{options.Seed}/{file}/{name}"))));

    private void JudgeAll(string file, SyntaxTree tree, List<(Mutant Mutant, string Name)> open)
    {
        var numbered = new Dictionary<int, Mutant>();
        for (int i = 0; i < open.Count; i++) numbered[i + 1] = open[i].Mutant;
        var failed = new HashSet<int>();
        (Schemata schemata, byte[] assembly) = Compile(tree, numbered, failed);
        Console.WriteLine($"{file}: {open.Count} changes to judge, {schemata.MemberOf.Count} of them in one assembly of {assembly.Length / 1024} KB; {judge.Use(assembly)}");

        var alone = new List<int>();
        int judged = 0, recheckedAt = 0;
        for (int number = 1; number <= open.Count && !options.IsOver; number++)
        {
            if (!schemata.MemberOf.TryGetValue(number, out int member))
            {
                alone.Add(number);
                continue;
            }
            Note(file, open[number - 1].Name, judge.Try(number, member));
            if (++judged - recheckedAt < RecheckEvery) continue;
            recheckedAt = judged;
            Recheck();
        }
        if (judged > recheckedAt) Recheck();
        foreach (int number in alone)
        {
            if (options.IsOver) return;
            (byte[]? engine, _) = compilation.With(tree, tree.GetText().Replace(numbered[number].Place, numbered[number].Changed).ToString(), null);
            Note(file, open[number - 1].Name, engine is null ? new Verdict(Fate.NoCompile, "", 0) : judge.TryAlone(engine));
        }

        void Recheck()
        {
            if (judge.Recheck() is { } reason) throw new InvalidOperationException($"After {judged} changes of {file} the engine as it is no longer passes ({reason}): the last verdicts are worth nothing.");
        }
    }

    private void Note(string file, string name, Verdict verdict) => verdicts.Add(file, name, verdict.Fate, verdict.By, verdict.Milliseconds);

    /// <summary>Leaves out what does not compile, change by change, and members whose plain copy does not.</summary>
    private (Schemata Schemata, byte[] Assembly) Compile(SyntaxTree tree, Dictionary<int, Mutant> numbered, HashSet<int> failed)
    {
        var leftAlone = new HashSet<TextSpan>();
        while (true)
        {
            Schemata schemata = Schemata.Write(tree, numbered.Where(pair => !failed.Contains(pair.Key)).ToDictionary(), leftAlone);
            (byte[]? assembly, IReadOnlyList<Diagnostic> errors) = compilation.With(tree, schemata.Text, schemata.SwitchText);
            if (assembly is not null) return (schemata, assembly);
            int before = failed.Count + leftAlone.Count;
            foreach (Diagnostic error in errors)
            {
                if (schemata.Locate(error.Location.SourceSpan.Start) is not { } place) throw new InvalidOperationException($"The engine with its changes does not compile: {error}");
                if (place.Mutant != 0) failed.Add(place.Mutant);
                else leftAlone.Add(place.Member);
            }
            if (failed.Count + leftAlone.Count == before) throw new InvalidOperationException($"The engine with its changes does not compile: {errors[0]}");
        }
    }
}
