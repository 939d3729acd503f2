// Election over a view: the master stays, then the vice-master, then the lowest number.
using Membership.Engine.Protocol;
using Xunit;

namespace Membership.Engine.Tests.Protocol;

public sealed class RoleElectionTests
{
    [Theory]
    [InlineData(0, 0, "1,2,3", 1, 2)]
    [InlineData(2, 3, "1,2,3", 2, 3)]
    [InlineData(2, 3, "1,3", 3, 1)]
    [InlineData(2, 3, "1,2", 2, 1)]
    [InlineData(5, 4, "1,2,3", 1, 2)]
    [InlineData(1, 0, "1", 1, 0)]
    public void The_master_stays_then_the_vice_master_then_the_lowest(int master, int vice, string members, int elected, int viceElected)
    {
        var roles = RoleElection.Elect(new NodeId(master), new NodeId(vice), NodeSet.Of([.. members.Split(',').Select(int.Parse)]));
        Assert.Equal((new NodeId(elected), new NodeId(viceElected)), roles);
    }
}
