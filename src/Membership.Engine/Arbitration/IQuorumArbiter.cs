// The seam to the witness: the outside thing that breaks ties. One implementation per product, each in its own project.
using System.Collections.Immutable;

namespace Membership.Engine.Arbitration;

/// <summary>Who asks the witness, and on behalf of which cluster.</summary>
/// <param name="ClusterId">The cluster's name; a witness that belongs to another cluster is refused.</param>
/// <param name="Node">The asking node.</param>
/// <param name="Incarnation">Its life.</param>
public readonly record struct ArbiterIdentity(string ClusterId, NodeId Node, Incarnation Incarnation);

/// <summary>How an arbitration, a renewal or a record write ended.</summary>
public enum WitnessOutcome
{
    /// <summary>This node owns the witness (or its write is confirmed) for the time given.</summary>
    Success,

    /// <summary>Somebody else owns it and defends it.</summary>
    Lost,

    /// <summary>A time-out or an error: the command may or may not have taken effect. Counts as a lost vote; re-read before trying again.</summary>
    Unknown,
}

/// <summary>The answer of the witness.</summary>
/// <param name="Outcome">What happened.</param>
/// <param name="OwnedFor">For Success: how long the caller owns it, measured on its own clock from <em>before</em> it made the call.</param>
/// <param name="Views">The union of all slots of the record as read after winning (Arbitrate only; empty otherwise).</param>
/// <param name="Detail">For people: what went wrong, with the value and what to do; null when nothing did.</param>
public sealed record WitnessResult(WitnessOutcome Outcome, TimeSpan OwnedFor, ImmutableArray<ClusterView> Views, string? Detail = null);

/// <summary>Breaks ties between halves of a cluster. The engine calls it from one task at a time, except <see cref="IAsyncDisposable.DisposeAsync"/>.</summary>
/// <remarks>
/// Contract. (1) <see cref="ArbitrateAsync"/> reports Success only when the previous owner's ownership has run out by the previous
/// owner's own rule, or has been fenced. (2) An owner that cannot renew within its bound considers itself to have lost before a
/// challenger may win: <see cref="WitnessResult.OwnedFor"/> counts from before the request was sent. (3) Every call returns by its
/// token's deadline, whatever the backend does; late effects are "Unknown" and re-read next time. (4) No slot of the record ever goes
/// back in epoch. (5) Ordinary trouble is a result, not an exception; exceptions are for misuse.
/// </remarks>
public interface IQuorumArbiter : IAsyncDisposable
{
    /// <summary>For people: what and where, e.g. <c>witness file /var/lib/x/witness</c>.</summary>
    string Description { get; }

    /// <summary>How often the owner should renew.</summary>
    TimeSpan RenewInterval { get; }

    /// <summary>
    /// How long a challenger may have to wait for a former owner's ownership to run out; zero = not at all, or not known (default). An
    /// arbitration timeout that does not leave this to each of two attempts is logged when the node starts.
    /// </summary>
    TimeSpan TakeoverTime => TimeSpan.Zero;

    /// <summary>
    /// Whether the witness keeps a record of views that survives its owner (default true). Without one it is asked only by a regroup of living
    /// members that lack its vote, never while forming or at rest, a Lost is final for the asking node, and the policy must be
    /// <see cref="QuorumPolicy.TwoNodeWitness"/>.
    /// </summary>
    bool KeepsRecord => true;

    /// <summary>Checks that the witness can be used at all; called once before the node starts.</summary>
    /// <param name="identity">Who asks.</param>
    /// <param name="cancellationToken">The deadline.</param>
    /// <returns>Null when it is usable, else what is wrong, with the value and what to do.</returns>
    ValueTask<string?> CheckAsync(ArbiterIdentity identity, CancellationToken cancellationToken);

    /// <summary>Challenges for the witness, or confirms that this node still owns it, then reads the record.</summary>
    /// <param name="identity">Who asks.</param>
    /// <param name="cancellationToken">The deadline.</param>
    /// <returns>Success with ownership time and all recorded views, Lost, or Unknown.</returns>
    ValueTask<WitnessResult> ArbitrateAsync(ArbiterIdentity identity, CancellationToken cancellationToken);

    /// <summary>Renews ownership.</summary>
    /// <param name="identity">Who asks.</param>
    /// <param name="cancellationToken">The deadline.</param>
    /// <returns>Success with the new ownership time, Lost, or Unknown.</returns>
    ValueTask<WitnessResult> RenewAsync(ArbiterIdentity identity, CancellationToken cancellationToken);

    /// <summary>
    /// Writes this node's slot of the record, durably, while it owns the witness. A write of unknown outcome may take effect late, but never after a
    /// later call of this node has taken effect: the decision it was for may have been overtaken by another one of the same epoch.
    /// </summary>
    /// <param name="identity">Who asks.</param>
    /// <param name="slot">The views this node knows; none may be dropped that is newer than the newest in force.</param>
    /// <param name="cancellationToken">The deadline.</param>
    /// <returns>Success only if the write was confirmed while ownership was still valid, with the remaining ownership time.</returns>
    ValueTask<WitnessResult> WriteSlotAsync(ArbiterIdentity identity, ImmutableArray<ClusterView> slot, CancellationToken cancellationToken);

    /// <summary>Gives the witness up if this node owns it. Best effort.</summary>
    /// <param name="identity">Who asks.</param>
    /// <param name="cancellationToken">The deadline.</param>
    /// <returns>A task that ends when the attempt is over.</returns>
    ValueTask ReleaseAsync(ArbiterIdentity identity, CancellationToken cancellationToken);
}
