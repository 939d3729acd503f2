// Plays faults from the seed's stream into the world, several at once, each with its own end; and strikes at moments
// of the protocol when the plan says so. Heal ends all of them for the quiet phase.
using Membership.Simulator.World;

namespace Membership.Simulator.Workload;

internal sealed class FaultSchedule
{
    private readonly ClusterWorld _world;
    private readonly RunPlan _plan;
    private readonly Rng _rng;
    private readonly FaultActions _actions;
    private readonly int[] _weights;
    private readonly int _weightSum;
    private bool _ended;

    public FaultSchedule(ClusterWorld world, RunPlan plan)
    {
        _world = world;
        _plan = plan;
        _rng = Rng.For(plan.Options.Seed, "faults");
        _actions = new FaultActions(world, _rng);
        _weights = FaultWeights.For(plan);
        _weightSum = _weights.Sum();
    }

    /// <summary>Nodes start at different times; some clusters start in the middle of trouble.</summary>
    public void Start()
    {
        foreach (SimNode node in _world.Nodes) node.StartLater(_rng.Span(0, _rng.Chance(0.3) ? 4 * _plan.Options.L : _plan.Options.L / 4));
        Begin(_rng.Chance(0.2) ? 0 : 6 * _plan.Options.L + _rng.Span(0, 4 * _plan.Options.L));
    }

    /// <summary>Faults begin after the given time.</summary>
    public void Begin(long firstFault)
    {
        _world.After(firstFault, Next);
        if (_plan.MomentChance > 0) _world.OnMoment = Strike;
    }

    public void Heal()
    {
        _ended = true;
        _world.OnMoment = null;
        _actions.EndAll();
    }

    private void Next()
    {
        if (_ended) return;
        _actions.Play(Draw(), _rng.Below(_world.Options.Nodes) + 1);
        // Faults of a bad minute come together.
        _world.After(_rng.Chance(0.3) ? _rng.Span(0, _plan.Options.L / 4) : _rng.Exponential(_plan.MeanGap), Next);
    }

    private void Strike(SimProcess process, Moment moment)
    {
        double chance = moment is Moment.Prune or Moment.InForce or Moment.Arbitration ? 2 * _plan.MomentChance : _plan.MomentChance;
        if (_ended || !_rng.Chance(chance)) return;
        FaultKind kind = _rng.Chance(0.6)
            ? _rng.Pick(FaultKind.CrashProcess, FaultKind.Pause, FaultKind.CutNode, FaultKind.Partition, FaultKind.HoldDisk, FaultKind.PowerCut, FaultKind.CutOneWay)
            : Draw();
        int node = _rng.Chance(0.7) ? process.Number : _rng.Below(_world.Options.Nodes) + 1;
        _world.After(_rng.Chance(0.5) ? _rng.Span(0, 3 * Ticks.Millisecond) : 0, () =>
        {
            if (!_ended) _actions.Play(kind, node);
        });
    }

    private FaultKind Draw()
    {
        int ticket = _rng.Below(_weightSum);
        for (int kind = 0; kind < _weights.Length; kind++)
        {
            ticket -= _weights[kind];
            if (ticket < 0) return (FaultKind)kind;
        }
        return FaultKind.CrashProcess;
    }
}
