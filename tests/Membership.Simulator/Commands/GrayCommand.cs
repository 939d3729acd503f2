// The table of gray failures: one line per fault, exit code 1 when a checker objects or a healthy node lost its place.
using System.Globalization;
using Membership.Engine;
using Membership.Simulator.Gray;
using Membership.Simulator.World;

namespace Membership.Simulator.Commands;

internal static class GrayCommand
{
    public static int Run(int nodes, IReadOnlyList<GrayFault> faults, TimeSpan duration, ulong firstSeed, ulong lastSeed, bool trace, TextWriter output)
    {
        output.WriteLine($"{nodes} nodes, timing Default (L = {ClusterTiming.Default.LossPeriod.TotalSeconds} s), each fault for {duration.TotalMinutes} min of virtual time");
        output.WriteLine("fault              seed  views  removals  healthy_removed  incidents  then_per_hour  held_ms   out_ms  last_view_ms  whole_ms");
        bool good = true;
        foreach (GrayFault fault in faults)
        for (ulong seed = firstSeed; seed <= lastSeed; seed++)
        {
            GrayResult result = GrayRun.Run(GrayRun.Options(nodes, ClusterTiming.Default, seed), fault, duration.Ticks, trace ? output : null);
            output.WriteLine(Line(result, seed));
            if (result.Violation is { } violation) output.WriteLine($"  violation of {violation.Checker} at {violation.Time / 1e7:F3} s: {violation.Text}");
            good &= result is { Violation: null, HealthyRemoved: 0, Whole: >= 0 };
        }
        return good ? 0 : 1;
    }

    public static string Line(GrayResult result, ulong seed) => string.Create(CultureInfo.InvariantCulture,
        $"{result.Fault,-14}  {seed,7}  {result.Views,5}  {result.Removals,8}  {result.HealthyRemoved,15}  {result.Incidents,9}  {result.IncidentsPerHour,13:F0}  "
        + $"{result.Held / Ticks.Millisecond,7}  {Ms(result.Out),7}  {Ms(result.LastView),12}  {Ms(result.Whole),8}");

    private static string Ms(long ticks) => ticks < 0 ? "never" : (ticks / Ticks.Millisecond).ToString(CultureInfo.InvariantCulture);
}
