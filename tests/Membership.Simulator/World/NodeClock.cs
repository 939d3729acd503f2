// One machine's monotonic clock: an offset and a rate error. Virtual time is global; every node sees only its own
// reading. The core has no input that carries wall time, so jumps of wall time need no model here.
using Membership.Engine;

namespace Membership.Simulator.World;

/// <summary>A clock that counts <c>1 + PartsPerMillion/1e6</c> local ticks per tick of virtual time.</summary>
internal readonly struct NodeClock(long offset, int partsPerMillion)
{
    private const long Million = 1_000_000;

    public int PartsPerMillion => partsPerMillion;

    public MonotonicTime Local(long virtualTime) => new(offset + virtualTime + virtualTime * partsPerMillion / Million);

    /// <summary>The first instant of virtual time at which this clock shows <paramref name="local"/> or more.</summary>
    public long FirstInstantAt(MonotonicTime local)
    {
        if (local.Ticks <= offset) return 0;
        if (local.Ticks >= MonotonicTime.MaxValue.Ticks / 2) return long.MaxValue;
        long elapsed = local.Ticks - offset;
        long guess = (long)(elapsed / (1.0 + partsPerMillion / (double)Million));
        while (guess > 0 && Local(guess - 1).Ticks >= local.Ticks) guess--;
        while (Local(guess).Ticks < local.Ticks) guess++;
        return guess;
    }

    /// <summary>How much virtual time passes while this clock counts <paramref name="span"/>.</summary>
    public long VirtualSpan(TimeSpan span) => (long)(span.Ticks / (1.0 + partsPerMillion / (double)Million)) + 1;
}
