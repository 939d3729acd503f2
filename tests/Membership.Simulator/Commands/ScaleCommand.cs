// A clean crash at each size: how many ticks, stages, messages and bytes it costs until every survivor has the new
// view. Perfect network, no drift; the cluster starts from a view on all disks, as after a full outage.
using System.Globalization;
using Membership.Engine;
using Membership.Engine.Protocol;
using Membership.Simulator.World;

namespace Membership.Simulator.Commands;

internal static class ScaleCommand
{
    public static int Run(IReadOnlyList<int> sizes, TextWriter output)
    {
        output.WriteLine("nodes  formed_ms  forced_ms  forced_rounds  crash_to_view_ms  spread_ms  ticks  stages  messages/node  rounds  bytes/node  events");
        bool failed = false;
        foreach (int size in sizes) failed |= !One(size, output);
        return failed ? 1 : 0;
    }

    /// <summary>Nodes with one vote each that were one cluster before; nothing is late, lost or apart.</summary>
    internal static WorldOptions Calm(int size) => new WorldOptions
    {
        Seed = 1,
        Votes = [.. Enumerable.Repeat(1, size)],
        Rule = new QuorumRule(QuorumPolicy.NodeMajority, TieBreaker.LowestNode, false),
        Timing = ClusterTiming.Default,
        StartFromView = true,
        ClocksDrift = false,
        DelayMin = 100 * Ticks.Microsecond,
        DelaySpread = 100 * Ticks.Microsecond,
        DiskSpread = 0,
        CallbackSpread = 0,
        SchedulingLag = 0,
        Supervised = false,
    };

    private static bool One(int size, TextWriter output)
    {
        WorldOptions options = Calm(size);
        var world = new ClusterWorld(options, new Trace(null));
        foreach (SimNode node in world.Nodes) node.Start();
        long limit = 60 * Ticks.Second;
        while (world.Violation is null && world.Now < limit && !All(world, size)) world.RunUntil(world.Now + 10 * Ticks.Millisecond);
        if (world.Violation is not null || !All(world, size))
        {
            output.WriteLine($"{size,5}  did not form: {world.Violation?.Text ?? Checkers.LivenessChecker.Describe(world)[..200]}");
            return false;
        }
        long formed = world.Now;
        world.RunUntil(world.Now + 2 * options.L);
        // A whole regroup with nobody lost: every round is one broadcast of every node.
        long forcedAt = world.Now, before = world.Network.Messages;
        Epoch epoch = world.Node(1).Process!.Core.Installed!.Epoch;
        world.Node(1).Process!.ForceRegroup();
        while (world.Violation is null && world.Now - forcedAt < 4 * options.L && !AllPast(world, epoch)) world.RunUntil(world.Now + 100 * Ticks.Microsecond);
        double forcedRounds = (world.Network.Messages - before) / (double)size / (size - 1);
        double forcedMs = (world.Now - forcedAt) / 1e4;
        world.RunUntil(world.Now + 2 * options.L);
        int victim = size / 2 + 1;
        var stages = 0L;
        world.OnMoment = (process, moment) => stages += moment is Moment.Stage or Moment.Prune ? 1 : 0;
        long messagesBefore = world.Network.Messages, eventsBefore = world.Events, crashAt = world.Now;
        // What the heartbeats of the same time would have cost is part of the bill: statuses replace them.
        world.Network.Measure = true;
        world.Node(victim).Kill("crashes", power: false);
        long firstView = -1;
        while (world.Violation is null && world.Now - crashAt < 10 * options.L)
        {
            world.RunUntil(world.Now + 100 * Ticks.Microsecond);
            int moved = Moved(world, size, victim);
            if (moved > 0 && firstView < 0) firstView = world.Now;
            if (moved == size - 1) break;
        }
        if (world.Violation is not null || Moved(world, size, victim) != size - 1)
        {
            output.WriteLine($"{size,5}  no new view: {world.Violation?.Text}");
            return false;
        }
        double survivors = size - 1;
        double messages = (world.Network.Messages - messagesBefore) / survivors;
        output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{size,5}  {formed / 1e4,9:F0}  {forcedMs,9:F1}  {forcedRounds,13:F1}  {(world.Now - crashAt) / 1e4,16:F1}  {(world.Now - firstView) / 1e4,9:F1}  "
            + $"{(world.Now - crashAt) / (double)options.T,5:F1}  {stages / survivors,6:F1}  {messages,13:F0}  {messages / Math.Max(1, size - 2),6:F1}  {world.Network.Bytes / survivors,10:F0}  {world.Events - eventsBefore,6}"));
        return true;
    }

    private static bool All(ClusterWorld world, int size)
    {
        foreach (SimNode node in world.Nodes)
            if (node.Process?.Core.Installed?.Members.Length != size || node.Process.Core.Stage != RegroupStage.None) return false;
        return true;
    }

    private static bool AllPast(ClusterWorld world, Epoch epoch)
    {
        foreach (SimNode node in world.Nodes)
            if (node.Process?.Core.Installed is not { } view || view.Epoch <= epoch || node.Process.Core.Stage != RegroupStage.None) return false;
        return true;
    }

    private static int Moved(ClusterWorld world, int size, int victim)
    {
        int moved = 0;
        foreach (SimNode node in world.Nodes)
            if (node.Number != victim && node.Process?.Core.Installed is { } view && view.Members.Length == size - 1) moved++;
        return moved;
    }
}
