// Messages over a transport: encode, seal, send; receive, open, reassemble, decode. The one place where wire and transport
// meet, and where a bad datagram ends: counted, never answered.
using System.Buffers;
using Membership.Engine.Protocol;
using Membership.Engine.Transport;

namespace Membership.Engine.Wire;

/// <summary>Takes one decoded message.</summary>
/// <param name="header">Its header; sender and incarnation are authenticated.</param>
/// <param name="path">The path on which it (or its last fragment) came in.</param>
/// <param name="body">Its body; null for a plain heartbeat.</param>
internal delegate void MessageHandler(in MessageHeader header, int path, MessageBody? body);

/// <summary>Sends and receives messages. Sending a heartbeat and receiving one allocate nothing in steady state.</summary>
/// <remarks>Threading: <see cref="Send"/> may be called by one thread at a time; the handler is called by the transport's threads, one per path.</remarks>
internal sealed class MessageChannel : IAsyncDisposable
{
    private readonly IDatagramTransport _transport;
    private readonly DatagramSealer _sealer;
    private readonly DatagramOpener _opener;
    private readonly FragmentAssembler _assembler;
    private readonly MessageHandler _handler;
    private readonly byte[] _datagram = GC.AllocateUninitializedArray<byte>(DatagramSealer.MaxDatagramSize, pinned: true);
    private readonly byte[][] _opened;
    private byte[] _message = new byte[4096];
    private MessageBody? _encodedBody;
    private int _encodedBodyLength;
    private int _encodedLength;

    public MessageChannel(
        IDatagramTransport transport, DatagramSealer sealer, DatagramOpener opener, DatagramCounters counters, MessageHandler handler)
    {
        _transport = transport;
        _sealer = sealer;
        _opener = opener;
        _assembler = new FragmentAssembler(counters);
        _handler = handler;
        Counters = counters;
        _opened = new byte[transport.PathCount][];
        for (int path = 0; path < _opened.Length; path++) _opened[path] = GC.AllocateUninitializedArray<byte>(DatagramSealer.MaxDatagramSize, pinned: true);
    }

    public DatagramCounters Counters { get; }

    /// <summary>Opens the transport and begins to receive.</summary>
    /// <exception cref="TransportStartException">See <see cref="IDatagramTransport.StartAsync"/>.</exception>
    public ValueTask StartAsync(CancellationToken cancellationToken) => _transport.StartAsync(OnDatagram, cancellationToken);

    /// <summary>Sends a message to the node in its header. May be lost; never blocks.</summary>
    /// <param name="header">The header; its sender must be this node.</param>
    /// <param name="path">A path, or -1 for every path.</param>
    /// <param name="body">The body. The same object sent again, as in a broadcast, is encoded only once.</param>
    /// <returns>False when it was certainly lost on every path asked for.</returns>
    public bool Send(in MessageHeader header, int path, MessageBody? body)
    {
        if (!Encode(body)) return false;
        MessageCodec.EncodeHeader(header, body?.Kind ?? MessageKind.Heartbeat, _encodedLength, _message);
        if (path >= 0) return SendOn(header, path);
        bool sent = false;
        for (int every = 0; every < _transport.PathCount; every++) sent |= SendOn(header, every);
        return sent;
    }

    /// <summary>Nothing was heard from a node for long: its host name may have moved.</summary>
    public void AddressSuspect(NodeId node) => _transport.AddressSuspect(node);

    public ValueTask DisposeAsync() => _transport.DisposeAsync();

    private bool Encode(MessageBody? body)
    {
        if (body is null)
        {
            // The buffer keeps the last body: a heartbeat only writes the header before it.
            _encodedLength = 0;
            return true;
        }
        if (ReferenceEquals(body, _encodedBody))
        {
            _encodedLength = _encodedBodyLength;
            return true;
        }
        _encodedBody = null;
        if (!MessageCodec.TryEncodeBody(body, _message, out int length))
        {
            if (MessageCodec.HeaderSize + length > MessageCodec.MaxMessageSize)
            {
                Counters.CountSendFailure();
                return false;
            }
            _message = new byte[Math.Max(2 * _message.Length, MessageCodec.HeaderSize + length)];
            MessageCodec.TryEncodeBody(body, _message, out length);
        }
        _encodedBody = body;
        _encodedLength = _encodedBodyLength = length;
        return true;
    }

    private bool SendOn(in MessageHeader header, int path)
    {
        ReadOnlySpan<byte> message = _message.AsSpan(0, MessageCodec.HeaderSize + _encodedLength);
        int fragments = DatagramSealer.FragmentCount(message.Length);
        ulong first = _sealer.Reserve(header.To, fragments);
        bool sent = true;
        for (int i = 0; i < fragments; i++)
        {
            int length = _sealer.SealFragment(header.To, header.FromIncarnation, first, i, fragments, message, _datagram);
            sent &= _transport.Send(header.To, path, _datagram.AsSpan(0, length));
        }
        return sent;
    }

    private void OnDatagram(ReadOnlySpan<byte> datagram, int path)
    {
        Span<byte> content = _opened[path];
        DatagramDropReason reason = _opener.TryOpen(datagram, content, out OpenedDatagram opened);
        if (reason == DatagramDropReason.None)
        {
            reason = opened.FragmentCount == 1
                ? Deliver(in opened, content[..opened.Length], path)
                : Assemble(in opened, content[..opened.Length], path);
        }
        if (reason != DatagramDropReason.None) Counters.CountDropped(reason);
    }

    private DatagramDropReason Assemble(in OpenedDatagram opened, ReadOnlySpan<byte> content, int path)
    {
        DatagramDropReason reason = _assembler.Add(in opened, content, out byte[]? message, out int length);
        if (message is null) return reason;
        reason = Deliver(in opened, message.AsSpan(0, length), path);
        ArrayPool<byte>.Shared.Return(message);
        return reason;
    }

    private DatagramDropReason Deliver(in OpenedDatagram opened, ReadOnlySpan<byte> message, int path)
    {
        switch (MessageCodec.TryDecode(message, out MessageHeader header, out MessageBody? body))
        {
            case DecodeResult.Malformed: return DatagramDropReason.Malformed;
            case DecodeResult.OtherMajorVersion: return DatagramDropReason.OtherMajorVersion;
            case DecodeResult.UnknownKind: return DatagramDropReason.UnknownKind;
            default: break;
        }
        if (header.From != opened.Sender || header.FromIncarnation != opened.Incarnation) return DatagramDropReason.Malformed;
        // A node whose disk was wiped begins below its former lives; it may ask for the floor, and nothing else.
        if (opened.FormerLife && body is not PetitionMessage) return DatagramDropReason.OldIncarnation;
        Counters.CountDelivered();
        _handler(in header, path, body);
        return DatagramDropReason.None;
    }
}
