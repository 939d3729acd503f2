// A fixed few hundred seeds on every run of ./test, and one that nobody has seen before, printed so that it can be replayed.
using Membership.Simulator.Commands;
using Membership.Simulator.Workload;
using Membership.Tests;
using Xunit;

namespace Membership.Simulator.Tests;

public sealed class SeedTests(ITestOutputHelper output)
{
    private const int FixedSeeds = 300;

    [Fact]
    public void Fixed_seeds_show_no_violation()
    {
        var text = new StringWriter();
        int exit = SeedsCommand.Run(1, FixedSeeds, new RunFilter(), jobs: 2, text);
        output.WriteLine(text.ToString());
        Assert.True(exit == 0, text.ToString());
    }

    [Fact]
    public void Nodes_of_two_minor_versions_in_one_cluster_show_no_violation_whatever_happens()
    {
        var text = new StringWriter();
        int exit = SeedsCommand.Run(1, 60, new RunFilter { MixedVersions = true }, jobs: 2, text);
        output.WriteLine(text.ToString());
        Assert.True(exit == 0, text.ToString());
    }

    [Fact]
    public void An_operator_who_forms_by_force_as_the_manual_says_breaks_nothing()
    {
        var text = new StringWriter();
        int exit = SeedsCommand.Run(1, 100, new RunFilter { Focus = FaultFocus.Forced }, jobs: 2, text);
        output.WriteLine(text.ToString());
        Assert.True(exit == 0, text.ToString());
    }

    [Fact]
    public void A_new_random_seed_shows_no_violation()
    {
        // ./test picks and prints it, so that a run can be repeated.
        ulong seed = TestSeed.Current;
        output.WriteLine($"random seed {seed}: eng/simulate --replay {seed} --trace");
        SeedResult result = SeedRun.Run(seed, new RunFilter(), trace: null);
        Assert.True(result.Violation is null, $"eng/simulate --replay {seed} --trace: {result.Violation}");
    }

    [Theory]
    [InlineData(11UL)]
    [InlineData(12UL)]
    [InlineData(13UL)]
    public void The_same_seed_tells_the_same_story(ulong seed)
    {
        var first = new StringWriter();
        var second = new StringWriter();
        SeedResult traced = SeedRun.Run(seed, new RunFilter(), first);
        SeedResult again = SeedRun.Run(seed, new RunFilter(), second);
        SeedResult untraced = SeedRun.Run(seed, new RunFilter(), trace: null);
        Assert.Equal(first.ToString(), second.ToString());
        Assert.Equal(traced.Hash, again.Hash);
        Assert.Equal(traced.Hash, untraced.Hash);
        Assert.Equal(traced.Events, untraced.Events);
    }

    [Fact]
    public void Different_seeds_tell_different_stories()
    {
        ulong[] hashes = [.. Enumerable.Range(1, 10).Select(static seed => SeedRun.Run((ulong)seed, new RunFilter(), trace: null).Hash)];
        Assert.Equal(hashes.Length, hashes.Distinct().Count());
    }
}
