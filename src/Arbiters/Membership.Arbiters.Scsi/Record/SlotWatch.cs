// Since when each slot has been as it is, by this node's clock, counted from after it was read. A claim that has not
// moved for its own period and the clock margin has run out by its owner's rule.
using System.Collections.Immutable;
using Membership.Arbiters.Scsi.Transports;
using Membership.Engine;
using Membership.Engine.Arbitration;

namespace Membership.Arbiters.Scsi.Record;

/// <param name="remembered">The sum of the slots' writes that was seen in an earlier life; less of them is another disk.</param>
internal sealed class SlotWatch(long remembered = 0)
{
    private long _mark = remembered;

    /// <summary>An owner's period is cut and a challenger's stretched by this, for clocks that run at different rates.</summary>
    public const double ClockMargin = 0.01;

    private readonly Dictionary<NodeId, (SlotHead Head, MonotonicTime Since)> _seen = [];

    /// <summary>The most writes of all slots together that were seen. Safe from any thread.</summary>
    public long Mark => Interlocked.Read(ref _mark);

    /// <param name="heads">As just read.</param>
    /// <param name="now">A time after the reading ended.</param>
    /// <exception cref="ScsiException">A slot is older than it was: this is not the disk it was, and an owner may not know yet.</exception>
    public void See(ImmutableArray<SlotHead> heads, MonotonicTime now)
    {
        long writes = heads.Sum(static head => head.Sequence);
        // A write that came late may have covered the newest one of a slot.
        if (_mark > 0 && (writes == 0 || writes + heads.Length < _mark))
            throw new ScsiException($"The witness LUN went back: {_mark} writes of its slots were seen and {writes} are there now. An older copy of the disk, or another disk, is there. {IMarkedRecord.Advice}");
        foreach (SlotHead head in heads)
        {
            bool known = _seen.TryGetValue(head.Node, out (SlotHead Head, MonotonicTime Since) seen);
            if (known && seen.Head.IsSameWrite(head)) continue;
            if (!known || head.Sequence >= seen.Head.Sequence) _seen[head.Node] = (head, now);
            else if (head.Sequence == seen.Head.Sequence - 1 && head.Sequence > 0) _seen[head.Node] = (StillBelieved(seen.Head, head), now);
            else throw new ScsiException($"The witness LUN went back: the slot of node {head.Node} was at write {seen.Head.Sequence} and is at {head.Sequence} now. An older copy of the disk, or another disk, is there. {IMarkedRecord.Advice}");
        }
        Interlocked.Exchange(ref _mark, Math.Max(_mark, writes));
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

    public void Forget()
    {
        _seen.Clear();
        Interlocked.Exchange(ref _mark, 0);
    }

    /// <summary>A write that came late may have covered the newest one, whose writer was told that it succeeded: what it claimed counts on.</summary>
    private static SlotHead StillBelieved(SlotHead covered, SlotHead left) => covered.State == ClaimState.Active
        ? left with { State = ClaimState.Active, Period = covered.Period > left.Period ? covered.Period : left.Period }
        : left;
}
