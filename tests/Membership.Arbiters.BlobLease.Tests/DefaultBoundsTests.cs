// What the default options promise, checked on them: a lease of 15 s, renewed every 5 s.
using System.Diagnostics;
using Membership.Engine;
using Membership.Engine.Arbitration;
using Xunit;

namespace Membership.Arbiters.BlobLease.Tests;

[Collection(Alone.Name)]
public sealed class DefaultBoundsTests
{
    [Fact]
    public async Task With_the_default_options_an_owner_renews_every_five_seconds_and_a_dead_one_is_replaced_when_its_lease_of_fifteen_ends()
    {
        await using var server = new Azurite();
        await server.StartAsync();
        BlobLeaseArbiter Default() => new(new BlobLeaseOptions { ServiceUri = new Uri(Azurite.Service(server.EndPoint)), AccountName = Azurite.Account, AccountKey = Azurite.Key });
        await using BlobLeaseArbiter challenger = Default();
        Assert.Equal(TimeSpan.FromSeconds(5), challenger.RenewInterval);
        long renewed;
        await using (BlobLeaseArbiter dead = Default())
        {
            var first = new ArbiterIdentity("c", new NodeId(1), new Incarnation(1));
            Assert.Equal(WitnessOutcome.Success, (await dead.ArbitrateAsync(first, CancellationToken.None)).Outcome);
            renewed = Stopwatch.GetTimestamp();
            WitnessResult held = await dead.RenewAsync(first, CancellationToken.None);
            Assert.InRange(held.OwnedFor.TotalSeconds, 13, 16);
        }
        WitnessResult won = await challenger.ArbitrateAsync(new ArbiterIdentity("c", new NodeId(2), new Incarnation(1)), CancellationToken.None);
        TimeSpan taken = Stopwatch.GetElapsedTime(renewed);
        TestContext.Current.TestOutputHelper?.WriteLine($"replaced {taken.TotalSeconds:0.00} s after the last renewal, default options");
        Assert.Equal(WitnessOutcome.Success, won.Outcome);
        // 15 s, half a second between two looks, and 2 s for a loaded machine.
        Assert.InRange(taken.TotalSeconds, 14.9, 17.6);
    }
}
