// What is particular to the SCSI arbiter, on a real tgtd: fencing, strangers, initialising, forgetful targets, the default bounds.
using System.Collections.Immutable;
using System.Diagnostics;
using Membership.Arbiters.Conformance;
using Membership.Arbiters.Scsi.Commands;
using Membership.Arbiters.Scsi.Reservations;
using Membership.Arbiters.Scsi.Transports;
using Membership.Engine;
using Membership.Engine.Arbitration;
using Membership.Engine.Runtime;
using Xunit;

namespace Membership.Arbiters.Scsi.Tests;

[Trait("Category", "Arbiters")]
public sealed class IscsiArbiterTests : IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);
    private readonly TgtServer _server = TgtServer.Start();

    private static CancellationToken None => TestContext.Current.CancellationToken;

    public void Dispose() => _server.Dispose();

    [Fact]
    public async Task With_the_default_options_a_dead_owner_is_replaced_within_seven_seconds_of_the_first_attempt()
    {
        await using (ScsiReservationArbiter dead = Arbiter(new ScsiReservationOptions()))
        {
            Assert.Null(await dead.CheckAsync(Identity(1), None));
            Assert.Equal(WitnessOutcome.Success, (await dead.ArbitrateAsync(Identity(1), None)).Outcome);
        }
        // It has seen nothing of the owner before.
        await using ScsiReservationArbiter challenger = Arbiter(new ScsiReservationOptions());
        Assert.Equal(TimeSpan.FromSeconds(3), challenger.RenewInterval);
        var clock = Stopwatch.StartNew();
        WitnessResult won = await challenger.ArbitrateAsync(Identity(2), None);
        TestContext.Current.TestOutputHelper?.WriteLine($"decided after {clock.Elapsed.TotalSeconds:0.00} s, default options");
        Assert.Equal(WitnessOutcome.Success, won.Outcome);
        // 7 s, and 2 s for a loaded machine.
        Assert.InRange(clock.Elapsed, TimeSpan.FromSeconds(6), TimeSpan.FromSeconds(9));
        Assert.InRange(won.OwnedFor, TimeSpan.FromSeconds(5), clock.Elapsed + TimeSpan.FromSeconds(6));
    }

    [Fact]
    public async Task A_unit_whose_content_went_back_under_a_living_owner_makes_no_second_one()
    {
        await using ScsiReservationArbiter owner = Arbiter(new ScsiReservationOptions()), challenger = Arbiter(new ScsiReservationOptions());
        Assert.Null(await owner.CheckAsync(Identity(1), None));
        Assert.Equal(WitnessOutcome.Success, (await owner.ArbitrateAsync(Identity(1), None)).Outcome);
        Assert.Null(await challenger.CheckAsync(Identity(2), None));
        // A target that comes back with an older copy of its disk, and without reservations.
        _server.Kill();
        byte[] zeros = new byte[8 << 20];
        await File.WriteAllBytesAsync(_server.FileOf(1, 1), zeros, None);
        _server.Run();
        WitnessResult answer;
        do
        {
            // The first answers may be about the connection that has broken.
            answer = await challenger.ArbitrateAsync(Identity(2), None);
            Assert.Equal(WitnessOutcome.Unknown, answer.Outcome);
        }
        while (!answer.Detail!.Contains("went back", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Nodes_outside_the_views_written_lose_their_registration_and_members_keep_it()
    {
        await using ScsiReservationArbiter owner = Arbiter(), member = Arbiter(), removed = Arbiter(), neverMember = Arbiter();
        Assert.Null(await member.CheckAsync(Identity(2), None));
        Assert.Null(await removed.CheckAsync(Identity(3), None));
        Assert.Null(await neverMember.CheckAsync(Identity(4), None));
        await owner.ArbitrateAsync(Identity(1), None);
        using ScsiUnit looker = Looker();
        Assert.Equal(4, Keys(looker).Length);
        Assert.Equal(WitnessOutcome.Success, (await owner.WriteSlotAsync(Identity(1), [View(4, 1, 2)], None)).Outcome);
        await UntilAsync(() => Keys(looker).Length == 2, "the removed node's key is still there");
        Assert.Equivalent(new[] { KeyOf(1), KeyOf(2) }, Keys(looker));
        Assert.Equal(WitnessOutcome.Success, (await owner.RenewAsync(Identity(1), None)).Outcome);
    }

    [Fact]
    public async Task Whoever_is_not_registered_cannot_write_while_the_witness_is_owned()
    {
        await using ScsiReservationArbiter owner = Arbiter();
        await owner.ArbitrateAsync(Identity(1), None);
        using ScsiUnit stranger = Looker();
        Assert.False(stranger.TryWrite(0, new byte[512], Soon));
        Assert.NotNull(stranger.TryRead(0, 1, Soon));
    }

    [Fact]
    public async Task A_target_that_forgets_every_reservation_does_not_cost_the_owner_its_ownership()
    {
        await using ScsiReservationArbiter owner = Arbiter(new ScsiReservationOptions()), rival = Arbiter(new ScsiReservationOptions());
        await owner.ArbitrateAsync(Identity(1), None);
        _server.Kill();
        _server.Run();
        WitnessResult renewed = await owner.RenewAsync(Identity(1), None);
        if (renewed.Outcome == WitnessOutcome.Unknown) renewed = await owner.RenewAsync(Identity(1), None);
        Assert.Equal((WitnessOutcome.Success, (string?)null), (renewed.Outcome, renewed.Detail));
        using ScsiUnit looker = Looker();
        Assert.Equal(new HeldReservation(0, true, KeyOf(1), ReservationType.WriteExclusiveRegistrantsOnly), Held(looker) with { Generation = 0 });
    }

    [Fact]
    public async Task Registrations_cleared_behind_the_owners_back_are_made_again_at_its_next_renewal()
    {
        await using ScsiReservationArbiter owner = Arbiter();
        await owner.ArbitrateAsync(Identity(1), None);
        using ScsiUnit administrator = Looker();
        administrator.Require(ScsiCommand.PersistentReserveOut(ReserveOutAction.RegisterAndIgnoreExistingKey, 0, 0, 99), Soon);
        administrator.Require(ScsiCommand.PersistentReserveOut(ReserveOutAction.Clear, 0, 99), Soon);
        Assert.False(Held(administrator).IsHeld);
        Assert.Equal(WitnessOutcome.Success, (await owner.RenewAsync(Identity(1), None)).Outcome);
        Assert.Equal(KeyOf(1), Held(administrator).Key);
    }

    [Fact]
    public async Task A_reservation_that_somebody_preempted_and_did_not_claim_makes_the_owner_lose_and_nobody_win_by_it()
    {
        // As a PREEMPT does that takes effect after its sender gave up.
        await using ScsiReservationArbiter owner = Arbiter(), next = Arbiter();
        await owner.ArbitrateAsync(Identity(1), None);
        using ScsiUnit late = Looker();
        late.Require(ScsiCommand.PersistentReserveOut(ReserveOutAction.RegisterAndIgnoreExistingKey, 0, 0, KeyOf(5)), Soon);
        late.Require(ScsiCommand.PersistentReserveOut(ReserveOutAction.Preempt, ReservationType.WriteExclusiveRegistrantsOnly, KeyOf(5), KeyOf(1)), Soon);
        var sinceOwned = Stopwatch.StartNew();
        Assert.Equal(WitnessOutcome.Lost, (await owner.RenewAsync(Identity(1), None)).Outcome);
        Assert.Equal(WitnessOutcome.Success, (await next.ArbitrateAsync(Identity(2), None)).Outcome);
        Assert.True(sinceOwned.Elapsed > TimeSpan.FromSeconds(0.9), "The claim of the owner was not waited for.");
        Assert.Equal(KeyOf(2), Held(late).Key);
    }

    [Fact]
    public async Task A_strangers_reservation_is_named_and_not_touched()
    {
        using ScsiUnit stranger = Looker();
        stranger.Require(ScsiCommand.PersistentReserveOut(ReserveOutAction.RegisterAndIgnoreExistingKey, 0, 0, 0xabcdef), Soon);
        stranger.Require(ScsiCommand.PersistentReserveOut(ReserveOutAction.Reserve, ReservationType.WriteExclusive, 0xabcdef), Soon);
        await using ScsiReservationArbiter arbiter = Arbiter();
        Assert.Contains("0000000000abcdef", await arbiter.CheckAsync(Identity(1), None), StringComparison.Ordinal);
        WitnessResult answer = await arbiter.ArbitrateAsync(Identity(1), None);
        Assert.Equal(WitnessOutcome.Unknown, answer.Outcome);
        Assert.Contains("0000000000abcdef", answer.Detail, StringComparison.Ordinal);
        Assert.Equal(0xabcdefUL, Held(stranger).Key);
    }

    [Fact]
    public async Task Foreign_data_is_refused_until_it_is_given_up_explicitly()
    {
        using ScsiUnit writer = Looker();
        Assert.True(writer.TryWrite(100, [.. Enumerable.Repeat((byte)7, 512)], Soon));
        await using ScsiReservationArbiter arbiter = Arbiter();
        Assert.Contains("neither blank nor", await arbiter.CheckAsync(Identity(1), None), StringComparison.Ordinal);
        Assert.Equal(WitnessOutcome.Unknown, (await arbiter.ArbitrateAsync(Identity(1), None)).Outcome);
        Assert.Equal(7, writer.TryRead(100, 1, Soon)![0]);
        Assert.Null(await arbiter.InitializeAsync(Identity(1), clearReservations: false, None));
        Assert.Null(await arbiter.CheckAsync(Identity(1), None));
        Assert.Equal(WitnessOutcome.Success, (await arbiter.ArbitrateAsync(Identity(1), None)).Outcome);
    }

    [Fact]
    public async Task A_witness_in_use_is_not_initialised()
    {
        await using ScsiReservationArbiter owner = Arbiter(), other = Arbiter();
        await owner.ArbitrateAsync(Identity(1), None);
        Assert.Contains("stop every node", await other.InitializeAsync(Identity(2), clearReservations: false, None), StringComparison.Ordinal);
        Assert.Equal(WitnessOutcome.Success, (await owner.RenewAsync(Identity(1), None)).Outcome);
    }

    [Fact]
    public async Task A_torn_head_costs_nothing_and_two_damaged_ones_are_an_error_that_names_the_node()
    {
        await using ScsiReservationArbiter owner = Arbiter();
        await owner.ArbitrateAsync(Identity(1), None);
        await owner.WriteSlotAsync(Identity(1), [View(4, 1)], None);
        await owner.WriteSlotAsync(Identity(1), [View(5, 1)], None);
        await owner.ReleaseAsync(Identity(1), None);
        using ScsiUnit vandal = Looker();
        byte[] noise = [.. Enumerable.Repeat((byte)7, 512)];
        // Of the two copies the older one: the newer one still counts.
        byte[] heads = vandal.TryRead(2, 2, Soon)!;
        long older = BitConverter.ToInt64(heads, 42) < BitConverter.ToInt64(heads, 512 + 42) ? 2 : 3;
        Assert.True(vandal.TryWrite(older, noise, Soon));
        await using ScsiReservationArbiter next = Arbiter();
        WitnessResult won = await next.ArbitrateAsync(Identity(2), None);
        Assert.Equal(5, won.Views.Max(static view => view.Epoch.Value));
        await next.ReleaseAsync(Identity(2), None);
        Assert.True(vandal.TryWrite(2, [.. noise, .. noise], Soon));
        WitnessResult damaged = await next.ArbitrateAsync(Identity(2), None);
        Assert.Equal(WitnessOutcome.Unknown, damaged.Outcome);
        Assert.Contains("node 1", damaged.Detail, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Another_LUN_than_the_expected_one_is_refused_with_both_names()
    {
        await using ScsiReservationArbiter arbiter = Arbiter(new ScsiReservationOptions { ExpectedUnit = "naa.60014050000" });
        string? trouble = await arbiter.CheckAsync(Identity(1), None);
        Assert.Contains("naa.60014050000", trouble, StringComparison.Ordinal);
        using ScsiUnit looker = Looker();
        string name = UnitCheck.IdentityOf(looker, Soon)!;
        Assert.Contains(name, trouble, StringComparison.Ordinal);
        await using ScsiReservationArbiter right = Arbiter(new ScsiReservationOptions { ExpectedUnit = name });
        Assert.Null(await right.CheckAsync(Identity(1), None));
    }

    [Fact]
    public async Task A_number_beyond_the_LUNs_room_is_refused()
    {
        await using ScsiReservationArbiter arbiter = Arbiter(new ScsiReservationOptions { MaxNodes = 4 });
        Assert.Contains("1 to 4", await arbiter.CheckAsync(Identity(5), None), StringComparison.Ordinal);
        WitnessResult answer = await arbiter.ArbitrateAsync(Identity(5), None);
        Assert.Equal(WitnessOutcome.Unknown, answer.Outcome);
        Assert.Contains("MaxNodes", answer.Detail, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_write_kept_on_its_way_changes_nothing_once_the_next_session_has_taken_the_reservation(bool taken)
    {
        // tgtd does not end the old session at a login with the same ISID; without a reservation the late write does come.
        static byte[] Block(byte content) => [.. Enumerable.Repeat(content, 512)];
        await using var way = new TcpProxy(_server.EndPoint);
        var address = new IscsiAddress(way.EndPoint.ToString(), TgtServer.Target, 1, "iqn.2026-11.test:late", (1, 1));
        ReservationKey key = ReservationKey.For(Identity(1));
        using var next = new ScsiUnit(new LibIscsiTransport(address with { Portal = _server.EndPoint.ToString() }), TimeSpan.FromSeconds(10));
        using (var slow = new LibIscsiTransport(address))
        using (var first = new ScsiUnit(slow, TimeSpan.FromSeconds(10)))
        {
            if (taken) Assert.True(new PersistentReservation(first, key).TryTake(new Holder(Holding.Nobody), Soon));
            Assert.True(first.TryWrite(500, Block(1), Soon));
            way.HoldRequests();
            Assert.Throws<ScsiTimeoutException>(() => slow.Execute(ScsiCommand.Write(500, Block(2), 512), TimeSpan.FromMilliseconds(300)));
        }
        var reservation = new PersistentReservation(next, key);
        if (taken)
        {
            Holder holder = reservation.Look(Soon);
            Assert.Equal(Holding.Mine, holder.Kind);
            Assert.False(next.TryWrite(500, Block(3), Soon));
            Assert.True(reservation.TryTake(holder, Soon));
        }
        Assert.True(next.TryWrite(500, Block(3), Soon));
        way.Heal();
        if (taken)
        {
            for (int i = 0; i < 300; i++) Assert.Equal(3, next.TryRead(500, 1, Soon)![0]);
        }
        else
        {
            await UntilAsync(() => next.TryRead(500, 1, Soon)![0] == 2, "the late write never came: this test shows nothing");
        }
    }

    private static Deadline Soon => new(MonotonicClock.System.Now + Patience, None);

    private static ArbiterIdentity Identity(int node) => new("c", new NodeId(node), new Incarnation(1));

    private static ulong KeyOf(int node) => ReservationKey.For(Identity(node)).Value;

    private static ImmutableArray<ulong> Keys(ScsiUnit unit)
        => RegisteredKeys.Parse(unit.Require(ScsiCommand.PersistentReserveIn(ReserveInAction.ReadKeys, 1024), Soon).Data)!.Keys;

    private static HeldReservation Held(ScsiUnit unit)
        => HeldReservation.Parse(unit.Require(ScsiCommand.PersistentReserveIn(ReserveInAction.ReadReservation, 256), Soon).Data)!;

    private static ClusterView View(long epoch, params int[] nodes)
        => new(new Epoch(epoch), nodes.Select(static node => new ClusterMember(new NodeId(node), new Incarnation(1), 1, 1)), default, ClusterTiming.Local);

    private static async Task UntilAsync(Func<bool> condition, string trouble)
    {
        using var limit = new CancellationTokenSource(Patience);
        while (!condition())
        {
            Assert.False(limit.IsCancellationRequested, trouble);
            await Task.Delay(20, None);
        }
    }

    private ScsiUnit Looker()
        => new(new LibIscsiTransport(new IscsiAddress(_server.EndPoint.ToString(), TgtServer.Target, 1, "iqn.2026-11.test:looker", (0xabc, 7))), TimeSpan.FromSeconds(10));

    private ScsiReservationArbiter Arbiter(ScsiReservationOptions? options = null)
    {
        options ??= new ScsiReservationOptions { OwnershipPeriod = TimeSpan.FromSeconds(3), RenewInterval = TimeSpan.FromSeconds(0.5) };
        options.Portal = _server.EndPoint.ToString();
        options.Target = TgtServer.Target;
        options.Lun = 1;
        return new ScsiReservationArbiter(options);
    }
}
