// Election over a view: the master stays while it is in and qualified, then the vice-master, then the lowest qualified
// number; and a living master is only demoted until its work has stopped.
using Membership.Engine.Protocol;
using Xunit;

namespace Membership.Engine.Tests.Protocol;

public sealed class RoleElectionTests
{
    [Trait("Category", "Seeds")]
    [Theory]
    [InlineData(0, 0, "1,2,3", "", 1, 2)]
    [InlineData(2, 3, "1,2,3", "", 2, 3)]
    [InlineData(2, 3, "1,3", "", 3, 1)]
    [InlineData(2, 3, "1,2", "", 2, 1)]
    [InlineData(5, 4, "1,2,3", "", 1, 2)]
    [InlineData(1, 0, "1", "", 1, 0)]
    [InlineData(0, 0, "1,2,3", "1", 2, 3)]
    [InlineData(1, 2, "1,2,3", "2", 1, 3)]
    [InlineData(1, 2, "1,2", "2", 1, 0)]
    [InlineData(1, 2, "2,3", "2", 3, 0)]
    [InlineData(1, 2, "2,3", "2,3", 0, 0)]
    public void The_master_stays_then_the_vice_master_then_the_lowest_qualified(int master, int vice, string members, string disqualified, int elected, int viceElected)
    {
        ElectedRoles roles = RoleElection.Next(View(master, vice), Set(members), Set(disqualified), handedOver: false);
        Assert.Equal(new ElectedRoles(new NodeId(elected), new NodeId(viceElected), default), roles);
    }

    [Fact]
    public void A_living_master_that_is_disqualified_is_first_only_demoted()
    {
        ElectedRoles roles = RoleElection.Next(View(1, 2), Set("1,2,3"), Set("1"), handedOver: false);
        Assert.Equal(new ElectedRoles(default, new NodeId(2), new NodeId(1)), roles);
        Assert.Equal(new ElectedRoles(new NodeId(2), new NodeId(3), default), RoleElection.Next(View(0, 2, former: 1), Set("1,2,3"), Set("1"), handedOver: true));
    }

    [Fact]
    public void Whoever_released_the_mastership_becomes_vice_master()
        => Assert.Equal(new ElectedRoles(new NodeId(2), new NodeId(1), default), RoleElection.Next(View(0, 2, former: 1), Set("1,2,3"), default, handedOver: true));

    [Fact]
    public void A_regroup_during_a_handover_keeps_waiting_for_the_former_master()
        => Assert.Equal(new ElectedRoles(default, default, new NodeId(1)), RoleElection.Next(View(0, 2, former: 1), Set("1,3"), default, handedOver: false));

    [Fact]
    public void When_the_former_master_is_gone_the_election_waits_for_nobody()
        => Assert.Equal(new ElectedRoles(new NodeId(2), new NodeId(3), default), RoleElection.Next(View(0, 2, former: 1), Set("2,3"), default, handedOver: false));

    [Fact]
    public void Whoever_released_the_mastership_gets_it_back_when_nobody_else_is_left()
        => Assert.Equal(new ElectedRoles(new NodeId(1), default, default), RoleElection.Next(View(0, 2, former: 1), Set("1"), default, handedOver: true));

    private static ClusterView View(int master, int vice, int former = 0) => new(
        new Epoch(1), [.. Enumerable.Range(1, 5).Select(static number => new ClusterMember(new NodeId(number), new Incarnation(1), 1, number))], default, ClusterTiming.Default,
        new NodeId(master), new NodeId(vice), formerMaster: new NodeId(former));

    private static NodeSet Set(string numbers) => numbers.Length == 0 ? default : NodeSet.Of([.. numbers.Split(',').Select(int.Parse)]);
}
