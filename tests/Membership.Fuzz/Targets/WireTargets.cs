// Everything that comes from the network: datagrams in plain text with fragments, messages, views.
using System.Buffers;
using System.Buffers.Binary;
using Membership.Engine;
using Membership.Engine.Protocol;
using Membership.Engine.Wire;

namespace Membership.Fuzz.Targets;

internal static class WireTargets
{
    private static readonly NodeSet Known = NodeSet.Of(1, 2, 3);
    private static readonly DatagramCounters Counters = new();
    private static readonly byte[] Content = new byte[DatagramSealer.MaxDatagramSize];
    private static readonly byte[] Again = new byte[2 * MessageCodec.MaxMessageSize];
    private static FragmentAssembler _assembler = new(Counters);
    private static int _opened;

    /// <summary>What the nodes of the corpus have heard of.</summary>
    public static readonly ClusterView[] Remembered = [.. Enumerable.Range(5, 2).Select(static epoch => new ClusterView(
        new Epoch(epoch), Enumerable.Range(1, 3).Select(static number => new ClusterMember(new NodeId(number), new Incarnation(3), 1, 77)),
        new QuorumRule(QuorumPolicy.NodeMajority, TieBreaker.LowestNode, false), ClusterTiming.Default))];

    public static bool Message(byte[] input)
    {
        var views = new ViewMemory();
        foreach (ClusterView view in Remembered) views.Note(new JoinPrepareMessage(0, view, view, null));
        if (MessageCodec.TryDecode(input, views, MessageCodec.MinorVersion, out MessageHeader header, out MessageBody? body) != DecodeResult.Ok) return false;
        // What was taken can be said again, in every form, and is then taken again.
        views.Note(body);
        for (MessageForm form = MessageForm.Plain; form <= (body is StatusMessage ? MessageForm.Named : MessageForm.Plain); form++)
        {
            if (!MessageCodec.TryEncodeBody(body, form, Again, out int length)) throw new InvalidOperationException("a message that was decoded is too long to encode");
            MessageCodec.EncodeHeader(in header, MessageCodec.KindOf(body, form), length, Again);
            DecodeResult again = MessageCodec.TryDecode(Again.AsSpan(0, MessageCodec.HeaderSize + length), views, MessageCodec.MinorVersion, out _, out MessageBody? same);
            // A name of more views than are remembered is one that the sender would not use.
            if (again == DecodeResult.UnknownView && form == MessageForm.Named) continue;
            if (again != DecodeResult.Ok) throw new InvalidOperationException($"a message that was decoded and encoded is {again}");
            if (body is StatusMessage && !body.Equals(same)) throw new InvalidOperationException($"a status that was decoded and encoded as {form} says something else");
        }
        return true;
    }

    public static byte[] RepairMessage(byte[] input)
    {
        if (input.Length < MessageCodec.HeaderSize) return input;
        input[0] = MessageCodec.MajorVersion;
        BinaryPrimitives.WriteUInt16LittleEndian(input.AsSpan(8), MessageCodec.HeaderSize);
        BinaryPrimitives.WriteInt32LittleEndian(input.AsSpan(12), input.Length - MessageCodec.HeaderSize);
        return input;
    }

    public static bool Datagram(byte[] input)
    {
        if (++_opened % 64 == 0) _assembler = new FragmentAssembler(Counters);
        using var opener = new DatagramOpener("plant-7", new NodeId(2), Known, null);
        if (opener.TryOpen(input, Content, out OpenedDatagram opened) != DatagramDropReason.None) return false;
        if (opener.TryOpen(input, Content, out _) != DatagramDropReason.Replayed) throw new InvalidOperationException("a datagram was opened twice");
        if (opened.FragmentCount == 1) return MessageCodec.TryDecode(Content.AsSpan(0, opened.Length), out _, out _) == DecodeResult.Ok;
        _assembler.Add(in opened, Content.AsSpan(0, opened.Length), out byte[]? message, out int length);
        if (message is null) return false;
        bool taken = MessageCodec.TryDecode(message.AsSpan(0, length), out _, out _) == DecodeResult.Ok;
        ArrayPool<byte>.Shared.Return(message);
        return taken;
    }

    public static byte[] RepairDatagram(byte[] input)
    {
        if (input.Length >= DatagramHeader.Overhead)
            PlainSeal.Write(input.AsSpan(0, DatagramHeader.Size), input.AsSpan(DatagramHeader.Size, input.Length - DatagramHeader.Overhead), input.AsSpan(input.Length - DatagramHeader.SealSize));
        return input;
    }

    public static bool View(byte[] input)
    {
        if (!ViewCodec.TryRead(input, out ClusterView? view, out int consumed)) return false;
        if (consumed <= 0 || consumed > input.Length) throw new InvalidOperationException($"a view took {consumed} of {input.Length} bytes");
        int written = ViewCodec.Write(view!, Again);
        if (!ViewCodec.TryRead(Again.AsSpan(0, written), out ClusterView? same, out _) || same!.Id != view!.Id) throw new InvalidOperationException("a view that was read and written is another one");
        return true;
    }

    public static byte[] RepairView(byte[] input)
    {
        if (input.Length > sizeof(int)) BinaryPrimitives.WriteInt32LittleEndian(input, input.Length - sizeof(int));
        return input;
    }
}
