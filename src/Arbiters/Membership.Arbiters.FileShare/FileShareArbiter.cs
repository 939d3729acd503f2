// The file-share witness: the engine's chain of generations, kept on a share. Exclusive creation on the server decides every
// change; time is judged by each side's own clock; the lock only keeps rivals out while all is well.
using System.Collections.Immutable;
using Membership.Arbiters.FileShare.Shares;
using Membership.Engine;
using Membership.Engine.Arbitration;
using Membership.Engine.Runtime;

namespace Membership.Arbiters.FileShare;

/// <summary>A quorum witness in a directory on a file share.</summary>
/// <remarks>
/// Safe on servers whose locks outlive their client (a cut connection) or are silently taken again by it (a Linux cifs mount), because
/// ownership is never read from a lock: it is the newest generation in the directory, renewed within its period by its owner's own clock.
/// A share that hangs takes one thread of this object; calls still return by their deadlines.
/// </remarks>
public sealed class FileShareArbiter : IQuorumArbiter, IMarkedRecord
{
    private readonly ChainArbiter _arbiter;

    /// <summary>Makes the arbiter; nothing is touched before the first call.</summary>
    /// <param name="options">Where and how; the same directory and times on every node.</param>
    /// <exception cref="ArgumentException">An option is out of range; the message lists every failure.</exception>
    public FileShareArbiter(FileShareOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        if (options.Validate() is { Count: > 0 } failures) throw new ArgumentException(string.Join(" ", failures), nameof(options));
        FileShareOptions own = options with { };
        IShare share = own.IsSmb ? new SmbShare(own) : new MountedShare(own.Path, own.AllowLocalDirectory);
        _arbiter = new ChainArbiter(
            $"file-share witness {share.Address}",
            "It needs a directory of its own on the share that exists and in which every node's process may create, read, lock and delete files.",
            new ChainTiming(own.OwnershipPeriod, own.RenewInterval, own.CallDeadline),
            clusterId => new ShareChain(share, clusterId, own.OwnershipPeriod, own.RenewInterval, MonotonicClock.System),
            MonotonicClock.System);
    }

    /// <inheritdoc/>
    public string Description => _arbiter.Description;

    /// <inheritdoc/>
    public TimeSpan RenewInterval => _arbiter.RenewInterval;

    /// <summary>The period of an owner, and a renewal interval for a lock that its server still holds.</summary>
    public TimeSpan TakeoverTime => _arbiter.TakeoverTime + _arbiter.RenewInterval;

    long IMarkedRecord.Mark => _arbiter.Mark;

    void IMarkedRecord.Remember(long mark) => _arbiter.Remember(mark);

    /// <inheritdoc/>
    public ValueTask<string?> CheckAsync(ArbiterIdentity identity, CancellationToken cancellationToken) => _arbiter.CheckAsync(identity, cancellationToken);

    /// <inheritdoc/>
    public ValueTask<WitnessResult> ArbitrateAsync(ArbiterIdentity identity, CancellationToken cancellationToken) => _arbiter.ArbitrateAsync(identity, cancellationToken);

    /// <inheritdoc/>
    public ValueTask<WitnessResult> RenewAsync(ArbiterIdentity identity, CancellationToken cancellationToken) => _arbiter.RenewAsync(identity, cancellationToken);

    /// <inheritdoc/>
    public ValueTask<WitnessResult> WriteSlotAsync(ArbiterIdentity identity, ImmutableArray<ClusterView> slot, CancellationToken cancellationToken)
        => _arbiter.WriteSlotAsync(identity, slot, cancellationToken);

    /// <inheritdoc/>
    public ValueTask ReleaseAsync(ArbiterIdentity identity, CancellationToken cancellationToken) => _arbiter.ReleaseAsync(identity, cancellationToken);

    /// <summary>Stops watching and lets go of the lock. Does not release the witness: what is owned runs out by itself.</summary>
    /// <returns>A task that ends when the watching has stopped; it does not wait for a share that hangs.</returns>
    public ValueTask DisposeAsync() => _arbiter.DisposeAsync();
}
