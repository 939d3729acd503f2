// One contender cut off by itself, and requests that take effect long after their client gave up on them.
using Xunit;

namespace Membership.Arbiters.Conformance;

/// <summary>Derive a public class per networked backend.</summary>
/// <typeparam name="TBackend">Makes and stops the real server.</typeparam>
public abstract class LateEffectConformance<TBackend> : FaultCase<TBackend>
    where TBackend : NetworkBackend, new()
{
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
        way.Strand();
        Assert.Equal("released", await owner.AskAsync("release"));
        Assert.Null(await owner.WinAsync(Backend.FrozenTakeoverBound * 3 + Tolerance));
        way.Heal();
        Assert.Equal("keeping", await owner.AskAsync("keep"));
        Assert.StartsWith("Lost", await challenger.AskAsync($"arbitrate {(int)(Backend.TakeoverBound * 2 + Tolerance).TotalMilliseconds}"), StringComparison.Ordinal);
        Assert.Equal("yes", await owner.AskAsync("owned"));
        AssertSafeAndInTime();
    }
}
