// What a receiver remembers of one start of one sender: which counters it saw and the keys derived for that start.
namespace Membership.Engine.Wire;

/// <summary>One start of a sender, made only by a datagram that authenticated. Not thread-safe.</summary>
internal sealed class SenderLife : IDisposable
{
    private readonly List<SealKey> _sealKeys = new(1);

    public SenderLife(UInt128 startId, SealKey? sealKey)
    {
        StartId = startId;
        if (sealKey is not null) _sealKeys.Add(sealKey);
    }

    public UInt128 StartId { get; }

    /// <summary>The highest incarnation seen from this start: a node that joins again in the same process raises it.</summary>
    public Incarnation Incarnation { get; set; }

    public ReplayWindow Window { get; } = new();

    /// <summary>The derived key for a key of the ring, made at its first use; keys that left the ring are forgotten then.</summary>
    public SealKey KeyFor(ClusterKey key, KeyRing.Snapshot ring, int sender, ulong clusterHash)
    {
        foreach (SealKey known in _sealKeys)
            if (known.KeyId == key.Id) return known;
        for (int i = _sealKeys.Count - 1; i >= 0; i--)
        {
            if (ring.Find(_sealKeys[i].KeyId) is not null) continue;
            _sealKeys[i].Dispose();
            _sealKeys.RemoveAt(i);
        }
        var derived = new SealKey(key, StartId, sender, clusterHash);
        _sealKeys.Add(derived);
        return derived;
    }

    public void Dispose()
    {
        foreach (SealKey key in _sealKeys) key.Dispose();
        _sealKeys.Clear();
    }
}
