// At most one arbitration winner at a time: the intervals in which processes may believe that they own the witness
// never overlap, and no process claims to others more ownership than the witness gave it.
using Membership.Engine;
using Membership.Simulator.World;

namespace Membership.Simulator.Checkers;

internal sealed class ArbitrationChecker(ClusterWorld world)
{
    private readonly (SimProcess? Owner, MonotonicTime Until, long EndsAt)[] _beliefs = new (SimProcess?, MonotonicTime, long)[world.Options.Nodes + 1];

    public void Believed(SimProcess process, MonotonicTime until)
    {
        if (until <= process.LocalNow)
        {
            if (_beliefs[process.Number].Owner == process) _beliefs[process.Number] = default;
            return;
        }
        for (int number = 1; number < _beliefs.Length; number++)
        {
            (SimProcess? owner, _, long endsAt) = _beliefs[number];
            if (owner is not null && owner != process && owner.Alive && endsAt > world.Now)
                world.Violate("arbitration", $"nodes {number} and {process.Number} own the witness at once.");
        }
        _beliefs[process.Number] = (process, until, process.Node.Clock.FirstInstantAt(until));
    }

    public void Claimed(SimProcess process, TimeSpan remaining)
    {
        (SimProcess? owner, MonotonicTime until, _) = _beliefs[process.Number];
        if (owner != process || process.LocalNow + remaining > until)
            world.Violate("arbitration", $"node {process.Number} claims to own the witness for {remaining.TotalMilliseconds:F1} ms, more than it was given.");
    }

    public void ProcessEnded(SimProcess process)
    {
        if (_beliefs[process.Number].Owner == process) _beliefs[process.Number] = default;
    }
}
