// A host's quorum-select callback as an arbiter. It has no record and no lasting ownership: each decision asks anew, and a
// yes is good for that one decision only.
using System.Collections.Immutable;

namespace Membership.Engine.Arbitration;

/// <summary>
/// Asks the host whether this node, the only one left of exactly two members, may stay: the header's quorum-select callback. Use it with
/// <see cref="QuorumPolicy.TwoNodeWitness"/>; any other policy is refused.
/// </summary>
/// <remarks>
/// MMQuorumSelect. Called only by a regroup of a view of exactly two members that this node survives alone (or cannot know better); never
/// while forming or at rest. A yes keeps the node in the cluster, a no halts it with <see cref="HaltCode.NoQuorum"/>. The call may take as long
/// as half the arbitration timeout; a later answer is void, and an exception counts as no answer. That exactly one of two partitioned nodes
/// gets a yes is the host's promise, as it is in the header: the engine cannot check it.
/// </remarks>
public sealed class CallbackQuorumArbiter : IQuorumArbiter
{
    /// <summary>How long a yes may take to become a decision on disk; the equalizer's longest wait and the decision itself fit.</summary>
    private static readonly TimeSpan GrantedFor = TimeSpan.FromMinutes(15);

    private readonly Func<CancellationToken, ValueTask<bool>> _select;
    private volatile bool _granted;

    /// <summary>Makes the arbiter.</summary>
    /// <param name="select">True when this node stays, false when the other member lives. Called on the thread pool, one call at a time.</param>
    public CallbackQuorumArbiter(Func<CancellationToken, ValueTask<bool>> select)
    {
        ArgumentNullException.ThrowIfNull(select);
        _select = select;
    }

    /// <inheritdoc/>
    public string Description => "quorum-select callback";

    /// <inheritdoc/>
    public TimeSpan RenewInterval => TimeSpan.FromMilliseconds(250);

    /// <summary>False: it is asked for one decision at a time, among living members.</summary>
    public bool KeepsRecord => false;

    /// <inheritdoc/>
    public ValueTask<string?> CheckAsync(ArbiterIdentity identity, CancellationToken cancellationToken) => new((string?)null);

    /// <inheritdoc/>
    public async ValueTask<WitnessResult> ArbitrateAsync(ArbiterIdentity identity, CancellationToken cancellationToken)
    {
        bool stays = await _select(cancellationToken).ConfigureAwait(false);
        cancellationToken.ThrowIfCancellationRequested();
        _granted = stays;
        return stays ? Granted() : Lost("The quorum-select callback returned false: the other member lives.");
    }

    /// <inheritdoc/>
    public ValueTask<WitnessResult> RenewAsync(ArbiterIdentity identity, CancellationToken cancellationToken)
        => new(_granted ? Granted() : Lost("The decision that the callback was asked for has been made."));

    /// <summary>The decision is about to be written to the members' disks: the grant is used up.</summary>
    /// <param name="identity">Who asks.</param>
    /// <param name="slot">Not kept.</param>
    /// <param name="cancellationToken">Not used.</param>
    /// <returns>Success while the grant was unused, else Lost.</returns>
    public ValueTask<WitnessResult> WriteSlotAsync(ArbiterIdentity identity, ImmutableArray<ClusterView> slot, CancellationToken cancellationToken)
    {
        if (!_granted) return new(Lost("The callback has not granted this decision."));
        _granted = false;
        return new(Granted());
    }

    /// <inheritdoc/>
    public ValueTask ReleaseAsync(ArbiterIdentity identity, CancellationToken cancellationToken)
    {
        _granted = false;
        return default;
    }

    /// <summary>Nothing to free.</summary>
    /// <returns>Completed.</returns>
    public ValueTask DisposeAsync() => default;

    private static WitnessResult Granted() => new(WitnessOutcome.Success, GrantedFor, []);

    private static WitnessResult Lost(string detail) => new(WitnessOutcome.Lost, TimeSpan.Zero, [], detail);
}
