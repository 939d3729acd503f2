// A service that hangs after it was well: a challenge asks again and again, and still ends without its caller's help.
using System.Diagnostics;
using Membership.Engine;
using Membership.Engine.Arbitration;
using Xunit;

namespace Membership.Arbiters.BlobLease.Tests;

[Trait("Category", "Arbiters")]
public sealed class HungBlobTests
{
    /// <summary>Two leases and a request, and what a loaded machine may add.</summary>
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(15 * 2 + 2 + 5);

    [Fact]
    public async Task A_challenge_without_a_token_ends_by_the_arbiters_own_limit()
    {
        await using var server = new Azurite();
        await server.StartAsync();
        await using IQuorumArbiter challenger = server.Create(server.Arguments);
        var self = new ArbiterIdentity("c", new NodeId(1), new Incarnation(1));
        for (int i = 0; i < 20 && await challenger.CheckAsync(self, CancellationToken.None) is not null; i++) await Task.Yield();
        await server.HangAsync();
        try
        {
            var clock = Stopwatch.StartNew();
            WitnessResult answer = await challenger.ArbitrateAsync(self, CancellationToken.None).AsTask().WaitAsync(TimeSpan.FromSeconds(100), TestContext.Current.CancellationToken);
            TestContext.Current.TestOutputHelper?.WriteLine($"challenged for {clock.Elapsed.TotalSeconds:0.00} s: {answer.Detail}");
            Assert.Equal(WitnessOutcome.Unknown, answer.Outcome);
            Assert.True(clock.Elapsed < Limit, $"The challenge took {clock.Elapsed}.");
        }
        finally
        {
            await server.ResumeAsync();
        }
    }
}
