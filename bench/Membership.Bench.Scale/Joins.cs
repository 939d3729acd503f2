// Many nodes that join: one after another, all at the same instant into a running cluster, and all at the same instant as a cluster that forms
// for the first time. How long, over how many views, with how many messages.
using Membership.Engine;
using Membership.Simulator.World;

namespace Membership.Bench.Scale;

/// <summary>One way of joining.</summary>
/// <param name="How">In words.</param>
/// <param name="Joiners">How many joined.</param>
/// <param name="Members">How many were there before.</param>
/// <param name="Bill">What all joins together cost.</param>
internal sealed record JoinRow(string How, int Joiners, int Members, Bill Bill);

internal static class Joins
{
    /// <summary>The cluster that is joined.</summary>
    public const int Members = 3;

    public static IEnumerable<JoinRow> Of(int joiners)
    {
        int all = Members + joiners;
        MeasuredCluster cluster = Small(all);
        var sum = new Bill(TimeSpan.Zero, 0, 0, 0, 0, 0, 0, TimeSpan.Zero);
        for (int number = Members + 1; number <= all; number++)
        {
            SimNode next = cluster.World.Node(number);
            Bill one = cluster.Measure(Changes.First(number), next.Start);
            sum = new Bill(sum.Time + one.Time, sum.Views + one.Views, sum.Stages + one.Stages, sum.Messages + one.Messages, sum.Bytes + one.Bytes,
                Math.Max(sum.Longest, one.Longest), sum.Events + one.Events, sum.Cpu + one.Cpu);
        }
        yield return new JoinRow("one after another", joiners, Members, sum);

        cluster = Small(all);
        yield return new JoinRow("all at once", joiners, Members, cluster.Measure(Changes.First(all), () =>
        {
            for (int number = Members + 1; number <= all; number++) cluster.World.Node(number).Start();
        }));

        cluster = new MeasuredCluster(WorldOptions.Calm(joiners) with { StartFromView = false });
        yield return new JoinRow("first forming", joiners, 0, cluster.Start(Changes.First(joiners)));
    }

    /// <summary>A formed cluster of a few; the others are configured and have empty stores.</summary>
    private static MeasuredCluster Small(int configured)
    {
        var cluster = new MeasuredCluster(WorldOptions.Calm(configured) with { FirstMembers = Members });
        cluster.Start(Changes.First(Members));
        cluster.Rest();
        return cluster;
    }
}
