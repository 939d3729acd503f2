// The one clock all recordings are made with: CLOCK_MONOTONIC, the same for every process of the machine, so that instants
// of different nodes can be compared. The nodes themselves never compare clocks; only their judge does.
using System.Diagnostics;

namespace Membership.Testbed.Node;

internal static class HostClock
{
    /// <summary>Nanoseconds.</summary>
    public static long Now => (long)(Stopwatch.GetTimestamp() * (1e9 / Stopwatch.Frequency));
}
