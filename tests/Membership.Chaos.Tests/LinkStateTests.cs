// Faults on the bridge: how they add up, and that the kernel has what was asked for.
using Xunit;

namespace Membership.Testbed.Tests;

public sealed class LinkStateTests
{
    [Fact]
    public void A_split_cuts_both_ways_and_nothing_within_a_side()
    {
        LinkState links = LinkState.Healthy.Split([1, 2], [3]);
        Assert.True(links.IsCut(1, 3) && links.IsCut(3, 2));
        Assert.False(links.IsCut(1, 2) || links.IsCut(1, LinkState.Witness));
    }

    [Fact]
    public void A_one_way_cut_lets_the_other_way_through()
    {
        LinkState links = LinkState.Healthy.CutOneWay([1], [2]);
        Assert.True(links.IsCut(1, 2));
        Assert.False(links.IsCut(2, 1));
    }

    [Fact]
    public void United_faults_are_all_in_force_and_the_heavier_loss_counts()
    {
        LinkState links = LinkState.Healthy.Split([1], [2]).LoseIngress(3, 20).And(LinkState.Healthy.CutOneWay([3], [1]).LoseIngress(3, 80));
        Assert.True(links.IsCut(2, 1) && links.IsCut(3, 1));
        Assert.Contains("oifname \"p3\" numgen random mod 100 < 80 drop", links.ToRules(), StringComparison.Ordinal);
        Assert.DoesNotContain("< 20", links.ToRules(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("regroup-1-1-bridge", 1)]
    [InlineData("regroup-4711-2-node3", 4711)]
    [InlineData("regroup-x-2-node3", null)]
    [InlineData("somebody-1-2-elses", null)]
    public void A_namespace_tells_who_made_it_and_no_other_name_is_touched(string name, int? owner) => Assert.Equal(owner, NetworkNames.OwnerOf(name));

    [Fact]
    public void Only_what_the_dead_left_is_stale()
    {
        string[] names = ["regroup-10-1-bridge", "regroup-20-1-bridge", $"regroup-{Environment.ProcessId}-1-bridge", "other"];
        Assert.Equal(["regroup-20-1-bridge"], NetworkNames.Stale(names, static id => id == 10, ownToo: false));
        Assert.Equal(["regroup-20-1-bridge", names[2]], NetworkNames.Stale(names, static id => id == 10, ownToo: true));
    }

    [Fact]
    public void A_network_is_made_cut_healed_and_removed_without_a_trace()
    {
        string[] files;
        using (var network = new BridgedNetwork(2))
        {
            files = [.. Enumerable.Range(0, 3).Select(network.NamespaceOf)];
            Assert.All(files, static file => Assert.True(File.Exists(file), file));
            network.Links = LinkState.Healthy.Split([1], [2]);
            Assert.Contains("iifname \"p2\" oifname \"p1\" drop", network.ReadRules(), StringComparison.Ordinal);
            network.Links = LinkState.Healthy;
            Assert.DoesNotContain("drop", network.ReadRules(), StringComparison.Ordinal);
        }
        Assert.All(files, static file => Assert.False(File.Exists(file), file));
    }
}
