// What a message takes on the wire: the real codec encodes it, and header and seal of every datagram it needs are added. A broadcast is
// encoded once, as the channel does. IP and UDP headers (28 bytes with IPv4) are not counted.
using Membership.Engine.Protocol;
using Membership.Engine.Wire;

namespace Membership.Bench.Scale;

internal sealed class WireMeter
{
    private byte[] _buffer = new byte[1 << 16];
    private readonly (MessageBody? Body, int Bytes, int Datagrams)[] _last = new (MessageBody?, int, int)[3];

    public long Messages { get; private set; }

    public long Datagrams { get; private set; }

    public long Bytes { get; private set; }

    /// <summary>The longest message so far, header included.</summary>
    public int Longest { get; private set; }

    /// <summary>Counts a message between nodes of today's version, which all have shown that they are.</summary>
    public void Count(in MessageHeader header, MessageBody? body)
    {
        MessageForm form = body is not StatusMessage ? MessageForm.Plain : header.NamesViews ? MessageForm.Named : MessageForm.Brief;
        Messages++;
        ref var last = ref _last[(int)form];
        if (!ReferenceEquals(body, last.Body) || last.Bytes == 0) last = Encode(body, form);
        Datagrams += last.Datagrams;
        Bytes += last.Bytes;
    }

    private (MessageBody? Body, int Bytes, int Datagrams) Encode(MessageBody? body, MessageForm form)
    {
        if (!MessageCodec.TryEncodeBody(body, form, _buffer, out int bodyLength))
        {
            _buffer = new byte[2 * (MessageCodec.HeaderSize + bodyLength)];
            MessageCodec.TryEncodeBody(body, form, _buffer, out bodyLength);
        }
        int length = MessageCodec.HeaderSize + bodyLength;
        if (length > MessageCodec.MaxMessageSize) throw new InvalidOperationException($"A {body!.Kind} of {length} bytes is longer than a message may be ({MessageCodec.MaxMessageSize}).");
        Longest = Math.Max(Longest, length);
        int datagrams = DatagramSealer.FragmentCount(length);
        return (body, length + datagrams * DatagramHeader.Overhead, datagrams);
    }
}
