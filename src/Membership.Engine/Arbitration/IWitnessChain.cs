// A witness as a chain of immutable records, one per generation, of which each has exactly one successor. Two kinds: hard links
// in a local directory, and exclusive creation on a file share.
using Membership.Engine.Storage;

namespace Membership.Engine.Arbitration;

/// <summary>Reads and extends a chain. Blocking; one caller at a time.</summary>
internal interface IWitnessChain
{
    /// <summary>The cluster it serves.</summary>
    string ClusterId { get; }

    /// <summary>The highest generation there is; 0 when the witness is blank.</summary>
    /// <exception cref="IOException">It could not be looked at.</exception>
    long HighestGeneration();

    /// <summary>The record of a generation, or null when it was deleted meanwhile.</summary>
    /// <exception cref="RecordFormatException">It is damaged or belongs to another cluster.</exception>
    WitnessRecord? Read(long generation);

    /// <summary>Makes <paramref name="record"/> the successor of the generation before its own.</summary>
    /// <returns>True when it is now the highest generation; false when it is not: somebody else was first, or it must be tried again.</returns>
    /// <exception cref="IOException">Anything else; the record may or may not be in the chain.</exception>
    bool TryAppend(WitnessRecord record, CancellationToken cancellationToken);

    /// <summary>Tries everything a node needs to do there.</summary>
    /// <exception cref="IOException">Something does not work.</exception>
    void Probe();
}
