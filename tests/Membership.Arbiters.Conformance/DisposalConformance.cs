// An arbiter disposed of as in a finally: while it owns, while a challenge is under way, while its server hangs. It returns in time, its
// calls end as answers and not as exceptions, and what it held is free within the documented bound and not before its time.
using System.Diagnostics;
using Membership.Engine;
using Membership.Engine.Arbitration;
using Membership.Engine.Runtime;
using Xunit;

namespace Membership.Arbiters.Conformance;

/// <summary>What the cases of disposal share.</summary>
/// <typeparam name="TBackend">Makes and stops the real thing.</typeparam>
public abstract class DisposalCase<TBackend> : ConformanceCase<TBackend>
    where TBackend : ArbiterBackend, new()
{
    /// <summary>Not one of the contenders' numbers.</summary>
    private protected static ArbiterIdentity Self { get; } = new(ArbiterBackend.ClusterId, new NodeId(30), new Incarnation(1));

    /// <returns>Until when it believes, and a clock that runs since its last renewal.</returns>
    private protected async Task<(MonotonicTime Until, Stopwatch Since)> OwnAsync(IQuorumArbiter owner)
    {
        using var limit = new CancellationTokenSource(Backend.TakeoverBound + Tolerance);
        WitnessResult won = await owner.ArbitrateAsync(Self, limit.Token);
        Assert.True(won.Outcome == WitnessOutcome.Success, $"{won}");
        var since = Stopwatch.StartNew();
        MonotonicTime called = MonotonicClock.System.Now;
        WitnessResult renewed = await owner.RenewAsync(Self, limit.Token);
        Assert.True(renewed.Outcome == WitnessOutcome.Success, $"{renewed}");
        return (called + renewed.OwnedFor, since);
    }

    /// <summary>The arbiter and its calls end in time, none with an exception and none with a success.</summary>
    private protected async Task DisposeInTimeAsync(IQuorumArbiter arbiter, params Task<WitnessResult>[] calls)
    {
        TimeSpan limit = Backend.DisposalLimit + Tolerance;
        await arbiter.DisposeAsync().AsTask().WaitAsync(limit, TestContext.Current.CancellationToken);
        foreach (Task<WitnessResult> call in calls)
            Assert.NotEqual(WitnessOutcome.Success, (await call.WaitAsync(limit, TestContext.Current.CancellationToken)).Outcome);
    }

    private protected void AssertNobodyOwnedBefore(MonotonicTime until)
    {
        Ownership first = Contenders.ReadLog().Ownerships()[0];
        Assert.True(first.From >= until.Ticks, $"A contender owned it {TimeSpan.FromTicks(until.Ticks - first.From).TotalMilliseconds:0} ms before the time of the one that was disposed of was up.");
    }
}

/// <summary>Derive a public class per backend.</summary>
/// <typeparam name="TBackend">Makes and stops the real thing.</typeparam>
public abstract class DisposalConformance<TBackend> : DisposalCase<TBackend>
    where TBackend : ArbiterBackend, new()
{
    [Fact]
    public async Task An_owner_that_is_disposed_of_is_left_alone_for_its_period_and_replaced_within_the_bound()
    {
        ContenderProcess next = await Contenders.StartAsync(Backend.Arguments);
        IQuorumArbiter owner = Backend.Create(Backend.Arguments);
        (MonotonicTime until, Stopwatch since) = await OwnAsync(owner);
        await DisposeInTimeAsync(owner);
        await owner.DisposeAsync();
        await Assert.ThrowsAsync<ObjectDisposedException>(() => owner.RenewAsync(Self, CancellationToken.None).AsTask());
        Assert.Null(await next.WinAsync(Backend.TakeoverBound + Tolerance));
        TestContext.Current.TestOutputHelper?.WriteLine($"replaced {since.Elapsed.TotalSeconds:0.00} s after its last renewal; bound {Backend.TakeoverBound.TotalSeconds:0.00} s");
        AssertNobodyOwnedBefore(until);
        AssertSafeAndInTime();
    }

    [Fact]
    public async Task A_challenge_under_way_ends_as_an_answer_when_its_arbiter_is_disposed_of_and_holds_nothing()
    {
        ContenderProcess owner = await OwnerAsync(), next = await Contenders.StartAsync(Backend.Arguments);
        // It waits for an owner that says nothing.
        Assert.Equal("resting", await owner.AskAsync("rest"));
        Assert.StartsWith("Success", await owner.AskAsync("arbitrate 5000"), StringComparison.Ordinal);
        IQuorumArbiter challenger = Backend.Create(Backend.Arguments);
        Task<WitnessResult> challenge = challenger.ArbitrateAsync(Self, CancellationToken.None).AsTask();
        await Task.WhenAny(challenge, Task.Delay(Backend.OwnershipPeriod / 5, TestContext.Current.CancellationToken));
        Assert.False(challenge.IsCompleted, "The challenge was over before its arbiter was disposed of: this test shows nothing.");
        await DisposeInTimeAsync(challenger, challenge);
        // On a busy machine its time may have run out by itself; nobody else has it even then.
        if (await owner.AskAsync("renew") != "Success") Assert.Null(await owner.WinAsync(Backend.TakeoverBound + Tolerance));
        Assert.Equal("released", await owner.AskAsync("release"));
        var sinceReleased = Stopwatch.StartNew();
        Assert.Null(await next.WinAsync(Backend.TakeoverBound + Tolerance));
        Assert.True(sinceReleased.Elapsed < Backend.OwnershipPeriod / 2 + Tolerance, $"A witness that was given up was taken only after {sinceReleased.Elapsed}: the arbiter that is gone held something.");
        AssertSafeAndInTime();
    }
}

/// <summary>The same at a server that hangs. Derive a public class per networked backend.</summary>
/// <typeparam name="TBackend">Makes and stops the real server.</typeparam>
public abstract class NetworkDisposalConformance<TBackend> : DisposalCase<TBackend>
    where TBackend : NetworkBackend, new()
{
    [Fact]
    public async Task Calls_at_a_server_that_hangs_end_when_their_arbiter_is_disposed_of_and_what_they_do_late_holds_nobody_up()
    {
        ContenderProcess next = await Contenders.StartAsync(Backend.Arguments);
        IQuorumArbiter owner = Backend.Create(Backend.Arguments), challenger = Backend.Create(Backend.Arguments);
        ArbiterIdentity other = Self with { Node = new NodeId(31) };
        Assert.Null(await challenger.CheckAsync(other, TestContext.Current.CancellationToken));
        (MonotonicTime until, _) = await OwnAsync(owner);
        await Backend.HangAsync();
        try
        {
            Task<WitnessResult> renewal = owner.RenewAsync(Self, CancellationToken.None).AsTask(), challenge = challenger.ArbitrateAsync(other, CancellationToken.None).AsTask();
            // The requests are on their way to a server that does not read them.
            await Task.WhenAny(renewal, challenge, Task.Delay(300, TestContext.Current.CancellationToken));
            Assert.False(renewal.IsCompleted || challenge.IsCompleted, "A call was over before its arbiter was disposed of: this test shows nothing.");
            await Task.WhenAll(DisposeInTimeAsync(owner, renewal), DisposeInTimeAsync(challenger, challenge));
        }
        finally
        {
            await Backend.ResumeAsync();
        }
        // The renewal may take effect now: a period from here, no more.
        Assert.Null(await next.WinAsync(Backend.FrozenTakeoverBound + Tolerance));
        AssertNobodyOwnedBefore(until);
        AssertSafeAndInTime();
    }
}
