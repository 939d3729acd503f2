// A whole message as bytes: a fixed header that is a heartbeat by itself, and a body with a length before it. Pure,
// total on any input, and without allocation for a heartbeat.
using System.Buffers.Binary;
using Membership.Engine.Protocol;

namespace Membership.Engine.Wire;

/// <summary>What a decode found.</summary>
internal enum DecodeResult
{
    Ok,

    /// <summary>Not a message: too short, an impossible field, a wrong length.</summary>
    Malformed,

    /// <summary>Another major version: nothing of it can be understood.</summary>
    OtherMajorVersion,

    /// <summary>A kind that only a newer minor version has; the header was read.</summary>
    UnknownKind,
}

/// <summary>Encodes and decodes messages. Stateless; safe from any thread.</summary>
/// <remarks>Header, 72 bytes: u8 major, u8 minor, u8 kind, u8 flags, u16 from, u16 to, u16 header length, u16 zero, u32 body length,
/// i64 from incarnation, i64 to incarnation, i64 epoch in force, u64 its hash, u64 sequence, u64 acknowledged, i64 ownership
/// remaining (100 ns). A newer minor version may lengthen the header, any record and the body at their ends.</remarks>
internal static class MessageCodec
{
    public const byte MajorVersion = 1;
    public const byte MinorVersion = 0;
    public const int HeaderSize = 72;

    /// <summary>The largest message: a status of 1024 nodes with all rows and several views is about half of it.</summary>
    public const int MaxMessageSize = 1 << 20;

    private const int HeaderLengthOffset = 8;
    private const int BodyLengthOffset = 12;

    /// <summary>The bytes that <see cref="TryEncode"/> needs.</summary>
    public static int Measure(MessageBody? body) => HeaderSize + MeasureBody(body);

    /// <summary>The bytes of a body alone.</summary>
    public static int MeasureBody(MessageBody? body)
    {
        if (body is null) return 0;
        var writer = new WireWriter(default);
        BodyCodec.Write(ref writer, body);
        return writer.Position;
    }

    /// <summary>Writes a message.</summary>
    /// <returns>False when it does not fit; <paramref name="written"/> is then the room it needs.</returns>
    public static bool TryEncode(in MessageHeader header, MessageBody? body, Span<byte> destination, out int written)
    {
        if (!TryEncodeBody(body, destination, out int bodyLength))
        {
            written = HeaderSize + bodyLength;
            return false;
        }
        written = HeaderSize + bodyLength;
        EncodeHeader(header, body?.Kind ?? MessageKind.Heartbeat, bodyLength, destination);
        return true;
    }

    /// <summary>Writes only the body, to where it belongs behind a header, so that a broadcast encodes it once.</summary>
    /// <returns>False when it does not fit; <paramref name="bodyLength"/> is the body's length in any case.</returns>
    public static bool TryEncodeBody(MessageBody? body, Span<byte> destination, out int bodyLength)
    {
        var writer = new WireWriter(destination.Length < HeaderSize ? default : destination[HeaderSize..]);
        if (body is not null) BodyCodec.Write(ref writer, body);
        bodyLength = writer.Position;
        return destination.Length >= HeaderSize && !writer.Overflowed;
    }

    /// <summary>Writes the header before a body of the given length.</summary>
    public static void EncodeHeader(in MessageHeader header, MessageKind kind, int bodyLength, Span<byte> destination)
    {
        Span<byte> to = destination[..HeaderSize];
        to[0] = MajorVersion;
        to[1] = MinorVersion;
        to[2] = (byte)kind;
        to[3] = (byte)header.Flags;
        BinaryPrimitives.WriteUInt16LittleEndian(to[4..], (ushort)header.From.Value);
        BinaryPrimitives.WriteUInt16LittleEndian(to[6..], (ushort)header.To.Value);
        BinaryPrimitives.WriteUInt16LittleEndian(to[HeaderLengthOffset..], HeaderSize);
        BinaryPrimitives.WriteUInt16LittleEndian(to[10..], 0);
        BinaryPrimitives.WriteUInt32LittleEndian(to[BodyLengthOffset..], (uint)bodyLength);
        BinaryPrimitives.WriteInt64LittleEndian(to[16..], header.FromIncarnation.Value);
        BinaryPrimitives.WriteInt64LittleEndian(to[24..], header.ToIncarnation.Value);
        BinaryPrimitives.WriteInt64LittleEndian(to[32..], header.InForce.Epoch.Value);
        BinaryPrimitives.WriteUInt64LittleEndian(to[40..], header.InForce.Hash);
        BinaryPrimitives.WriteUInt64LittleEndian(to[48..], header.Sequence);
        BinaryPrimitives.WriteUInt64LittleEndian(to[56..], header.Acknowledged);
        BinaryPrimitives.WriteInt64LittleEndian(to[64..], Math.Max(0, header.OwnershipRemaining.Ticks));
    }

    /// <summary>Reads a message; never throws. A heartbeat allocates nothing.</summary>
    public static DecodeResult TryDecode(ReadOnlySpan<byte> source, out MessageHeader header, out MessageBody? body)
    {
        header = default;
        body = null;
        if (source.Length < 2) return DecodeResult.Malformed;
        if (source[0] != MajorVersion) return DecodeResult.OtherMajorVersion;
        if (source.Length < HeaderSize) return DecodeResult.Malformed;
        bool newerMinor = source[1] > MinorVersion;
        int headerLength = BinaryPrimitives.ReadUInt16LittleEndian(source[HeaderLengthOffset..]);
        uint bodyLength = BinaryPrimitives.ReadUInt32LittleEndian(source[BodyLengthOffset..]);
        if (headerLength < HeaderSize || headerLength > source.Length || bodyLength > (uint)(source.Length - headerLength)) return DecodeResult.Malformed;
        if (!newerMinor && (headerLength != HeaderSize || source.Length != HeaderSize + (int)bodyLength)) return DecodeResult.Malformed;
        if (!TryDecodeHeader(source, ref header)) return DecodeResult.Malformed;

        var kind = (MessageKind)source[2];
        ReadOnlySpan<byte> content = source.Slice(headerLength, (int)bodyLength);
        if (kind == MessageKind.Heartbeat) return content.IsEmpty || newerMinor ? DecodeResult.Ok : DecodeResult.Malformed;
        if (!BodyCodec.Knows(kind)) return newerMinor ? DecodeResult.UnknownKind : DecodeResult.Malformed;
        var reader = new WireReader(content, tolerateExtra: newerMinor);
        body = BodyCodec.Read(ref reader, kind);
        if (body is not null && reader.AtEnd) return DecodeResult.Ok;
        body = null;
        return DecodeResult.Malformed;
    }

    private static bool TryDecodeHeader(ReadOnlySpan<byte> source, ref MessageHeader header)
    {
        int from = BinaryPrimitives.ReadUInt16LittleEndian(source[4..]);
        int to = BinaryPrimitives.ReadUInt16LittleEndian(source[6..]);
        if (from is < 1 or > NodeId.MaxValue || to > NodeId.MaxValue) return false;
        header.From = new NodeId(from);
        header.To = new NodeId(to);
        header.Flags = (HeaderFlags)source[3];
        header.FromIncarnation = new Incarnation(BinaryPrimitives.ReadInt64LittleEndian(source[16..]));
        header.ToIncarnation = new Incarnation(BinaryPrimitives.ReadInt64LittleEndian(source[24..]));
        header.InForce = new ViewId(new Epoch(BinaryPrimitives.ReadInt64LittleEndian(source[32..])), BinaryPrimitives.ReadUInt64LittleEndian(source[40..]));
        header.Sequence = BinaryPrimitives.ReadUInt64LittleEndian(source[48..]);
        header.Acknowledged = BinaryPrimitives.ReadUInt64LittleEndian(source[56..]);
        header.OwnershipRemaining = new TimeSpan(BinaryPrimitives.ReadInt64LittleEndian(source[64..]));
        return header.FromIncarnation.Value >= 0 && header.ToIncarnation.Value >= 0 && header.InForce.Epoch.Value >= 0 && header.OwnershipRemaining >= TimeSpan.Zero;
    }
}
