// What a message takes on the wire: the real codec encodes it, and header and seal of every datagram it needs are added. A broadcast is
// encoded once, as the channel does. IP and UDP headers (28 bytes with IPv4) are not counted.
using Membership.Engine.Protocol;
using Membership.Engine.Wire;

namespace Membership.Bench.Scale;

internal sealed class WireMeter
{
    private byte[] _buffer = new byte[1 << 16];
    private MessageBody? _last;
    private int _lastBytes;
    private int _lastDatagrams;

    public long Messages { get; private set; }

    public long Datagrams { get; private set; }

    public long Bytes { get; private set; }

    /// <summary>The longest message so far, header included.</summary>
    public int Longest { get; private set; }

    public void Count(MessageBody? body)
    {
        Messages++;
        if (!ReferenceEquals(body, _last) || _lastBytes == 0) Encode(body);
        Datagrams += _lastDatagrams;
        Bytes += _lastBytes;
    }

    private void Encode(MessageBody? body)
    {
        if (!MessageCodec.TryEncodeBody(body, _buffer, out int bodyLength))
        {
            _buffer = new byte[2 * (MessageCodec.HeaderSize + bodyLength)];
            MessageCodec.TryEncodeBody(body, _buffer, out bodyLength);
        }
        int length = MessageCodec.HeaderSize + bodyLength;
        if (length > MessageCodec.MaxMessageSize) throw new InvalidOperationException($"A {body!.Kind} of {length} bytes is longer than a message may be ({MessageCodec.MaxMessageSize}).");
        Longest = Math.Max(Longest, length);
        _last = body;
        _lastDatagrams = DatagramSealer.FragmentCount(length);
        _lastBytes = length + _lastDatagrams * DatagramHeader.Overhead;
    }
}
