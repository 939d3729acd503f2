// Node numbers: the range, "none", and their order.
using Xunit;

namespace Membership.Engine.Tests.Vocabulary;

public sealed class NodeIdTests
{
    [Trait("Category", "Seeds")]
    [Theory]
    [InlineData(-1)]
    [InlineData(1025)]
    [InlineData(int.MaxValue)]
    public void A_number_out_of_range_is_refused_by_name(int value)
        => Assert.Contains("1..1024", Assert.Throws<ArgumentOutOfRangeException>(() => new NodeId(value)).Message, StringComparison.Ordinal);

    [Trait("Category", "Seeds")]
    [Fact]
    public void Zero_is_no_node()
    {
        Assert.False(NodeId.Invalid.IsValid);
        Assert.Equal(NodeId.Invalid, new NodeId(0));
        Assert.Equal("none", NodeId.Invalid.ToString());
        Assert.True(new NodeId(1).IsValid);
        Assert.True(new NodeId(NodeId.MaxValue).IsValid);
    }

    [Fact]
    public void Numbers_compare_by_value()
    {
        for (int left = 0; left <= 20; left++)
            for (int right = 0; right <= 20; right++)
            {
                Assert.Equal(left < right, new NodeId(left) < new NodeId(right));
                Assert.Equal(left >= right, new NodeId(left) >= new NodeId(right));
                Assert.Equal(left == right, new NodeId(left) == new NodeId(right));
                Assert.Equal(left.CompareTo(right), Math.Sign(new NodeId(left).CompareTo(new NodeId(right))));
            }
    }
}
