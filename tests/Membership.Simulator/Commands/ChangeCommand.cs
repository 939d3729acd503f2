// What one change costs in messages, by what they are and when: a crash in a calm cluster, from the kill to a second after the last survivor
// has the new view installed. Nodes may pause for up to a given time now and then, as on a loaded machine, and one host's callbacks may be slow.
using System.Globalization;
using Membership.Engine;
using Membership.Engine.Protocol;
using Membership.Simulator.World;

namespace Membership.Simulator.Commands;

/// <summary>The bill of one change. To the dead: each of those is answered by its machine's kernel, too, where that lives.</summary>
internal sealed record ChangeCost(long Messages, long ToTheDead, long Regroups, double Milliseconds, IReadOnlyDictionary<string, long> Parts);

internal static class ChangeCommand
{
    public static int Run(int nodes, ClusterTiming timing, TimeSpan pauses, TimeSpan delay, int loss, TimeSpan stall, PlantedDefects defects, ulong first, ulong last, TextWriter output)
    {
        var sums = new SortedDictionary<string, long>(StringComparer.Ordinal);
        long most = 0, least = long.MaxValue, runs = 0, failed = 0;
        var times = new List<double>();
        for (ulong seed = first; seed <= last; seed++)
        {
            if (Measure(seed, nodes, timing, pauses, delay, loss, defects, stall.Ticks) is not { } cost)
            {
                failed++;
                continue;
            }
            runs++;
            times.Add(cost.Milliseconds);
            (least, most) = (Math.Min(least, cost.Messages), Math.Max(most, cost.Messages));
            foreach ((string part, long count) in cost.Parts) sums[part] = sums.GetValueOrDefault(part) + count;
            if (last - first < 12) output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"seed {seed}: messages={cost.Messages} to_the_dead={cost.ToTheDead} regroups={cost.Regroups / (nodes - 1.0):F1} view_ms={cost.Milliseconds:F0}"));
        }
        if (runs == 0) return 1;
        foreach ((string part, long count) in sums.OrderByDescending(static part => part.Value))
            output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{count / (double)runs,8:F1}  {part}"));
        output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"change nodes={nodes} clock_period_ms={timing.ClockPeriod.TotalMilliseconds:F0} pauses_ms={pauses.TotalMilliseconds:F0} delay_ms={delay.TotalMilliseconds:F0} runs={runs} without_the_view={failed} view_ms={times.Min():F0}/{times.Average():F0}/{times.Max():F0} messages={least}..{most} mean={sums.Values.Sum() / (double)runs:F0}"));
        return 0;
    }

    public static ChangeCost? Measure(ulong seed, int nodes, ClusterTiming timing, TimeSpan pauses, TimeSpan delay, int lossPerMille, PlantedDefects defects = PlantedDefects.None, long stall = 0)
    {
        WorldOptions options = WorldOptions.Calm(nodes) with { Seed = seed, Timing = timing, Defects = defects, DiskSpread = 2 * Ticks.Millisecond, CallbackSpread = Ticks.Millisecond };
        if (delay > TimeSpan.Zero) options = options with { DelaySpread = delay.Ticks, SchedulingLag = delay.Ticks };
        var world = new ClusterWorld(options, new Trace(null));
        foreach (SimNode node in world.Nodes) node.Start();
        world.RunUntil(4 * options.L);
        if (world.Violation is not null || !world.Nodes.ToArray().All(node => node.Process?.Core.Installed?.Members.Length == nodes)) return null;
        var rng = Rng.For(seed, "pauses");
        if (pauses > TimeSpan.Zero)
            foreach (SimNode node in world.Nodes) PauseNowAndThen(world, node, rng, pauses.Ticks);
        world.RunUntil(world.Now + options.L + rng.Span(0, options.L));

        var parts = new Dictionary<string, long>();
        long all = 0, toTheDead = 0, regroups = world.Regroups, from = world.Now;
        world.Network.Watch = (in MessageHeader header, MessageBody? body) =>
        {
            all++;
            bool dead = header.To.Value == nodes;
            if (dead) toTheDead++;
            string part = $"{world.Node(header.From.Value).Process!.Core.Stage,-10} {body?.Kind ?? MessageKind.Heartbeat}{((header.Flags & HeaderFlags.AckRequested) != 0 ? " asks" : "")}{(dead ? " to the dead" : "")}";
            parts[part] = parts.GetValueOrDefault(part) + 1;
        };
        for (int to = 1; to <= nodes; to++)
            for (int each = 1; each <= nodes; each++) world.Network.At(0, each, to).LossPerMille = lossPerMille;
        world.Node(2).CallbackDelay = stall;
        world.Node(nodes).Kill("crashes", power: false);
        while (world.Violation is null && world.Now - from < 10 * options.L && !Moved(world, nodes)) world.RunUntil(world.Now + Ticks.Millisecond / 4);
        if (world.Violation is not null || !Moved(world, nodes)) return null;
        double took = (world.Now - from) / 1e4;
        world.RunUntil(world.Now + Ticks.Second);
        return new ChangeCost(all, toTheDead, world.Regroups - regroups, took, parts);
    }

    private static void PauseNowAndThen(ClusterWorld world, SimNode node, Rng rng, long longest) => world.After(rng.Exponential(4 * longest), () =>
    {
        if (node.Process is not { } process) return;
        process.Freeze();
        world.After(rng.Span(0, longest), process.Thaw);
        world.After(longest, () => PauseNowAndThen(world, node, rng, longest));
    });

    private static bool Moved(ClusterWorld world, int nodes)
        => world.Nodes[..^1].ToArray().All(node => node.Process?.Core is { Stage: RegroupStage.None, Installed: { } view } && view.Members.Length == nodes - 1);
}
