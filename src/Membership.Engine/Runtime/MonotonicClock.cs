// The clock of a node. It counts the time a machine was suspended, because a lease that ran out while it slept has
// run out. CLOCK_BOOTTIME on Linux; Windows' performance counter counts sleep anyway; others fall back to Stopwatch.
using System.Diagnostics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Membership.Engine.Runtime;

/// <summary>The machine's clock that counts suspend, as a <see cref="TimeProvider"/>: only <see cref="GetTimestamp"/> differs from the system's.</summary>
internal sealed partial class BootTimeProvider : TimeProvider
{
    private const int ClockBootTime = 7;
    private static readonly bool Native = OperatingSystem.IsLinux() && Environment.Is64BitProcess;
    private static readonly double StopwatchTicks = (double)TimeSpan.TicksPerSecond / Stopwatch.Frequency;

    public static readonly BootTimeProvider Instance = new();

    /// <summary>100 ns ticks.</summary>
    public override long TimestampFrequency => TimeSpan.TicksPerSecond;

    public override long GetTimestamp() => Read();

    /// <summary>The reading itself, in 100 ns ticks. No allocation, no system call on current kernels.</summary>
    public static long Read()
    {
        if (!Native) return (long)(Stopwatch.GetTimestamp() * StopwatchTicks);
        Unsafe.SkipInit(out TimeSpec time);
        return GetTime(ClockBootTime, ref time) == 0
            ? time.Seconds * TimeSpan.TicksPerSecond + time.Nanoseconds / 100
            : throw new InvalidOperationException($"clock_gettime(CLOCK_BOOTTIME) failed with errno {Marshal.GetLastSystemError()}; Linux 2.6.39 or later is needed.");
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

/// <summary>Reads a <see cref="TimeProvider"/>'s timestamps as <see cref="MonotonicTime"/>. Immutable; safe from any thread.</summary>
internal sealed class MonotonicClock
{
    /// <summary>The machine's own clock.</summary>
    public static readonly MonotonicClock System = new(BootTimeProvider.Instance);

    private readonly bool _machine;

    /// <param name="provider">Where timestamps and timers come from; <see cref="TimeProvider.System"/> means the machine's clock that counts suspend.</param>
    public MonotonicClock(TimeProvider provider)
    {
        _machine = ReferenceEquals(provider, TimeProvider.System) || provider is BootTimeProvider;
        Provider = _machine ? BootTimeProvider.Instance : provider;
    }

    public TimeProvider Provider { get; }

    /// <summary>True when time is the machine's own, so that threads may simply wait for it.</summary>
    public bool IsMachine => _machine;

    public MonotonicTime Now => new(_machine ? BootTimeProvider.Read() : ToTicks(Provider.GetTimestamp()));

    private long ToTicks(long timestamp)
    {
        long frequency = Provider.TimestampFrequency;
        return frequency == TimeSpan.TicksPerSecond
            ? timestamp
            : timestamp / frequency * TimeSpan.TicksPerSecond + timestamp % frequency * TimeSpan.TicksPerSecond / frequency;
    }
}
