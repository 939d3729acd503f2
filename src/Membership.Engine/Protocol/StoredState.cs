// What a node keeps on disk (design 3.5): the view in force, the set of newer pending views, the highest
// epochs ever seen and persisted, and the incarnation. Immutable; a change makes a new value to persist.
using System.Collections.Immutable;

namespace Membership.Engine.Protocol;

/// <summary>The content of a node's view store.</summary>
/// <param name="StoreId">Random id made when the store was created; never 0.</param>
/// <param name="Incarnation">The current life.</param>
/// <param name="InForce">The newest view in force, or null when this node never was in one.</param>
/// <param name="Pending">Views promised and newer than <paramref name="InForce"/>, ascending by epoch; a set, not a slot.</param>
/// <param name="HighestEpochSeen">The highest epoch this node has ever heard of.</param>
/// <param name="HighestEpochPersisted">The highest epoch of any view it ever wrote, pending or in force.</param>
internal sealed record StoredState(
    long StoreId,
    Incarnation Incarnation,
    ClusterView? InForce,
    ImmutableArray<ClusterView> Pending,
    Epoch HighestEpochSeen,
    Epoch HighestEpochPersisted)
{
    public static StoredState Empty(long storeId) => new(storeId, Incarnation.None, null, [], Epoch.None, Epoch.None);

    /// <summary>True when no view was ever written: such a store cannot testify.</summary>
    public bool IsEmpty => InForce is null && HighestEpochPersisted == Epoch.None;

    public ViewId InForceId => InForce?.Id ?? ViewId.None;

    /// <summary>The pending view with this identity, or null.</summary>
    public ClusterView? FindPending(ViewId id)
    {
        foreach (ClusterView view in Pending)
            if (view.Id == id) return view;
        return null;
    }

    public StoredState WithPending(ClusterView view) => FindPending(view.Id) is not null ? this : this with
    {
        Pending = [.. Pending.Append(view).OrderBy(static v => v.Epoch.Value).ThenBy(static v => v.Id.Hash)],
        HighestEpochSeen = Epoch.Max(HighestEpochSeen, view.Epoch),
        HighestEpochPersisted = Epoch.Max(HighestEpochPersisted, view.Epoch),
    };

    public StoredState WithInForce(ClusterView view) => this with
    {
        InForce = view,
        Pending = [.. Pending.Where(pending => pending.Epoch > view.Epoch)],
        HighestEpochSeen = Epoch.Max(HighestEpochSeen, view.Epoch),
        HighestEpochPersisted = Epoch.Max(HighestEpochPersisted, view.Epoch),
    };
}
