// What runs inside the guest: "disks A B C", two block devices that are two I_T nexuses of one LUN, and one without reservations. Plays the contest through the
// kernel (SG_IO) with persistent and with classic reservations; prints one line per step; the exit code says whether all held.
using System.Collections.Immutable;
using System.Diagnostics;
using Membership.Arbiters.Scsi.Commands;
using Membership.Arbiters.Scsi.Reservations;
using Membership.Arbiters.Scsi.Transports;
using Membership.Engine;
using Membership.Engine.Arbitration;
using Membership.Engine.Runtime;

namespace Membership.Arbiters.Scsi.Tests.Full;

internal static class DiskProgram
{
    public const string Verb = "disks";

    private const int Rounds = 20;
    private static readonly TimeSpan Period = TimeSpan.FromSeconds(4);

    private static CancellationToken None => CancellationToken.None;

    private static Deadline Soon => new(MonotonicClock.System.Now + TimeSpan.FromSeconds(30), None);

    public static async Task<int> RunAsync(string first, string second, string plain)
    {
        try
        {
            await RefuseAsync(plain);
            await ContestAsync(first, second, ScsiReservationMode.Persistent);
            Commands(first, second);
            await ContestAsync(first, second, ScsiReservationMode.Classic);
            await RaceAsync(first, second);
            Console.WriteLine("DISKS-PASSED");
            return 0;
        }
#pragma warning disable CA1031 // Whatever it was, the console of the guest is the only place to say it.
        catch (Exception failure)
#pragma warning restore CA1031
        {
            Console.WriteLine($"DISKS-FAILED {failure}");
            return 1;
        }
    }

    /// <summary>A disk that cannot do it.</summary>
    private static async Task RefuseAsync(string plain)
    {
        await using ScsiReservationArbiter arbiter = Arbiter(plain, ScsiReservationMode.Persistent);
        string? verdict = await arbiter.CheckAsync(Identity(1), None);
        Expect(verdict?.Contains("does not do SCSI-3 persistent reservations", StringComparison.Ordinal) == true && verdict.Contains(plain, StringComparison.Ordinal), $"a disk without reservations is refused: {verdict}");
    }

    /// <summary>Win, write, defend; then die, be replaced, and be shut out.</summary>
    private static async Task ContestAsync(string first, string second, ScsiReservationMode mode)
    {
        await using ScsiReservationArbiter owner = Arbiter(first, mode), rival = Arbiter(second, mode);
        Expect(await owner.CheckAsync(Identity(1), None) is null, $"{mode}: the first disk is fit: {await owner.CheckAsync(Identity(1), None)}");
        Expect(await rival.CheckAsync(Identity(2), None) is null, $"{mode}: the second disk is fit");
        WitnessResult won = await owner.ArbitrateAsync(Identity(1), None);
        Expect(won.Outcome == WitnessOutcome.Success, $"{mode}: the first challenge is won: {won.Detail}");
        Expect((await owner.WriteSlotAsync(Identity(1), [View(7, 1, 2)], None)).Outcome == WitnessOutcome.Success, $"{mode}: a view is written");
        Task<WitnessResult> challenge = rival.ArbitrateAsync(Identity(2), None).AsTask();
        while (!challenge.IsCompleted)
        {
            await Task.WhenAny(challenge, Task.Delay(Period / 4));
            if (!challenge.IsCompleted) Expect((await owner.RenewAsync(Identity(1), None)).Outcome == WitnessOutcome.Success, null);
        }
        Expect((await challenge).Outcome == WitnessOutcome.Lost, $"{mode}: a defended witness is lost: {(await challenge).Detail}");
        Expect((await owner.RenewAsync(Identity(1), None)).Outcome == WitnessOutcome.Success, $"{mode}: the owner owns it still");
        var clock = Stopwatch.StartNew();
        WitnessResult taken = await rival.ArbitrateAsync(Identity(2), None);
        Expect(taken.Outcome == WitnessOutcome.Success, $"{mode}: a silent owner is replaced after {clock.Elapsed.TotalSeconds:0.0} s: {taken.Detail}");
        Expect(clock.Elapsed > Period * 0.9, $"{mode}: and was left alone for its period");
        Expect(taken.Views.Any(static view => view.Epoch.Value == 7), $"{mode}: what it wrote is read");
        Expect((await owner.RenewAsync(Identity(1), None)).Outcome == WitnessOutcome.Lost, $"{mode}: it knows that it lost");
        using var fenced = new ScsiUnit(new LinuxBlockTransport(first), TimeSpan.FromSeconds(10));
        Expect(fenced.Run(ScsiCommand.Write(0, new byte[512], 512), Soon).IsConflict, $"{mode}: and cannot write");
        await rival.ReleaseAsync(Identity(2), None);
    }

    /// <summary>What only a faithful target does.</summary>
    private static void Commands(string first, string second)
    {
        using var one = new ScsiUnit(new LinuxBlockTransport(first), TimeSpan.FromSeconds(10));
        using var two = new ScsiUnit(new LinuxBlockTransport(second), TimeSpan.FromSeconds(10));
        const ReservationType Type = ReservationType.WriteExclusiveRegistrantsOnly;
        one.Require(ScsiCommand.PersistentReserveOut(ReserveOutAction.RegisterAndIgnoreExistingKey, 0, 0, 1), Soon);
        one.Require(ScsiCommand.PersistentReserveOut(ReserveOutAction.Clear, 0, 1), Soon);
        one.Require(ScsiCommand.PersistentReserveOut(ReserveOutAction.RegisterAndIgnoreExistingKey, 0, 0, 1), Soon);
        two.Require(ScsiCommand.PersistentReserveOut(ReserveOutAction.Register, 0, 0, 2), Soon);
        one.Require(ScsiCommand.PersistentReserveOut(ReserveOutAction.Reserve, Type, 1), Soon);
        ImmutableArray<Registration> all = Registration.ParseAll(one.Require(ScsiCommand.PersistentReserveIn(ReserveInAction.ReadFullStatus, 1024), Soon).Data);
        Expect(all.Length == 2 && all.Single(static each => each.IsHolder) is { Key: 1, Type: Type }, $"READ FULL STATUS lists both: {string.Join(", ", all)}");
        Expect(two.Run(ScsiCommand.PersistentReserveOut(ReserveOutAction.Preempt, Type, 2, 1), Soon).IsGood, "PREEMPT takes the reservation");
        Expect(one.Run(ScsiCommand.Write(900, new byte[512], 512), Soon).IsConflict, "the unit attention 2A/05 is passed over and the write conflicts");
        ReservationCapabilities can = ReservationCapabilities.Parse(one.Require(ScsiCommand.PersistentReserveIn(ReserveInAction.ReportCapabilities, 8), Soon).Data)!;
        Expect(can.PersistsThroughPowerLoss && can.TypesAreListed && !can.Lacks(Type), $"REPORT CAPABILITIES: {can}");
        two.Require(ScsiCommand.PersistentReserveOut(ReserveOutAction.Clear, 0, 2), Soon);
        Expect(UnitCheck.IdentityOf(one, Soon) is { } name && name == UnitCheck.IdentityOf(two, Soon) && name.StartsWith("naa.", StringComparison.Ordinal), "both disks are one unit by name");
    }

    private static async Task RaceAsync(string first, string second)
    {
        await using ScsiReservationArbiter one = Arbiter(first, ScsiReservationMode.Persistent), two = Arbiter(second, ScsiReservationMode.Persistent);
        for (int round = 0; round < Rounds; round++)
        {
            Task<WitnessResult>[] both = [one.ArbitrateAsync(Identity(1), None).AsTask(), two.ArbitrateAsync(Identity(2), None).AsTask()];
            Task<WitnessResult> winner = await Task.WhenAny(both);
            while (!both.All(static call => call.IsCompleted))
            {
                // The winner defends, so that the other hears it.
                if ((await winner).Outcome == WitnessOutcome.Success) await (winner == both[0] ? one.RenewAsync(Identity(1), None) : two.RenewAsync(Identity(2), None));
                await Task.Delay(50);
            }
            WitnessOutcome[] outcomes = [.. both.Select(static call => call.Result.Outcome)];
            Expect(outcomes.Count(static outcome => outcome == WitnessOutcome.Success) == 1, null, $"round {round}: {string.Join(", ", both.Select(static call => call.Result))}");
            if (outcomes[0] == WitnessOutcome.Success) await one.ReleaseAsync(Identity(1), None);
            else await two.ReleaseAsync(Identity(2), None);
        }
        Console.WriteLine($"ok {Rounds} races, one winner each");
    }

    private static void Expect(bool holds, string? what, string? detail = null)
    {
        if (!holds) throw new InvalidOperationException(what ?? detail ?? "a step failed");
        if (what is not null) Console.WriteLine($"ok {what}");
    }

    private static ScsiReservationArbiter Arbiter(string device, ScsiReservationMode mode) => new(new ScsiReservationOptions
    {
        Device = device, Mode = mode, OwnershipPeriod = Period, RenewInterval = Period / 4, CommandTimeout = TimeSpan.FromSeconds(3), AbortPreempted = false,
    });

    private static ArbiterIdentity Identity(int node) => new("c", new NodeId(node), new Incarnation(1));

    private static ClusterView View(long epoch, params int[] nodes)
        => new(new Epoch(epoch), nodes.Select(static node => new ClusterMember(new NodeId(node), new Incarnation(1), 1, 1)), default, ClusterTiming.Local);
}
