// The real codec between the nodes, with the real memory of each: what is sent are bytes, a view that was said is named, and a name that means
// nothing here makes the message wait a moment, then count as lost. As in the engine's message channel, in virtual time.
using Membership.Engine;
using Membership.Engine.Protocol;
using Membership.Engine.Wire;
using Membership.Tests;

namespace Membership.Simulator.World;

internal sealed partial class SimProcess
{
    private readonly WireMemory? _wire;
    private readonly HeldMessages _waitingForView = new();
    private readonly (MessageBody? Body, byte[] Bytes)[] _encoded = [(null, []), (null, []), (null, [])];

    private void SendEncoded(in MessageHeader header, int path, MessageBody body)
    {
        MessageForm form = _wire!.FormOf(in header, body);
        byte[] message;
        if (Node.NextMinor && form == MessageForm.Plain) message = NextMinor.Extend(in header, body);
        else
        {
            message = Encode(in header, body, form);
            if (Node.NextMinor) message = NextMinor.Extend(message);
        }
        if (form == MessageForm.Named) _world.NamedStatuses++;
        _world.Network.Send(in header, path, body, message);
    }

    private byte[] Encode(in MessageHeader header, MessageBody body, MessageForm form)
    {
        ref var last = ref _encoded[(int)form];
        if (!ReferenceEquals(last.Body, body))
        {
            MessageCodec.TryEncodeBody(body, form, [], out int length);
            last = (body, new byte[MessageCodec.HeaderSize + length]);
            if (!MessageCodec.TryEncodeBody(body, form, last.Bytes, out _)) throw new SimulatorException("a body does not fit where it was measured to");
            _wire!.Views.Note(body);
        }
        byte[] message = [.. last.Bytes];
        MessageCodec.EncodeHeader(in header, MessageCodec.KindOf(body, form), message.Length - MessageCodec.HeaderSize, message, _wire!.MinorVersion);
        return message;
    }

    // False when the core did not get it.
    private bool Receive(ref SimEvent input, MonotonicTime now)
    {
        HeldMessage? held = input.Payload as HeldMessage;
        if ((held?.Message ?? input.Payload as byte[]) is not { } message)
        {
            _world.Checkers.Receives(this, in input.Header);
            Core.Receive(in input.Header, input.Path, (MessageBody?)input.Payload, now);
            return true;
        }
        long arrived = held?.At ?? _world.Now / Ticks.Millisecond;
        DecodeResult result = _wire!.TryDecode(message, out MessageHeader header, out MessageBody? body);
        bool learnt = result is DecodeResult.Ok or DecodeResult.UnknownView && _wire.Learn(message, header.From, body);
        switch (result)
        {
            case DecodeResult.Ok:
                _world.Checkers.Receives(this, in header);
                Core.Receive(in header, input.Path, body, now);
                break;
            case DecodeResult.UnknownView when _world.Now / Ticks.Millisecond - arrived <= HeldMessages.Patience:
                _world.UnknownViews += _waitingForView.Hold(held ?? new HeldMessage(default(OpenedDatagram) with { Sender = header.From }, message, input.Path, arrived));
                return false;
            case DecodeResult.UnknownView:
                _world.UnknownViews++;
                return false;
            case DecodeResult.UnknownKind when _wire.MinorVersion == 0:
                return false;
            default:
                _world.Violate("codec", $"node {Number}: a message of node {input.Header.From} is {result}.");
                return false;
        }
        if (!learnt) return true;
        foreach (HeldMessage waiting in _waitingForView.TakeAll())
        {
            ref SimEvent again = ref _world.Queue.Push(_world.Now + 1);
            again.Kind = EventKind.Message;
            again.Node = Number;
            again.Path = waiting.Path;
            again.Header = header;
            again.Header.From = waiting.Opened.Sender;
            again.Payload = waiting;
        }
        return true;
    }
}
