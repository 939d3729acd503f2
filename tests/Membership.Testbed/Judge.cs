// Judges a run from what its nodes recorded: who served when and under which view. A recording that cannot be read is an
// error, never a pass. All instants are on the host-wide clock and were seen for certain: there is no tolerance.
using System.Collections.Immutable;
using System.Globalization;
using Membership.Testbed.Node;

namespace Membership.Testbed;

/// <summary>A view as a node installed it: members with their incarnations.</summary>
internal sealed record ViewRecord(long Epoch, string Hash, ImmutableSortedDictionary<int, long> Members);

/// <summary>What one life of a node recorded.</summary>
internal sealed record LifeRecord(
    int Node, int Life, bool WasStopped, IReadOnlyList<RecordedInterval> Serving, IReadOnlyList<RecordedInterval> MasterServing, IReadOnlyList<RecordedInterval> MasterRunning, IReadOnlyList<ViewRecord> Views);

/// <summary>What the judge found.</summary>
/// <param name="Overlap">Time in which somebody served while the members of a newer view without it served too. Must be zero.</param>
/// <param name="MasterOverlap">Time in which two masters worked with a valid lease. Must be zero.</param>
/// <param name="RunOverlap">Time in which the master-only work of two processes ran at all, frozen processes aside. Must be zero.</param>
/// <param name="Violations">Everything that must not be, in words; empty when all is well.</param>
/// <param name="Views">How many different views were installed.</param>
/// <param name="Served">The sum of all serving, so that a run in which nobody served is seen as what it is.</param>
/// <param name="MasterServed">The same for master-only work.</param>
/// <param name="Unjudged">Pairs of overlapping servings under different epochs whose newer view nobody had the time to tell.</param>
public sealed record Verdict(TimeSpan Overlap, TimeSpan MasterOverlap, TimeSpan RunOverlap, ImmutableArray<string> Violations, int Views, TimeSpan Served, TimeSpan MasterServed, int Unjudged);

internal static class Judge
{
    private readonly record struct Claim(LifeRecord Life, RecordedInterval Time);

    public static Verdict Of(IReadOnlyCollection<LifeRecord> lives)
    {
        var violations = ImmutableArray.CreateBuilder<string>();
        Dictionary<long, ViewRecord> views = ViewsByEpoch(lives, violations);
        foreach (LifeRecord life in lives) CheckOrder(life, violations);

        long overlap = 0, masters = 0, runs = 0;
        int unjudged = 0;
        foreach ((Claim older, Claim newer, long time) in Overlaps(lives, static life => life.Serving))
        {
            bool? together = MayServeTogether(older, newer, views);
            if (together is null) unjudged++;
            if (together is not false) continue;
            overlap += time;
            violations.Add(Describe("served while a newer view without it served", older, newer, time));
        }
        foreach ((Claim older, Claim newer, long time) in Overlaps(lives, static life => life.MasterServing))
        {
            masters += time;
            violations.Add(Describe("did master-only work under a valid lease while another did", older, newer, time));
        }
        foreach ((Claim older, Claim newer, long time) in Overlaps([.. lives.Where(static life => !life.WasStopped)], static life => life.MasterRunning))
        {
            runs += time;
            violations.Add(Describe("was running master-only work while another was", older, newer, time));
        }
        return new Verdict(
            Nanoseconds(overlap), Nanoseconds(masters), Nanoseconds(runs), violations.ToImmutable(), views.Count,
            Nanoseconds(lives.Sum(static life => life.Serving.Sum(Length))), Nanoseconds(lives.Sum(static life => life.MasterServing.Sum(Length))), unjudged);
    }

    private static long Length(RecordedInterval interval) => interval.Until - interval.From;

    private static TimeSpan Nanoseconds(long time) => TimeSpan.FromTicks((time + 99) / 100);

    private static Dictionary<long, ViewRecord> ViewsByEpoch(IEnumerable<LifeRecord> lives, ImmutableArray<string>.Builder violations)
    {
        var views = new Dictionary<long, ViewRecord>();
        foreach (ViewRecord view in lives.SelectMany(static life => life.Views))
            if (!views.TryAdd(view.Epoch, view) && views[view.Epoch] is var known && (known.Hash != view.Hash || !known.Members.SequenceEqual(view.Members)))
                violations.Add($"epoch {view.Epoch} has two memberships: {{{Text(known)}}} and {{{Text(view)}}}");
        return views;
    }

    private static string Text(ViewRecord view) => string.Join(',', view.Members.Select(static member => $"{member.Key}:{member.Value}")) + $" #{view.Hash}";

    private static void CheckOrder(LifeRecord life, ImmutableArray<string>.Builder violations)
    {
        for (int i = 1; i < life.Serving.Count; i++)
            if (life.Serving[i].Epoch <= life.Serving[i - 1].Epoch)
                violations.Add($"node {life.Node} (life {life.Life}) served under epoch {life.Serving[i].Epoch} after epoch {life.Serving[i - 1].Epoch}");
    }

    /// <summary>Two lives may serve at once when the newer one's view has the older one's very life as a member; null when nobody told that view.</summary>
    private static bool? MayServeTogether(Claim older, Claim newer, Dictionary<long, ViewRecord> views)
    {
        if (older.Life.Node == newer.Life.Node) return false;
        if (older.Time.Epoch == newer.Time.Epoch) return !views.TryGetValue(newer.Time.Epoch, out ViewRecord? both) || (both.Members.ContainsKey(older.Life.Node) && both.Members.ContainsKey(newer.Life.Node));
        if (!views.TryGetValue(newer.Time.Epoch, out ViewRecord? view)) return null;
        if (!view.Members.TryGetValue(older.Life.Node, out long incarnation)) return false;
        return !views.TryGetValue(older.Time.Epoch, out ViewRecord? own) || !own.Members.TryGetValue(older.Life.Node, out long known) || known == incarnation;
    }

    private static IEnumerable<(Claim Older, Claim Newer, long Time)> Overlaps(IReadOnlyCollection<LifeRecord> lives, Func<LifeRecord, IReadOnlyList<RecordedInterval>> of)
    {
        Claim[] claims = [.. lives.SelectMany(life => of(life).Select(time => new Claim(life, time))).OrderBy(static claim => claim.Time.From)];
        for (int i = 0; i < claims.Length; i++)
            for (int j = i + 1; j < claims.Length && claims[j].Time.From <= claims[i].Time.Until; j++)
            {
                if (claims[i].Life == claims[j].Life) continue;
                // A single instant inside another's time counts too.
                long time = Math.Max(1, Math.Min(claims[i].Time.Until, claims[j].Time.Until) - claims[j].Time.From);
                yield return claims[i].Time.Epoch <= claims[j].Time.Epoch ? (claims[i], claims[j], time) : (claims[j], claims[i], time);
            }
    }

    private static string Describe(string what, Claim older, Claim newer, long time) => string.Create(
        CultureInfo.InvariantCulture,
        $"node {older.Life.Node} (life {older.Life.Life}, epoch {older.Time.Epoch}, until t={older.Time.Until}) {what}: node {newer.Life.Node} (life {newer.Life.Life}, epoch {newer.Time.Epoch}, from t={newer.Time.From}), for {time / 1e6:0.###} ms");
}
