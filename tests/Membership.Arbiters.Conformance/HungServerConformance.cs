// A server that hangs: its connections stay and nothing is answered. Never two owners, nothing confirmed forgotten, and every call
// comes back in time: by its caller's token, whatever limits lie below, and without a token by the arbiter's own limit.
using System.Diagnostics;
using Membership.Engine;
using Membership.Engine.Arbitration;
using Xunit;

namespace Membership.Arbiters.Conformance;

/// <summary>Derive a public class per networked backend.</summary>
/// <typeparam name="TBackend">Makes and stops the real server.</typeparam>
public abstract class HungServerConformance<TBackend> : FaultCase<TBackend>
    where TBackend : NetworkBackend, new()
{
    [Fact]
    public Task A_server_that_hangs_and_goes_on() => ContendThroughAsync(
        async () => await Backend.HangAsync(),
        async () => await Backend.ResumeAsync());

    [Fact]
    public async Task While_the_server_hangs_each_call_returns_by_its_token_whatever_the_arbiters_own_limits_are()
    {
        ContenderProcess owner = await Contenders.StartAsync(Backend.PatientArguments), challenger = await Contenders.StartAsync(Backend.PatientArguments);
        Assert.StartsWith("Success", await owner.AskAsync("arbitrate 20000"), StringComparison.Ordinal);
        await Backend.HangAsync();
        challenger.Tell("arbitrate 1000");
        owner.Tell("renew");
        Assert.StartsWith("Unknown", await challenger.AnswerAsync(), StringComparison.Ordinal);
        Assert.Equal("Unknown", await owner.AnswerAsync());
        // And what comes after a call that is still under way.
        challenger.Tell("arbitrate 1000");
        owner.Tell("slot 4");
        Assert.DoesNotContain("Success", await challenger.AnswerAsync(), StringComparison.Ordinal);
        Assert.NotEqual("Success", await owner.AnswerAsync());
        Assert.Equal("released", await owner.AskAsync("release"));
        await Backend.ResumeAsync();
        AssertSafeAndInTime();
    }

    [Fact]
    public async Task While_the_server_hangs_a_call_without_a_token_ends_by_the_arbiters_own_limits()
    {
        await Backend.HangAsync();
        IQuorumArbiter arbiter = Backend.Create(Backend.Arguments);
        try
        {
            var clock = Stopwatch.StartNew();
            var self = new ArbiterIdentity(ArbiterBackend.ClusterId, new NodeId(1), new Incarnation(1));
            string? trouble = await arbiter.CheckAsync(self, CancellationToken.None).AsTask().WaitAsync(TimeSpan.FromSeconds(100), TestContext.Current.CancellationToken);
            TestContext.Current.TestOutputHelper?.WriteLine($"checked for {clock.Elapsed.TotalSeconds:0.00} s: {trouble}");
            Assert.NotNull(trouble);
            Assert.True(clock.Elapsed < Backend.OwnCallLimit + Tolerance, $"The check took {clock.Elapsed} where {Backend.OwnCallLimit} is its limit.");
        }
        finally
        {
            await Backend.ResumeAsync();
            await arbiter.DisposeAsync();
        }
    }
}
