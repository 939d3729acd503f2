// What a change costs in messages: the simulator counts them exactly, so a bound is a fact and no measurement.
using Membership.Engine;
using Membership.Engine.Protocol;
using Membership.Simulator.World;
using Xunit;

namespace Membership.Simulator.Tests;

public sealed class QuietWaitTests
{
    private const int Nodes = 16;
    private const double Round = (Nodes - 1) * (Nodes - 2);

    /// <summary>A repeat by all to all, as long as the dead node's lease runs, would be a whole round per tick.</summary>
    [Fact]
    public void While_the_lease_of_the_dead_runs_out_the_survivors_hardly_talk()
    {
        ClusterWorld world = Formed();
        // Just after heartbeats: the longest wait there is.
        for (long count = world.Network.Messages; world.Network.Messages < count + Round / 2;) world.RunUntil(world.Now + Ticks.Millisecond);
        world.RunUntil(world.Now + 10 * Ticks.Millisecond);
        long period = world.Options.T, from = world.Now;
        world.Node(Nodes).Kill("crashes", power: false);
        // Stages 1 and 2 last two ticks; one more for the promises and for who may have missed one.
        world.RunUntil(from + 7 * period / 2);
        Assert.All(world.Nodes[..^1].ToArray(), static node => Assert.Equal(RegroupStage.Prune, node.Process!.Core.Stage));
        long before = world.Network.Messages;
        world.RunUntil(from + 15 * period / 2);
        Assert.All(world.Nodes[..^1].ToArray(), static node => Assert.Equal(RegroupStage.Prune, node.Process!.Core.Stage));
        Assert.InRange((world.Network.Messages - before) / Round, 0.1, 4 * 0.75);
    }

    [Fact]
    public void A_regroup_with_nobody_lost_costs_fewer_than_seven_rounds()
    {
        ClusterWorld world = Formed();
        long before = world.Network.Messages, from = world.Now;
        Epoch epoch = world.Node(1).Process!.Core.Installed!.Epoch;
        world.Node(1).Process!.ForceRegroup();
        while (world.Violation is null && world.Now - from < world.Options.L && !world.Nodes.ToArray().All(node => node.Process!.Core is { Stage: RegroupStage.None, Installed: { } view } && view.Epoch > epoch))
            world.RunUntil(world.Now + 100 * Ticks.Microsecond);
        Assert.All(world.Nodes.ToArray(), node => Assert.True(node.Process!.Core.Installed!.Epoch > epoch));
        Assert.InRange((world.Network.Messages - before) / (double)Nodes / (Nodes - 1), 1, 7);
    }

    private static ClusterWorld Formed()
    {
        WorldOptions options = WorldOptions.Calm(Nodes);
        var world = new ClusterWorld(options, new Trace(null));
        foreach (SimNode node in world.Nodes) node.Start();
        world.RunUntil(3 * options.L);
        Assert.Null(world.Violation);
        Assert.All(world.Nodes.ToArray(), static node => Assert.Equal(Nodes, node.Process?.Core.Installed?.Members.Length));
        return world;
    }
}
