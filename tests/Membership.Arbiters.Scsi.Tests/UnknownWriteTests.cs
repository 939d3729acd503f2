// Commands whose outcome the owner does not know, on a real tgtd: what it does next neither costs it the witness, nor takes back
// what may be recorded, nor leaves a record that nobody can read if it dies at that moment.
using System.Buffers.Binary;
using Membership.Arbiters.Conformance;
using Membership.Arbiters.Scsi.Commands;
using Membership.Arbiters.Scsi.Record;
using Membership.Arbiters.Scsi.Reservations;
using Membership.Arbiters.Scsi.Transports;
using Membership.Engine;
using Membership.Engine.Arbitration;
using Membership.Engine.Runtime;
using Xunit;

namespace Membership.Arbiters.Scsi.Tests;

[Trait("Category", "Arbiters")]
public sealed class UnknownWriteTests : IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);
    private readonly TgtServer _server = TgtServer.Start();

    private static CancellationToken None => TestContext.Current.CancellationToken;

    private static Deadline Soon => new(MonotonicClock.System.Now + Patience, None);

    public void Dispose() => _server.Dispose();

    [Theory]
    [InlineData(ScsiReservationMode.Persistent)]
    [InlineData(ScsiReservationMode.Classic)]
    public async Task An_owner_whose_session_broke_keeps_the_witness_though_the_target_has_not_noticed(ScsiReservationMode mode)
    {
        await using var way = new TcpProxy(_server.EndPoint);
        ScsiReservationOptions options = Options(way.EndPoint.ToString());
        options.Mode = mode;
        await using var owner = new ScsiReservationArbiter(options);
        Assert.Equal(WitnessOutcome.Success, (await owner.ArbitrateAsync(Identity(1), None)).Outcome);
        // The target goes on holding the old session; what it was told on it comes when the way is healed.
        way.Strand();
        Assert.Equal(WitnessOutcome.Unknown, (await owner.RenewAsync(Identity(1), None)).Outcome);
        WitnessResult renewed = await owner.RenewAsync(Identity(1), None);
        Assert.Equal((WitnessOutcome.Success, (string?)null), (renewed.Outcome, renewed.Detail));
        way.Heal();
        renewed = await owner.RenewAsync(Identity(1), None);
        Assert.Equal((WitnessOutcome.Success, (string?)null), (renewed.Outcome, renewed.Detail));
    }

    [Fact]
    public async Task Views_whose_write_took_effect_unknown_to_the_owner_are_still_there_after_its_next_renewal()
    {
        using (WitnessContest owner = Owner(out Unlucky transport))
        {
            transport.LosesAnswerOfNextHead = true;
            Assert.Throws<ScsiTimeoutException>(() => owner.WriteSlot([View(9)], Soon));
            Assert.Equal(WitnessOutcome.Success, owner.Renew(Soon).Outcome);
            owner.Release(Soon);
        }
        Assert.Contains(9L, await ReadByWinningAsync());
    }

    [Fact]
    public async Task An_owner_that_dies_while_it_writes_again_what_it_does_not_know_to_be_written_leaves_a_readable_record()
    {
        using (WitnessContest owner = Owner(out Unlucky transport))
        {
            transport.LosesAnswerOfNextHead = true;
            Assert.Throws<ScsiTimeoutException>(() => owner.WriteSlot([View(9)], Soon));
            transport.DiesAfterNextBody = true;
            Assert.ThrowsAny<ScsiException>(() => owner.WriteSlot([View(10)], Soon));
        }
        Assert.Contains(9L, await ReadByWinningAsync());
    }

    private static ArbiterIdentity Identity(int node) => new("c", new NodeId(node), new Incarnation(1));

    private static ClusterView View(long epoch)
        => new(new Epoch(epoch), [new ClusterMember(new NodeId(1), new Incarnation(1), 1, 5)], default, ClusterTiming.Local);

    private static ScsiReservationOptions Options(string portal) => new()
    {
        Portal = portal, Target = TgtServer.Target, Lun = 1,
        OwnershipPeriod = TimeSpan.FromSeconds(6), RenewInterval = TimeSpan.FromSeconds(1), CommandTimeout = TimeSpan.FromSeconds(1),
    };

    private async Task<long[]> ReadByWinningAsync()
    {
        await using var next = new ScsiReservationArbiter(Options(_server.EndPoint.ToString()));
        WitnessResult won = await next.ArbitrateAsync(Identity(2), None);
        Assert.Equal((WitnessOutcome.Success, (string?)null), (won.Outcome, won.Detail));
        return [.. won.Views.Select(static view => view.Epoch.Value)];
    }

    /// <summary>Node 1, which owns the witness and has recorded a view of epoch 8.</summary>
    private WitnessContest Owner(out Unlucky transport)
    {
        ScsiReservationOptions options = Options(_server.EndPoint.ToString());
        transport = new Unlucky(new LibIscsiTransport(new IscsiAddress(options.Portal!, TgtServer.Target, 1, "iqn.2026-11.test:unlucky", (1, 1))));
        var unit = new ScsiUnit(transport, options.CommandTimeout);
        var disk = new WitnessDisk(unit, "c", options.MaxNodes);
        var contest = new WitnessContest(unit, disk, new PersistentReservation(unit, ReservationKey.For(Identity(1))), Identity(1), options, remembered: 0);
        Assert.Equal(WitnessOutcome.Success, contest.Challenge(Soon).Outcome);
        Assert.Equal(WitnessOutcome.Success, contest.WriteSlot([View(8)], Soon).Outcome);
        return contest;
    }

    /// <summary>A way to a real unit on which one answer is lost, or which breaks for good.</summary>
    private sealed class Unlucky(IScsiTransport way) : IScsiTransport
    {
        private const byte Write10 = 0x2a;
        private bool _dead;

        public bool LosesAnswerOfNextHead { get; set; }

        public bool DiesAfterNextBody { get; set; }

        public string Description => way.Description;

        public bool IsConnected => way.IsConnected;

        public void Connect(TimeSpan limit)
        {
            if (_dead) throw new ScsiException("dead");
            way.Connect(limit);
        }

        public ScsiReply Execute(in ScsiCommand command, TimeSpan limit)
        {
            ScsiReply reply = way.Execute(command, limit);
            if (command.Cdb[0] != Write10) return reply;
            bool head = BinaryPrimitives.ReadUInt32BigEndian(command.Cdb.AsSpan(2)) < WitnessLayout.HeaderBlocks + 2 * 64;
            if (head && LosesAnswerOfNextHead)
            {
                LosesAnswerOfNextHead = false;
                way.Drop();
                throw new ScsiTimeoutException("no answer");
            }
            if (!head && DiesAfterNextBody)
            {
                _dead = true;
                way.Drop();
                throw new ScsiException("dead");
            }
            return reply;
        }

        public void ResetUnit(TimeSpan limit) => way.ResetUnit(limit);

        public void Drop() => way.Drop();

        public void Dispose() => way.Dispose();
    }
}
