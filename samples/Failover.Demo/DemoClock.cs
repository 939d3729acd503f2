// Time since ./demo was started, put before every line; and the host-wide clock that the nodes stamp their events with.
using System.Diagnostics;
using System.Globalization;

namespace Failover.Demo;

internal sealed class DemoClock
{
    private readonly long _start = Now - SinceScriptStarted();

    /// <summary>The host-wide monotonic clock in nanoseconds.</summary>
    public static long Now => (long)(Stopwatch.GetTimestamp() * (1e9 / Stopwatch.Frequency));

    public void Say(string line) => Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"[{(Now - _start) / 1e9,7:0.000}] {line}"));

    public static int Milliseconds(long nanoseconds) => (int)Math.Ceiling(nanoseconds / 1e6);

    // The script hands over when it started, in seconds of wall time: only the stamps of lines depend on it.
    private static long SinceScriptStarted()
        => double.TryParse(Environment.GetEnvironmentVariable("REGROUP_DEMO_STARTED"), NumberStyles.Float, CultureInfo.InvariantCulture, out double started)
            ? (long)Math.Max(0, (DateTimeOffset.UtcNow.ToUnixTimeMilliseconds() / 1e3 - started) * 1e9)
            : 0;
}
