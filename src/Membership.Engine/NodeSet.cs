// An immutable bit set of node numbers with value equality. Up to node 64 it is one word and never
// allocates; above that the words for 65..1024 live in a shared array that is never written again.
using System.Collections;
using System.Numerics;
using System.Runtime.CompilerServices;
using System.Text;

namespace Membership.Engine;

/// <summary>An immutable set of node numbers, 1..<see cref="NodeId.MaxValue"/>, with value equality.</summary>
/// <remarks>The seed's <c>BITSET</c>. No allocation while all members are 64 or below. Safe from any thread.</remarks>
public readonly struct NodeSet : IEquatable<NodeSet>, IEnumerable<NodeId>
{
    private readonly ulong _low;      // nodes 1..64
    private readonly ulong[]? _high;  // nodes 65.., trimmed: last word is never 0; null when empty

    private NodeSet(ulong low, ulong[]? high)
    {
        _low = low;
        _high = high;
    }

    /// <summary>The empty set.</summary>
    public static NodeSet Empty => default;

    /// <summary>A set of one node.</summary>
    /// <param name="node">A valid node number.</param>
    /// <returns>The set of just that node.</returns>
    /// <exception cref="ArgumentException"><paramref name="node"/> is <see cref="NodeId.Invalid"/>.</exception>
    public static NodeSet Of(NodeId node) => default(NodeSet).With(node);

    /// <summary>A set of the given numbers.</summary>
    /// <param name="nodes">Numbers, each 1..<see cref="NodeId.MaxValue"/>; repeats are allowed.</param>
    /// <returns>The set.</returns>
    public static NodeSet Of(params ReadOnlySpan<int> nodes)
    {
        NodeSet set = default;
        foreach (int node in nodes) set = set.With(new NodeId(node));
        return set;
    }

    /// <summary>A set made of any sequence of node numbers.</summary>
    /// <param name="nodes">The numbers; repeats are allowed.</param>
    /// <returns>The set.</returns>
    public static NodeSet From(IEnumerable<NodeId> nodes)
    {
        ArgumentNullException.ThrowIfNull(nodes);
        NodeSet set = default;
        foreach (NodeId node in nodes) set = set.With(node);
        return set;
    }

    /// <summary>A set from its words: bit b of word w is node 64*w + b + 1.</summary>
    /// <param name="words">At most 16 words.</param>
    /// <returns>The set.</returns>
    /// <exception cref="ArgumentException">More than 16 words.</exception>
    public static NodeSet FromWords(ReadOnlySpan<ulong> words)
    {
        if (words.Length > NodeId.MaxValue / 64) throw new ArgumentException("A node set has at most 16 words.", nameof(words));
        if (words.Length == 0) return default;
        return new NodeSet(words[0], Trim(words[1..]));
    }

    /// <summary>The number of words needed by <see cref="Word"/>: 0 for the empty set, 1 up to node 64.</summary>
    public int WordCount => _high is { } high ? high.Length + 1 : _low != 0 ? 1 : 0;

    /// <summary>Word <paramref name="index"/> of the set (0 past the end).</summary>
    /// <param name="index">0..15.</param>
    /// <returns>Bit b stands for node 64*index + b + 1.</returns>
    public ulong Word(int index) => index == 0 ? _low : _high is { } high && index <= high.Length ? high[index - 1] : 0;

    /// <summary>True when the set has no member.</summary>
    public bool IsEmpty => _low == 0 && _high is null;

    /// <summary>The number of members.</summary>
    public int Count
    {
        get
        {
            int count = BitOperations.PopCount(_low);
            if (_high is { } high)
                foreach (ulong word in high) count += BitOperations.PopCount(word);
            return count;
        }
    }

    /// <summary>The lowest number in the set, or <see cref="NodeId.Invalid"/> when it is empty.</summary>
    public NodeId Lowest
    {
        get
        {
            if (_low != 0) return new NodeId(BitOperations.TrailingZeroCount(_low) + 1);
            if (_high is { } high)
                for (int i = 0; i < high.Length; i++)
                    if (high[i] != 0) return new NodeId(64 * (i + 1) + BitOperations.TrailingZeroCount(high[i]) + 1);
            return NodeId.Invalid;
        }
    }

    /// <summary>Whether <paramref name="node"/> is in the set (false for <see cref="NodeId.Invalid"/>).</summary>
    /// <param name="node">Any node number.</param>
    /// <returns>True if it is a member.</returns>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool Contains(NodeId node)
    {
        int bit = node.Value - 1;
        if ((uint)bit < 64) return (_low >> bit & 1) != 0;
        return bit >= 0 && (Word(bit >> 6) >> (bit & 63) & 1) != 0;
    }

    /// <summary>This set with <paramref name="node"/> in it.</summary>
    /// <param name="node">A valid node number.</param>
    /// <returns>The new set.</returns>
    /// <exception cref="ArgumentException"><paramref name="node"/> is <see cref="NodeId.Invalid"/>.</exception>
    public NodeSet With(NodeId node)
    {
        int bit = node.Value - 1;
        if ((uint)bit < 64) return new NodeSet(_low | 1UL << bit, _high);
        if (bit < 0) throw new ArgumentException("Node number 0 (none) cannot be in a node set.", nameof(node));
        if (Contains(node)) return this;
        int index = (bit >> 6) - 1;
        var high = new ulong[Math.Max(_high?.Length ?? 0, index + 1)];
        _high?.CopyTo(high, 0);
        high[index] |= 1UL << (bit & 63);
        return new NodeSet(_low, high);
    }

    /// <summary>This set without <paramref name="node"/>.</summary>
    /// <param name="node">Any node number.</param>
    /// <returns>The new set.</returns>
    public NodeSet Without(NodeId node)
    {
        int bit = node.Value - 1;
        if (bit < 0) return this;
        if (bit < 64) return new NodeSet(_low & ~(1UL << bit), _high);
        return Contains(node) ? this - Of(node) : this;
    }

    /// <summary>True when every member of this set is in <paramref name="other"/>.</summary>
    /// <param name="other">The other set.</param>
    /// <returns>True for a subset, equal sets included.</returns>
    public bool IsSubsetOf(NodeSet other)
    {
        if ((_low & ~other._low) != 0) return false;
        if (_high is not { } mine || ReferenceEquals(mine, other._high)) return true;
        if (other._high is not { } theirs || theirs.Length < mine.Length) return false;
        for (int i = 0; i < mine.Length; i++)
            if ((mine[i] & ~theirs[i]) != 0) return false;
        return true;
    }

    /// <summary>True when the sets have a member in common.</summary>
    /// <param name="other">The other set.</param>
    /// <returns>True if the intersection is not empty.</returns>
    public bool Overlaps(NodeSet other)
    {
        if ((_low & other._low) != 0) return true;
        if (_high is not { } mine || other._high is not { } theirs) return false;
        for (int i = 0; i < mine.Length && i < theirs.Length; i++)
            if ((mine[i] & theirs[i]) != 0) return true;
        return false;
    }

    /// <summary>Union.</summary>
    /// <param name="left">One set.</param>
    /// <param name="right">Another.</param>
    public static NodeSet operator |(NodeSet left, NodeSet right)
    {
        if (left._high is null) return new NodeSet(left._low | right._low, right._high);
        if (right._high is null) return new NodeSet(left._low | right._low, left._high);
        return new NodeSet(left._low | right._low, Combine<Or>(left._high, right._high));
    }

    /// <summary>Intersection.</summary>
    /// <param name="left">One set.</param>
    /// <param name="right">Another.</param>
    public static NodeSet operator &(NodeSet left, NodeSet right)
        => new(left._low & right._low, left._high is null || right._high is null ? null : Combine<And>(left._high, right._high));

    /// <summary>Difference: members of <paramref name="left"/> that are not in <paramref name="right"/>.</summary>
    /// <param name="left">One set.</param>
    /// <param name="right">Another.</param>
    public static NodeSet operator -(NodeSet left, NodeSet right)
        => new(left._low & ~right._low, left._high is null || right._high is null ? left._high : Combine<AndNot>(left._high, right._high));

    /// <summary>Union, by name.</summary>
    /// <param name="left">One set.</param>
    /// <param name="right">Another.</param>
    /// <returns>The union.</returns>
    public static NodeSet BitwiseOr(NodeSet left, NodeSet right) => left | right;

    /// <summary>Intersection, by name.</summary>
    /// <param name="left">One set.</param>
    /// <param name="right">Another.</param>
    /// <returns>The intersection.</returns>
    public static NodeSet BitwiseAnd(NodeSet left, NodeSet right) => left & right;

    /// <summary>Difference, by name.</summary>
    /// <param name="left">One set.</param>
    /// <param name="right">Another.</param>
    /// <returns>The difference.</returns>
    public static NodeSet Subtract(NodeSet left, NodeSet right) => left - right;

    /// <summary>Value equality.</summary>
    /// <param name="left">One set.</param>
    /// <param name="right">Another.</param>
    public static bool operator ==(NodeSet left, NodeSet right) => left.Equals(right);

    /// <summary>Value inequality.</summary>
    /// <param name="left">One set.</param>
    /// <param name="right">Another.</param>
    public static bool operator !=(NodeSet left, NodeSet right) => !left.Equals(right);

    /// <inheritdoc/>
    public bool Equals(NodeSet other)
        => _low == other._low
           && (ReferenceEquals(_high, other._high) || (_high is { } a && other._high is { } b && a.AsSpan().SequenceEqual(b)));

    /// <inheritdoc/>
    public override bool Equals(object? obj) => obj is NodeSet other && Equals(other);

    /// <inheritdoc/>
    public override int GetHashCode()
    {
        var hash = new HashCode();
        hash.Add(_low);
        if (_high is { } high)
            foreach (ulong word in high) hash.Add(word);
        return hash.ToHashCode();
    }

    /// <summary>The members in numeric order, e.g. <c>{1,2,5}</c>.</summary>
    public override string ToString()
    {
        var text = new StringBuilder("{");
        foreach (NodeId node in this) text.Append(text.Length > 1 ? "," : "").Append(node.Value);
        return text.Append('}').ToString();
    }

    /// <summary>Enumerates the members in numeric order without allocating.</summary>
    /// <returns>A struct enumerator.</returns>
    public Enumerator GetEnumerator() => new(this);

    IEnumerator<NodeId> IEnumerable<NodeId>.GetEnumerator() => GetEnumerator();

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();

    // In a large cluster most sets are equal or contain one another: then the result shares the words of one of the two.
    [SkipLocalsInit]
    private static ulong[]? Combine<TOperation>(ulong[] left, ulong[] right)
        where TOperation : struct, IOperation
    {
        Span<ulong> words = stackalloc ulong[NodeId.MaxValue / 64];
        int both = Math.Min(left.Length, right.Length), length = Math.Max(left.Length, right.Length), i = 0;
        for (; i <= both - Vector<ulong>.Count; i += Vector<ulong>.Count)
            TOperation.Of(new Vector<ulong>(left, i), new Vector<ulong>(right, i)).CopyTo(words[i..]);
        for (; i < both; i++) words[i] = TOperation.Of(left[i], right[i]);
        for (; i < length; i++) words[i] = left.Length > i ? TOperation.Of(left[i], 0) : TOperation.Of(0, right[i]);
        while (length > 0 && words[length - 1] == 0) length--;
        words = words[..length];
        if (length == 0) return null;
        return words.SequenceEqual(left) ? left : words.SequenceEqual(right) ? right : words.ToArray();
    }

    private interface IOperation
    {
        static abstract ulong Of(ulong left, ulong right);

        static abstract Vector<ulong> Of(Vector<ulong> left, Vector<ulong> right);
    }

    private readonly struct Or : IOperation
    {
        public static ulong Of(ulong left, ulong right) => left | right;

        public static Vector<ulong> Of(Vector<ulong> left, Vector<ulong> right) => left | right;
    }

    private readonly struct And : IOperation
    {
        public static ulong Of(ulong left, ulong right) => left & right;

        public static Vector<ulong> Of(Vector<ulong> left, Vector<ulong> right) => left & right;
    }

    private readonly struct AndNot : IOperation
    {
        public static ulong Of(ulong left, ulong right) => left & ~right;

        public static Vector<ulong> Of(Vector<ulong> left, Vector<ulong> right) => Vector.AndNot(left, right);
    }

    private static ulong[]? Trim(ReadOnlySpan<ulong> words)
    {
        int length = words.Length;
        while (length > 0 && words[length - 1] == 0) length--;
        return length == 0 ? null : words[..length].ToArray();
    }

    /// <summary>Walks a <see cref="NodeSet"/> in numeric order.</summary>
    public struct Enumerator : IEnumerator<NodeId>
    {
        private readonly NodeSet _set;
        private readonly int _wordCount;
        private ulong _word;
        private int _index;

        internal Enumerator(NodeSet set)
        {
            _set = set;
            _wordCount = set.WordCount;
            _word = set._low;
        }

        /// <inheritdoc/>
        public NodeId Current { get; private set; }

        readonly object IEnumerator.Current => Current;

        /// <inheritdoc/>
        public bool MoveNext()
        {
            while (_word == 0)
            {
                if (++_index >= _wordCount) return false;
                _word = _set.Word(_index);
            }
            Current = new NodeId(64 * _index + BitOperations.TrailingZeroCount(_word) + 1);
            _word &= _word - 1;
            return true;
        }

        /// <inheritdoc/>
        public void Reset()
        {
            _index = 0;
            _word = _set._low;
        }

        /// <inheritdoc/>
        public readonly void Dispose()
        {
        }
    }
}
