// Little-endian content of the engine's files, written and read field by field; a view is the same bytes as on the wire.
using System.Buffers;
using System.Buffers.Binary;
using System.Text;
using Membership.Engine.Wire;

namespace Membership.Engine.Storage;

/// <summary>Appends fields. Not thread-safe.</summary>
internal sealed class ContentWriter
{
    private readonly ArrayBufferWriter<byte> _buffer = new();

    public ReadOnlySpan<byte> Written => _buffer.WrittenSpan;

    public void Write(byte value)
    {
        _buffer.GetSpan(1)[0] = value;
        _buffer.Advance(1);
    }

    public void Write(int value)
    {
        BinaryPrimitives.WriteInt32LittleEndian(_buffer.GetSpan(4), value);
        _buffer.Advance(4);
    }

    public void Write(long value)
    {
        BinaryPrimitives.WriteInt64LittleEndian(_buffer.GetSpan(8), value);
        _buffer.Advance(8);
    }

    public void Write(Guid value)
    {
        value.TryWriteBytes(_buffer.GetSpan(16));
        _buffer.Advance(16);
    }

    public void Write(string value)
    {
        int length = Encoding.UTF8.GetByteCount(value);
        Write(length);
        Encoding.UTF8.GetBytes(value, _buffer.GetSpan(length));
        _buffer.Advance(length);
    }

    public void Write(ClusterView view) => _buffer.Advance(ViewCodec.Write(view, _buffer.GetSpan(ViewCodec.Measure(view))));
}

/// <summary>Reads fields in the order they were written; the first impossible one ends it.</summary>
internal ref struct ContentReader(ReadOnlySpan<byte> content)
{
    private ReadOnlySpan<byte> _rest = content;

    public readonly bool AtEnd => _rest.IsEmpty;

    public byte ReadByte() => Take(1)[0];

    public int ReadInt32() => BinaryPrimitives.ReadInt32LittleEndian(Take(4));

    public long ReadInt64() => BinaryPrimitives.ReadInt64LittleEndian(Take(8));

    public Guid ReadGuid() => new(Take(16));

    public string ReadString() => Encoding.UTF8.GetString(Take(ReadInt32()));

    /// <summary>A count of things that take at least <paramref name="itemBytes"/> each.</summary>
    public int ReadCount(int itemBytes)
    {
        int count = ReadInt32();
        return count >= 0 && (long)count * itemBytes <= _rest.Length ? count : throw new RecordFormatException($"it names {count} items and has no room for them");
    }

    public NodeId ReadNode()
    {
        int number = ReadInt32();
        return number is >= 0 and <= NodeId.MaxValue ? new NodeId(number) : throw new RecordFormatException($"it holds the node number {number}");
    }

    public ClusterView ReadView()
    {
        if (!ViewCodec.TryRead(_rest, out ClusterView? view, out int consumed)) throw new RecordFormatException("it holds an impossible view");
        _rest = _rest[consumed..];
        return view!;
    }

    private ReadOnlySpan<byte> Take(int length)
    {
        if ((uint)length > (uint)_rest.Length) throw new RecordFormatException("its content ends in the middle of a field");
        ReadOnlySpan<byte> taken = _rest[..length];
        _rest = _rest[length..];
        return taken;
    }
}
