// A crowd that contends on a real backend while any of it is stopped and resumed at random.
using System.Diagnostics;
using Xunit;

namespace Membership.Arbiters.Conformance;

/// <summary>Derive a public class per backend.</summary>
/// <typeparam name="TBackend">Makes and stops the real thing.</typeparam>
public abstract class CrowdConformance<TBackend> : ConformanceCase<TBackend>
    where TBackend : ArbiterBackend, new()
{
    [Fact]
    public async Task No_two_processes_ever_own_it_while_any_of_them_is_stopped_and_resumed_at_random()
    {
        int period = (int)Backend.OwnershipPeriod.TotalMilliseconds;
        await Contenders.StartManyAsync(5, _ => Backend.Arguments);
        foreach (ContenderProcess process in Contenders.All) Assert.Equal("contending", await process.AskAsync("contend"));
        var clock = Stopwatch.StartNew();
        await Task.WhenAll(Contenders.All.Select(async (process, i) =>
        {
            var random = new Random(i);
            while (clock.Elapsed < Backend.ContentionTime)
            {
                await Task.Delay(random.Next(5, Math.Min(period, 400)), TestContext.Current.CancellationToken);
                process.Freeze();
                await Task.Delay(random.Next(4) == 0 ? random.Next(period, period * 5 / 2) : random.Next(1, 150), TestContext.Current.CancellationToken);
                process.Thaw();
            }
        }));
        foreach (ContenderProcess process in Contenders.All) Assert.Equal("halted", await process.AskAsync("halt"));
        OwnershipLog log = Contenders.ReadLog();
        log.AssertNeverTwoOwners();
        log.AssertNothingConfirmedIsForgotten();
        int won = log.Ownerships().Count;
        TestContext.Current.TestOutputHelper?.WriteLine($"{won} times owned");
        Assert.True(won >= 5, $"The contenders owned it {won} times: the test shows nothing.");
    }
}
