// The rules of membership hold in every state of the model that small bounds can reach, and the model finds each rule that is
// taken out. eng/verify runs the large ones.
using Xunit;

namespace Membership.Model.Tests;

public sealed class ProtocolModelTests
{
    // The floor of states is what a search of all of them counts, rounded down: a model that lost an action cannot pass.
    [Theory]
    [InlineData("N=3 DECISIONS=3 CRASHES=1", 3_700_000)]
    [InlineData("N=3 INITIAL=3 DECISIONS=3 CRASHES=1", 210_000)]
    [InlineData("N=3 DECISIONS=2 CRASHES=1 WITNESS=1", 100_000)]
    [InlineData("N=2 DECISIONS=3 CRASHES=2 WITNESS=1", 460_000)]
    [InlineData("N=3 DECISIONS=2 CRASHES=1 LAPSES=2", 1_100_000)]
    [InlineData("N=3 DECISIONS=2 CRASHES=1 LAPSES=1 WITNESS=1", 730_000)]
    public async Task Nobody_serves_twice_no_epoch_splits_and_nothing_is_forgotten(string bounds, long floor)
        => AssertHolds(await ModelRun.CheckAsync(bounds, TestContext.Current.CancellationToken), floor);

    [Theory]
    [InlineData("N=3 DECISIONS=2 CRASHES=1 PROGRESS", 400_000)]
    [InlineData("N=3 INITIAL=3 DECISIONS=2 CRASHES=1 PROGRESS", 55_000)]
    [InlineData("N=3 DECISIONS=1 CRASHES=2 WITNESS=1 PROGRESS", 40_000)]
    public async Task When_faults_end_everybody_serves_again_in_one_view(string bounds, long floor)
        => AssertHolds(await ModelRun.CheckAsync(bounds, TestContext.Current.CancellationToken), floor);

    [Theory]
    [InlineData("NO_ACK_BAN", "holds a lease")]
    [InlineData("SINGLE_PENDING", "")]
    [InlineData("SKIP_LEASE_WAIT", "holds a lease")]
    [InlineData("NO_RESTART_WAIT", "restarts")]
    [InlineData("NO_WAIT_FOR_OTHERS", "holds a lease")]
    [InlineData("QUORUM_IGNORES_PENDING", "")]
    [InlineData("JOIN_IGNORES_PENDING", "join of")]
    [InlineData("RECORD_NOT_READ WITNESS=1", "witness")]
    [InlineData("WON_VOTE_CARRIES_OLD_LEASE WITNESS=1", "with the witness")]
    [InlineData("NO_DEADLINE_HALT PROGRESS DECISIONS=2", "")]
    [InlineData("LAPSE_COMES_BACK LAPSES=1 DECISIONS=2", "has run out, and it says so")]
    [InlineData("HOLD_AFTER_LAPSE LAPSES=1 DECISIONS=2", "has run out, and it says so")]
    [InlineData("OVER_IN_ANY_VIEW LAPSES=1 DECISIONS=2", "has run out, and it says so")]
    public async Task A_rule_that_is_taken_out_is_missed(string planted, string told)
    {
        ModelRun run = await ModelRun.CheckAsync("N=3 CRASHES=1 " + planted, TestContext.Current.CancellationToken);
        Assert.Equal(1, run.Errors);
        Assert.Contains("in force", run.Story, StringComparison.Ordinal);
        Assert.Contains(told, run.Story, StringComparison.Ordinal);
    }

    private static void AssertHolds(ModelRun run, long floor)
    {
        Assert.True(run.Errors == 0, run.Story);
        Assert.True(run.IsComplete, "the search was not complete");
        Assert.True(run.States >= floor, $"only {run.States} states were seen, {floor} were expected: the model lost some of its actions");
    }
}
