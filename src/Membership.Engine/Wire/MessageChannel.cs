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
    private readonly WireMemory _memory;
    private readonly HeldMessages _held = new();
    private readonly Encoded[] _encoded = [new(), new(), new()];

    public MessageChannel(
        IDatagramTransport transport, DatagramSealer sealer, DatagramOpener opener, DatagramCounters counters, MessageHandler handler,
        byte minorVersion = MessageCodec.MinorVersion)
    {
        _transport = transport;
        _sealer = sealer;
        _opener = opener;
        _assembler = new FragmentAssembler(counters);
        _handler = handler;
        _memory = new WireMemory(minorVersion);
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
        MessageForm form = _memory.FormOf(in header, body);
        Encoded encoded = _encoded[(int)form];
        if (!encoded.Encode(body, form))
        {
            Counters.CountSendFailure();
            return false;
        }
        // Before it is sent: what this node says, others may name to it.
        if (encoded.IsNew) _memory.Views.Note(body);
        ReadOnlySpan<byte> message = encoded.WithHeader(in header, body, form, _memory.MinorVersion);
        if (path >= 0) return SendOn(in header, path, message);
        bool sent = false;
        for (int every = 0; every < _transport.PathCount; every++) sent |= SendOn(in header, every, message);
        return sent;
    }

    /// <summary>Nothing was heard from a node for long: its host name may have moved.</summary>
    public void AddressSuspect(NodeId node) => _transport.AddressSuspect(node);

    public ValueTask DisposeAsync() => _transport.DisposeAsync();

    private bool SendOn(in MessageHeader header, int path, ReadOnlySpan<byte> message)
    {
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
        long before = _memory.Views.Learnt;
        DatagramDropReason reason = DeliverNow(in opened, message, path);
        if (reason == DatagramDropReason.UnknownView)
        {
            // Somebody's word overtook the decider's: it waits for it a moment.
            Hold(new HeldMessage(opened, message.ToArray(), path, Environment.TickCount64));
            reason = DatagramDropReason.None;
        }
        // From this message, or from one that came on another path while this one was read.
        if (_memory.Views.Learnt != before) DeliverHeld();
        return reason;
    }

    private void DeliverHeld()
    {
        foreach (HeldMessage held in _held.TakeAll())
        {
            OpenedDatagram opened = held.Opened;
            DatagramDropReason reason = Environment.TickCount64 - held.At > HeldMessages.Patience ? DatagramDropReason.UnknownView : DeliverNow(in opened, held.Message, held.Path);
            if (reason == DatagramDropReason.UnknownView && Environment.TickCount64 - held.At <= HeldMessages.Patience) Hold(held);
            else if (reason != DatagramDropReason.None) Counters.CountDropped(reason);
        }
    }

    private void Hold(HeldMessage message)
    {
        for (int lost = _held.Hold(message); lost > 0; lost--) Counters.CountDropped(DatagramDropReason.UnknownView);
    }

    private DatagramDropReason DeliverNow(in OpenedDatagram opened, ReadOnlySpan<byte> message, int path)
    {
        DecodeResult result = _memory.TryDecode(message, out MessageHeader header, out MessageBody? body);
        switch (result)
        {
            case DecodeResult.Malformed: return DatagramDropReason.Malformed;
            case DecodeResult.OtherMajorVersion: return DatagramDropReason.OtherMajorVersion;
            case DecodeResult.UnknownKind: return DatagramDropReason.UnknownKind;
            default: break;
        }
        if (header.From != opened.Sender || header.FromIncarnation != opened.Incarnation) return DatagramDropReason.Malformed;
        // A node whose disk was wiped begins below its former lives; it may ask for the floor, and nothing else.
        if (opened.FormerLife && body is not PetitionMessage) return DatagramDropReason.OldIncarnation;
        _memory.Learn(message, opened.Sender, body);
        if (result == DecodeResult.UnknownView) return DatagramDropReason.UnknownView;
        Counters.CountDelivered();
        _handler(in header, path, body);
        return DatagramDropReason.None;
    }

    // One form of the last body that was sent in it, so that a broadcast encodes it once; a heartbeat only writes the header before it.
    private sealed class Encoded
    {
        private byte[] _message = new byte[512];
        private MessageBody? _body;
        private int _bodyLength;

        /// <summary>The body was not the one encoded before.</summary>
        public bool IsNew { get; private set; }

        /// <summary>False when it is longer than a message may be.</summary>
        public bool Encode(MessageBody? body, MessageForm form)
        {
            IsNew = body is not null && !ReferenceEquals(body, _body);
            if (!IsNew) return true;
            _body = null;
            if (!MessageCodec.TryEncodeBody(body, form, _message, out _bodyLength))
            {
                if (MessageCodec.HeaderSize + _bodyLength > MessageCodec.MaxMessageSize) return false;
                _message = new byte[Math.Max(2 * _message.Length, MessageCodec.HeaderSize + _bodyLength)];
                MessageCodec.TryEncodeBody(body, form, _message, out _bodyLength);
            }
            _body = body;
            return true;
        }

        public ReadOnlySpan<byte> WithHeader(in MessageHeader header, MessageBody? body, MessageForm form, byte minorVersion)
        {
            int length = body is null ? 0 : _bodyLength;
            MessageCodec.EncodeHeader(in header, MessageCodec.KindOf(body, form), length, _message, minorVersion);
            return _message.AsSpan(0, MessageCodec.HeaderSize + length);
        }
    }
}
