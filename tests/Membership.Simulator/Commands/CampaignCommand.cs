// A long campaign in chunks: every chunk that is done is one line in a file, and a campaign that is started again goes on behind the
// last one. The lines name the core (the commit the engine was built from) and the date, so that a result says what it is about.
using System.Diagnostics;
using System.Globalization;
using System.Reflection;
using System.Text.RegularExpressions;
using Membership.Engine;
using Membership.Simulator.World;
using Membership.Simulator.Workload;

namespace Membership.Simulator.Commands;

internal static partial class CampaignCommand
{
    public const ulong Chunk = 1000;

    /// <param name="file">Where the lines are; made when it is not there.</param>
    /// <param name="first">The first seed of the whole campaign.</param>
    /// <param name="last">Its last seed.</param>
    /// <param name="budget">No chunk is begun after this time.</param>
    /// <param name="filter">What is fixed for all runs; lines of other filters do not count.</param>
    /// <param name="jobs">Threads.</param>
    /// <param name="output">One line at the end; violations as they are found.</param>
    /// <returns>1 when any line of the campaign has a violation.</returns>
    public static int Run(string file, ulong first, ulong last, TimeSpan budget, RunFilter filter, int jobs, TextWriter output)
    {
        long started = Stopwatch.GetTimestamp();
        string about = SeedsCommand.FilterOptions(filter);
        HashSet<ulong> done = [.. Lines(file, about).Select(static line => line.First)];
        for (ulong from = first; from <= last && Stopwatch.GetElapsedTime(started) < budget; from += Chunk)
        {
            if (done.Contains(from)) continue;
            ulong to = Math.Min(last, from + Chunk - 1);
            long begun = Stopwatch.GetTimestamp();
            SeedTally tally = SeedTally.Of(from, to, filter, jobs);
            double seconds = Stopwatch.GetElapsedTime(begun).TotalSeconds;
            foreach ((ulong seed, Violation violation) in tally.Found)
            {
                string text = $"violation seed={seed} checker={violation.Checker} {violation.Text} replay: {SeedsCommand.ReplayLine(seed, filter)}";
                output.WriteLine(text);
                File.AppendAllText(file, $"# {text.ReplaceLineEndings(" ")}\n");
            }
            File.AppendAllText(file, string.Create(
                CultureInfo.InvariantCulture,
                $"{DateTime.UtcNow:yyyy-MM-ddTHH:mm:ssZ} core={Core()} options=[{about}] seeds={from}..{to} violations={tally.Found.Count} events={tally.Events} seconds={seconds:F1} slowest_ms={tally.Slowest.Elapsed.TotalMilliseconds:F0}@{tally.Slowest.Seed} heal={tally.SlowestHeal.Share:P0}@{tally.SlowestHeal.Seed} busiest={tally.Busiest.Regroups}@{tally.Busiest.Seed}\n"));
        }
        return Summarize(file, about, last - first + 1, output);
    }

    /// <summary>The commit the engine was built from.</summary>
    private static string Core()
    {
        string version = typeof(NodeId).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion ?? "";
        int plus = version.IndexOf('+', StringComparison.Ordinal);
        return plus < 0 ? "unknown" : version[(plus + 1)..Math.Min(version.Length, plus + 8)];
    }

    private static int Summarize(string file, string about, ulong wanted, TextWriter output)
    {
        long violations = 0;
        foreach (IGrouping<string, Line> core in Lines(file, about).GroupBy(static line => line.Core))
        {
            ulong runs = core.Aggregate(0UL, static (sum, line) => sum + line.Last - line.First + 1);
            long events = core.Sum(static line => line.Events), found = core.Sum(static line => line.Violations);
            double seconds = core.Sum(static line => line.Seconds);
            violations += found;
            output.WriteLine(string.Create(
                CultureInfo.InvariantCulture,
                $"core={core.Key} seeds={runs} of {wanted} violations={found} events={events} seconds={seconds:F0} seeds_per_s={runs / Math.Max(1e-3, seconds):F1} slowest_ms={core.Max(static line => line.SlowestMs)}"));
        }
        return violations == 0 ? 0 : 1;
    }

    private readonly record struct Line(string Core, ulong First, ulong Last, long Violations, long Events, double Seconds, long SlowestMs);

    private static List<Line> Lines(string file, string about)
    {
        List<Line> lines = [];
        if (!File.Exists(file)) return lines;
        // A last line that a kill cut short does not match: its chunk is run again.
        foreach (string text in File.ReadLines(file))
        {
            if (ChunkLine().Match(text) is not { Success: true, Groups: { } parts } || parts["about"].Value != about) continue;
            lines.Add(new Line(
                parts["core"].Value, Number(parts["first"]), Number(parts["last"]), (long)Number(parts["violations"]), (long)Number(parts["events"]),
                double.Parse(parts["seconds"].ValueSpan, CultureInfo.InvariantCulture), (long)Number(parts["slowest"])));
        }
        return lines;
    }

    private static ulong Number(Group part) => ulong.Parse(part.ValueSpan, CultureInfo.InvariantCulture);

    [GeneratedRegex(@"^\S+ core=(?<core>\S+) options=\[(?<about>[^\]]*)\] seeds=(?<first>\d+)\.\.(?<last>\d+) violations=(?<violations>\d+) events=(?<events>\d+) seconds=(?<seconds>[\d.]+) slowest_ms=(?<slowest>\d+)@\d+ .*busiest=\d+@\d+$")]
    private static partial Regex ChunkLine();
}
