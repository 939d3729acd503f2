// A million datagrams that no node sent, through the real opening and decoding: no exception gets out, none is accepted.
using Membership.Engine.Wire;
using Xunit;
using static Membership.Engine.Tests.Wire.Sealing;

namespace Membership.Engine.Tests.Wire;

public sealed class GarbageTests
{
    [Fact]
    public void A_million_random_datagrams_are_all_dropped_for_a_reason()
    {
        var keys = KeyRing.Generate();
        using DatagramSealer sealer = Sealer(One, keys);
        using DatagramOpener opener = Opener(Two, keys);
        byte[] good = sealer.Seal(Two, Heartbeat(One, Two));
        var random = new Random(1_000_000);
        byte[] buffer = new byte[400], content = new byte[400];
        var byReason = new long[Enum.GetValues<DatagramDropReason>().Length];
        for (int i = 0; i < 1_000_000; i++)
        {
            Span<byte> datagram = buffer.AsSpan(0, random.Next(buffer.Length));
            random.NextBytes(datagram);
            // One in sixteen begins like a real one, so that every later test is reached, too.
            if (i % 16 == 0 && datagram.Length >= DatagramHeader.Size)
            {
                good.AsSpan(0, DatagramHeader.Size).CopyTo(datagram);
                random.NextBytes(datagram.Slice(random.Next(4, DatagramHeader.Size - 4), random.Next(4)));
            }
            byReason[(int)opener.TryOpen(datagram, content, out _)]++;
        }
        Assert.Equal(0, byReason[(int)DatagramDropReason.None]);
        Assert.True(byReason[(int)DatagramDropReason.BadMagic] > 500_000);
        foreach (DatagramDropReason reached in new[] { DatagramDropReason.TooShort, DatagramDropReason.BadVersion, DatagramDropReason.ForeignCluster, DatagramDropReason.UnknownKey, DatagramDropReason.AuthenticationFailed })
            Assert.NotEqual(0, byReason[(int)reached]);
        Assert.Equal(DatagramDropReason.None, opener.Open(good));
    }

    [Fact]
    public void A_million_random_datagrams_in_plain_text_never_get_an_exception_out()
    {
        // In plain text an accident may be decoded; with the checksum made good, the decoder itself is what stands against it.
        using DatagramSealer sealer = Sealer(One, null);
        using DatagramOpener opener = Opener(Two, null);
        var random = new Random(2_000_000);
        byte[] message = new byte[300], datagram = new byte[300 + DatagramHeader.Overhead], content = new byte[400];
        byte[] heartbeat = Heartbeat(One, Two);
        for (int i = 0; i < 1_000_000; i++)
        {
            Span<byte> text = message.AsSpan(0, random.Next(message.Length));
            random.NextBytes(text);
            if (text.Length >= heartbeat.Length && i % 2 == 0)
            {
                heartbeat.CopyTo(text);
                text[2] = (byte)random.Next(12);
                System.Buffers.Binary.BinaryPrimitives.WriteInt32LittleEndian(text[12..], text.Length - heartbeat.Length);
            }
            int length = sealer.Seal(Two, new Incarnation(1), text, datagram);
            Assert.Equal(DatagramDropReason.None, opener.TryOpen(datagram.AsSpan(0, length), content, out OpenedDatagram opened));
            MessageCodec.TryDecode(content.AsSpan(0, opened.Length), out _, out _);
        }
    }
}
