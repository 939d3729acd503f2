// Owners that die or are stopped: left alone as long as they may believe, replaced within the documented bound, and aware of it
// when they go on.
using System.Diagnostics;
using Xunit;

namespace Membership.Arbiters.Conformance;

/// <summary>Derive a public class per backend.</summary>
/// <typeparam name="TBackend">Makes and stops the real thing.</typeparam>
public abstract class TakeoverConformance<TBackend> : ConformanceCase<TBackend>
    where TBackend : ArbiterBackend, new()
{
    [Fact]
    public async Task A_killed_owner_is_left_alone_for_its_period_and_replaced_within_the_bound()
    {
        ContenderProcess owner = await OwnerAsync(), challenger = await Contenders.StartAsync(Backend.Arguments);
        await owner.AskAsync("rest");
        Assert.StartsWith("Success", await owner.AskAsync("arbitrate 5000"), StringComparison.Ordinal);
        owner.Kill();
        var sinceKilled = Stopwatch.StartNew();
        Assert.Null(await challenger.WinAsync(Backend.TakeoverBound + Tolerance));
        TimeSpan taken = sinceKilled.Elapsed;
        TestContext.Current.TestOutputHelper?.WriteLine($"replaced {taken.TotalSeconds:0.00} s after the kill; bound {Backend.TakeoverBound.TotalSeconds:0.00} s");
        AssertSafeAndInTime();
    }

    [Fact]
    public async Task A_stopped_owner_is_replaced_and_knows_when_it_goes_on_that_it_has_lost()
    {
        ContenderProcess owner = await OwnerAsync(), challenger = await Contenders.StartAsync(Backend.Arguments);
        owner.Freeze();
        Assert.Null(await challenger.WinAsync(Backend.FrozenTakeoverBound + Tolerance));
        await challenger.AskAsync("keep");
        owner.Tell("owned");
        owner.Thaw();
        Assert.Equal("no", await owner.AnswerAsync());
        await owner.AskAsync("rest");
        Assert.NotEqual("Success", await owner.AskAsync("renew"));
        Assert.NotEqual("Success", await owner.AskAsync("slot 99"));
        Assert.Equal("yes", await challenger.AskAsync("owned"));
        Assert.Equal("Success", await challenger.AskAsync("slot 5"));
        Contenders.ReadLog().AssertNeverTwoOwners();
    }

    [Fact]
    public async Task An_owner_that_was_stopped_and_not_replaced_does_not_believe_before_it_has_asked_again()
    {
        ContenderProcess owner = await OwnerAsync();
        await owner.AskAsync("rest");
        owner.Freeze();
        await Task.Delay(Backend.OwnershipPeriod * 1.1, TestContext.Current.CancellationToken);
        owner.Tell("owned");
        owner.Thaw();
        Assert.Equal("no", await owner.AnswerAsync());
        Assert.Null(await owner.WinAsync(Backend.TakeoverBound + Tolerance));
    }

    [Fact]
    public async Task A_new_life_of_the_owner_waits_like_anybody_else()
    {
        ContenderProcess owner = await OwnerAsync();
        Assert.Equal("Success", await owner.AskAsync("slot 6"));
        owner.Kill();
        ContenderProcess young = await Contenders.StartAsync(Backend.Arguments, node: 1, incarnation: 2);
        Assert.Null(await young.WinAsync(Backend.TakeoverBound + Tolerance));
        Assert.StartsWith("Success 6 ", await young.AskAsync("arbitrate 5000"), StringComparison.Ordinal);
        AssertSafeAndInTime();
    }
}
