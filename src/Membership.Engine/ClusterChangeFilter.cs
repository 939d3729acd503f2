// Which kinds of change a registration wants to hear of.
namespace Membership.Engine;

/// <summary>A set of <see cref="ClusterChange"/>. The default value lets everything through.</summary>
/// <remarks><see cref="ClusterChange.NotificationsLost"/> always gets through: a gap is never silent.</remarks>
public readonly record struct ClusterChangeFilter
{
    // What is kept out, so that the default keeps nothing out.
    private readonly uint _excluded;

    private ClusterChangeFilter(uint excluded) => _excluded = excluded;

    /// <summary>Everything.</summary>
    public static readonly ClusterChangeFilter All;

    /// <summary>Only the given kinds.</summary>
    /// <param name="changes">The kinds; none at all lets only <see cref="ClusterChange.NotificationsLost"/> through.</param>
    /// <returns>The filter.</returns>
    /// <exception cref="ArgumentOutOfRangeException">A value that is no kind of change.</exception>
    public static ClusterChangeFilter Only(params ReadOnlySpan<ClusterChange> changes)
    {
        uint excluded = ~Bit(ClusterChange.NotificationsLost);
        foreach (ClusterChange change in changes) excluded &= ~Bit(change);
        return new ClusterChangeFilter(excluded);
    }

    /// <summary>Everything but the given kinds.</summary>
    /// <param name="changes">The kinds.</param>
    /// <returns>The filter.</returns>
    /// <exception cref="ArgumentOutOfRangeException">A value that is no kind of change.</exception>
    public static ClusterChangeFilter Except(params ReadOnlySpan<ClusterChange> changes)
    {
        uint excluded = 0;
        foreach (ClusterChange change in changes) excluded |= Bit(change);
        return new ClusterChangeFilter(excluded & ~Bit(ClusterChange.NotificationsLost));
    }

    /// <summary>Whether a kind gets through.</summary>
    /// <param name="change">The kind.</param>
    /// <returns>True if it does.</returns>
    public bool Passes(ClusterChange change) => (_excluded & Bit(change)) == 0;

    private static uint Bit(ClusterChange change)
        => Enum.IsDefined(change) ? 1u << (int)change : throw new ArgumentOutOfRangeException(nameof(change), change, "No kind of change: use the values of ClusterChange.");
}
