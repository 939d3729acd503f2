// The keys a node knows: one it seals with, several it accepts. Rotation without restart is three steps on every node:
// accept the new key everywhere, use it everywhere, drop the old one everywhere.
using System.Collections.Immutable;

namespace Membership.Engine.Wire;

/// <summary>A cluster's keys: one is used for sending, all are accepted. Safe from any thread; every change is atomic and in force for the next datagram.</summary>
/// <remarks>To rotate without a restart: <see cref="Accept"/> the new key on every node, then <see cref="Use"/> it on every node,
/// then <see cref="Drop"/> the old one on every node.</remarks>
public sealed class KeyRing
{
    /// <summary>The most keys a ring holds.</summary>
    public const int MaxKeys = 8;

    private volatile Snapshot _snapshot;

    /// <summary>Makes a ring.</summary>
    /// <param name="current">The key to send with.</param>
    /// <param name="accepted">Further keys to accept.</param>
    /// <exception cref="ArgumentException">More than <see cref="MaxKeys"/> keys, or two different ones with the same id.</exception>
    public KeyRing(ClusterKey current, params IEnumerable<ClusterKey> accepted) => _snapshot = Snapshot.Of(current, accepted);

    /// <summary>The key this node sends with.</summary>
    public ClusterKey Current => _snapshot.Current;

    /// <summary>All keys this node accepts, the current one first.</summary>
    public ImmutableArray<ClusterKey> Accepted => _snapshot.Accepted;

    /// <summary>What is in force now; a changed ring is another object.</summary>
    internal Snapshot Now => _snapshot;

    /// <summary>A ring with one fresh random key, for a demo or to make the first key of a cluster.</summary>
    /// <returns>The ring; <c>ring.Current.ExportBase64()</c> is what the other nodes need.</returns>
    public static KeyRing Generate() => new(ClusterKey.Generate());

    /// <summary>A ring from base64 texts.</summary>
    /// <param name="current">The key to send with.</param>
    /// <param name="accepted">Further keys to accept.</param>
    /// <returns>The ring.</returns>
    /// <exception cref="ArgumentException">A key is not base64 of exactly 32 bytes.</exception>
    public static KeyRing FromBase64(string current, params IEnumerable<string> accepted)
        => new(ClusterKey.FromBase64(current), accepted.Select(ClusterKey.FromBase64));

    /// <summary>Replaces all keys at once.</summary>
    /// <param name="current">The key to send with.</param>
    /// <param name="accepted">Further keys to accept.</param>
    /// <exception cref="ArgumentException">As for the constructor; the ring is unchanged then.</exception>
    public void Replace(ClusterKey current, params IEnumerable<ClusterKey> accepted) => _snapshot = Snapshot.Of(current, accepted);

    /// <summary>Rotation, step 1: also accept a key.</summary>
    /// <param name="key">The new key.</param>
    /// <exception cref="ArgumentException">The ring is full: drop a key first.</exception>
    public void Accept(ClusterKey key) => Change(now => Snapshot.Of(now.Current, [.. now.Accepted, key]));

    /// <summary>Rotation, step 2, when every node accepts it: send with this key from now on. The former one stays accepted.</summary>
    /// <param name="key">The new key.</param>
    /// <exception cref="ArgumentException">The ring is full: drop a key first.</exception>
    public void Use(ClusterKey key) => Change(now => Snapshot.Of(key, now.Accepted));

    /// <summary>Rotation, step 3, when no node uses it: accept a key no more.</summary>
    /// <param name="keyId">The id of the key.</param>
    /// <exception cref="InvalidOperationException">It is the current key: <see cref="Use"/> another one first.</exception>
    public void Drop(uint keyId) => Change(now => now.Current.Id == keyId
        ? throw new InvalidOperationException($"Key {keyId:x8} is the one in use; call Use with another key before dropping it.")
        : Snapshot.Of(now.Current, now.Accepted.Where(key => key.Id != keyId)));

    /// <summary>The ids, never the secrets.</summary>
    public override string ToString() => $"{Accepted.Length} key(s), sending with {Current}";

    private void Change(Func<Snapshot, Snapshot> change)
    {
        Snapshot seen, changed;
        do
        {
            seen = _snapshot;
            changed = change(seen);
        }
#pragma warning disable CS0420 // Interlocked is as strong as volatile
        while (Interlocked.CompareExchange(ref _snapshot, changed, seen) != seen);
#pragma warning restore CS0420
    }

    /// <summary>The keys at one moment.</summary>
    internal sealed class Snapshot
    {
        private Snapshot(ImmutableArray<ClusterKey> accepted) => Accepted = accepted;

        public ClusterKey Current => Accepted[0];

        public ImmutableArray<ClusterKey> Accepted { get; }

        public static Snapshot Of(ClusterKey current, IEnumerable<ClusterKey> accepted)
        {
            ArgumentNullException.ThrowIfNull(current);
            ArgumentNullException.ThrowIfNull(accepted);
            ImmutableArray<ClusterKey> keys = [.. accepted.Prepend(current).Distinct()];
            if (keys.Length > MaxKeys)
                throw new ArgumentException($"A key ring holds at most {MaxKeys} keys, not {keys.Length}; drop keys that no node uses any more.", nameof(accepted));
            if (keys.DistinctBy(static key => key.Id).Count() != keys.Length)
                throw new ArgumentException("Two different keys of the ring have the same id; replace one of them by a freshly generated key.", nameof(accepted));
            return new Snapshot(keys);
        }

        public ClusterKey? Find(uint keyId)
        {
            foreach (ClusterKey key in Accepted)
                if (key.Id == keyId) return key;
            return null;
        }
    }
}
