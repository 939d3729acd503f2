// The embedded arbiter: a witness in a local directory shared by the processes of one machine, as a chain of hard links.
using System.Collections.Immutable;
using Membership.Engine.Runtime;

namespace Membership.Engine.Arbitration;

/// <summary>A quorum witness in a local directory, for clusters whose nodes are processes of one machine, for demos and for tests.</summary>
/// <remarks>
/// Safe against crashes and against processes stopped (SIGSTOP) at any instruction and resumed later; a stopped process never blocks
/// the others, because no lock is ever held. Not for network file systems: caches may hide a rival's claim.
/// </remarks>
public sealed class WitnessFileArbiter : IQuorumArbiter, IMarkedRecord
{
    private readonly ChainArbiter _arbiter;

    /// <summary>Makes the arbiter; nothing is touched before the first call.</summary>
    /// <param name="options">Where and how; the same values on every node.</param>
    /// <exception cref="ArgumentException">An option is out of range; the message lists every failure.</exception>
    public WitnessFileArbiter(WitnessFileOptions options)
        : this(options, MonotonicClock.System)
    {
    }

    internal WitnessFileArbiter(WitnessFileOptions options, MonotonicClock clock)
    {
        ArgumentNullException.ThrowIfNull(options);
        if (options.Validate() is { Count: > 0 } failures) throw new ArgumentException(string.Join(" ", failures), nameof(options));
        string directory = Path.GetFullPath(options.Directory);
        _arbiter = new ChainArbiter(
            $"witness directory {directory}",
            "It needs a directory on a local file system with hard links that every node's process may write.",
            new ChainTiming(options.OwnershipPeriod, options.RenewInterval, options.CallDeadline),
            clusterId => new WitnessChain(directory, clusterId),
            clock);
    }

    /// <inheritdoc/>
    public string Description => _arbiter.Description;

    /// <inheritdoc/>
    public TimeSpan RenewInterval => _arbiter.RenewInterval;

    /// <inheritdoc/>
    public TimeSpan TakeoverTime => _arbiter.TakeoverTime;

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

    /// <summary>Stops watching the witness. Does not release it: what is owned runs out by itself.</summary>
    /// <returns>A task that ends when the watching has stopped; it does not wait for a file system that hangs.</returns>
    public ValueTask DisposeAsync() => _arbiter.DisposeAsync();
}
