// The witness on disk: a chain of immutable files, one per generation, each published by an exclusive hard link. A
// generation has exactly one successor, so a late renewal and a takeover cannot both happen, whoever was stopped where.
using System.Globalization;
using Membership.Engine.Storage;

namespace Membership.Engine.Arbitration;

/// <summary>Reads and extends the chain. No state of its own but the path; blocking; one caller at a time per object, any number of processes.</summary>
internal sealed class WitnessChain(string directory, string clusterId) : IWitnessChain
{
    /// <summary>Older generations are deleted; a reader who was slower than this many changes reads again.</summary>
    private const int Kept = 16;

    private const string Prefix = "witness.";
    private const string TemporaryPrefix = "new.";

    public string Directory { get; } = directory;

    public string ClusterId { get; } = clusterId;

    /// <summary>The highest generation there is; 0 when the witness is blank.</summary>
    public long HighestGeneration() => Highest(List());

    /// <summary>The record of a generation, or null when it was deleted meanwhile.</summary>
    /// <exception cref="RecordFormatException">The file is damaged or belongs to another cluster.</exception>
    public WitnessRecord? Read(long generation)
    {
        string path = PathOf(generation);
        byte[] bytes;
        try
        {
            bytes = File.ReadAllBytes(path);
        }
        catch (FileNotFoundException)
        {
            return null;
        }
        WitnessRecord record;
        try
        {
            record = WitnessRecord.Decode(bytes);
        }
        catch (RecordVersionException newer)
        {
            throw new RecordVersionException($"The witness file '{path}' cannot be read: {newer.Message}, and leave the directory as it is: what it records still binds the cluster.");
        }
        catch (RecordFormatException problem)
        {
            throw new RecordFormatException(
                $"The witness file '{path}' is damaged: {problem.Message}. Stop all nodes of the cluster, move the directory '{Directory}' away and start them again.");
        }
        if (record.ClusterId != ClusterId)
            throw new RecordFormatException(
                $"The witness '{Directory}' belongs to cluster '{record.ClusterId}', and this node to '{ClusterId}'. Give each cluster a witness directory of its own.");
        if (record.Generation != generation)
            throw new RecordFormatException($"The witness file '{path}' holds generation {record.Generation}: it was renamed by hand. Stop all nodes of the cluster, then move the directory away.");
        return record;
    }

    /// <summary>Makes <paramref name="record"/> the successor of the generation before its own.</summary>
    /// <param name="record">The next record; its generation is one above the one it was made from.</param>
    /// <param name="cancellationToken">Checked last before the record is published; afterwards it can no longer be called back.</param>
    /// <returns>True when it is now the highest generation; false when somebody else was first.</returns>
    /// <exception cref="IOException">Anything else; the record may or may not be published.</exception>
    public bool TryAppend(WitnessRecord record, CancellationToken cancellationToken)
    {
        string temporary = Path.Combine(Directory, $"{TemporaryPrefix}{Environment.ProcessId}.{Guid.NewGuid():N}");
        try
        {
            RecordFile.WriteThrough(temporary, record.Encode());
            cancellationToken.ThrowIfCancellationRequested();
            if (!NativeFile.TryPublish(temporary, PathOf(record.Generation))) return false;
        }
        finally
        {
            File.Delete(temporary);
        }
        NativeFile.FlushDirectory(Directory);
        // Who was stopped between reading and linking may have linked a generation that was made, used and deleted long ago:
        // then higher ones exist, and the one it was made from does not.
        List<long> generations = List();
        bool highest = Highest(generations) == record.Generation
            && (record.Generation == 1 || generations.Contains(record.Generation - 1));
        Prune(generations);
        return highest;
    }

    /// <summary>Creates the directory, tries everything a node needs to do in it, and clears away what crashed processes left.</summary>
    /// <exception cref="IOException">Something does not work.</exception>
    public void Probe()
    {
        System.IO.Directory.CreateDirectory(Directory);
        foreach (string leftover in System.IO.Directory.EnumerateFiles(Directory, TemporaryPrefix + "*"))
            if (File.GetLastWriteTimeUtc(leftover) < DateTime.UtcNow.AddMinutes(-10)) File.Delete(leftover);
        string first = Path.Combine(Directory, $"{TemporaryPrefix}{Environment.ProcessId}.{Guid.NewGuid():N}"), second = first + ".link";
        try
        {
            RecordFile.WriteThrough(first, Prefix.Select(static letter => (byte)letter).ToArray());
            if (!NativeFile.TryPublish(first, second)) throw new IOException($"A new name in '{Directory}' was taken already.");
            NativeFile.FlushDirectory(Directory);
        }
        finally
        {
            File.Delete(first);
            File.Delete(second);
        }
    }

    private static long Highest(List<long> generations)
    {
        long highest = 0;
        foreach (long generation in generations) highest = Math.Max(highest, generation);
        return highest;
    }

    private string PathOf(long generation)
        => Path.Combine(Directory, Prefix + generation.ToString("D19", CultureInfo.InvariantCulture));

    // One directory read: it fits one system call, which the kernel serialises against links and deletions.
    private List<long> List()
    {
        var generations = new List<long>(Kept + 4);
        foreach (string path in System.IO.Directory.EnumerateFiles(Directory, Prefix + "*"))
        {
            if (long.TryParse(Path.GetFileName(path.AsSpan())[Prefix.Length..], NumberStyles.None, CultureInfo.InvariantCulture, out long generation))
                generations.Add(generation);
        }
        return generations;
    }

    private void Prune(List<long> generations)
    {
        long highest = Highest(generations);
        generations.Sort();
        foreach (long generation in generations)
        {
            if (generation > highest - Kept) return;
            File.Delete(PathOf(generation));
        }
    }
}
