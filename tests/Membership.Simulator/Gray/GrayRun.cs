// One gray failure from a quiet cluster, and what it cost: views, removals of the nodes at fault and of healthy ones, incidents, how
// long a healthy node's users were held up, and how long until the cluster was stable again.
using Membership.Engine;
using Membership.Engine.Protocol;
using Membership.Simulator.Checkers;
using Membership.Simulator.World;

namespace Membership.Simulator.Gray;

/// <summary>What one gray failure cost. Times are virtual, in ticks of 100 ns; -1 = it never happened.</summary>
internal sealed record GrayResult
{
    public required GrayFault Fault { get; init; }

    public required int Nodes { get; init; }

    /// <summary>How long the fault went on.</summary>
    public required long Duration { get; init; }

    /// <summary>Views in force that were new during the fault.</summary>
    public int Views { get; init; }

    /// <summary>Times that a node at fault lost its place.</summary>
    public int Removals { get; init; }

    /// <summary>Times that anybody else did.</summary>
    public int HealthyRemoved { get; init; }

    /// <summary>Regroups that the lowest healthy node took part in (its stage 1, restarts of an attempt not counted).</summary>
    public int Incidents { get; init; }

    /// <summary>Incidents of the second half of the fault, in an hour: what it comes to when it goes on.</summary>
    public double IncidentsPerHour { get; init; }

    /// <summary>How long the healthy node that was held up longest had no valid lease during the fault.</summary>
    public long Held { get; init; }

    /// <summary>From the fault until a view without every node at fault (without one of them, for a link) was installed at all healthy ones.</summary>
    public long Out { get; init; } = -1;

    /// <summary>From the fault until the last view of the fault's time was in force.</summary>
    public long LastView { get; init; } = -1;

    /// <summary>From the end of the fault until everybody who is up was in one view again.</summary>
    public long Whole { get; init; } = -1;

    public Violation? Violation { get; init; }
}

internal sealed class GrayRun
{
    private readonly ClusterWorld _world;
    private readonly GrayFault _fault;
    private readonly NodeSet _atFault;
    private readonly int _watched;
    private readonly SortedDictionary<Epoch, ClusterView> _views = [];
    private ActivationId _incident;
    private int _incidents;
    private long _lastView = -1;

    private GrayRun(WorldOptions options, GrayFault fault, TextWriter? trace)
    {
        _world = new ClusterWorld(options, new Trace(trace));
        _fault = fault;
        _atFault = GrayFaults.At(fault, options);
        _watched = Enumerable.Range(1, options.Nodes).First(node => !_atFault.Contains(new NodeId(node)));
        _world.OnMoment = Watch;
    }

    /// <summary>Runs one fault in a cluster of this size for this long.</summary>
    public static GrayResult Run(WorldOptions options, GrayFault fault, long duration, TextWriter? trace = null) => new GrayRun(options, fault, trace).Run(duration);

    public static WorldOptions Options(int nodes, ClusterTiming timing, ulong seed) => new()
    {
        Seed = seed,
        Votes = [.. Enumerable.Repeat(1, nodes)],
        Rule = new QuorumRule(QuorumPolicy.NodeMajority, TieBreaker.LowestNode, false),
        Timing = timing,
        StartFromView = true,
        Quarantine = QuarantineOptions.Default,
    };

    private GrayResult Run(long duration)
    {
        var result = new GrayResult { Fault = _fault, Nodes = _world.Options.Nodes, Duration = duration };
        foreach (SimNode node in _world.Nodes) node.Start();
        Until(_world.Now + 20 * _world.Options.L, () => LivenessChecker.Whole(_world));
        if (_world.Violation is not null) return result with { Violation = _world.Violation };
        if (!LivenessChecker.Whole(_world)) return result with { Violation = new Violation("liveness", _world.Now, "the cluster did not form before the fault") };
        _world.RunUntil(_world.Now + 2 * _world.Options.L);

        ClusterView first = _world.Node(_watched).Process!.Core.Installed!;
        _views.Clear();
        _views[first.Epoch] = first;
        _incidents = 0;
        long begin = _world.Now, step = _world.Options.T / 10, gone = -1;
        int half = 0;
        var held = new long[_world.Options.Nodes + 1];
        GrayFaults.Begin(_fault, _world);
        while (_world.Violation is null && _world.Now < begin + duration)
        {
            _world.RunUntil(_world.Now + step);
            foreach (SimNode node in _world.Nodes)
                if (!_atFault.Contains(new NodeId(node.Number)) && node.Process is { } process && process.PublishedLease.ValidUntil <= process.LocalNow) held[node.Number] += step;
            if (gone < 0 && AllWithoutFault()) gone = _world.Now - begin;
            if (half == 0 && _world.Now >= begin + duration / 2) half = _incidents + 1;
        }
        int views = _views.Count - 1, incidents = _incidents;
        long last = _lastView < 0 ? -1 : _lastView - begin;
        (int removals, int healthy) = Removed();

        GrayFaults.End(_world);
        long end = _world.Now;
        Until(end + LivenessChecker.Bound(_world.Options), EverybodyIsBack);
        return result with
        {
            Views = views,
            Removals = removals,
            HealthyRemoved = healthy,
            Incidents = incidents,
            IncidentsPerHour = (incidents - (half - 1)) * 3600.0 / (duration / 2.0 / Ticks.Second),
            Held = held.Max(),
            Out = gone,
            LastView = last,
            Whole = EverybodyIsBack() ? _world.Now - end : -1,
            Violation = _world.Violation,
        };
    }

    private void Watch(SimProcess process, Moment moment)
    {
        if (moment == Moment.InForce && process.Core.InForce is { } view && _views.TryAdd(view.Epoch, view)) _lastView = _world.Now;
        // Attempts of one incident share the epoch that they start from.
        if (moment != Moment.Stage || process.Number != _watched || process.Core.Stage != RegroupStage.Activate || process.Core.Activation.Epoch == _incident.Epoch) return;
        _incident = process.Core.Activation;
        _incidents++;
    }

    private (int AtFault, int Healthy) Removed()
    {
        int atFault = 0, healthy = 0;
        ClusterView? before = null;
        foreach (ClusterView view in _views.Values)
        {
            foreach (ClusterMember member in before?.Members ?? [])
            {
                if (view.Contains(member.Node)) continue;
                if (_atFault.Contains(member.Node)) atFault++;
                else healthy++;
            }
            before = view;
        }
        return (atFault, healthy);
    }

    private bool AllWithoutFault()
    {
        foreach (SimNode node in _world.Nodes)
        {
            if (_atFault.Contains(new NodeId(node.Number))) continue;
            if (node.Process?.Core.Installed is not { } view || node.Process.Core.Stage != RegroupStage.None) return false;
            bool without = _fault is GrayFault.LinkFlap or GrayFault.Blinks or GrayFault.TripwireResets ? !_atFault.IsSubsetOf(view.Nodes) : !view.Nodes.Overlaps(_atFault);
            if (!without) return false;
        }
        return true;
    }

    private bool EverybodyIsBack()
    {
        ViewId common = ViewId.None;
        foreach (SimNode node in _world.Nodes)
        {
            if (_fault == GrayFault.Crashes && _atFault.Contains(new NodeId(node.Number))) continue;
            if (node.Process is not { Halted: false } process || process.Core.Stage != RegroupStage.None || process.Core.Installed is not { } view) return false;
            if (common == ViewId.None) common = view.Id;
            if (view.Id != common || process.PublishedLease.ValidUntil <= process.LocalNow) return false;
        }
        return true;
    }

    private void Until(long limit, Func<bool> done)
    {
        while (_world.Violation is null && _world.Now < limit && !done()) _world.RunUntil(_world.Now + 10 * Ticks.Millisecond);
    }
}
