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

    /// <summary>A status that names a view which is not known here; the header was read.</summary>
    UnknownView,
}

/// <summary>How a body is written.</summary>
internal enum MessageForm
{
    /// <summary>As every version of this major number reads it.</summary>
    Plain,

    /// <summary>A status in fewer bytes, its views in full.</summary>
    Brief,

    /// <summary>A status in fewer bytes, its views by name.</summary>
    Named,
}

/// <summary>Encodes and decodes messages. Stateless; safe from any thread.</summary>
/// <remarks>Header, 72 bytes: u8 major, u8 minor, u8 kind, u8 flags, u16 from, u16 to, u16 header length, u16 zero, u32 body length,
/// i64 from incarnation, i64 to incarnation, i64 epoch in force, u64 its hash, u64 sequence, u64 acknowledged, i64 ownership
/// remaining (100 ns). A newer minor version may lengthen the header, any record and the body at their ends.</remarks>
internal static class MessageCodec
{
    public const byte MajorVersion = 1;
    public const byte MinorVersion = 1;
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
    public static bool TryEncodeBody(MessageBody? body, Span<byte> destination, out int bodyLength) => TryEncodeBody(body, MessageForm.Plain, destination, out bodyLength);

    /// <summary>Writes only the body, in one of its forms.</summary>
    public static bool TryEncodeBody(MessageBody? body, MessageForm form, Span<byte> destination, out int bodyLength)
    {
        var writer = new WireWriter(destination.Length < HeaderSize ? default : destination[HeaderSize..]);
        if (form != MessageForm.Plain && body is StatusMessage status) BriefStatusCodec.Write(ref writer, status, form == MessageForm.Named);
        else if (body is not null) BodyCodec.Write(ref writer, body);
        bodyLength = writer.Position;
        return destination.Length >= HeaderSize && !writer.Overflowed;
    }

    /// <summary>The kind that stands in the header of a body in one of its forms.</summary>
    public static MessageKind KindOf(MessageBody? body, MessageForm form)
        => body is null ? MessageKind.Heartbeat : form != MessageForm.Plain && body is StatusMessage ? MessageKind.BriefStatus : body.Kind;

    /// <summary>Writes the header before a body of the given length.</summary>
    public static void EncodeHeader(in MessageHeader header, MessageKind kind, int bodyLength, Span<byte> destination, byte minorVersion = MinorVersion)
    {
        Span<byte> to = destination[..HeaderSize];
        to[0] = MajorVersion;
        to[1] = minorVersion;
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

    /// <summary>Reads a message that names no view; never throws. A heartbeat allocates nothing.</summary>
    public static DecodeResult TryDecode(ReadOnlySpan<byte> source, out MessageHeader header, out MessageBody? body) => TryDecode(source, null, MinorVersion, out header, out body);

    /// <summary>Reads a message; never throws. A heartbeat allocates nothing.</summary>
    /// <param name="source">Any bytes.</param>
    /// <param name="views">The views that a status may name; null = none.</param>
    /// <param name="minorVersion">Of the reader.</param>
    /// <param name="header">The header, if it could be read.</param>
    /// <param name="body">The body; null for a heartbeat and on any failure.</param>
    public static DecodeResult TryDecode(ReadOnlySpan<byte> source, ViewMemory? views, byte minorVersion, out MessageHeader header, out MessageBody? body)
    {
        header = default;
        body = null;
        if (source.Length < 2) return DecodeResult.Malformed;
        if (source[0] != MajorVersion) return DecodeResult.OtherMajorVersion;
        if (source.Length < HeaderSize) return DecodeResult.Malformed;
        bool newerMinor = source[1] > minorVersion;
        int headerLength = BinaryPrimitives.ReadUInt16LittleEndian(source[HeaderLengthOffset..]);
        uint bodyLength = BinaryPrimitives.ReadUInt32LittleEndian(source[BodyLengthOffset..]);
        if (headerLength < HeaderSize || headerLength > source.Length || bodyLength > (uint)(source.Length - headerLength)) return DecodeResult.Malformed;
        if (!newerMinor && (headerLength != HeaderSize || source.Length != HeaderSize + (int)bodyLength)) return DecodeResult.Malformed;
        if (!TryDecodeHeader(source, ref header)) return DecodeResult.Malformed;

        var kind = (MessageKind)source[2];
        ReadOnlySpan<byte> content = source.Slice(headerLength, (int)bodyLength);
        if (kind == MessageKind.Heartbeat) return content.IsEmpty || newerMinor ? DecodeResult.Ok : DecodeResult.Malformed;
        if (!BodyCodec.Knows(kind) || (kind == MessageKind.BriefStatus && minorVersion < BriefStatusCodec.SinceMinor)) return newerMinor ? DecodeResult.UnknownKind : DecodeResult.Malformed;
        var reader = new WireReader(content, tolerateExtra: newerMinor);
        bool unknownView = false;
        body = kind == MessageKind.BriefStatus ? BriefStatusCodec.Read(ref reader, views, out unknownView) : BodyCodec.Read(ref reader, kind);
        if (reader.AtEnd && (body is not null || unknownView)) return body is not null ? DecodeResult.Ok : DecodeResult.UnknownView;
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
