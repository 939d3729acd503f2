// The chain of generations on a share: a generation is a file that its maker creates exclusively and then fills. Who comes
// second finds the name taken, whatever locks, caches and connections did meanwhile.
using System.Buffers.Binary;
using System.Globalization;
using Membership.Arbiters.FileShare.Shares;
using Membership.Engine;
using Membership.Engine.Arbitration;
using Membership.Engine.Runtime;
using Membership.Engine.Storage;

namespace Membership.Arbiters.FileShare;

/// <summary>Reads and extends the chain, and holds the lock while this object's claims are the newest. Blocking; one caller at a time.</summary>
internal sealed class ShareChain(IShare share, string clusterId, TimeSpan period, TimeSpan lockPatience, MonotonicClock clock) : IWitnessChain, IDisposable
{
    /// <summary>Older generations are deleted; a reader who was slower than this many changes reads again.</summary>
    private const int Kept = 16;

    /// <summary>Magic, version, reserved, length; and the checksum at the end.</summary>
    private const int HeaderLength = 16, ChecksumLength = 32;

    private const string Prefix = "witness.";
    private const string ProbePrefix = "new.";
    private const string LockName = "witness.lock";

    private IShareLock? _lock;
    private Guid _claimant;
    private long _unfinished;
    private (long Generation, MonotonicTime Since) _refused;
    private MonotonicTime _refusedLast = MonotonicTime.MinValue;

    public string ClusterId => clusterId;

    public long HighestGeneration() => Highest(List());

    public WitnessRecord? Read(long generation)
    {
        WitnessRecord? record = ReadOrUnfinished(generation, depth: 0);
        if (record is not null && _lock is not null && record.Owner.Claimant != _claimant) Unlock();
        return record;
    }

    public bool TryAppend(WitnessRecord record, CancellationToken cancellationToken)
    {
        bool appended = false;
        try
        {
            if (!record.Owner.IsNobody && !MayClaim(record)) return false;
            cancellationToken.ThrowIfCancellationRequested();
            byte[] content = record.Encode();
            string name = NameOf(record.Generation);
            // A full share takes names and no content: then one unfinished generation is enough.
            if (record.Generation == _unfinished + 1) TryWriting(content);
            if (!share.TryCreate(name, content)) return false;
            // On a server where creation does not exclude, two may have come this far: one content stays.
            if (share.Read(name) is not { } stored || !stored.AsSpan().SequenceEqual(content)) return false;
            // Who was stopped on the way may have made a generation that was made, used and deleted long ago: then higher ones
            // exist, or the one it was made from does not.
            List<long> generations = List();
            appended = Highest(generations) == record.Generation && (record.Generation == 1 || generations.Contains(record.Generation - 1));
            Prune(generations);
            return appended;
        }
        finally
        {
            if (appended && !record.Owner.IsNobody) _claimant = record.Owner.Claimant;
            else Unlock();
        }
    }

    public void Probe()
    {
        share.CheckPlace();
        string name = $"{ProbePrefix}{Environment.ProcessId}.{Guid.NewGuid():N}";
        byte[] content = WitnessRecord.Blank(clusterId).Encode();
        if (!share.TryCreate(name, content)) throw new IOException($"A new name in '{share.Address}' was taken already.");
        try
        {
            if (share.TryCreate(name, content)) throw new IOException($"'{share.Address}' lets two callers create the same file: its server or mount cannot serve as a witness.");
            if (share.Read(name) is not { } stored || !stored.AsSpan().SequenceEqual(content)) throw new IOException($"What was written to '{share.Address}' does not read back.");
            using IShareLock? taken = share.TryLock(name);
            if (taken is null) throw new IOException($"A file that nobody else knows in '{share.Address}' could not be locked.");
        }
        finally
        {
            share.Delete(name);
        }
    }

    public void Dispose()
    {
        Unlock();
        share.Dispose();
    }

    private void TryWriting(byte[] content)
    {
        string name = $"{ProbePrefix}{Environment.ProcessId}.{Guid.NewGuid():N}";
        try
        {
            share.TryCreate(name, content);
        }
        finally
        {
            share.Delete(name);
        }
    }

    private static long Highest(List<long> generations) => generations.Count == 0 ? 0 : generations.Max();

    private static string NameOf(long generation) => Prefix + generation.ToString("D19", CultureInfo.InvariantCulture);

    /// <summary>
    /// The lock keeps rivals from racing for a generation. It is not what ownership is read from: a lock that a silent owner's server, or a
    /// stopped owner, still holds is respected for a while and then passed by, for the generation decides.
    /// </summary>
    private bool MayClaim(WitnessRecord record)
    {
        if (_lock is { } held)
        {
            if (held.Stands()) return true;
            Unlock();
        }
        // A server takes up to a second to refuse: an owner, which does not need the lock, does not ask in every renewal.
        bool renewal = record.Renewals > 0;
        if (renewal && clock.Now - _refusedLast < period * 2) return true;
        _lock = share.TryLock(LockName);
        if (_lock is not null) return true;
        _refusedLast = clock.Now;
        if (renewal) return true;
        if (_refused.Generation != record.Generation) _refused = (record.Generation, clock.Now);
        return clock.Now - _refused.Since >= lockPatience;
    }

    private void Unlock()
    {
        _lock?.Dispose();
        _lock = null;
    }

    private WitnessRecord? ReadOrUnfinished(long generation, int depth)
    {
        string name = NameOf(generation);
        byte[]? bytes = share.Read(name);
        if (bytes is null) return null;
        if (IsUnfinished(bytes))
        {
            if (depth == 0) _unfinished = generation;
            if (generation == 1) return WitnessRecord.Unfinished(WitnessRecord.Blank(clusterId), generation, period);
            if (depth == Kept)
                throw new RecordFormatException($"The last {Kept} generations in '{share.Address}' are all unfinished. Stop all nodes of the cluster, move the directory's content away and start them again.");
            return ReadOrUnfinished(generation - 1, depth + 1) is { } previous ? WitnessRecord.Unfinished(previous, generation, period) : null;
        }
        WitnessRecord record;
        try
        {
            record = WitnessRecord.Decode(bytes);
        }
        catch (RecordVersionException newer)
        {
            throw new RecordVersionException($"The file '{name}' in '{share.Address}' cannot be read: {newer.Message}, and leave the directory as it is: what it records still binds the cluster.");
        }
        catch (RecordFormatException problem)
        {
            throw new RecordFormatException($"The file '{name}' in '{share.Address}' is damaged: {problem.Message}. Stop all nodes of the cluster, move the directory's content away and start them again.");
        }
        if (record.ClusterId != clusterId)
            throw new RecordFormatException($"The witness '{share.Address}' belongs to cluster '{record.ClusterId}', and this node to '{clusterId}'. Give each cluster a directory of its own.");
        if (record.Generation != generation)
            throw new RecordFormatException($"The file '{name}' in '{share.Address}' holds generation {record.Generation}: it was renamed by hand. Stop all nodes of the cluster, then move the directory's content away.");
        return record;
    }

    /// <summary>Created and not, or not wholly, written: its maker has not confirmed it, and if it is slow it may do so yet.</summary>
    private static bool IsUnfinished(byte[] bytes)
        => bytes.Length < HeaderLength + ChecksumLength
        || bytes.Length < HeaderLength + ChecksumLength + BinaryPrimitives.ReadInt32LittleEndian(bytes.AsSpan(12))
        || !bytes.AsSpan().ContainsAnyExcept((byte)0);

    private List<long> List()
    {
        var generations = new List<long>(Kept + 4);
        foreach (string name in share.List())
        {
            if (name.StartsWith(Prefix, StringComparison.Ordinal) && long.TryParse(name.AsSpan(Prefix.Length), NumberStyles.None, CultureInfo.InvariantCulture, out long generation))
                generations.Add(generation);
        }
        return generations;
    }

    private void Prune(List<long> generations)
    {
        long highest = Highest(generations);
        foreach (long generation in generations)
            if (generation <= highest - Kept) share.Delete(NameOf(generation));
    }
}
