// regroupctl witness check on a real LUN: tgtd, through libiscsi.
using System.Collections.Immutable;
using Membership.Arbiters.Scsi;
using Membership.Arbiters.Scsi.Tests;
using Membership.Engine;
using Membership.Engine.Arbitration;
using Xunit;

namespace Membership.Cli.Tests;

public sealed class DiskWitnessCheckTests : IDisposable
{
    private static readonly TimeSpan Period = TimeSpan.FromSeconds(3);
    private readonly TgtServer _server = TgtServer.Start();

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    public void Dispose() => _server.Dispose();

    [Fact]
    public async Task A_blank_LUN_that_does_what_it_must_is_fit_and_is_left_blank()
    {
        (int code, string text, string error) = await Regroupctl.CheckWitnessAsync(Settings());
        Assert.True(code == 0, text + error);
        Assert.Contains("FIT: ", text, StringComparison.Ordinal);
        Assert.Contains("ok    the second party reads what the first recorded", text, StringComparison.Ordinal);
        Assert.DoesNotContain("FAIL", text, StringComparison.Ordinal);
        byte[] disk = await File.ReadAllBytesAsync(_server.FileOf(1, 1), Token);
        Assert.False(disk.AsSpan().ContainsAnyExcept((byte)0), "Something was left on the LUN.");
        // And with the cluster's name, which is not left on it either.
        (code, text, error) = await Regroupctl.CheckWitnessAsync([.. Settings(), "ScsiReservation:Mode=Classic", "RegroupMembership:ClusterId=billing"]);
        Assert.True(code == 0, text + error);
        Assert.False((await File.ReadAllBytesAsync(_server.FileOf(1, 1), Token)).AsSpan().ContainsAnyExcept((byte)0), "Something was left on the LUN.");
    }

    [Fact]
    public async Task A_LUN_that_a_node_uses_is_not_contended_for_and_when_the_node_has_gone_it_is_and_its_record_stays()
    {
        string[] settings = [.. Settings(), "RegroupMembership:ClusterId=billing", "RegroupMembership:Self=1"];
        await using (ScsiReservationArbiter owner = Arbiter())
        {
            Assert.Equal(WitnessOutcome.Success, (await owner.ArbitrateAsync(Node(1), Token)).Outcome);
            Assert.Equal(WitnessOutcome.Success, (await owner.WriteSlotAsync(Node(1), [View(7)], Token)).Outcome);
            using var enough = CancellationTokenSource.CreateLinkedTokenSource(Token);
            Task<int> defending = DefendAsync(owner, enough.Token);
            (int code, string text, _) = await Regroupctl.CheckWitnessAsync(settings);
            Assert.True(code == 4, text);
            Assert.Contains("in use, by node 1 ", text, StringComparison.Ordinal);
            Assert.Contains("USABLE, and not proven", text, StringComparison.Ordinal);
            (code, text, _) = await Regroupctl.CheckWitnessAsync(settings, "--in-place");
            Assert.True(code == 1 && text.Contains("IN USE: ", StringComparison.Ordinal), text);
            await enough.CancelAsync();
            Assert.True(await defending > 0, "The owner never renewed.");
            Assert.Equal(WitnessOutcome.Success, (await owner.RenewAsync(Node(1), Token)).Outcome);
            await owner.ReleaseAsync(Node(1), Token);
        }
        (int codeAfter, string after, string error) = await Regroupctl.CheckWitnessAsync(settings);
        Assert.True(codeAfter == 0, after + error);
        Assert.Contains("ok    the second party reads the record that was there: 1 view(s)", after, StringComparison.Ordinal);
        // One that crashes leaves its registration on a target like this one: nobody can tell that it is gone, but its user.
        await using (ScsiReservationArbiter crashed = Arbiter())
        {
            WitnessResult won = await crashed.ArbitrateAsync(Node(2), Token);
            Assert.Equal([View(7)], won.Views);
        }
        (codeAfter, after, error) = await Regroupctl.CheckWitnessAsync(settings);
        Assert.True(codeAfter == 4 && after.Contains("in use, by node 2 ", StringComparison.Ordinal), after + error);
        (codeAfter, after, error) = await Regroupctl.CheckWitnessAsync(settings, "--in-place");
        Assert.True(codeAfter == 0, after + error);
        Assert.Contains("ok    the second party reads the record that was there: 1 view(s)", after, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_LUN_that_cannot_be_a_witness_is_not_fit_and_the_reason_is_said()
    {
        _server.AddUnit(1, 3, 8, "readonly=1");
        foreach ((string setting, string[] words) in new[]
        {
            ("ScsiReservation:Lun=3", new[] { "write-protected", "read-write" }),
            ("ScsiReservation:Target=iqn.2026-11.test:absent", ["iqn.2026-11.test:absent", "log in"]),
            ("ScsiReservation:Lun=0", ["no disk"]),
        })
        {
            (int code, string text, _) = await Regroupctl.CheckWitnessAsync([.. Settings(), setting]);
            Assert.True(code == 1 && text.Contains("NOT FIT: ", StringComparison.Ordinal), text);
            foreach (string word in words) Assert.Contains(word, text, StringComparison.Ordinal);
        }
    }

    private static ArbiterIdentity Node(int node) => new("billing", new NodeId(node), new Incarnation(1));

    private static ClusterView View(long epoch) => new(new Epoch(epoch), [new ClusterMember(new NodeId(1), new Incarnation(1), 1, 1)], default, ClusterTiming.Local);

    private static async Task<int> DefendAsync(ScsiReservationArbiter owner, CancellationToken enough)
    {
        int renewals = 0;
        while (!enough.IsCancellationRequested)
        {
            WitnessResult renewed = await owner.RenewAsync(Node(1), Token);
            Assert.True(renewed.Outcome == WitnessOutcome.Success, $"The check took it from its owner: {renewed}");
            renewals++;
            await Task.WhenAny(Task.Delay(owner.RenewInterval, Token), Task.Delay(Timeout.Infinite, enough));
        }
        return renewals;
    }

    private ScsiReservationArbiter Arbiter() => new(new ScsiReservationOptions
    {
        Portal = $"{_server.EndPoint}", Target = TgtServer.Target, Lun = 1, OwnershipPeriod = Period, RenewInterval = Period / 4,
    });

    private string[] Settings() =>
    [
        $"ScsiReservation:Portal={_server.EndPoint}", $"ScsiReservation:Target={TgtServer.Target}", "ScsiReservation:Lun=1",
        $"ScsiReservation:OwnershipPeriod={Period}", $"ScsiReservation:RenewInterval={Period / 4}",
    ];
}
