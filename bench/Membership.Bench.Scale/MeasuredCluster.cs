// A calm simulated cluster whose every message is encoded and counted, and a stopwatch over it: from a fault to the moment at which the last
// of those who stay has installed the view of exactly them.
using Membership.Engine;
using Membership.Engine.Protocol;
using Membership.Simulator.Checkers;
using Membership.Simulator.World;

namespace Membership.Bench.Scale;

/// <summary>What one change cost, all nodes together.</summary>
/// <param name="Time">Virtual time to the last new view.</param>
/// <param name="Views">Views that came into force.</param>
/// <param name="Stages">Stages that all nodes together entered.</param>
/// <param name="Messages">Messages sent, heartbeats included.</param>
/// <param name="Bytes">Their bytes, datagram headers and seals included.</param>
/// <param name="Longest">The longest message.</param>
/// <param name="Events">Events of the simulation.</param>
/// <param name="Cpu">What the machine took for them.</param>
internal sealed record Bill(TimeSpan Time, int Views, long Stages, long Messages, long Bytes, int Longest, long Events, TimeSpan Cpu);

internal sealed class MeasuredCluster
{
    private static readonly long Step = 100 * Ticks.Microsecond;

    private readonly HashSet<Epoch> _views = [];
    private WireMeter _meter = new();
    private long _stages;
    private int _hint = 1;

    public MeasuredCluster(WorldOptions options)
    {
        World = new ClusterWorld(options, new Trace(null)) { OnMoment = Note };
        World.Network.Watch = (in MessageHeader header, MessageBody? body) => _meter.Count(in header, body);
    }

    public ClusterWorld World { get; }

    /// <summary>Starts all of them at once and runs until they are one cluster.</summary>
    public Bill Start(NodeSet nodes)
        => Measure(nodes, () =>
        {
            foreach (NodeId node in nodes) World.Node(node.Value).Start();
        });

    /// <summary>Lets heartbeats find their pace, for a loss period; the next change strikes just after one, so that a lost lease is waited for as long as can be.</summary>
    public void Rest() => World.RunUntil(World.Now + World.Options.L);

    /// <summary>Does something and counts until exactly <paramref name="stay"/> are in one installed view.</summary>
    /// <exception cref="InvalidOperationException">They never were within 100 loss periods, or a checker found a violation.</exception>
    public Bill Measure(NodeSet stay, Action change)
    {
        _views.Clear();
        _stages = 0;
        _meter = new WireMeter();
        long from = World.Now, events = World.Events, limit = from + 100 * World.Options.L;
        TimeSpan cpu = Environment.CpuUsage.TotalTime;
        change();
        do World.RunUntil(World.Now + Step);
        while (World.Violation is null && World.Now < limit && !IsWhole(stay));
        if (World.Violation is { } violation) throw new InvalidOperationException($"{violation.Checker}: {violation.Text}");
        if (!IsWhole(stay)) throw new InvalidOperationException($"No view of these {stay.Count} nodes within {(World.Now - from) / Ticks.Second} s. {Shorten(LivenessChecker.Describe(World))}");
        return new Bill(TimeSpan.FromTicks(World.Now - from), _views.Count, _stages, _meter.Messages, _meter.Bytes, _meter.Longest, World.Events - events, Environment.CpuUsage.TotalTime - cpu);
    }

    private static string Shorten(string text) => text.Length > 400 ? text[..400] + "..." : text;

    private void Note(SimProcess process, Moment moment)
    {
        if (moment is Moment.Stage or Moment.Prune && process.Core.Stage != RegroupStage.None) _stages++;
        if (moment == Moment.InForce) _views.Add(process.Core.InForce!.Epoch);
    }

    // Whoever was not there the last time is asked first.
    private bool IsWhole(NodeSet stay)
    {
        if (!stay.Contains(new NodeId(_hint))) _hint = stay.Lowest.Value;
        if (!IsThere(_hint, stay)) return false;
        ViewId view = World.Node(_hint).Process!.Core.Installed!.Id;
        foreach (NodeId node in stay)
        {
            _hint = node.Value;
            if (!IsThere(_hint, stay) || World.Node(_hint).Process!.Core.Installed!.Id != view) return false;
        }
        return true;
    }

    private bool IsThere(int node, NodeSet stay) => World.Node(node).Process is { Halted: false, Core: { Stage: RegroupStage.None, Installed: { } view } } && view.Nodes == stay;
}
