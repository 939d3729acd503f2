// The changes of all files asked for, written into one assembly and judged one by one: file by file, each in an order that the seed shuffles
// (so that a run that was stopped has judged a uniform sample of the file it was at), and counted.
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
/// <param name="Quick">Milliseconds for each change that must do; 0 = all cases.</param>
/// <param name="Ends">When to stop, by <see cref="Stopwatch.GetTimestamp"/>.</param>
internal sealed record RunOptions(int Sample, int Seed, int Quick, long Ends)
{
    public bool IsOver => Stopwatch.GetTimestamp() > Ends;
}

/// <param name="File">The file's name.</param>
/// <param name="Changes">How many it has.</param>
/// <param name="Fates">What became of those that were judged.</param>
/// <param name="Survivors">What is known of those that survived.</param>
internal sealed record FileScore(string File, int Changes, IReadOnlyDictionary<Fate, int> Fates, IReadOnlyDictionary<Survivor, int> Survivors)
{
    private int Noticed => Fates.GetValueOrDefault(Fate.Killed) + Fates.GetValueOrDefault(Fate.TimedOut);

    private int Counted => Noticed + Fates.GetValueOrDefault(Fate.Survived);

    public int NotJudged => Changes - Fates.Values.Sum();

    public double Percent => Counted == 0 ? 100 : 100.0 * Noticed / Counted;

    /// <summary>The same when what means the same does not count.</summary>
    private double PercentOfNoticeable => Counted == Survivors.GetValueOrDefault(Survivor.Equivalent) ? 100 : 100.0 * Noticed / (Counted - Survivors.GetValueOrDefault(Survivor.Equivalent));

    public static FileScore Sum(IReadOnlyList<FileScore> scores)
        => new(
            "all files", scores.Sum(static score => score.Changes), Enum.GetValues<Fate>().ToDictionary(static fate => fate, fate => scores.Sum(score => score.Fates.GetValueOrDefault(fate))),
            Enum.GetValues<Survivor>().ToDictionary(static kind => kind, kind => scores.Sum(score => score.Survivors.GetValueOrDefault(kind))));

    /// <summary>The 95 % interval (Wilson) when only a sample was judged.</summary>
    public override string ToString()
    {
        double n = Math.Max(1, Counted), p = Noticed / n, z = 1.96, centre = (p + z * z / 2 / n) / (1 + z * z / n), half = z / (1 + z * z / n) * Math.Sqrt(p * (1 - p) / n + z * z / 4 / n / n);
        string interval = NotJudged == 0 ? "" : string.Create(CultureInfo.InvariantCulture, $" ({100 * (centre - half):F1} to {100 * (centre + half):F1})");
        return string.Create(CultureInfo.InvariantCulture,
            $"{File}: score={Percent:F1} %{interval} without_equivalents={PercentOfNoticeable:F1} % changes={Changes} killed={Fates.GetValueOrDefault(Fate.Killed)} timed_out={Fates.GetValueOrDefault(Fate.TimedOut)} survived={Fates.GetValueOrDefault(Fate.Survived)} no_compile={Fates.GetValueOrDefault(Fate.NoCompile)} not_judged={NotJudged}")
            + string.Create(CultureInfo.InvariantCulture, $" survivors: equivalent={Of(Survivor.Equivalent)} cost={Of(Survivor.Cost)} second_line={Of(Survivor.SecondLine)} hole={Of(Survivor.Hole)} not_explained={Fates.GetValueOrDefault(Fate.Survived) - Survivors.Values.Sum()}");

        int Of(Survivor kind) => Survivors.GetValueOrDefault(kind);
    }
}

internal sealed class MutationRun(EngineCompilation compilation, Judge judge, Verdicts verdicts, Explanations explanations, RunOptions options)
{
    private const int RecheckEvery = 500;

    private sealed record Open(int Number, string File, SyntaxTree Tree, Mutant Mutant, string Name);

    /// <summary>Entries of survivors.txt that fit nothing in the files of the last run.</summary>
    public IReadOnlyList<string> Stale { get; private set; } = [];

    /// <param name="files">Names, in this order.</param>
    /// <param name="every">These are all there are.</param>
    public IReadOnlyList<FileScore> Run(IReadOnlyList<string> files, bool every)
    {
        var all = files.Select(file => (File: file, Tree: compilation.Find("Protocol/" + file))).Select(static one => (one.File, one.Tree, Mutants: Mutant.Named(one.Tree, Mutator.MutantsOf(one.Tree)))).ToList();
        var open = new List<Open>();
        foreach ((string file, SyntaxTree tree, IReadOnlyList<(Mutant Mutant, string Name)> mutants) in all)
        {
            IEnumerable<(Mutant Mutant, string Name)> asked = mutants.OrderBy(one => Order(file, one.Name), StringComparer.Ordinal);
            if (options.Sample > 0) asked = asked.Take(options.Sample);
            foreach ((Mutant mutant, string name) in asked)
                if (verdicts.Of(file, name) is null) open.Add(new Open(open.Count + 1, file, tree, mutant, name));
        }
        if (open.Count > 0) JudgeAll(open);
        Stale = [.. explanations.Stale(all.ToDictionary(static one => one.File, static one => (IReadOnlySet<string>)one.Mutants.Select(static mutant => mutant.Name).ToHashSet(StringComparer.Ordinal), StringComparer.Ordinal), every, verdicts.Of)];
        return [.. all.Select(one => Score(one.File, one.Tree, one.Mutants)).Where(static score => score.Changes > 0)];
    }

    private FileScore Score(string file, SyntaxTree tree, IReadOnlyList<(Mutant Mutant, string Name)> mutants)
    {
        var fates = new Dictionary<Fate, int>();
        var survivors = new Dictionary<Survivor, int>();
        foreach ((Mutant mutant, string name) in mutants)
        {
            if (verdicts.Of(file, name) is not { } fate) continue;
            fates[fate] = fates.GetValueOrDefault(fate) + 1;
            if (fate != Fate.Survived) continue;
            Survivor? known = explanations.For(file, name);
            if (known is { } kind) survivors[kind] = survivors.GetValueOrDefault(kind) + 1;
            Console.WriteLine($"survived ({known?.ToString() ?? "not explained"}): {file} {mutant.Describe(tree)}   in: {name}");
        }
        return new FileScore(file, mutants.Count, fates, survivors);
    }

    private string Order(string file, string name) => Convert.ToHexString(SHA256.HashData(Encoding.UTF8.GetBytes(string.Create(CultureInfo.InvariantCulture, $"{options.Seed}/{file}/{name}"))));

    private void JudgeAll(List<Open> open)
    {
        (Dictionary<int, int> memberOf, byte[] assembly) = Compile(open);
        Console.WriteLine($"{open.Count} changes to judge, {memberOf.Count} of them in one assembly of {assembly.Length / 1024} KB; {judge.Use(assembly)}");
        var alone = new List<Open>();
        int judged = 0;
        foreach (Open one in open)
        {
            if (options.IsOver) break;
            if (!memberOf.TryGetValue(one.Number, out int member))
            {
                alone.Add(one);
                continue;
            }
            Note(one, judge.Try(one.Number, member, options.Quick));
            if (++judged % RecheckEvery == 0) Recheck();
        }
        if (judged % RecheckEvery != 0) Recheck();
        foreach (Open one in alone)
        {
            if (options.IsOver) return;
            string text = one.Tree.GetText().Replace(one.Mutant.Place, one.Mutant.Changed).ToString();
            (byte[]? engine, _) = compilation.Compiles(one.Tree, text) ? compilation.With([(one.Tree, text)], null) : default;
            Note(one, engine is null ? new Verdict(Fate.NoCompile, "", 0) : judge.TryAlone(engine));
        }

        void Recheck()
        {
            if (judge.Recheck() is { } reason) throw new InvalidOperationException($"After {judged} changes the engine as it is no longer passes ({reason}): the last {RecheckEvery} verdicts are worth nothing.");
        }
    }

    private void Note(Open one, Verdict verdict) => verdicts.Add(one.File, one.Name, verdict.Fate, verdict.By, verdict.Milliseconds);

    /// <summary>Leaves out what does not compile, change by change, and members whose plain copy does not.</summary>
    private (Dictionary<int, int> MemberOf, byte[] Assembly) Compile(List<Open> open)
    {
        var failed = new HashSet<int>();
        var leftAlone = new Dictionary<SyntaxTree, HashSet<TextSpan>>();
        while (true)
        {
            var written = new Dictionary<string, Schemata>(StringComparer.Ordinal);
            var texts = new List<(SyntaxTree, string)>();
            int members = 0;
            foreach (IGrouping<SyntaxTree, Open> file in open.Where(one => !failed.Contains(one.Number)).GroupBy(static one => one.Tree))
            {
                Schemata schemata = Schemata.Write(file.Key, file.ToDictionary(static one => one.Number, static one => one.Mutant), leftAlone.GetValueOrDefault(file.Key, []), members);
                members = schemata.Members;
                written.Add(file.Key.FilePath, schemata);
                texts.Add((file.Key, schemata.Text));
                leftAlone.TryAdd(file.Key, []);
            }
            (byte[]? assembly, IReadOnlyList<Diagnostic> errors) = compilation.With(texts, Schemata.SwitchText(members));
            if (assembly is not null) return (written.Values.SelectMany(static schemata => schemata.MemberOf).ToDictionary(), assembly);
            bool found = false;
            foreach (Diagnostic error in errors)
            {
                string path = error.Location.SourceTree?.FilePath ?? "";
                if (!written.TryGetValue(path, out Schemata? schemata) || schemata.Locate(error.Location.SourceSpan.Start) is not { } place)
                    throw new InvalidOperationException($"The engine with its changes does not compile: {error}");
                found |= place.Mutant != 0 ? failed.Add(place.Mutant) : leftAlone[texts.Find(one => one.Item1.FilePath == path).Item1].Add(place.Member);
            }
            if (!found) throw new InvalidOperationException($"The engine with its changes does not compile: {errors[0]}");
        }
    }
}
