// The lines the node prints for whoever watches it: "event t=<ns> node=<n> <what> key=value ...". The time is the
// host-wide monotonic clock, so lines of different processes on one machine can be compared.
using System.Diagnostics;
using System.Globalization;

namespace Failover;

internal static class Event
{
    private static readonly Lock Gate = new();

    /// <summary>The host-wide monotonic clock in nanoseconds (CLOCK_MONOTONIC on Linux).</summary>
    public static long Now => (long)(Stopwatch.GetTimestamp() * (1e9 / Stopwatch.Frequency));

    public static void Print(int node, FormattableString what)
    {
        string line = string.Create(CultureInfo.InvariantCulture, $"event t={Now} node={node} {what.ToString(CultureInfo.InvariantCulture)}");
        lock (Gate) Console.Out.WriteLine(line);
    }
}
