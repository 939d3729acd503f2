// What every arbiter must answer on its real backend: alive owners keep it, what is given up is free, records stay, tokens are
// obeyed, and strangers and wrong set-ups are refused in words.
using System.Diagnostics;
using Membership.Engine;
using Membership.Engine.Arbitration;
using Xunit;

namespace Membership.Arbiters.Conformance;

/// <summary>Derive a public class per backend; its test project's executable must run <see cref="ContenderProgram"/>.</summary>
/// <typeparam name="TBackend">Makes and stops the real thing.</typeparam>
public abstract class ArbiterConformance<TBackend> : ConformanceCase<TBackend>
    where TBackend : ArbiterBackend, new()
{
    private static ArbiterIdentity First => new(ArbiterBackend.ClusterId, new NodeId(1), new Incarnation(1));

    [Fact]
    public async Task An_owner_that_renews_keeps_it_and_challengers_hear_that_they_lost()
    {
        ContenderProcess owner = await OwnerAsync(), first = await Contenders.StartAsync(Backend.Arguments), second = await Contenders.StartAsync(Backend.Arguments);
        int limit = (int)(Backend.TakeoverBound * 2 + Tolerance).TotalMilliseconds;
        first.Tell($"arbitrate {limit}");
        second.Tell($"arbitrate {limit}");
        Assert.StartsWith("Lost", await first.AnswerAsync(), StringComparison.Ordinal);
        Assert.StartsWith("Lost", await second.AnswerAsync(), StringComparison.Ordinal);
        Assert.Equal("yes", await owner.AskAsync("owned"));
        AssertSafeAndInTime();
    }

    [Fact]
    public async Task What_was_given_up_is_taken_at_once_and_what_was_recorded_is_read()
    {
        ContenderProcess owner = await OwnerAsync(), next = await Contenders.StartAsync(Backend.Arguments);
        Assert.Equal("Success", await owner.AskAsync("slot 4"));
        Assert.Equal("Success", await owner.AskAsync("slot 7"));
        Assert.Equal("released", await owner.AskAsync("release"));
        Assert.NotEqual("Success", await owner.AskAsync("renew"));
        var sinceReleased = Stopwatch.StartNew();
        Assert.StartsWith("Success 7 ", await next.AskAsync("arbitrate 20000"), StringComparison.Ordinal);
        Assert.True(sinceReleased.Elapsed < Backend.OwnershipPeriod / 2 + Tolerance, $"A witness that was given up was taken only after {sinceReleased.Elapsed}.");
        AssertSafeAndInTime();
    }

    [Fact]
    public async Task The_record_never_goes_back_in_epoch()
    {
        ContenderProcess owner = await OwnerAsync(), next = await Contenders.StartAsync(Backend.Arguments);
        Assert.Equal("Success", await owner.AskAsync("slot 9"));
        Assert.Equal("Success", await owner.AskAsync("slot 5"));
        await owner.AskAsync("release");
        Assert.StartsWith("Success 9 ", await next.AskAsync("arbitrate 20000"), StringComparison.Ordinal);
        Assert.Equal("Success", await next.AskAsync("slot 3"));
        await next.AskAsync("release");
        Assert.StartsWith("Success 9 ", await owner.AskAsync("arbitrate 20000"), StringComparison.Ordinal);
        AssertSafeAndInTime();
    }

    [Fact]
    public async Task A_challenge_ends_when_its_token_does_and_harms_nobody()
    {
        ContenderProcess owner = await OwnerAsync(), challenger = await Contenders.StartAsync(Backend.Arguments);
        await owner.AskAsync("rest");
        Assert.DoesNotContain("Success", await challenger.AskAsync("arbitrate 50"), StringComparison.Ordinal);
        AssertSafeAndInTime();
        Assert.Equal("Success", await owner.AskAsync("renew"));
    }

    [Fact]
    public async Task A_record_that_has_come_less_far_than_a_node_knew_in_an_earlier_life_is_refused_with_what_to_do()
    {
        CancellationToken cancelled = TestContext.Current.CancellationToken;
        long mark;
        await using (IQuorumArbiter former = Backend.Create(Backend.Arguments))
        {
            Assert.Null(await former.CheckAsync(First, cancelled));
            Assert.Equal(WitnessOutcome.Success, (await former.ArbitrateAsync(First, cancelled)).Outcome);
            mark = ((IMarkedRecord)former).Mark;
            Assert.InRange(mark, 1, 1000);
            await former.ReleaseAsync(First, cancelled);
        }
        ArbiterIdentity next = First with { Incarnation = new Incarnation(2) };
        await using IQuorumArbiter well = Backend.Create(Backend.Arguments), betrayed = Backend.Create(Backend.Arguments);
        ((IMarkedRecord)well).Remember(mark);
        Assert.Null(await well.CheckAsync(next, cancelled));
        ((IMarkedRecord)betrayed).Remember(mark + 1_000_000);
        Assert.Contains("witness.seen", await betrayed.CheckAsync(next, cancelled), StringComparison.Ordinal);
        WitnessResult refused = await betrayed.ArbitrateAsync(next, cancelled);
        Assert.Equal(WitnessOutcome.Unknown, refused.Outcome);
        Assert.Contains("went back", refused.Detail, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_witness_of_another_cluster_is_refused_with_both_names()
    {
        await OwnerAsync();
        await using IQuorumArbiter arbiter = Backend.Create(Backend.Arguments);
        var foreign = new ArbiterIdentity("somebody-else", new NodeId(1), new Incarnation(1));
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(20));
        string? trouble = await arbiter.CheckAsync(foreign, limit.Token);
        Assert.NotNull(trouble);
        Assert.Contains("somebody-else", trouble, StringComparison.Ordinal);
        Assert.Contains(ArbiterBackend.ClusterId, trouble, StringComparison.Ordinal);
        using var soon = new CancellationTokenSource(Backend.TakeoverBound + Tolerance);
        Assert.NotEqual(WitnessOutcome.Success, (await arbiter.ArbitrateAsync(foreign, soon.Token)).Outcome);
    }

    [Fact]
    public async Task A_set_up_that_cannot_work_is_refused_at_the_start_with_the_value_and_what_to_do()
    {
        IReadOnlyList<UnfitSetup> setups = await Backend.PrepareUnfitSetupsAsync();
        Assert.NotEmpty(setups);
        foreach (UnfitSetup setup in setups)
        {
            await using IQuorumArbiter arbiter = Backend.Create(setup.Arguments);
            using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(20));
            string? trouble = await arbiter.CheckAsync(First, limit.Token);
            Assert.True(trouble is not null, $"{setup.What}: it was accepted.");
            TestContext.Current.TestOutputHelper?.WriteLine($"{setup.What}: {trouble}");
            foreach (string word in setup.Words)
                Assert.True(trouble.Contains(word, StringComparison.OrdinalIgnoreCase), $"{setup.What}: '{word}' is not in \"{trouble}\".");
        }
    }
}
