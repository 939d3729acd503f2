// A live node's socket under everything that can be thrown at it: each datagram is dropped and counted for its reason, and the
// node goes on answering its peer.
using System.Net;
using System.Net.Sockets;
using Membership.Engine.Protocol;
using Membership.Engine.Tests.Wire;
using Membership.Engine.Transport;
using Membership.Engine.Wire;
using Xunit;

namespace Membership.Engine.Tests.Transport;

public sealed class UdpGarbageTests
{
    private const int Rounds = 34_000; // of six datagrams

    [Fact]
    public async Task Two_hundred_thousand_bad_datagrams_are_counted_by_reason_and_the_node_still_answers()
    {
        CancellationToken cancelled = TestContext.Current.CancellationToken;
        var keys = KeyRing.Generate();
        NodeEndpoint target = Loopback.Free();
        var endpoints = UdpTransportTests.Endpoints([target], [Loopback.Free()]);
        int answers = 0;
        MessageChannel? answering = null;
        await using MessageChannel node = Channel(new NodeId(1), (in header, path, _) => answering!.Send(Reply(in header), path, null));
        answering = node;
        await using MessageChannel peer = Channel(new NodeId(2), (in _, _, _) => Interlocked.Increment(ref answers));
        await node.StartAsync(cancelled);
        await peer.StartAsync(cancelled);
        await Ask();

        using var attacker = new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
        SocketAddress to = new IPEndPoint(IPAddress.Loopback, target.Port).Serialize();
        using DatagramSealer genuine = Sealing.Sealer(new NodeId(2), keys), foreign = Sealing.Sealer(new NodeId(2), keys, "plant-8"),
            wrongKey = Sealing.Sealer(new NodeId(2), KeyRing.Generate());
        byte[] heartbeat = Sealing.Heartbeat(new NodeId(2), new NodeId(1));
        byte[] recorded = genuine.Seal(new NodeId(1), heartbeat), foreignDatagram = foreign.Seal(new NodeId(1), heartbeat);
        byte[] wrongKeyDatagram = wrongKey.Seal(new NodeId(1), heartbeat), forged = [.. genuine.Seal(new NodeId(1), heartbeat)];
        forged[^1] ^= 1;
        attacker.SendTo(recorded, SocketFlags.None, to);
        await Loopback.Until("the recorded datagram was taken once", () => node.Counters.Delivered == 2);

        var random = new Random(3);
        var noise = new byte[300];
        long sent = node.Counters.Received;
        for (int round = 0; round < Rounds; round++)
        {
            random.NextBytes(noise);
            attacker.SendTo(noise.AsSpan(4, random.Next(290)), SocketFlags.None, to);
            attacker.SendTo(recorded.AsSpan(0, random.Next(4, DatagramHeader.Overhead)), SocketFlags.None, to);
            attacker.SendTo(recorded, SocketFlags.None, to);
            attacker.SendTo(foreignDatagram, SocketFlags.None, to);
            attacker.SendTo(wrongKeyDatagram, SocketFlags.None, to);
            attacker.SendTo(forged, SocketFlags.None, to);
            sent += 6;
            // The kernel's buffer is finite: no faster than the node reads, so that every datagram is seen and counted.
            while (node.Counters.Received < sent - 500) await Task.Yield();
            if (round % 4000 == 0) await Ask();
            if (round % 4000 == 0) sent++;
        }
        await Loopback.Until("everything was read", () => node.Counters.Received >= sent);
        await Ask();

        DatagramCounters counters = node.Counters;
        Assert.Equal(Rounds, counters.Dropped(DatagramDropReason.Replayed));
        Assert.Equal(Rounds, counters.Dropped(DatagramDropReason.ForeignCluster));
        Assert.Equal(Rounds, counters.Dropped(DatagramDropReason.UnknownKey));
        Assert.Equal(Rounds, counters.Dropped(DatagramDropReason.AuthenticationFailed));
        Assert.Equal(2 * Rounds, counters.Dropped(DatagramDropReason.BadMagic) + counters.Dropped(DatagramDropReason.TooShort));
        Assert.Equal(6 * Rounds, counters.TotalDropped);
        Assert.Equal(counters.Received, counters.Delivered + counters.TotalDropped);

        async Task Ask()
        {
            int before = Volatile.Read(ref answers);
            peer.Send(new MessageHeader { From = new NodeId(2), FromIncarnation = new Incarnation(1), To = new NodeId(1), Sequence = 1 }, 0, null);
            await Loopback.Until("the node answered", () => Volatile.Read(ref answers) > before);
        }

        MessageChannel Channel(NodeId self, MessageHandler handler)
        {
            UdpTransport transport = UdpTransportTests.Create(self, endpoints, out DatagramCounters itsCounters);
            return new MessageChannel(transport, Sealing.Sealer(self, keys), Sealing.Opener(self, keys), itsCounters, handler);
        }

        static MessageHeader Reply(in MessageHeader header)
            => new() { From = header.To, FromIncarnation = new Incarnation(1), To = header.From, ToIncarnation = header.FromIncarnation, Acknowledged = header.Sequence };
    }
}
