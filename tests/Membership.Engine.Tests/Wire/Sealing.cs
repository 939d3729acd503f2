// Small parts that the sealing tests share: a pair of nodes with their keys, and messages to seal.
using Membership.Engine.Protocol;
using Membership.Engine.Wire;

namespace Membership.Engine.Tests.Wire;

internal static class Sealing
{
    public const string Cluster = "plant-7";

    public static readonly NodeSet Known = NodeSet.Of(1, 2, 3);

    public static readonly NodeId One = new(1), Two = new(2), Three = new(3);

    public static DatagramSealer Sealer(NodeId self, KeyRing? keys, string cluster = Cluster) => new(cluster, self, keys);

    public static DatagramOpener Opener(NodeId self, KeyRing? keys, string cluster = Cluster) => new(cluster, self, Known, keys);

    public static byte[] Seal(this DatagramSealer sealer, NodeId to, byte[] content, long incarnation = 1)
    {
        var datagram = new byte[content.Length + DatagramHeader.Overhead];
        int length = sealer.Seal(to, new Incarnation(incarnation), content, datagram);
        return datagram[..length];
    }

    public static DatagramDropReason Open(this DatagramOpener opener, ReadOnlySpan<byte> datagram) => Open(opener, datagram, out _, out _);

    public static DatagramDropReason Open(this DatagramOpener opener, ReadOnlySpan<byte> datagram, out OpenedDatagram opened, out byte[] content)
    {
        var buffer = new byte[Math.Max(0, datagram.Length)];
        DatagramDropReason reason = opener.TryOpen(datagram, buffer, out opened);
        content = reason == DatagramDropReason.None ? buffer[..opened.Length] : [];
        return reason;
    }

    public static byte[] Heartbeat(NodeId from, NodeId to, long incarnation = 1, ulong sequence = 1) => MessageCodecTests.Encode(
        new MessageHeader { From = from, FromIncarnation = new Incarnation(incarnation), To = to, Sequence = sequence, InForce = new ViewId(new Epoch(4), 99) }, null);
}
