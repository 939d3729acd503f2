// Makes datagrams of this node: clear header, sealed content, seal. One per process start: its random start id and the
// counters that only grow are what keeps a nonce from ever being used twice, even when the disk was wiped.
using System.Security.Cryptography;

namespace Membership.Engine.Wire;

/// <summary>Seals what this node sends. Safe from any thread; allocates nothing in steady state.</summary>
internal sealed class DatagramSealer : IDisposable
{
    /// <summary>The largest datagram that is ever sent or taken, header and seal included.</summary>
    public const int MaxDatagramSize = 60_000;

    /// <summary>The most content of one datagram; longer messages go in fragments.</summary>
    public const int MaxContent = MaxDatagramSize - DatagramHeader.Overhead;

    private readonly Lock _lock = new();
    private readonly ulong _clusterHash;
    private readonly NodeId _self;
    private readonly KeyRing? _keys;
    private readonly ulong[] _datagramCounters = new ulong[NodeId.MaxValue + 1];
    private readonly ulong[] _helloCounters = new ulong[NodeId.MaxValue + 1];
    private SealKey? _sealKey;

    /// <param name="clusterId">The cluster's id, of which only a hash travels.</param>
    /// <param name="self">This node.</param>
    /// <param name="keys">The keys; null means plain text, which the caller must have been asked for explicitly.</param>
    public DatagramSealer(string clusterId, NodeId self, KeyRing? keys)
    {
        _clusterHash = DatagramHeader.HashCluster(clusterId);
        _self = self;
        _keys = keys;
        StartId = new UInt128(RandomBits(), RandomBits());
    }

    /// <summary>The random id of this start.</summary>
    public UInt128 StartId { get; }

    /// <summary>How many datagrams a message of this length takes.</summary>
    public static int FragmentCount(int messageLength) => messageLength <= MaxContent ? 1 : (messageLength + MaxContent - 1) / MaxContent;

    /// <summary>Takes the counters of one message to a receiver: consecutive, so that its fragments are known by them.</summary>
    /// <returns>The counter of its first fragment.</returns>
    public ulong Reserve(NodeId receiver, int fragments)
    {
        lock (_lock)
        {
            ulong first = _datagramCounters[receiver.Value] + 1;
            _datagramCounters[receiver.Value] += (ulong)fragments;
            return first;
        }
    }

    /// <summary>Seals a message that fits in one datagram.</summary>
    /// <param name="receiver">For whom; no other node will open it.</param>
    /// <param name="incarnation">The life of this node that sends it.</param>
    /// <param name="message">At most <see cref="MaxContent"/> bytes.</param>
    /// <param name="datagram">Room for the message and <see cref="DatagramHeader.Overhead"/>; must not overlap it.</param>
    /// <returns>The length of the datagram.</returns>
    public int Seal(NodeId receiver, Incarnation incarnation, ReadOnlySpan<byte> message, Span<byte> datagram)
        => SealFragment(receiver, incarnation, Reserve(receiver, 1), 0, 1, message, datagram);

    /// <summary>Seals fragment <paramref name="index"/> of <paramref name="count"/> of a message whose counters were reserved.</summary>
    /// <returns>The length of the datagram.</returns>
    public int SealFragment(
        NodeId receiver, Incarnation incarnation, ulong firstCounter, int index, int count, ReadOnlySpan<byte> message, Span<byte> datagram)
    {
        ReadOnlySpan<byte> content = count == 1 ? message : message[(index * MaxContent)..Math.Min(message.Length, (index + 1) * MaxContent)];
        var header = new DatagramHeader
        {
            Purpose = SealPurpose.Datagram,
            FragmentIndex = (byte)index,
            FragmentCount = (byte)count,
            Counter = firstCounter + (ulong)index,
        };
        lock (_lock) return Seal(ref header, receiver, incarnation, content, datagram);
    }

    /// <summary>Seals the hello of a tripwire connection, whose freshness the other side proves by the challenge inside.</summary>
    /// <returns>The length.</returns>
    public int SealHello(NodeId receiver, Incarnation incarnation, ReadOnlySpan<byte> content, Span<byte> hello)
    {
        lock (_lock)
        {
            var header = new DatagramHeader { Purpose = SealPurpose.TripwireHello, FragmentCount = 1, Counter = ++_helloCounters[receiver.Value] };
            return Seal(ref header, receiver, incarnation, content, hello);
        }
    }

    public void Dispose()
    {
        lock (_lock) _sealKey?.Dispose();
    }

    private int Seal(ref DatagramHeader header, NodeId receiver, Incarnation incarnation, ReadOnlySpan<byte> content, Span<byte> datagram)
    {
        SealKey? key = CurrentKey();
        header.Sealed = key is not null;
        header.KeyId = key?.KeyId ?? 0;
        header.Sender = _self.Value;
        header.Receiver = receiver.Value;
        header.ClusterHash = _clusterHash;
        header.Incarnation = incarnation;
        header.StartId = StartId;
        header.Write(datagram);
        ReadOnlySpan<byte> associated = datagram[..DatagramHeader.Size];
        Span<byte> body = datagram.Slice(DatagramHeader.Size, content.Length);
        Span<byte> seal = datagram.Slice(DatagramHeader.Size + content.Length, DatagramHeader.SealSize);
        if (key is not null) key.Seal(header, associated, content, body, seal);
        else
        {
            content.CopyTo(body);
            PlainSeal.Write(associated, content, seal);
        }
        return content.Length + DatagramHeader.Overhead;
    }

    private SealKey? CurrentKey()
    {
        if (_keys is null) return null;
        ClusterKey current = _keys.Now.Current;
        if (_sealKey?.KeyId == current.Id) return _sealKey;
        _sealKey?.Dispose();
        _sealKey = null;
        return _sealKey = new SealKey(current, StartId, _self.Value, _clusterHash);
    }

    private static ulong RandomBits()
    {
        Span<byte> bytes = stackalloc byte[sizeof(ulong)];
        RandomNumberGenerator.Fill(bytes);
        return BitConverter.ToUInt64(bytes);
    }
}
