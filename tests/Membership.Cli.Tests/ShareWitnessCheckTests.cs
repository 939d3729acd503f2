// regroupctl witness check on a real share: smbd, through libsmbclient.
using Membership.Arbiters.FileShare.Tests;
using Membership.Engine;
using Membership.Engine.Arbitration;
using Xunit;

namespace Membership.Cli.Tests;

public sealed class ShareWitnessCheckTests : IAsyncLifetime
{
    private readonly Samba _server = new();

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    public ValueTask InitializeAsync() => _server.StartAsync();

    public ValueTask DisposeAsync() => _server.DisposeAsync();

    [Fact]
    public async Task A_share_that_does_what_it_must_is_fit_while_a_node_owns_the_witness_on_it_and_nothing_is_left_there()
    {
        var self = new ArbiterIdentity("billing", new NodeId(1), new Incarnation(1));
        await using IQuorumArbiter owner = _server.Create(_server.Arguments);
        WitnessResult held = await owner.ArbitrateAsync(self, Token);
        Assert.Equal(WitnessOutcome.Success, held.Outcome);
        Task<(int Code, string Output, string Error)> checking = Regroupctl.CheckWitnessAsync([.. Settings(_server.Arguments), "RegroupMembership:ClusterId=billing"]);
        while (!checking.IsCompleted)
        {
            WitnessResult renewed = await owner.RenewAsync(self, Token);
            Assert.True(renewed.Outcome == WitnessOutcome.Success, $"The check took it from its owner: {renewed}");
            await Task.WhenAny(checking, Task.Delay(owner.RenewInterval, Token));
        }
        (int code, string text, string error) = await checking;
        Assert.True(code == 0, text + error);
        Assert.Contains("FIT: ", text, StringComparison.Ordinal);
        Assert.DoesNotContain("FAIL", text, StringComparison.Ordinal);
        Assert.True(Array.TrueForAll([.. _server.Files("cluster1")], static name => name.StartsWith("witness.", StringComparison.Ordinal)), text);
        // Nobody's name: a contest beside it, and nothing is said about whose it is.
        (code, text, error) = await Regroupctl.CheckWitnessAsync(Settings(_server.Arguments));
        Assert.True(code == 0, text + error);
        Assert.Contains("warn  whose witness it is", text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_share_that_cannot_be_a_witness_is_not_fit_and_the_reason_is_said()
    {
        string[] fit = _server.Arguments;
        foreach ((string[] arguments, string[] words) in new[]
        {
            (new[] { fit[0], fit[1].Replace("/witness/", "/frozen/", StringComparison.Ordinal), fit[2], fit[3] }, new[] { "frozen/cluster1", "right to write" }),
            ([fit[0], fit[1], fit[2], "wrong"], ["witness/cluster1", "Password"]),
            ([fit[0], $"{fit[1]}-not-there", fit[2], fit[3]], ["cluster1-not-there", "Make the directory"]),
        })
        {
            foreach (string[] named in (string[][])[["RegroupMembership:ClusterId=billing"], []])
            {
                (int code, string text, _) = await Regroupctl.CheckWitnessAsync([.. Settings(arguments), .. named]);
                Assert.True(code == 1 && text.Contains("NOT FIT: ", StringComparison.Ordinal), text);
                foreach (string word in words) Assert.Contains(word, text, StringComparison.Ordinal);
            }
        }
    }

    private static string[] Settings(string[] arguments) =>
    [
        $"FileShareWitness:Path={arguments[1]}", $"FileShareWitness:UserName={arguments[2]}", $"FileShareWitness:Password={arguments[3]}",
        $"FileShareWitness:OwnershipPeriod={Shares.OwnershipPeriod}", $"FileShareWitness:RenewInterval={Shares.RenewInterval}",
    ];
}
