// The check before every guarded effect: one reading of the clock and one comparison. Beside it what a check would take that reads the kernel's
// coarse clock, which no lease may trust: it does not count suspend, and it stands still until the kernel's next tick, however late after a pause that comes.
using System.Diagnostics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using BenchmarkDotNet.Attributes;
using BenchmarkDotNet.Configs;
using Membership.Engine;
using Membership.Engine.Protocol;
using Membership.Engine.Runtime;

namespace Membership.Bench;

[GroupBenchmarksBy(BenchmarkLogicalGroupRule.ByCategory)]
public partial class LeaseBenchmarks : IDisposable
{
    private const int ClockMonotonicCoarse = 6;

    private readonly CancellationTokenSource _lost = new();
    private readonly MembershipLease _lease;

    public LeaseBenchmarks()
    {
        _lease = new MembershipLease(new Epoch(1), MonotonicClock.System, _lost);
        _lease.Update(new LeaseState(new Epoch(1), MonotonicClock.System.Now + TimeSpan.FromHours(10), Held: false, MonotonicTime.MinValue));
        if (!_lease.IsValid) throw new InvalidOperationException("the lease is not valid");
    }

    [Benchmark(Baseline = true, Description = "Stopwatch.GetTimestamp")]
    [BenchmarkCategory("lease check")]
    public long Timestamp() => Stopwatch.GetTimestamp();

    [Benchmark(Description = "the clock reading in it (CLOCK_BOOTTIME)")]
    [BenchmarkCategory("lease check")]
    public long Clock() => BootTimeProvider.Read();

    [Benchmark(Description = "a coarse clock (CLOCK_MONOTONIC_COARSE; unsafe for a lease)")]
    [BenchmarkCategory("lease check")]
    public long Coarse()
    {
        Unsafe.SkipInit(out TimeSpec time);
        return GetTime(ClockMonotonicCoarse, ref time) == 0 ? time.Seconds + time.Nanoseconds : throw new InvalidOperationException("no coarse clock");
    }

    [Benchmark(Description = "MembershipLease.IsValid")]
    [BenchmarkCategory("lease check")]
    public bool IsValid() => _lease.IsValid;

    public void Dispose()
    {
        _lost.Dispose();
        GC.SuppressFinalize(this);
    }

    [LibraryImport("libc", EntryPoint = "clock_gettime")]
    [SuppressGCTransition]
    private static partial int GetTime(int clock, ref TimeSpec time);

    [StructLayout(LayoutKind.Sequential)]
    private struct TimeSpec
    {
        public long Seconds;
        public long Nanoseconds;
    }
}
