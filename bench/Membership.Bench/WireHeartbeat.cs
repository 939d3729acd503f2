// A heartbeat's way through the wire: encode, seal with AES-256-GCM, open, decode.
using BenchmarkDotNet.Attributes;
using Membership.Engine;
using Membership.Engine.Protocol;
using Membership.Engine.Wire;

namespace Membership.Bench;

public class WireHeartbeat : IDisposable
{
    private static readonly NodeId Sender = new(1);
    private static readonly NodeId Receiver = new(2);

    private readonly byte[] _message = new byte[MessageCodec.HeaderSize];
    private readonly byte[] _datagram = new byte[256];
    private readonly byte[] _content = new byte[256];
    private readonly DatagramSealer _sealer;
    private readonly DatagramOpener _opener;
    private ulong _sequence;

    public WireHeartbeat()
    {
        KeyRing keys = KeyRing.Generate();
        _sealer = new DatagramSealer("bench", Sender, keys);
        _opener = new DatagramOpener("bench", Receiver, NodeSet.Of(1, 2), keys);
    }

    [Benchmark]
    public ulong EncodeSealOpenDecode()
    {
        var header = new MessageHeader
        {
            From = Sender,
            FromIncarnation = new Incarnation(1),
            To = Receiver,
            ToIncarnation = new Incarnation(1),
            InForce = new ViewId(new Epoch(4), 5),
            Sequence = ++_sequence,
        };
        if (!MessageCodec.TryEncode(header, null, _message, out int length)) throw new InvalidOperationException("not encoded");
        int size = _sealer.Seal(Receiver, header.FromIncarnation, _message.AsSpan(0, length), _datagram);
        DatagramDropReason dropped = _opener.TryOpen(_datagram.AsSpan(0, size), _content, out OpenedDatagram opened);
        if (dropped != DatagramDropReason.None) throw new InvalidOperationException($"not opened: {dropped}");
        DecodeResult result = MessageCodec.TryDecode(_content.AsSpan(0, opened.Length), out MessageHeader read, out _);
        return result == DecodeResult.Ok ? read.Sequence : throw new InvalidOperationException($"not decoded: {result}");
    }

    public void Dispose()
    {
        _sealer.Dispose();
        _opener.Dispose();
        GC.SuppressFinalize(this);
    }
}
