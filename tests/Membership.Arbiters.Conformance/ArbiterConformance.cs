// What every arbiter must do on its real backend when the backend is well and the contenders are not: alive, killed, stopped,
// resumed, cancelled, of another cluster, or set up wrongly.
using System.Diagnostics;
using Membership.Engine;
using Membership.Engine.Arbitration;
using Xunit;

namespace Membership.Arbiters.Conformance;

/// <summary>Derive a public class per backend; its test project's executable must run <see cref="ContenderProgram"/>.</summary>
/// <typeparam name="TBackend">Makes and stops the real thing.</typeparam>
public abstract class ArbiterConformance<TBackend> : IAsyncLifetime
    where TBackend : ArbiterBackend, new()
{
    /// <summary>What a loaded machine may add to any bound.</summary>
    protected static readonly TimeSpan Tolerance = TimeSpan.FromSeconds(2);

    protected TBackend Backend { get; } = new();

    protected Contenders Contenders { get; } = new();

    private static ArbiterIdentity First => new(ArbiterBackend.ClusterId, new NodeId(1), new Incarnation(1));

    public async ValueTask InitializeAsync() => await Backend.StartAsync();

    public async ValueTask DisposeAsync()
    {
        Contenders.Dispose();
        await Backend.DisposeAsync();
        GC.SuppressFinalize(this);
    }

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

    /// <summary>A contender that has won and renews.</summary>
    protected async Task<ContenderProcess> OwnerAsync(IEnumerable<string>? arguments = null)
    {
        ContenderProcess owner = await Contenders.StartAsync(arguments ?? Backend.Arguments);
        Assert.StartsWith("Success", await owner.AskAsync("arbitrate 20000"), StringComparison.Ordinal);
        Assert.Equal("keeping", await owner.AskAsync("keep"));
        return owner;
    }

    protected void AssertSafeAndInTime()
    {
        OwnershipLog log = Contenders.ReadLog();
        log.AssertNeverTwoOwners();
        log.AssertNothingConfirmedIsForgotten();
        log.AssertCallsCameBackInTime(Tolerance);
    }
}
