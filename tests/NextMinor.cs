// A message as a later minor version would write it: a longer header with a flag nobody knows, unknown flags and further fields at the
// end of every record and of the body. Compiled into each project that lets such a node meet today's.
using System.Collections.Immutable;
using System.Buffers.Binary;
using Membership.Engine;
using Membership.Engine.Protocol;
using Membership.Engine.Wire;

namespace Membership.Tests;

internal static class NextMinor
{
    private const int HeaderExtra = 8, RecordExtra = 5, BodyExtra = 11;
    private const byte Filler = 0xa5;
    private const byte UnknownHeaderFlag = 0x80;
    private const StatusFlags UnknownStatusFlag = (StatusFlags)0x8000;

    /// <summary>A kind that only the later version has.</summary>
    public const byte UnknownKind = 200;

    /// <summary>The same message in the words of the later version.</summary>
    public static byte[] Extend(in MessageHeader header, MessageBody? body)
    {
        ReadOnlySpan<byte> content = body switch
        {
            null => default,
            StatusMessage status => Lengthen(Encode(status with { Flags = status.Flags | UnknownStatusFlag, Rows = [.. status.Rows.Select(static row => row with { Flags = row.Flags | UnknownStatusFlag })] }),
            [
                .. status.Rows.Select(static row => Row(row with { Flags = row.Flags | UnknownStatusFlag })).Select(static row => (row, Longer(row))),
                .. Views(status.StoredInForce is { } stored ? [stored, .. status.Pending] : [.. status.Pending]),
                .. status.Decision is { } decision ? [Decided(decision)] : Array.Empty<(byte[], byte[])>(),
            ]),
            JoinStartMessage start => Lengthen(Encode(start), Views(start.Current)),
            JoinPrepareMessage prepare => Lengthen(Encode(prepare), Views(prepare.Base, prepare.View)),
            _ => Encode(body),
        };
        return Frame(header, (byte)(body?.Kind ?? MessageKind.Heartbeat), content, body is null ? 0 : BodyExtra);
    }

    /// <summary>A message of a kind that today's version has never heard of.</summary>
    public static byte[] OfUnknownKind(in MessageHeader header) => Frame(header, UnknownKind, [1, 2, 3], BodyExtra);

    /// <summary>A message of today's version with a longer header, an unknown flag and a longer body; for what names views and so cannot be read here.</summary>
    public static byte[] Extend(ReadOnlySpan<byte> message)
    {
        int bodyLength = message.Length - MessageCodec.HeaderSize;
        var longer = new byte[message.Length + HeaderExtra + BodyExtra];
        longer.AsSpan().Fill(Filler);
        message[..MessageCodec.HeaderSize].CopyTo(longer);
        message[MessageCodec.HeaderSize..].CopyTo(longer.AsSpan(MessageCodec.HeaderSize + HeaderExtra));
        longer[1] = MessageCodec.MinorVersion + 1;
        longer[3] |= UnknownHeaderFlag;
        BinaryPrimitives.WriteUInt16LittleEndian(longer.AsSpan(8), MessageCodec.HeaderSize + HeaderExtra);
        BinaryPrimitives.WriteInt32LittleEndian(longer.AsSpan(12), bodyLength + BodyExtra);
        return longer;
    }

    private static byte[] Frame(in MessageHeader header, byte kind, ReadOnlySpan<byte> content, int extra)
    {
        var message = new byte[MessageCodec.HeaderSize + HeaderExtra + content.Length + extra];
        message.AsSpan().Fill(Filler);
        MessageCodec.EncodeHeader(header, (MessageKind)kind, content.Length + extra, message);
        message[1] = MessageCodec.MinorVersion + 1;
        message[3] |= UnknownHeaderFlag;
        BinaryPrimitives.WriteUInt16LittleEndian(message.AsSpan(8), MessageCodec.HeaderSize + HeaderExtra);
        content.CopyTo(message.AsSpan(MessageCodec.HeaderSize + HeaderExtra));
        return message;
    }

    private static byte[] Encode(MessageBody body)
    {
        var message = new byte[MessageCodec.Measure(body)];
        return MessageCodec.TryEncodeBody(body, message, out _) ? message[MessageCodec.HeaderSize..] : throw new InvalidOperationException("the room that was measured is too little");
    }

    private static (byte[] Plain, byte[] Longer)[] Views(params ReadOnlySpan<ClusterView> views)
    {
        var pairs = new (byte[], byte[])[views.Length];
        for (int i = 0; i < views.Length; i++) pairs[i] = (View(views[i]), Longer(View(views[i])));
        return pairs;
    }

    private static (byte[] Plain, byte[] Longer) Decided(Decision decision)
    {
        var bytes = new byte[4 + 2 + 8 + ViewCodec.Measure(decision.View) + 2 * (1 + NodeId.MaxValue / 8)];
        var writer = new WireWriter(bytes);
        int start = writer.BeginRecord();
        writer.Node(decision.Decider);
        writer.I64(decision.DeciderIncarnation.Value);
        ViewCodec.Write(ref writer, decision.View);
        writer.NodeSet(decision.Voters);
        writer.NodeSet(decision.Removed);
        writer.EndRecord(start);
        byte[] plain = bytes[..writer.Position];
        byte[] inner = Lengthen(plain.AsSpan(4), Views(decision.View));
        byte[] whole = [0, 0, 0, 0, .. inner];
        BinaryPrimitives.WriteInt32LittleEndian(whole, inner.Length);
        return (plain, Longer(whole));
    }

    private static byte[] View(ClusterView view)
    {
        var bytes = new byte[ViewCodec.Measure(view)];
        ViewCodec.Write(view, bytes);
        return bytes;
    }

    private static byte[] Row(ConnectivityRow row)
    {
        var bytes = new byte[4 + 2 + 8 + 2 * (1 + NodeId.MaxValue / 8) + 2];
        var writer = new WireWriter(bytes);
        int start = writer.BeginRecord();
        writer.Node(row.Node);
        writer.I64(row.Incarnation.Value);
        writer.NodeSet(row.Heard);
        writer.NodeSet(row.Closed);
        writer.U16((ushort)row.Flags);
        writer.EndRecord(start);
        return bytes[..writer.Position];
    }

    // A record begins with its length.
    private static byte[] Longer(ReadOnlySpan<byte> record)
    {
        var longer = new byte[record.Length + RecordExtra];
        record.CopyTo(longer);
        longer.AsSpan(record.Length).Fill(Filler);
        BinaryPrimitives.WriteInt32LittleEndian(longer, longer.Length - sizeof(int));
        return longer;
    }

    // Records in the order in which they were written, each found behind the one before it.
    private static byte[] Lengthen(ReadOnlySpan<byte> content, ReadOnlySpan<(byte[] Plain, byte[] Longer)> records)
    {
        var result = new List<byte>(content.Length + 64);
        foreach ((byte[] plain, byte[] longer) in records)
        {
            int at = content.IndexOf(plain);
            if (at < 0) throw new InvalidOperationException("a record is not where it should be in its message");
            result.AddRange(content[..at]);
            result.AddRange(longer);
            content = content[(at + plain.Length)..];
        }
        result.AddRange(content);
        return [.. result];
    }
}
