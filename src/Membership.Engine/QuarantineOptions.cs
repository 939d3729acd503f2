// When a node that keeps losing its place is kept out for a while, and for how long.
namespace Membership.Engine;

/// <summary>
/// A node that loses its place again and again (a link that flaps, a machine that stalls, a process that crashes) costs every member's users
/// a hold each time. After the <see cref="After"/>th time it is let in again only when a while has passed, which doubles with each further time.
/// Leaving cleanly and being ejected do not count. Immutable.
/// </summary>
/// <remarks>
/// The members keep it in memory and the coordinator goes by it; it never stands in the way of forming, and it is not applied while the members
/// without the node would have no more than half of all configured votes: so never in a cluster of two.
/// </remarks>
public sealed record QuarantineOptions
{
    /// <summary>The default: after the third removal, one minute, doubled each time up to an hour; forgotten after a good hour.</summary>
    public static QuarantineOptions Default { get; } = new();

    /// <summary>Nobody is ever kept out.</summary>
    public static QuarantineOptions Off { get; } = new() { After = 0 };

    /// <summary>How often a node may lose its place before it is kept out, 1..1000; 0 = never kept out. Default 3.</summary>
    public int After { get; init; } = 3;

    /// <summary>A removal counts together with the one before it unless so much time went by since that one, or since the end of the quarantine it led to; 1 s..7 days, default 1 h.</summary>
    public TimeSpan Window { get; init; } = TimeSpan.FromHours(1);

    /// <summary>How long a node is kept out the first time, counted from its removal; 1 s..<see cref="Limit"/>, default 1 min.</summary>
    public TimeSpan Time { get; init; } = TimeSpan.FromMinutes(1);

    /// <summary>The longest time that doubling comes to, <see cref="Time"/>..7 days; default 1 h.</summary>
    public TimeSpan Limit { get; init; } = TimeSpan.FromHours(1);

    /// <summary>How long a node is kept out after this many removals in a row; zero while it is let in at once.</summary>
    internal TimeSpan KeptOutFor(int removals)
    {
        if (After == 0 || removals < After) return TimeSpan.Zero;
        double time = Time.Ticks * Math.Pow(2, Math.Min(60, removals - After));
        return time >= Limit.Ticks ? Limit : TimeSpan.FromTicks((long)time);
    }
}
