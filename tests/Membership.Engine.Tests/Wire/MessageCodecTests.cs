// Messages survive the wire; everything else is refused without an exception; a newer minor version is understood.
using System.Buffers.Binary;
using FsCheck;
using FsCheck.Fluent;
using Membership.Engine.Protocol;
using Membership.Engine.Wire;
using Xunit;

namespace Membership.Engine.Tests.Wire;

public sealed class MessageCodecTests
{
    public static TheoryData<byte> Kinds => [.. Enum.GetValues<MessageKind>().Where(static kind => kind != MessageKind.BriefStatus).Select(static kind => (byte)kind)];

    [Theory]
    [MemberData(nameof(Kinds))]
    public void Every_kind_survives_the_wire(byte kind) => ForAll(Messages((MessageKind)kind), 200, message =>
    {
        byte[] bytes = Encode(message.Header, message.Body);
        Assert.Equal(MessageCodec.Measure(message.Body), bytes.Length);
        Assert.Equal(DecodeResult.Ok, MessageCodec.TryDecode(bytes, out MessageHeader header, out MessageBody? body));
        Assert.Equal(message.Header, header);
        Assert.True(Same(message.Body, body));
        Assert.Equal(bytes, Encode(header, body));
    });

    [Fact]
    public void Every_kind_has_a_generator_so_that_no_kind_goes_untested()
        => Assert.Equal(Enum.GetValues<MessageKind>().Except([MessageKind.Heartbeat, MessageKind.BriefStatus]).Order(), Arbitrary.Bodies.Keys.Order());

    [Theory]
    [MemberData(nameof(Kinds))]
    public void Every_truncation_is_refused(byte kind) => ForAll(Messages((MessageKind)kind), 20, static message =>
    {
        byte[] bytes = Encode(message.Header, message.Body);
        int step = Math.Max(1, bytes.Length / 2000);
        for (int length = 0; length < bytes.Length; length += step)
            Assert.NotEqual(DecodeResult.Ok, MessageCodec.TryDecode(bytes.AsSpan(0, length), out _, out _));
        Assert.Equal(DecodeResult.Malformed, MessageCodec.TryDecode([.. bytes, 0], out _, out _));
    });

    [Theory]
    [MemberData(nameof(Kinds))]
    public void A_flipped_bit_never_throws_and_what_is_accepted_is_a_message(byte kind) => ForAll(Messages((MessageKind)kind), 10, static message =>
    {
        byte[] bytes = Encode(message.Header, message.Body);
        int step = Math.Max(1, bytes.Length * 8 / 4001);
        for (int bit = 0; bit < bytes.Length * 8; bit += step)
        {
            bytes[bit / 8] ^= (byte)(1 << bit % 8);
            if (MessageCodec.TryDecode(bytes, out MessageHeader header, out MessageBody? body) == DecodeResult.Ok) Encode(header, body);
            bytes[bit / 8] ^= (byte)(1 << bit % 8);
        }
    });

    [Fact]
    public void Random_bytes_never_throw_even_behind_a_good_header()
    {
        var random = new Random(20261122);
        var bytes = new byte[600];
        byte[] start = Encode(new MessageHeader { From = new NodeId(1) }, null);
        for (int round = 0; round < 300_000; round++)
        {
            Span<byte> message = bytes.AsSpan(0, random.Next(bytes.Length));
            random.NextBytes(message);
            if (message.Length > MessageCodec.HeaderSize && round % 4 != 0)
            {
                start.CopyTo(message);
                message[1] = (byte)random.Next(3);
                message[2] = (byte)random.Next(19);
                BinaryPrimitives.WriteInt32LittleEndian(message[12..], message.Length - MessageCodec.HeaderSize);
            }
            MessageCodec.TryDecode(message, out _, out _);
        }
    }

    [Theory]
    [InlineData(uint.MaxValue)]
    [InlineData(1_000_000U)]
    public void A_huge_count_allocates_nothing_for_what_is_not_there(uint claimed)
    {
        // A status whose row count claims many more rows than there are bytes.
        MessageBody status = Arbitrary.Bodies[MessageKind.Status].Sample(5, 1).First();
        byte[] bytes = Encode(new MessageHeader { From = new NodeId(1) }, status);
        int rowCount = MessageCodec.HeaderSize + 15;
        rowCount += 1 + 8 * bytes[rowCount];
        rowCount += 1 + 8 * bytes[rowCount];
        BinaryPrimitives.WriteUInt32LittleEndian(bytes.AsSpan(rowCount), claimed);
        MessageCodec.TryDecode(bytes, out _, out _);
        long before = GC.GetAllocatedBytesForCurrentThread();
        Assert.Equal(DecodeResult.Malformed, MessageCodec.TryDecode(bytes, out _, out _));
        Assert.True(GC.GetAllocatedBytesForCurrentThread() - before < 4096);
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void Extra_fields_of_a_newer_minor_version_are_skipped(byte kind) => ForAll(Messages((MessageKind)kind), 50, static message =>
    {
        // A longer header and a longer body, as a newer minor version would write them.
        byte[] bytes = Encode(message.Header, message.Body);
        byte[] body = [.. bytes[MessageCodec.HeaderSize..], 1, 2, 3, 4, 5];
        byte[] newer = [.. bytes[..MessageCodec.HeaderSize], 9, 9, 9, 9, .. body, 7, 7];
        newer[1] = MessageCodec.MinorVersion + 1;
        BinaryPrimitives.WriteUInt16LittleEndian(newer.AsSpan(8), MessageCodec.HeaderSize + 4);
        BinaryPrimitives.WriteInt32LittleEndian(newer.AsSpan(12), body.Length);
        Assert.Equal(DecodeResult.Ok, MessageCodec.TryDecode(newer, out MessageHeader header, out MessageBody? decoded));
        Assert.Equal(message.Header, header);
        Assert.True(Same(message.Body, decoded));

        newer[1] = MessageCodec.MinorVersion;
        Assert.Equal(DecodeResult.Malformed, MessageCodec.TryDecode(newer, out _, out _));
    });

    [Fact]
    public void A_kind_of_a_newer_minor_version_is_told_apart_from_garbage()
    {
        byte[] bytes = Encode(new MessageHeader { From = new NodeId(3), Sequence = 7 }, null);
        bytes[2] = 200;
        Assert.Equal(DecodeResult.Malformed, MessageCodec.TryDecode(bytes, out _, out _));
        bytes[1] = MessageCodec.MinorVersion + 1;
        Assert.Equal(DecodeResult.UnknownKind, MessageCodec.TryDecode(bytes, out MessageHeader header, out _));
        Assert.Equal(7UL, header.Sequence);
    }

    [Fact]
    public void Another_major_version_is_refused_as_such()
    {
        byte[] bytes = Encode(new MessageHeader { From = new NodeId(3) }, null);
        bytes[0] = MessageCodec.MajorVersion + 1;
        Assert.Equal(DecodeResult.OtherMajorVersion, MessageCodec.TryDecode(bytes, out _, out _));
        Assert.Equal(DecodeResult.OtherMajorVersion, MessageCodec.TryDecode(bytes.AsSpan(0, 20), out _, out _));
    }

    [Fact]
    public void Too_small_a_buffer_is_told_with_the_room_needed()
    {
        MessageBody body = new JoinFailedMessage(5, MembershipStatus.Transient);
        Assert.False(MessageCodec.TryEncode(new MessageHeader { From = new NodeId(1) }, body, new byte[20], out int needed));
        Assert.Equal(MessageCodec.Measure(body), needed);
        Assert.False(MessageCodec.TryEncode(new MessageHeader { From = new NodeId(1) }, body, new byte[needed - 1], out _));
        Assert.True(MessageCodec.TryEncode(new MessageHeader { From = new NodeId(1) }, body, new byte[needed], out _));
    }

    [Fact]
    public void Long_text_is_cut_at_a_character()
    {
        var body = new PetitionReplyMessage(MembershipStatus.Fault, default, default, "x" + string.Concat(Enumerable.Repeat("ä", 2000)));
        Assert.Equal(DecodeResult.Ok, MessageCodec.TryDecode(Encode(new MessageHeader { From = new NodeId(1) }, body), out _, out MessageBody? decoded));
        Assert.Equal("x" + string.Concat(Enumerable.Repeat("ä", 511)), Assert.IsType<PetitionReplyMessage>(decoded).Reason);
    }

    internal static byte[] Encode(in MessageHeader header, MessageBody? body)
    {
        var bytes = new byte[MessageCodec.Measure(body)];
        Assert.True(MessageCodec.TryEncode(header, body, bytes, out int written));
        Assert.Equal(bytes.Length, written);
        return bytes;
    }

    // Records compare their immutable arrays by identity and views by (epoch, hash); this compares what is in them.
    internal static bool Same(MessageBody? left, MessageBody? right) => (left, right) switch
    {
        (StatusMessage a, StatusMessage b) => a with { Rows = b.Rows, Pending = b.Pending } == b && a.Rows.SequenceEqual(b.Rows)
            && a.Pending.SequenceEqual(b.Pending) && a.StoredInForce?.QuorumOwner == b.StoredInForce?.QuorumOwner,
        // Dictionaries, arrays and memory: what is in them is what is written of them.
        (JoinPrepareMessage or UpdateRequestMessage or UpdatePrepareMessage or StateOfferMessage, not null) => left.Kind == right.Kind && Written(left).SequenceEqual(Written(right)),
        _ => Equals(left, right),
    };

    private static byte[] Written(MessageBody body) => Encode(new MessageHeader { From = new NodeId(1) }, body);

    private static Gen<(MessageHeader Header, MessageBody? Body)> Messages(MessageKind kind)
        => from header in Arbitrary.Header
           from body in kind == MessageKind.Heartbeat ? Gen.Constant<MessageBody?>(null) : Arbitrary.Bodies[kind].Select(static body => (MessageBody?)body)
           select (header, body);

    private static void ForAll<T>(Gen<T> gen, int tests, Action<T> holds) => Check.One(Config.QuickThrowOnFailure.WithMaxTest(tests), Prop.ForAll(gen.ToArbitrary(), holds));
}
