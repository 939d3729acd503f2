// One starting or stopping silo writes at a time; a holder that dies does not keep the others.
using Membership.Provider.Silos;
using Membership.Provider.Tests;
using Microsoft.Extensions.DependencyInjection;
using Xunit;

namespace Membership.Provider.Orleans.Tests;

public sealed class TableTurnTests
{
    [Fact]
    public async Task The_turn_is_one_nodes_at_a_time_and_goes_round()
    {
        await using var hosts = new TestHosts(3);
        await hosts.StartAsync();
        int holders = 0, most = 0, turns = 0;

        await Task.WhenAll(Enumerable.Range(1, 3).Select(async node =>
        {
            var turn = new TableTurn(hosts.Membership(node), "c", TimeProvider.System);
            for (int round = 0; round < 5; round++)
            {
                Assert.True(await turn.TakeAsync(TimeSpan.FromSeconds(20), TestHosts.Deadline));
                int now = Interlocked.Increment(ref holders);
                lock (turn) most = Math.Max(most, now);
                await Task.Yield();
                Interlocked.Decrement(ref holders);
                Interlocked.Increment(ref turns);
                await turn.GiveAsync(TestHosts.Deadline);
            }
        }));

        Assert.Equal((1, 15), (most, turns));
    }

    [Fact]
    public async Task A_holder_that_dies_loses_the_turn_with_its_place_in_the_view()
    {
        await using var hosts = new TestHosts(3);
        await hosts.StartAsync();
        Assert.True(await new TableTurn(hosts.Membership(2), "c", TimeProvider.System).TakeAsync(TimeSpan.FromSeconds(5), TestHosts.Deadline));
        var next = new TableTurn(hosts.Membership(1), "c", TimeProvider.System);
        Assert.False(await next.TakeAsync(TimeSpan.FromMilliseconds(50), TestHosts.Deadline));

        await hosts[2].Services.GetRequiredService<ClusterMembership>().Node.DisposeAsync();

        Assert.True(await next.TakeAsync(TimeSpan.FromSeconds(25), TestHosts.Deadline));
    }
}
