// A reading of a node's own monotonic clock. Readings of different nodes are never compared.
namespace Membership.Engine;

/// <summary>A reading of one node's monotonic clock, in 100 ns ticks from an arbitrary start.</summary>
/// <param name="Ticks">100 ns ticks.</param>
/// <remarks>Only readings of the same node's clock may be compared. On Linux the runtime reads CLOCK_BOOTTIME, which counts suspend.</remarks>
public readonly record struct MonotonicTime(long Ticks) : IComparable<MonotonicTime>
{
    /// <summary>Earlier than every reading.</summary>
    public static readonly MonotonicTime MinValue = new(long.MinValue / 4);

    /// <summary>Later than every reading.</summary>
    public static readonly MonotonicTime MaxValue = new(long.MaxValue / 4);

    /// <inheritdoc/>
    public int CompareTo(MonotonicTime other) => Ticks.CompareTo(other.Ticks);

    /// <summary>The later of two readings.</summary>
    /// <param name="left">One reading.</param>
    /// <param name="right">Another.</param>
    /// <returns>The later one.</returns>
    public static MonotonicTime Max(MonotonicTime left, MonotonicTime right) => left.Ticks >= right.Ticks ? left : right;

    /// <summary>The earlier of two readings.</summary>
    /// <param name="left">One reading.</param>
    /// <param name="right">Another.</param>
    /// <returns>The earlier one.</returns>
    public static MonotonicTime Min(MonotonicTime left, MonotonicTime right) => left.Ticks <= right.Ticks ? left : right;

    /// <summary>A later reading.</summary>
    public static MonotonicTime operator +(MonotonicTime time, TimeSpan span) => new(time.Ticks + span.Ticks);

    /// <summary>An earlier reading.</summary>
    public static MonotonicTime operator -(MonotonicTime time, TimeSpan span) => new(time.Ticks - span.Ticks);

    /// <summary>The time between two readings.</summary>
    public static TimeSpan operator -(MonotonicTime left, MonotonicTime right) => new(left.Ticks - right.Ticks);

    /// <summary>Order in time.</summary>
    public static bool operator <(MonotonicTime left, MonotonicTime right) => left.Ticks < right.Ticks;

    /// <summary>Order in time.</summary>
    public static bool operator >(MonotonicTime left, MonotonicTime right) => left.Ticks > right.Ticks;

    /// <summary>Order in time.</summary>
    public static bool operator <=(MonotonicTime left, MonotonicTime right) => left.Ticks <= right.Ticks;

    /// <summary>Order in time.</summary>
    public static bool operator >=(MonotonicTime left, MonotonicTime right) => left.Ticks >= right.Ticks;

    /// <summary>A later reading, by name.</summary>
    /// <param name="time">A reading.</param>
    /// <param name="span">How much later.</param>
    /// <returns>The later reading.</returns>
    public static MonotonicTime Add(MonotonicTime time, TimeSpan span) => time + span;

    /// <summary>An earlier reading, by name.</summary>
    /// <param name="time">A reading.</param>
    /// <param name="span">How much earlier.</param>
    /// <returns>The earlier reading.</returns>
    public static MonotonicTime Subtract(MonotonicTime time, TimeSpan span) => time - span;
}
