// What the cases of a backend in trouble share: contenders behind proxies, and a contention that goes on through the trouble.
using Membership.Engine.Runtime;
using Xunit;

namespace Membership.Arbiters.Conformance;

/// <summary>The base of the suite's classes for networked backends.</summary>
/// <typeparam name="TBackend">Makes and stops the real server.</typeparam>
public abstract class FaultCase<TBackend> : ConformanceCase<TBackend>
    where TBackend : NetworkBackend, new()
{
    private readonly List<TcpProxy> _proxies = [];

    /// <summary>Longer than any ownership lasts.</summary>
    private TimeSpan LongerThanOwnership => Backend.OwnershipPeriod * 1.2 + TimeSpan.FromSeconds(0.5);

    public override async ValueTask DisposeAsync()
    {
        try
        {
            foreach (TcpProxy proxy in _proxies) await proxy.DisposeAsync();
        }
        finally
        {
            await base.DisposeAsync();
            GC.SuppressFinalize(this);
        }
    }

    /// <summary>Three contend, each over a way of its own; the trouble outlasts any ownership; afterwards somebody must win anew.</summary>
    protected async Task ContendThroughAsync(Func<Task> trouble, Func<Task> healing)
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

    protected Task Each(Action<TcpProxy> action)
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

    protected async Task<(TcpProxy Way, ContenderProcess Process)> BehindProxyAsync()
    {
        var proxy = new TcpProxy(Backend.EndPoint);
        _proxies.Add(proxy);
        return (proxy, await Contenders.StartAsync(Backend.ArgumentsVia(proxy.EndPoint)));
    }
}
