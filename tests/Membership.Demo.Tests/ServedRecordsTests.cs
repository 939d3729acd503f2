// The judge of the demo must be able to say no.
using Failover.Demo;
using Xunit;

namespace Membership.Demo.Tests;

public sealed class ServedRecordsTests
{
    [Fact]
    public void Nodes_that_serve_one_after_the_other_do_not_overlap()
    {
        ServedRecords records = ServedRecords.Parse(["1000000 1 5", "6000000 1 5", "7000000 2 6", "12000000 2 6"]);
        Assert.Equal(0, records.Overlap);
        Assert.Equal(0, records.EpochsBack);
        Assert.Equal([new Serving(1, 1_000_000, 6_000_000, 2), new Serving(2, 7_000_000, 12_000_000, 2)], records.Intervals);
    }

    [Fact]
    public void Two_nodes_serving_at_once_are_seen_for_as_long_as_both_did()
        => Assert.Equal(4_000_000, ServedRecords.Parse(["0 1 5", "5000000 1 5", "1000000 2 6", "9000000 2 6"]).Overlap);

    [Fact]
    public void A_single_late_use_inside_another_nodes_time_counts_as_overlap()
        => Assert.True(ServedRecords.Parse(["0 2 6", "5000000 2 6", "3000000 1 5"]).Overlap > 0);

    [Fact]
    public void A_silence_ends_a_serving_so_that_a_node_may_come_back_later()
    {
        ServedRecords records = ServedRecords.Parse(["0 1 5", "500000000 2 6", "505000000 2 6", "1000000000 1 7"]);
        Assert.Equal(0, records.Overlap);
        Assert.Equal(3, records.Intervals.Count);
    }

    [Fact]
    public void A_use_under_an_epoch_older_than_one_already_used_is_counted()
        => Assert.Equal(1, ServedRecords.Parse(["0 1 5", "500000000 2 6", "900000000 1 5"]).EpochsBack);

    [Fact]
    public void A_torn_record_is_an_error_and_not_skipped()
        => Assert.Throws<FormatException>(static () => ServedRecords.Parse(["1000000 1"]));

    [Theory]
    [InlineData("--nodes", "2")]
    [InlineData("--nodes", "x")]
    [InlineData("--nodes", "")]
    [InlineData("--fault", "cut")]
    [InlineData("--what", "")]
    public void A_wrong_argument_is_named_with_its_value_and_the_usage(string name, string value)
    {
        Assert.Null(DemoOptions.Parse([name, value], out string? problem));
        Assert.Contains(name, problem, StringComparison.Ordinal);
        Assert.Contains("usage: ./demo", problem, StringComparison.Ordinal);
    }
}
