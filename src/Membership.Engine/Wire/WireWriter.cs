// Writes little-endian fields into a span. Past the end it goes on counting without writing, so that the same code
// measures (over an empty span) and writes.
using System.Buffers.Binary;
using System.Numerics;
using System.Text;

namespace Membership.Engine.Wire;

internal ref struct WireWriter(Span<byte> destination)
{
    /// <summary>Longest text in UTF-8 bytes; what is longer is cut at a character.</summary>
    public const int MaxTextBytes = 1024;

    /// <summary>Set in the first byte of a set that is written as ranges; the other bits are their number.</summary>
    public const int CompactRanges = 0x80;

    /// <summary>Bytes of a range.</summary>
    public const int NodeRange = 4;

    private readonly Span<byte> _destination = destination;

    /// <summary>Bytes needed so far, whether or not there was room.</summary>
    public int Position { get; private set; }

    /// <summary>There was not room for everything: the destination's content is of no use.</summary>
    public readonly bool Overflowed => Position > _destination.Length;

    public void U8(byte value)
    {
        if (Next(1) is { IsEmpty: false } room) room[0] = value;
    }

    public void U16(ushort value)
    {
        if (Next(2) is { IsEmpty: false } room) BinaryPrimitives.WriteUInt16LittleEndian(room, value);
    }

    public void I32(int value)
    {
        if (Next(4) is { IsEmpty: false } room) BinaryPrimitives.WriteInt32LittleEndian(room, value);
    }

    public void U32(uint value)
    {
        if (Next(4) is { IsEmpty: false } room) BinaryPrimitives.WriteUInt32LittleEndian(room, value);
    }

    public void I64(long value)
    {
        if (Next(8) is { IsEmpty: false } room) BinaryPrimitives.WriteInt64LittleEndian(room, value);
    }

    public void U64(ulong value)
    {
        if (Next(8) is { IsEmpty: false } room) BinaryPrimitives.WriteUInt64LittleEndian(room, value);
    }

    public void Bool(bool value) => U8(value ? (byte)1 : (byte)0);

    public void Node(NodeId node) => U16((ushort)node.Value);

    public void NodeSet(NodeSet set)
    {
        int count = set.WordCount;
        U8((byte)count);
        for (int i = 0; i < count; i++) U64(set.Word(i));
    }

    /// <summary>A set as ranges (u8 128 + their number; per range u16 first, u16 last) when that is shorter than its words.</summary>
    public void CompactSet(NodeSet set)
    {
        int ranges = 0;
        bool inside = false;
        for (int i = 0, words = set.WordCount; i < words; i++)
        {
            ulong word = set.Word(i);
            ranges += BitOperations.PopCount(word & ~(word << 1 | (inside ? 1UL : 0)));
            inside = word >> 63 != 0;
        }
        if (ranges * NodeRange >= set.WordCount * sizeof(ulong))
        {
            NodeSet(set);
            return;
        }
        U8((byte)(CompactRanges | ranges));
        int first = 0, last = 0;
        foreach (NodeId node in set)
        {
            if (first == 0) first = node.Value;
            else if (node.Value != last + 1)
            {
                U16((ushort)first);
                U16((ushort)last);
                first = node.Value;
            }
            last = node.Value;
        }
        U16((ushort)first);
        U16((ushort)last);
    }

    public void Text(string text)
    {
        Span<byte> utf8 = stackalloc byte[MaxTextBytes];
        Encoding.UTF8.GetEncoder().Convert(text, utf8, flush: true, out _, out int length, out _);
        U16((ushort)length);
        Bytes(utf8[..length]);
    }

    public void Blob(ReadOnlySpan<byte> bytes)
    {
        U32((uint)bytes.Length);
        Bytes(bytes);
    }

    public void Bytes(scoped ReadOnlySpan<byte> bytes)
    {
        Span<byte> room = Next(bytes.Length);
        if (!room.IsEmpty) bytes.CopyTo(room);
    }

    /// <summary>Begins a record with a length before it, so that a reader of an older minor version can skip what it does not know.</summary>
    /// <returns>What to give to <see cref="EndRecord"/>.</returns>
    public int BeginRecord()
    {
        U32(0);
        return Position;
    }

    public readonly void EndRecord(int start)
    {
        if (Position <= _destination.Length) BinaryPrimitives.WriteUInt32LittleEndian(_destination[(start - sizeof(uint))..], (uint)(Position - start));
    }

    private Span<byte> Next(int length)
    {
        int start = Position;
        Position = checked(start + length);
        return Position <= _destination.Length ? _destination.Slice(start, length) : default;
    }
}
