// What eng/bench takes and refuses on its command line.
using Xunit;

namespace Membership.Bench.Cluster.Tests;

public sealed class OptionsTests
{
    [Fact]
    public void A_failover_takes_all_of_its_options_by_name()
    {
        Options options = Parsed("failover --nodes 2,3,5,8,16 --fault kill,stop,cut,oneway --runs 5 --peer corosync --peer-runs 3 --timing 1000ms --evidence --markdown rows.md --check");
        Assert.Equal([2, 3, 5, 8, 16], options.Nodes);
        Assert.Equal([BenchFault.Kill, BenchFault.Stop, BenchFault.Cut, BenchFault.OneWay], options.Faults);
        Assert.Equal((5, 3, true, true, true, true, "rows.md"), (options.Runs, options.PeerRuns, options.Peer, options.EqualDetection, options.Evidence, options.Check, options.Markdown));
        Assert.Equal(TimeSpan.FromMilliseconds(1000), options.Token);
        Assert.Equal(TimeSpan.FromMilliseconds(1000), options.ClockPeriod * 8);
    }

    [Fact]
    public void An_overlap_has_two_and_four_nodes_and_both_faults_unless_it_is_told_otherwise()
    {
        Options options = Parsed("overlap");
        Assert.Equal([2, 4], options.Nodes);
        Assert.Equal([SplitFault.Split, SplitFault.Isolated], options.Splits);
        Assert.Equal([SplitFault.Isolated], Parsed("overlap --fault isolated").Splits);
    }

    [Theory]
    [InlineData("fail over", "'fail'")]
    [InlineData("failover --nodes 1", "--nodes '1'")]
    [InlineData("failover --nodes 3,", "--nodes '3,'")]
    [InlineData("failover --fault melt", "--fault 'melt'")]
    [InlineData("failover --fault 0", "--fault '0'")]
    [InlineData("failover --fault split", "--fault 'split'")]
    [InlineData("failover --runs", "--runs ''")]
    [InlineData("failover --timing 900ms", "--timing '900ms'")]
    [InlineData("failover --svg images", "--svg 'images'")]
    [InlineData("overlap --nodes 3", "--nodes '3'")]
    [InlineData("overlap --fault kill", "--fault 'kill'")]
    [InlineData("rest --runs 3", "--runs '3'")]
    [InlineData("timeline --seconds 3", "--seconds '3'")]
    [InlineData("publish --variant fast", "--variant 'fast'")]
    public void What_is_not_understood_is_named_and_the_usage_follows(string line, string named)
    {
        Assert.Null(Options.Parse(line.Split(' '), out string? problem));
        Assert.Contains(named, problem, StringComparison.Ordinal);
        Assert.Contains("usage: eng/bench failover", problem, StringComparison.Ordinal);
    }

    private static Options Parsed(string line)
    {
        Options? options = Options.Parse(line.Split(' '), out string? problem);
        Assert.Null(problem);
        return options!;
    }
}
