// A node's permanent number in its cluster: 1..1024, from configuration; 0 is "no node".
using System.Globalization;

namespace Membership.Engine;

/// <summary>The permanent number of a node within its cluster, 1..<see cref="MaxValue"/>; <see cref="Invalid"/> (0) means "no node".</summary>
/// <remarks>The membership manager's node number; <see cref="Invalid"/> is <c>MM_INVALID_NODE</c>. Immutable; safe from any thread.</remarks>
public readonly struct NodeId : IEquatable<NodeId>, IComparable<NodeId>
{
    /// <summary>The highest node number a cluster may use (1024).</summary>
    public const int MaxValue = 1024;

    /// <summary>No node (number 0). <c>MM_INVALID_NODE</c>.</summary>
    public static readonly NodeId Invalid;

    private readonly ushort _value;

    /// <summary>Makes a node number.</summary>
    /// <param name="value">1..<see cref="MaxValue"/>, or 0 for <see cref="Invalid"/>.</param>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="value"/> is below 0 or above <see cref="MaxValue"/>.</exception>
    public NodeId(int value)
    {
        if ((uint)value > MaxValue)
            throw new ArgumentOutOfRangeException(nameof(value), value, $"A node number must be 1..{MaxValue} (0 means no node).");
        _value = (ushort)value;
    }

    /// <summary>The number itself, 0..<see cref="MaxValue"/>.</summary>
    public int Value => _value;

    /// <summary>True for every number but <see cref="Invalid"/>.</summary>
    public bool IsValid => _value != 0;

    /// <inheritdoc/>
    public bool Equals(NodeId other) => _value == other._value;

    /// <inheritdoc/>
    public override bool Equals(object? obj) => obj is NodeId other && Equals(other);

    /// <inheritdoc/>
    public override int GetHashCode() => _value;

    /// <inheritdoc/>
    public int CompareTo(NodeId other) => _value.CompareTo(other._value);

    /// <summary>The number in decimal, or "none" for <see cref="Invalid"/>.</summary>
    public override string ToString() => _value == 0 ? "none" : _value.ToString(CultureInfo.InvariantCulture);

    /// <summary>Value equality.</summary>
    public static bool operator ==(NodeId left, NodeId right) => left._value == right._value;

    /// <summary>Value inequality.</summary>
    public static bool operator !=(NodeId left, NodeId right) => left._value != right._value;

    /// <summary>Numeric order.</summary>
    public static bool operator <(NodeId left, NodeId right) => left._value < right._value;

    /// <summary>Numeric order.</summary>
    public static bool operator >(NodeId left, NodeId right) => left._value > right._value;

    /// <summary>Numeric order.</summary>
    public static bool operator <=(NodeId left, NodeId right) => left._value <= right._value;

    /// <summary>Numeric order.</summary>
    public static bool operator >=(NodeId left, NodeId right) => left._value >= right._value;
}
