// What the default options promise, checked on them: renewal every 2 s, a takeover 6 s after the last one.
using System.Diagnostics;
using Membership.Engine;
using Membership.Engine.Arbitration;
using Xunit;

namespace Membership.Arbiters.FileShare.Tests;

[Collection(Alone.Name)]
public sealed class DefaultBoundsTests
{
    [Fact]
    public async Task With_the_default_options_an_owner_renews_every_two_seconds_and_a_dead_one_is_replaced_six_seconds_after_its_last_renewal()
    {
        await using var server = new Samba();
        await server.StartAsync();
        FileShareArbiter Default() => new(new FileShareOptions { Path = server.Arguments[1], UserName = server.Arguments[2], Password = server.Arguments[3] });
        await using FileShareArbiter challenger = Default();
        Assert.Equal(TimeSpan.FromSeconds(2), challenger.RenewInterval);
        var self = new ArbiterIdentity("c", new NodeId(2), new Incarnation(1));
        long renewed;
        await using (FileShareArbiter dead = Default())
        {
            var first = new ArbiterIdentity("c", new NodeId(1), new Incarnation(1));
            Assert.Equal(WitnessOutcome.Success, (await dead.ArbitrateAsync(first, CancellationToken.None)).Outcome);
            Assert.Null(await challenger.CheckAsync(self, CancellationToken.None));
            renewed = Stopwatch.GetTimestamp();
            WitnessResult held = await dead.RenewAsync(first, CancellationToken.None);
            Assert.True(held.Outcome == WitnessOutcome.Success, $"{held.Outcome}: {held.Detail}");
            // From before the call; on a loaded machine the renewal itself begins a little later than the call.
            Assert.InRange(held.OwnedFor.TotalSeconds, 5, 7);
        }
        WitnessResult won = await challenger.ArbitrateAsync(self, CancellationToken.None);
        TimeSpan taken = Stopwatch.GetElapsedTime(renewed);
        TestContext.Current.TestOutputHelper?.WriteLine($"replaced {taken.TotalSeconds:0.00} s after the last renewal, default options");
        Assert.Equal(WitnessOutcome.Success, won.Outcome);
        // 6 s, 1 %, a look, and 2 s for a loaded machine.
        Assert.InRange(taken.TotalSeconds, 6, 8.2);
    }
}
