// Somebody else answers in the service's place, as a captive portal or a misdirected proxy does: a "200 OK" that says nothing of the
// lease is no renewal, or two nodes would own the witness.
using System.Text;
using Membership.Arbiters.Conformance;
using Membership.Engine;
using Membership.Engine.Arbitration;
using Xunit;

namespace Membership.Arbiters.BlobLease.Tests;

[Trait("Category", "Arbiters")]
public sealed class StrangeAnswerTests
{
    [Theory]
    [InlineData(200)]
    [InlineData(201)]
    public async Task Success_that_the_service_did_not_say_is_no_renewal_and_no_win(int status)
    {
        await using var server = new Azurite();
        await server.StartAsync();
        await using var way = new TcpProxy(server.EndPoint);
        await using IQuorumArbiter owner = server.Create(server.ArgumentsVia(way.EndPoint)), challenger = server.Create(server.ArgumentsVia(way.EndPoint));
        CancellationToken none = TestContext.Current.CancellationToken;
        WitnessResult won = await owner.ArbitrateAsync(Identity(1), none);
        for (int i = 0; i < 10 && won.Outcome == WitnessOutcome.Unknown; i++) won = await owner.ArbitrateAsync(Identity(1), none);
        Assert.Equal(WitnessOutcome.Success, won.Outcome);
        way.AnswerWith(Encoding.ASCII.GetBytes($"HTTP/1.1 {status} OK\r\nContent-Length: 0\r\n\r\n"));
        WitnessResult written = await owner.WriteSlotAsync(Identity(1), [], none);
        Assert.NotEqual(WitnessOutcome.Success, written.Outcome);
        WitnessResult renewed = await owner.RenewAsync(Identity(1), none);
        Assert.Equal(WitnessOutcome.Unknown, renewed.Outcome);
        using var soon = CancellationTokenSource.CreateLinkedTokenSource(none);
        soon.CancelAfter(TimeSpan.FromSeconds(5));
        Assert.Equal(WitnessOutcome.Unknown, (await challenger.ArbitrateAsync(Identity(2), soon.Token)).Outcome);
        TestContext.Current.TestOutputHelper?.WriteLine($"{renewed.Detail} | {written.Detail}");
    }

    private static ArbiterIdentity Identity(int node) => new("c", new NodeId(node), new Incarnation(1));
}
