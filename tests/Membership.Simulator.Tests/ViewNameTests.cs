// Statuses that name their views, through the real codec and the real memory of every node: what cannot be understood costs a repeat, never a
// cluster, because the repeat is in full; and while nothing is lost nobody is told a name that means nothing to him.
using Membership.Bench.Scale;
using Membership.Engine.Protocol;
using Membership.Simulator.Commands;
using Membership.Simulator.Workload;
using Membership.Simulator.World;
using Xunit;

namespace Membership.Simulator.Tests;

public sealed class ViewNameTests(ITestOutputHelper output)
{
    [Fact]
    public void Among_faults_of_every_kind_hardly_a_name_means_nothing_to_its_receiver()
    {
        SeedTally tally = Play(30, new RunFilter { RememberedViews = 16, MaxNodes = 9 });
        Assert.Empty(tally.Found);
        Assert.True(tally.Named > 1000, $"only {tally.Named} statuses named their views");
        Assert.InRange(tally.UnknownViews, 0, tally.Named / 100);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    public void Nodes_that_forget_views_at_once_become_one_cluster_all_the_same(int remembered)
    {
        SeedTally tally = Play(40, new RunFilter { RememberedViews = remembered });
        Assert.Empty(tally.Found);
        Assert.True(tally.UnknownViews > tally.Named / 20, $"only {tally.UnknownViews} of {tally.Named} names meant nothing");
    }

    [Fact]
    public void Without_saying_views_in_full_again_they_do_not()
        => Assert.Contains(Play(10, new RunFilter { RememberedViews = 0, Defects = PlantedDefects.NeverInFullAgain }).Found.Values, static violation => violation.Checker == "liveness");

    [Fact]
    public void In_a_large_cluster_that_loses_nothing_every_name_is_understood_and_a_crash_takes_as_long_as_with_views_in_full()
    {
        (MeasuredCluster named, Bill withNames) = Crash(encoded: true);
        (_, Bill objects) = Crash(encoded: false);
        Assert.True(named.World.NamedStatuses > 5_000, $"only {named.World.NamedStatuses} statuses named their views");
        Assert.Equal(0, named.World.UnknownViews);
        Assert.Equal((objects.Time, objects.Messages, objects.Bytes), (withNames.Time, withNames.Messages, withNames.Bytes));
    }

    private static (MeasuredCluster Cluster, Bill Bill) Crash(bool encoded)
    {
        var cluster = new MeasuredCluster(WorldOptions.Calm(48) with { Encoded = encoded });
        cluster.Start(Changes.First(48));
        cluster.Rest();
        return (cluster, cluster.Measure(Changes.First(48).Without(new Engine.NodeId(20)), () => cluster.World.Node(20).Kill("crashes", power: false)));
    }

    private SeedTally Play(int seeds, RunFilter filter)
    {
        SeedTally tally = SeedTally.Of(1, (ulong)seeds, filter, jobs: 2);
        output.WriteLine($"{filter}: named {tally.Named}, unknown {tally.UnknownViews}, {string.Join("; ", tally.Found.Select(static found => $"{found.Key} {found.Value.Checker}"))}");
        return tally;
    }
}
