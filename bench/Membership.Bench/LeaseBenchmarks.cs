// The check before every guarded effect: one reading of the clock and one comparison.
using System.Diagnostics;
using BenchmarkDotNet.Attributes;
using BenchmarkDotNet.Configs;
using Membership.Engine;
using Membership.Engine.Protocol;
using Membership.Engine.Runtime;

namespace Membership.Bench;

[GroupBenchmarksBy(BenchmarkLogicalGroupRule.ByCategory)]
public class LeaseBenchmarks : IDisposable
{
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

    [Benchmark(Description = "MembershipLease.IsValid")]
    [BenchmarkCategory("lease check")]
    public bool IsValid() => _lease.IsValid;

    public void Dispose()
    {
        _lost.Dispose();
        GC.SuppressFinalize(this);
    }
}
