// Reads little-endian fields from a span. It never throws and never reads past the end: the first impossible
// field sets Failed, and from then on everything read is zero, so that a decoder can test once at its end.
using System.Buffers.Binary;
using System.Text;
using System.Text.Unicode;

namespace Membership.Engine.Wire;

internal ref struct WireReader
{
    private ReadOnlySpan<byte> _rest;

    /// <param name="content">What to read.</param>
    /// <param name="tolerateExtra">True when the writer has a newer minor version: unread bytes at the end of a record are its new fields.</param>
    public WireReader(ReadOnlySpan<byte> content, bool tolerateExtra = false)
    {
        _rest = content;
        TolerateExtra = tolerateExtra;
    }

    /// <summary>A field was impossible or missing; what was read since is zero.</summary>
    public bool Failed { get; private set; }

    public bool TolerateExtra { get; }

    public readonly int Remaining => _rest.Length;

    public void Fail()
    {
        Failed = true;
        _rest = default;
    }

    public byte U8() => Take(1) is { Length: 1 } bytes ? bytes[0] : (byte)0;

    public ushort U16() => Take(2) is { Length: 2 } bytes ? BinaryPrimitives.ReadUInt16LittleEndian(bytes) : (ushort)0;

    public int I32() => Take(4) is { Length: 4 } bytes ? BinaryPrimitives.ReadInt32LittleEndian(bytes) : 0;

    public uint U32() => Take(4) is { Length: 4 } bytes ? BinaryPrimitives.ReadUInt32LittleEndian(bytes) : 0;

    public long I64() => Take(8) is { Length: 8 } bytes ? BinaryPrimitives.ReadInt64LittleEndian(bytes) : 0;

    public ulong U64() => Take(8) is { Length: 8 } bytes ? BinaryPrimitives.ReadUInt64LittleEndian(bytes) : 0;

    /// <summary>A byte that is 0 or 1.</summary>
    public bool Bool()
    {
        byte value = U8();
        if (value > 1) Fail();
        return value == 1;
    }

    /// <summary>A node number, 0 (none) included.</summary>
    public NodeId Node()
    {
        ushort number = U16();
        if (number <= NodeId.MaxValue) return new NodeId(number);
        Fail();
        return NodeId.Invalid;
    }

    /// <summary>A set: word count, then words. Allocates only for nodes above 64.</summary>
    public NodeSet NodeSet()
    {
        int count = U8();
        if (count > NodeId.MaxValue / 64 || count * sizeof(ulong) > _rest.Length)
        {
            Fail();
            return default;
        }
        Span<ulong> words = stackalloc ulong[NodeId.MaxValue / 64];
        for (int i = 0; i < count; i++) words[i] = U64();
        return Engine.NodeSet.FromWords(words[..count]);
    }

    /// <summary>A set as words or as ranges, which rise and do not touch. Allocates only for nodes above 64.</summary>
    public NodeSet CompactSet()
    {
        if (_rest.IsEmpty || _rest[0] < WireWriter.CompactRanges) return NodeSet();
        int ranges = U8() - WireWriter.CompactRanges;
        Span<ulong> words = stackalloc ulong[NodeId.MaxValue / 64];
        words.Clear();
        int before = -1;
        for (int i = 0; i < ranges && !Failed; i++)
        {
            int first = U16(), last = U16();
            if (first <= before + 1 || last < first || last > NodeId.MaxValue)
            {
                Fail();
                return default;
            }
            for (int bit = first - 1; bit < last; bit++) words[bit >> 6] |= 1UL << (bit & 63);
            before = last;
        }
        return Failed ? default : Engine.NodeSet.FromWords(words);
    }

    public Epoch Epoch()
    {
        long value = Count64();
        return new Epoch(value);
    }

    public Incarnation Incarnation()
    {
        long value = Count64();
        return new Incarnation(value);
    }

    /// <summary>A number that is never below 0.</summary>
    public long Count64()
    {
        long value = I64();
        if (value < 0) Fail();
        return value;
    }

    /// <summary>Bytes with a 32-bit length, copied; at most what is there.</summary>
    public byte[] Blob()
    {
        uint length = U32();
        if (length > (uint)_rest.Length) Fail();
        return Failed ? [] : Take((int)length).ToArray();
    }

    /// <summary>UTF-8 text with a 16-bit length.</summary>
    public string Text()
    {
        ReadOnlySpan<byte> bytes = Take(U16());
        if (Utf8.IsValid(bytes)) return Encoding.UTF8.GetString(bytes);
        Fail();
        return "";
    }

    /// <summary>A count of things that take at least <paramref name="itemBytes"/> each: never more than there is room for.</summary>
    public int Count(int itemBytes)
    {
        uint count = U32();
        if (count <= (uint)(_rest.Length / itemBytes)) return (int)count;
        Fail();
        return 0;
    }

    /// <summary>A nested record, written by <see cref="WireWriter.BeginRecord"/>: its own reader, which must be ended by <see cref="End"/>.</summary>
    public WireReader Record()
    {
        uint length = U32();
        if (length > (uint)_rest.Length) Fail();
        var record = new WireReader(Failed ? default : Take((int)length), TolerateExtra);
        if (Failed) record.Fail();
        return record;
    }

    /// <summary>Ends a nested record: its failure is this reader's failure.</summary>
    public void End(in WireReader record)
    {
        if (!record.AtEnd) Fail();
    }

    /// <summary>True when everything was read well and nothing is left, or what is left may be a newer minor version's.</summary>
    public readonly bool AtEnd => !Failed && (_rest.IsEmpty || TolerateExtra);

    private ReadOnlySpan<byte> Take(int length)
    {
        if ((uint)length > (uint)_rest.Length)
        {
            Fail();
            return default;
        }
        ReadOnlySpan<byte> taken = _rest[..length];
        _rest = _rest[length..];
        return taken;
    }
}
