// What the lease check adds to the clock reading that it cannot do without: both by turns in short batches, thousands of times, and the quickest
// batch of each. Measured one after the other, as benchmarks are, the machine's mood of the moment weighs more than the difference.
using System.Diagnostics;
using Membership.Engine.Runtime;

namespace Membership.Bench;

internal static class LeaseOverhead
{
    private const int Rounds = 4000;
    private const int Batch = 500;

    /// <summary>Nanoseconds per check above the clock's own reading.</summary>
    public static double Measure()
    {
        using var bench = new LeaseBenchmarks();
        (long clock, long check) = (long.MaxValue, long.MaxValue);
        for (int round = 0; round < Rounds; round++)
        {
            long from = Stopwatch.GetTimestamp();
            Clock();
            long between = Stopwatch.GetTimestamp();
            Check(bench);
            long to = Stopwatch.GetTimestamp();
            // Until the compiler has done with them, both are slow.
            if (round < Rounds / 4) continue;
            (clock, check) = (Math.Min(clock, between - from), Math.Min(check, to - between));
        }
        return (check - clock) * 1e9 / Stopwatch.Frequency / Batch;
    }

    private static long Clock()
    {
        long sum = 0;
        for (int i = 0; i < Batch; i++) sum += BootTimeProvider.Read();
        return sum;
    }

    private static int Check(LeaseBenchmarks bench)
    {
        int valid = 0;
        for (int i = 0; i < Batch; i++)
            if (bench.IsValid()) valid++;
        return valid == Batch ? valid : throw new InvalidOperationException("the lease is not valid");
    }
}
