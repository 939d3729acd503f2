// Opens what others sealed, or says why not. Cheap tests come first; nothing is remembered of a datagram that does not
// authenticate; per sender at most two starts are remembered, and an older life never displaces a newer one.
namespace Membership.Engine.Wire;

/// <summary>An opened datagram: its content is in the buffer that was given.</summary>
internal readonly record struct OpenedDatagram(
    NodeId Sender, Incarnation Incarnation, UInt128 StartId, ulong Counter, int FragmentIndex, int FragmentCount, int Length, bool FormerLife);

/// <summary>Opens what this node receives. Safe from any thread; allocates nothing in steady state.</summary>
/// <remarks>Two starts are remembered per sender: the one with the newest incarnation, and the last other one. A datagram of an older
/// incarnation than the newest is opened (once) and marked <see cref="OpenedDatagram.FormerLife"/>: a node whose disk was wiped
/// begins below its former incarnations and must be able to ask for the floor; the owner lets nothing else of a former life pass.</remarks>
internal sealed class DatagramOpener : IDisposable
{
    private readonly Lock _lock = new();
    private readonly ulong _clusterHash;
    private readonly NodeId _self;
    private readonly NodeSet _known;
    private readonly KeyRing? _keys;
    private readonly (SenderLife? Newest, SenderLife? Other)[] _senders;

    /// <param name="clusterId">The cluster's id.</param>
    /// <param name="self">This node.</param>
    /// <param name="known">The configured nodes; others are not listened to.</param>
    /// <param name="keys">The keys; null means plain text, which the caller must have been asked for explicitly.</param>
    public DatagramOpener(string clusterId, NodeId self, NodeSet known, KeyRing? keys)
    {
        _clusterHash = DatagramHeader.HashCluster(clusterId);
        _self = self;
        _known = known;
        _keys = keys;
        int highest = 0;
        foreach (NodeId node in known) highest = node.Value;
        _senders = new (SenderLife?, SenderLife?)[highest + 1];
    }

    /// <summary>Opens a datagram.</summary>
    /// <param name="datagram">Any bytes.</param>
    /// <param name="content">Room for <c>datagram.Length - DatagramHeader.Overhead</c> bytes.</param>
    /// <param name="opened">What it is.</param>
    /// <returns><see cref="DatagramDropReason.None"/> if it is authentic and new.</returns>
    public DatagramDropReason TryOpen(ReadOnlySpan<byte> datagram, Span<byte> content, out OpenedDatagram opened)
    {
        opened = default;
        DatagramDropReason reason = Inspect(datagram, SealPurpose.Datagram, out DatagramHeader header, out KeyRing.Snapshot? ring, out ClusterKey? key);
        if (reason != DatagramDropReason.None) return reason;
        lock (_lock)
        {
            reason = Open(datagram, in header, ring, key, content, out bool formerLife);
            if (reason != DatagramDropReason.None) return reason;
            opened = new OpenedDatagram(
                new NodeId(header.Sender), header.Incarnation, header.StartId, header.Counter, header.FragmentIndex, header.FragmentCount,
                datagram.Length - DatagramHeader.Overhead, formerLife);
            return DatagramDropReason.None;
        }
    }

    /// <summary>Opens a tripwire hello. It is not tested for replay: the caller must find its own fresh challenge in the content.</summary>
    public DatagramDropReason TryOpenHello(ReadOnlySpan<byte> hello, Span<byte> content, out NodeId sender, out Incarnation incarnation)
    {
        sender = default;
        incarnation = default;
        DatagramDropReason reason = Inspect(hello, SealPurpose.TripwireHello, out DatagramHeader header, out _, out ClusterKey? key);
        if (reason != DatagramDropReason.None) return reason;
        using SealKey? sealKey = key is null ? null : new SealKey(key, header.StartId, header.Sender, _clusterHash);
        if (!Authenticate(hello, in header, sealKey, content)) return DatagramDropReason.AuthenticationFailed;
        sender = new NodeId(header.Sender);
        incarnation = header.Incarnation;
        return DatagramDropReason.None;
    }

    public void Dispose()
    {
        lock (_lock)
            foreach ((SenderLife? newest, SenderLife? other) in _senders)
            {
                newest?.Dispose();
                other?.Dispose();
            }
    }

    // Everything that the clear header tells: no lock, no cryptography.
    private DatagramDropReason Inspect(
        ReadOnlySpan<byte> datagram, SealPurpose purpose, out DatagramHeader header, out KeyRing.Snapshot? ring, out ClusterKey? key)
    {
        ring = null;
        key = null;
        if (datagram.Length > DatagramSealer.MaxDatagramSize)
        {
            header = default;
            return DatagramDropReason.TooLarge;
        }
        DatagramDropReason reason = DatagramHeader.TryRead(datagram, out header);
        if (reason != DatagramDropReason.None) return reason;
        if (header.ClusterHash != _clusterHash) return DatagramDropReason.ForeignCluster;
        if (header.Receiver != _self.Value) return DatagramDropReason.WrongReceiver;
        if (header.Sender is < 1 or > NodeId.MaxValue || header.Sender == _self.Value || !_known.Contains(new NodeId(header.Sender)))
            return DatagramDropReason.UnknownSender;
        if (header.Sealed != _keys is not null) return DatagramDropReason.WrongProtection;
        if (header.Purpose != purpose) return DatagramDropReason.Malformed;
        if (_keys is null) return DatagramDropReason.None;
        ring = _keys.Now;
        key = ring.Find(header.KeyId);
        return key is null ? DatagramDropReason.UnknownKey : DatagramDropReason.None;
    }

    private DatagramDropReason Open(
        ReadOnlySpan<byte> datagram, in DatagramHeader header, KeyRing.Snapshot? ring, ClusterKey? key, Span<byte> content, out bool formerLife)
    {
        formerLife = false;
        ref (SenderLife? Newest, SenderLife? Other) known = ref _senders[header.Sender];
        SenderLife? life = known.Newest?.StartId == header.StartId ? known.Newest : known.Other?.StartId == header.StartId ? known.Other : null;
        if (life is null)
        {
            SealKey? sealKey = key is null ? null : new SealKey(key, header.StartId, header.Sender, _clusterHash);
            if (header.Counter == 0 || !Authenticate(datagram, in header, sealKey, content))
            {
                sealKey?.Dispose();
                return DatagramDropReason.AuthenticationFailed;
            }
            life = new SenderLife(header.StartId, sealKey);
            known.Other?.Dispose();
            known.Other = life;
        }
        else
        {
            if (!life.Window.IsFresh(header.Counter)) return DatagramDropReason.Replayed;
            SealKey? sealKey = key is null ? null : life.KeyFor(key, ring!, header.Sender, _clusterHash);
            if (!Authenticate(datagram, in header, sealKey, content)) return DatagramDropReason.AuthenticationFailed;
        }

        life.Window.Accept(header.Counter);
        if (header.Incarnation > life.Incarnation) life.Incarnation = header.Incarnation;
        if (life == known.Other && (known.Newest is null || life.Incarnation > known.Newest.Incarnation)) (known.Newest, known.Other) = (life, known.Newest);
        formerLife = header.Incarnation < known.Newest!.Incarnation;
        return DatagramDropReason.None;
    }

    private static bool Authenticate(ReadOnlySpan<byte> datagram, in DatagramHeader header, SealKey? key, Span<byte> content)
    {
        ReadOnlySpan<byte> associated = datagram[..DatagramHeader.Size];
        ReadOnlySpan<byte> body = datagram[DatagramHeader.Size..^DatagramHeader.SealSize];
        ReadOnlySpan<byte> seal = datagram[^DatagramHeader.SealSize..];
        if (key is not null) return key.TryOpen(in header, associated, body, seal, content[..body.Length]);
        if (!PlainSeal.Matches(associated, body, seal)) return false;
        body.CopyTo(content);
        return true;
    }
}
