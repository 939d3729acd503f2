// A networked backend in trouble: stopped, restarted, hung, slow, failing, cut off; and requests that take effect long after
// their client gave up. Never two owners, every call back in time, nothing confirmed forgotten, and life goes on afterwards.
using Membership.Engine.Runtime;
using Xunit;

namespace Membership.Arbiters.Conformance;

/// <summary>Derive a public class per networked backend.</summary>
/// <typeparam name="TBackend">Makes and stops the real server.</typeparam>
public abstract class BackendFaultConformance<TBackend> : IAsyncLifetime
    where TBackend : NetworkBackend, new()
{
    /// <summary>What a loaded machine may add to any bound.</summary>
    protected static readonly TimeSpan Tolerance = TimeSpan.FromSeconds(2);

    private readonly List<TcpProxy> _proxies = [];

    protected TBackend Backend { get; } = new();

    protected Contenders Contenders { get; } = new();

    /// <summary>Longer than any ownership lasts.</summary>
    private TimeSpan LongerThanOwnership => Backend.OwnershipPeriod * 1.2 + TimeSpan.FromSeconds(0.5);

    public async ValueTask InitializeAsync() => await Backend.StartAsync();

    public async ValueTask DisposeAsync()
    {
        Contenders.Dispose();
        foreach (TcpProxy proxy in _proxies) await proxy.DisposeAsync();
        await Backend.DisposeAsync();
        GC.SuppressFinalize(this);
    }

    [Fact]
    public Task A_server_that_is_stopped_and_started_again() => ContendThroughAsync(
        async () => await Backend.StopAsync(),
        async () => await Backend.RestartAsync());

    [Fact]
    public Task A_server_that_hangs_and_goes_on() => ContendThroughAsync(
        async () => await Backend.HangAsync(),
        async () => await Backend.ResumeAsync());

    [Fact]
    public Task A_network_that_is_cut_and_delivers_late_what_was_sent() => ContendThroughAsync(
        () => Each(static proxy => proxy.Cut()),
        () => Each(static proxy => proxy.Heal()));

    [Fact]
    public Task A_network_that_loses_only_the_answers() => ContendThroughAsync(
        () => Each(static proxy => proxy.HoldAnswers()),
        () => Each(static proxy => proxy.Heal()));

    [Fact]
    public Task A_network_that_is_slow() => ContendThroughAsync(
        () => Each(static proxy => proxy.Slow(TimeSpan.FromMilliseconds(250))),
        () => Each(static proxy => proxy.Heal()));

    [Fact]
    public Task A_server_that_answers_with_errors() => ContendThroughAsync(
        () => Each(proxy =>
        {
            if (Backend.ErrorAnswer is { } answer) proxy.AnswerWith(answer);
            else proxy.Refuse();
        }),
        () => Each(static proxy => proxy.Heal()));

    [Fact]
    public async Task An_owner_cut_off_loses_it_to_the_other_side_and_what_it_sent_late_changes_nothing()
    {
        (TcpProxy way, ContenderProcess owner) = await BehindProxyAsync();
        ContenderProcess challenger = await Contenders.StartAsync(Backend.Arguments);
        Assert.StartsWith("Success", await owner.AskAsync("arbitrate 20000"), StringComparison.Ordinal);
        Assert.Equal("Success", await owner.AskAsync("slot 3"));
        await owner.AskAsync("keep");
        way.Cut();
        Assert.Null(await challenger.WinAsync(Backend.FrozenTakeoverBound + Tolerance));
        Assert.Equal("keeping", await challenger.AskAsync("keep"));
        Assert.Equal("no", await owner.AskAsync("owned"));
        Assert.Equal("Success", await challenger.AskAsync("slot 8"));
        way.Heal();
        Assert.DoesNotContain("Success", await owner.AskAsync($"arbitrate {(int)(Backend.TakeoverBound + Tolerance).TotalMilliseconds}"), StringComparison.Ordinal);
        Assert.Equal("yes", await challenger.AskAsync("owned"));
        await challenger.AskAsync("release");
        Assert.Null(await owner.WinAsync(Backend.FrozenTakeoverBound * 2 + Tolerance));
        AssertSafeAndInTime();
    }

    [Fact]
    public async Task A_challenge_that_takes_effect_after_its_client_gave_up_makes_nobody_believe_wrongly()
    {
        (TcpProxy way, ContenderProcess late) = await BehindProxyAsync();
        ContenderProcess other = await Contenders.StartAsync(Backend.Arguments);
        way.HoldRequests();
        Assert.StartsWith("Unknown", await late.AskAsync("arbitrate 1500"), StringComparison.Ordinal);
        Assert.Equal("no", await late.AskAsync("owned"));
        way.Heal();
        Assert.Null(await other.WinAsync(Backend.FrozenTakeoverBound + Tolerance));
        Assert.Equal("keeping", await other.AskAsync("keep"));
        Assert.Equal("no", await late.AskAsync("owned"));
        Assert.DoesNotContain("Success", await late.AskAsync($"arbitrate {(int)(Backend.TakeoverBound + Tolerance).TotalMilliseconds}"), StringComparison.Ordinal);
        AssertSafeAndInTime();
    }

    [Fact]
    public async Task A_release_that_takes_effect_late_does_not_free_what_was_won_again()
    {
        (TcpProxy way, ContenderProcess owner) = await BehindProxyAsync();
        ContenderProcess challenger = await Contenders.StartAsync(Backend.Arguments);
        Assert.StartsWith("Success", await owner.AskAsync("arbitrate 20000"), StringComparison.Ordinal);
        way.HoldRequests();
        Assert.Equal("released", await owner.AskAsync("release"));
        owner.Tell($"arbitrate {(int)(Backend.FrozenTakeoverBound * 3).TotalMilliseconds}");
        way.Heal();
        string answer = await owner.AnswerAsync();
        if (!answer.StartsWith("Success", StringComparison.Ordinal)) Assert.Null(await owner.WinAsync(Backend.FrozenTakeoverBound * 2 + Tolerance));
        Assert.Equal("keeping", await owner.AskAsync("keep"));
        Assert.StartsWith("Lost", await challenger.AskAsync($"arbitrate {(int)(Backend.TakeoverBound * 2 + Tolerance).TotalMilliseconds}"), StringComparison.Ordinal);
        Assert.Equal("yes", await owner.AskAsync("owned"));
        AssertSafeAndInTime();
    }

    /// <summary>Three contend, each over a way of its own; the trouble outlasts any ownership; afterwards somebody must win anew.</summary>
    private async Task ContendThroughAsync(Func<Task> trouble, Func<Task> healing)
    {
        CancellationToken cancelled = TestContext.Current.CancellationToken;
        for (int i = 0; i < 3; i++) _proxies.Add(new TcpProxy(Backend.EndPoint));
        await Contenders.StartManyAsync(3, i => Backend.ArgumentsVia(_proxies[i].EndPoint));
        foreach (ContenderProcess process in Contenders.All) Assert.Equal("contending", await process.AskAsync("contend"));
        await UntilOwnedAsync(after: 0);
        await trouble();
        await Task.Delay(LongerThanOwnership, cancelled);
        await healing();
        await UntilOwnedAsync(after: MonotonicClock.System.Now.Ticks);
        foreach (ContenderProcess process in Contenders.All) Assert.Equal("halted", await process.AskAsync("halt"));
        AssertSafeAndInTime();
    }

    private Task Each(Action<TcpProxy> action)
    {
        foreach (TcpProxy proxy in _proxies) action(proxy);
        return Task.CompletedTask;
    }

    private async Task UntilOwnedAsync(long after)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
        limit.CancelAfter(Backend.FrozenTakeoverBound * 3 + Tolerance * 3);
        while (!Contenders.ReadLog().Ownerships().Any(owned => owned.From > after))
        {
            if (limit.IsCancellationRequested)
                Assert.Fail($"Nobody owned it again. The last calls: {string.Join("; ", Contenders.ReadLog().Calls().OrderBy(static call => call.Until).TakeLast(6))}");
            await Task.Delay(50, CancellationToken.None);
        }
    }

    private async Task<(TcpProxy Way, ContenderProcess Process)> BehindProxyAsync()
    {
        var proxy = new TcpProxy(Backend.EndPoint);
        _proxies.Add(proxy);
        return (proxy, await Contenders.StartAsync(Backend.ArgumentsVia(proxy.EndPoint)));
    }

    private void AssertSafeAndInTime()
    {
        OwnershipLog log = Contenders.ReadLog();
        log.AssertNeverTwoOwners();
        log.AssertNothingConfirmedIsForgotten();
        log.AssertCallsCameBackInTime(Tolerance);
    }
}
