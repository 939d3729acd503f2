// The heartbeat's way through the wire, both directions, allocates nothing once it is warm.
using Membership.Engine.Protocol;
using Membership.Engine.Wire;
using Xunit;
using static Membership.Engine.Tests.Wire.Sealing;

namespace Membership.Engine.Tests.Wire;

public sealed class HeartbeatAllocationTests
{
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Encode_seal_open_and_decode_of_a_heartbeat_allocate_nothing(bool sealedText)
    {
        KeyRing? keys = sealedText ? KeyRing.Generate() : null;
        using DatagramSealer sealer = Sealer(One, keys);
        using DatagramOpener opener = Opener(Two, keys);
        byte[] message = new byte[MessageCodec.HeaderSize], datagram = new byte[200], content = new byte[200];
        Exchange(100);
        Assert.Equal(0, Allocation.LeastOf(() => Exchange(10_000)));

        void Exchange(int rounds)
        {
            for (int i = 0; i < rounds; i++)
            {
                var header = new MessageHeader { From = One, FromIncarnation = new Incarnation(1), To = Two, Sequence = (ulong)i, InForce = new ViewId(new Epoch(4), 5) };
                if (!MessageCodec.TryEncode(header, null, message, out int length)) throw new InvalidOperationException();
                int sealedLength = sealer.Seal(Two, header.FromIncarnation, message.AsSpan(0, length), datagram);
                if (opener.TryOpen(datagram.AsSpan(0, sealedLength), content, out OpenedDatagram opened) != DatagramDropReason.None) throw new InvalidOperationException();
                if (MessageCodec.TryDecode(content.AsSpan(0, opened.Length), out MessageHeader read, out _) != DecodeResult.Ok || read.Sequence != header.Sequence)
                    throw new InvalidOperationException();
            }
        }
    }
}
