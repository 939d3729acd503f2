// Every row beside the baseline of its group, and the targets: what must allocate nothing, what may cost how much of what stands beside it.
// A target is judged by the quickest of the measured iterations: what else the machine does only ever adds.
using System.Globalization;
using BenchmarkDotNet.Reports;

namespace Membership.Bench;

/// <summary>One measured benchmark.</summary>
/// <param name="Group">What is compared.</param>
/// <param name="Parameters">At which size.</param>
/// <param name="Name">Which contestant.</param>
/// <param name="Method">Its method.</param>
/// <param name="IsBaseline">The others are measured against it.</param>
/// <param name="Nanoseconds">Median.</param>
/// <param name="Quickest">The least, in ns.</param>
/// <param name="Allocated">Bytes per operation; null = not measured.</param>
internal sealed record MicroRow(string Group, string Parameters, string Name, string Method, bool IsBaseline, double Nanoseconds, double Quickest, long? Allocated);

internal sealed class MicroReport(IReadOnlyList<MicroRow> rows)
{
    /// <summary>The check's own part, above the clock that it reads.</summary>
    private const double LeaseNanoseconds = 5;

    private const long NoiseBytes = 2;

    public static MicroReport Of(IEnumerable<Summary> summaries) => new([.. summaries.SelectMany(static summary => summary.Reports).Select(Row)]);

    /// <summary>Prints the table and the verdicts.</summary>
    /// <returns>Whether every target was met and nothing failed.</returns>
    public bool Print(TextWriter output)
    {
        output.WriteLine();
        output.WriteLine("| what | | median | allocated | ratio to its baseline |");
        output.WriteLine("| --- | --- | --- | --- | --- |");
        foreach (IGrouping<(string, string), MicroRow> group in rows.GroupBy(static row => (row.Group, row.Parameters)))
        {
            double baseline = group.FirstOrDefault(static row => row.IsBaseline)?.Nanoseconds ?? double.NaN;
            foreach (MicroRow row in group)
                output.WriteLine($"| {row.Group}{row.Parameters} | {row.Name} | {Time(row.Nanoseconds)} | {(row.Allocated is { } bytes ? $"{bytes} B" : "?")} | {(row.IsBaseline ? "baseline" : Ratio(row.Nanoseconds / baseline))} |");
        }
        output.WriteLine();
        bool met = rows.Count > 0;
        foreach ((string target, bool? holds, string measured) in Targets())
        {
            output.WriteLine($"{holds switch { true => "met", false => "MISSED", null => "not measured" }}: {target} ({measured})");
            met &= holds != false;
        }
        if (rows.Any(static row => row.Method == nameof(WireBenchmarks.NamedEncode)))
        {
            using var wire = new WireBenchmarks();
            (int plain, int brief, int named, int json) = wire.StatusLengths;
            output.WriteLine($"the status takes {plain} bytes, in brief {brief}, with its view named {named}, as JSON {json}");
        }
        foreach (MicroRow failed in rows.Where(static row => double.IsNaN(row.Nanoseconds)))
        {
            output.WriteLine($"FAILED: {failed.Group}: {failed.Name}");
            met = false;
        }
        return met;
    }

    private IEnumerable<(string Target, bool? Holds, string Measured)> Targets()
    {
        yield return Nothing("a heartbeat's way through the wire allocates nothing", nameof(WireBenchmarks.EncodeSealOpenDecode));
        yield return Nothing("a heartbeat in the core allocates nothing", nameof(CoreBenchmarks.HeartbeatStep));
        yield return Nothing("a seal allocates nothing", nameof(WireBenchmarks.Seal));
        yield return Nothing("a lease check allocates nothing", nameof(LeaseBenchmarks.IsValid));
        double own = rows.Any(static row => row.Method == nameof(LeaseBenchmarks.IsValid)) ? LeaseOverhead.Measure() : double.NaN;
        yield return ($"a lease check takes less than {LeaseNanoseconds} ns above the clock it reads", double.IsNaN(own) ? null : own < LeaseNanoseconds, string.Create(CultureInfo.InvariantCulture, $"{own:F1} ns"));
        yield return AtMost(2.5, "the lease check", nameof(LeaseBenchmarks.IsValid), "Stopwatch.GetTimestamp", nameof(LeaseBenchmarks.Timestamp));
        yield return AtMost(2, "the seal of 1200 bytes", nameof(WireBenchmarks.Seal), "bare AES-256-GCM", nameof(WireBenchmarks.BareEncrypt));
        foreach ((string form, string encode, string decode) in ((string, string, string)[])[
            ("a status", nameof(WireBenchmarks.CodecEncode), nameof(WireBenchmarks.CodecDecode)),
            ("a status in brief", nameof(WireBenchmarks.BriefEncode), nameof(WireBenchmarks.BriefDecode)),
            ("a status in brief that names its view", nameof(WireBenchmarks.NamedEncode), nameof(WireBenchmarks.NamedDecode))])
        {
            yield return AtMost(0.5, $"encoding {form}", encode, "System.Text.Json", nameof(WireBenchmarks.JsonEncode));
            yield return AtMost(1, $"decoding {form}", decode, "reading JSON's tokens", nameof(WireBenchmarks.JsonRead));
        }
        yield return AtMost(1, "NodeSet.Contains", nameof(NodeSetBenchmarks.Contains), "HashSet<int>", nameof(NodeSetBenchmarks.HashContains));
        yield return AtMost(1.5, "a union of NodeSets", nameof(NodeSetBenchmarks.Union), "BitArray", nameof(NodeSetBenchmarks.BitUnion));
        yield return AtMost(1.5, "an intersection of NodeSets", nameof(NodeSetBenchmarks.Intersection), "BitArray", nameof(NodeSetBenchmarks.BitIntersection));
        yield return AtMost(0.5, "NodeSet.IsSubsetOf", nameof(NodeSetBenchmarks.Subset), "HashSet<int>", nameof(NodeSetBenchmarks.HashSubset));
        yield return AtMost(2, "the heaviest clique", nameof(CliqueBenchmarks.Heaviest), "a look at every pair", nameof(CliqueBenchmarks.Scan));
        yield return AtMost(8, "a compare-and-set at the coordinator", nameof(TableBenchmarks.CompareAndSetAtCoordinator), "a bare datagram's round trip", nameof(TableBenchmarks.RoundTrip));
    }

    /// <summary>The runtime's own threads allocate now and then, which shows as a byte or two; an object of one's own is at least 24.</summary>
    private (string Target, bool? Holds, string Measured) Nothing(string target, string method)
    {
        MicroRow[] found = [.. rows.Where(row => row.Method == method)];
        long? most = found.Any(static row => row.Allocated is null) ? null : found.Max(static row => row.Allocated);
        return (target, found.Length == 0 ? null : most is null ? null : most <= NoiseBytes, most is { } bytes ? $"{bytes} B" : "not measured");
    }

    /// <summary>The worst of all sizes counts.</summary>
    private (string Target, bool? Holds, string Measured) AtMost(double ratio, string what, string method, string baseline, string baselineMethod)
    {
        double[] ratios = [.. rows.Where(row => row.Method == method)
            .Join(rows.Where(row => row.Method == baselineMethod), static row => row.Parameters, static other => other.Parameters, static (row, other) => row.Quickest / other.Quickest)];
        return ($"{what} takes at most {ratio.ToString(CultureInfo.InvariantCulture)} times {baseline}", ratios.Length == 0 ? null : ratios.Max() <= ratio, ratios.Length == 0 ? "not measured" : Ratio(ratios.Max()));
    }

    private static MicroRow Row(BenchmarkReport report)
    {
        var method = report.BenchmarkCase.Descriptor;
        string group = method.Categories.FirstOrDefault() ?? method.Type.Name.Replace("Benchmarks", "", StringComparison.Ordinal).ToLowerInvariant();
        string parameters = string.Concat(report.BenchmarkCase.Parameters.Items.Select(static item => $", {item.Name.ToLowerInvariant()} {item.Value}"));
        bool measured = report.Success && report.ResultStatistics is not null;
        return new MicroRow(group, parameters, method.WorkloadMethodDisplayInfo.Trim('\''), method.WorkloadMethod.Name, method.Baseline,
            measured ? report.ResultStatistics!.Median : double.NaN, measured ? report.ResultStatistics!.Min : double.NaN,
            measured ? report.GcStats.GetBytesAllocatedPerOperation(report.BenchmarkCase) : null);
    }

    private static string Time(double nanoseconds) => nanoseconds switch
    {
        >= 1e6 => string.Create(CultureInfo.InvariantCulture, $"{nanoseconds / 1e6:F2} ms"),
        >= 1e3 => string.Create(CultureInfo.InvariantCulture, $"{nanoseconds / 1e3:F2} us"),
        _ => string.Create(CultureInfo.InvariantCulture, $"{nanoseconds:F2} ns"),
    };

    private static string Ratio(double ratio) => ratio.ToString(ratio >= 10 ? "F0" : "F2", CultureInfo.InvariantCulture);
}
