// Since when each slot has been as it is, by this node's clock, counted from after it was read. A claim that has not
// moved for its own period and the clock margin has run out by its owner's rule.
using System.Collections.Immutable;
using Membership.Engine;

namespace Membership.Arbiters.Scsi.Record;

internal sealed class SlotWatch
{
    /// <summary>An owner's period is cut and a challenger's stretched by this, for clocks that run at different rates.</summary>
    public const double ClockMargin = 0.01;

    private readonly Dictionary<NodeId, (SlotHead Head, MonotonicTime Since)> _seen = [];

    /// <param name="heads">As just read.</param>
    /// <param name="now">A time after the reading ended.</param>
    public void See(ImmutableArray<SlotHead> heads, MonotonicTime now)
    {
        foreach (SlotHead head in heads)
        {
            if (!_seen.TryGetValue(head.Node, out (SlotHead Head, MonotonicTime Since) known) || !known.Head.IsSameWrite(head)) _seen[head.Node] = (head, now);
        }
    }

    /// <summary>How long until every other claim seen has certainly run out; zero or less when all have.</summary>
    /// <param name="claimant">Whose own claim does not count.</param>
    /// <param name="now">The time.</param>
    public TimeSpan Wait(Guid claimant, MonotonicTime now)
    {
        TimeSpan longest = TimeSpan.MinValue;
        foreach ((SlotHead head, MonotonicTime since) in _seen.Values)
        {
            if (head.State != ClaimState.Active || head.Claimant == claimant) continue;
            TimeSpan wait = since + head.Period * (1 + ClockMargin) - now;
            if (wait > longest) longest = wait;
        }
        return longest;
    }

    public void Forget() => _seen.Clear();
}
