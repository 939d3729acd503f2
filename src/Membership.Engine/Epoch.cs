// The two growing numbers of the protocol: the epoch of a view and the incarnation of a node's life.
using System.Globalization;

namespace Membership.Engine;

/// <summary>The number of a view: 64-bit, strictly growing; one epoch has one membership, everywhere, for ever. 0 means "no view".</summary>
/// <param name="Value">0 or more.</param>
/// <remarks>Usable as a fencing token: a store that remembers the highest epoch it has seen can refuse an older one.</remarks>
public readonly record struct Epoch(long Value) : IComparable<Epoch>
{
    /// <summary>No view.</summary>
    public static readonly Epoch None;

    /// <summary>The epoch after this one.</summary>
    public Epoch Next => new(Value + 1);

    /// <inheritdoc/>
    public int CompareTo(Epoch other) => Value.CompareTo(other.Value);

    /// <summary>The greater of two epochs.</summary>
    /// <param name="left">One epoch.</param>
    /// <param name="right">Another.</param>
    /// <returns>The greater one.</returns>
    public static Epoch Max(Epoch left, Epoch right) => left.Value >= right.Value ? left : right;

    /// <summary>Numeric order.</summary>
    public static bool operator <(Epoch left, Epoch right) => left.Value < right.Value;

    /// <summary>Numeric order.</summary>
    public static bool operator >(Epoch left, Epoch right) => left.Value > right.Value;

    /// <summary>Numeric order.</summary>
    public static bool operator <=(Epoch left, Epoch right) => left.Value <= right.Value;

    /// <summary>Numeric order.</summary>
    public static bool operator >=(Epoch left, Epoch right) => left.Value >= right.Value;

    /// <summary>The number in decimal.</summary>
    public override string ToString() => Value.ToString(CultureInfo.InvariantCulture);
}

/// <summary>The number of one life of a node: grows at every process start and at every join; persisted before use. 0 means "unknown".</summary>
/// <param name="Value">0 or more.</param>
public readonly record struct Incarnation(long Value) : IComparable<Incarnation>
{
    /// <summary>Unknown.</summary>
    public static readonly Incarnation None;

    /// <summary>The incarnation after this one.</summary>
    public Incarnation Next => new(Value + 1);

    /// <inheritdoc/>
    public int CompareTo(Incarnation other) => Value.CompareTo(other.Value);

    /// <summary>Numeric order.</summary>
    public static bool operator <(Incarnation left, Incarnation right) => left.Value < right.Value;

    /// <summary>Numeric order.</summary>
    public static bool operator >(Incarnation left, Incarnation right) => left.Value > right.Value;

    /// <summary>Numeric order.</summary>
    public static bool operator <=(Incarnation left, Incarnation right) => left.Value <= right.Value;

    /// <summary>Numeric order.</summary>
    public static bool operator >=(Incarnation left, Incarnation right) => left.Value >= right.Value;

    /// <summary>The number in decimal.</summary>
    public override string ToString() => Value.ToString(CultureInfo.InvariantCulture);
}
