// What runs inside the guest: "mounts A B", one share of a real smbd mounted twice by the kernel's own client (cifs), each over a
// connection of its own. Plays the contest with the default options, races, and a cut; prints one line per step.
using System.Collections.Immutable;
using System.Diagnostics;
using Membership.Arbiters.FileShare.Shares;
using Membership.Engine;
using Membership.Engine.Arbitration;

namespace Membership.Arbiters.FileShare.Tests;

internal static class MountProgram
{
    public const string Verb = "mounts";

    /// <summary>Said to the host, which does it.</summary>
    public const string Cut = "PLEASE-CUT", Heal = "PLEASE-HEAL";

    private const int Rounds = 10;

    /// <summary>What an interpreted processor may add.</summary>
    private static readonly TimeSpan Tolerance = TimeSpan.FromSeconds(3);

    private static CancellationToken None => CancellationToken.None;

    public static async Task<int> RunAsync(string first, string second)
    {
        try
        {
            Locks(first, second);
            await using FileShareArbiter owner = Arbiter(first), rival = Arbiter(second);
            await ContestAsync(owner, rival);
            await RaceAsync(owner, rival);
            await CutAsync(owner, rival);
            Console.WriteLine("MOUNTS-PASSED");
            return 0;
        }
#pragma warning disable CA1031 // Whatever it was, the console of the guest is the only place to say it.
        catch (Exception failure)
#pragma warning restore CA1031
        {
            Console.WriteLine($"MOUNTS-FAILED {failure}");
            return 1;
        }
    }

    /// <summary>What the arbiter builds on: exclusive creation, and a lock that excludes across mounts.</summary>
    private static void Locks(string first, string second)
    {
        using var one = new MountedShare(first, allowLocal: false);
        using var two = new MountedShare(second, allowLocal: false);
        Expect(one.TryCreate("made-once", [1, 2, 3]) && !two.TryCreate("made-once", [4]), "exclusive creation excludes across mounts");
        Expect(two.Read("made-once") is [1, 2, 3], "what one mount wrote the other reads");
        using (IShareLock? held = one.TryLock("lock"))
        {
            Expect(held is not null && held.Stands(), "a lock is taken");
            Expect(two.TryLock("lock") is null, "a lock excludes across mounts");
        }
        using IShareLock? next = two.TryLock("lock");
        Expect(next is not null, "a lock that was given back is taken by the other mount");
        two.Delete("made-once");
    }

    /// <summary>Win, write, defend; then die, and be replaced in time.</summary>
    private static async Task ContestAsync(FileShareArbiter owner, FileShareArbiter rival)
    {
        Expect(await owner.CheckAsync(Identity(1), None) is null, $"the first mount is fit: {await owner.CheckAsync(Identity(1), None)}");
        Expect(await rival.CheckAsync(Identity(2), None) is null, "the second mount is fit");
        WitnessResult won = await owner.ArbitrateAsync(Identity(1), None);
        Expect(won.Outcome == WitnessOutcome.Success, $"the first challenge is won: {won.Detail}");
        Expect((await owner.WriteSlotAsync(Identity(1), [View(7)], None)).Outcome == WitnessOutcome.Success, "a view is written");
        Task<WitnessResult> challenge = rival.ArbitrateAsync(Identity(2), None).AsTask();
        await DefendUntilAsync(owner, Identity(1), challenge);
        Expect((await challenge).Outcome == WitnessOutcome.Lost, $"a defended witness is lost: {(await challenge).Detail}");
        var clock = Stopwatch.StartNew();
        WitnessResult last = await owner.RenewAsync(Identity(1), None);
        Expect(last.Outcome == WitnessOutcome.Success, $"the owner owns it still: {last.Detail}");
        WitnessResult taken = await WinAsync(rival, Identity(2));
        Expect(clock.Elapsed >= last.OwnedFor, $"a silent owner is left alone for {last.OwnedFor.TotalSeconds:0.0} s, and replaced after {clock.Elapsed.TotalSeconds:0.0} s");
        Expect(clock.Elapsed < rival.TakeoverTime + rival.RenewInterval + Tolerance, "within the bound");
        Expect(taken.Views.Contains(View(7)), "what it wrote is read");
        Expect((await owner.RenewAsync(Identity(1), None)).Outcome == WitnessOutcome.Lost, "it knows that it lost");
        await rival.ReleaseAsync(Identity(2), None);
    }

    private static async Task RaceAsync(FileShareArbiter one, FileShareArbiter two)
    {
        for (int round = 0; round < Rounds; round++)
        {
            Task<WitnessResult>[] both = [one.ArbitrateAsync(Identity(1), None).AsTask(), two.ArbitrateAsync(Identity(2), None).AsTask()];
            Task<WitnessResult> winner = await Task.WhenAny(both);
            bool first = winner == both[0];
            if ((await winner).Outcome == WitnessOutcome.Success) await DefendUntilAsync(first ? one : two, Identity(first ? 1 : 2), first ? both[1] : both[0]);
            await Task.WhenAll(both);
            WitnessOutcome[] outcomes = [both[0].Result.Outcome, both[1].Result.Outcome];
            Expect(outcomes.Count(static outcome => outcome == WitnessOutcome.Success) == 1, null, $"round {round}: {both[0].Result} {both[1].Result}");
            await (outcomes[0] == WitnessOutcome.Success ? one.ReleaseAsync(Identity(1), None) : two.ReleaseAsync(Identity(2), None));
        }
        Console.WriteLine($"ok {Rounds} races, one winner each");
    }

    /// <summary>The owner's connection is cut; the server holds its lock; its client takes it again behind its back when the cut is over.</summary>
    private static async Task CutAsync(FileShareArbiter owner, FileShareArbiter rival)
    {
        Expect((await WinAsync(owner, Identity(1))).Outcome == WitnessOutcome.Success, "the owner owns it again");
        var clock = Stopwatch.StartNew();
        WitnessResult last = await owner.RenewAsync(Identity(1), None);
        Expect(last.Outcome == WitnessOutcome.Success, $"and renews: {last.Detail}");
        Console.WriteLine(Cut);
        WitnessResult answer;
        do
        {
            var call = Stopwatch.StartNew();
            answer = await owner.RenewAsync(Identity(1), None);
            Expect(call.Elapsed < TimeSpan.FromSeconds(2) + Tolerance, null, $"a call in the cut took {call.Elapsed}");
            if (answer.Outcome == WitnessOutcome.Success) (clock, last) = (Stopwatch.StartNew(), answer);
        }
        while (answer.Outcome == WitnessOutcome.Success);
        Expect(answer.Outcome == WitnessOutcome.Unknown, $"a renewal in the cut comes back in time, as unknown: {answer.Detail}");
        await WinAsync(rival, Identity(2));
        Expect(clock.Elapsed < rival.TakeoverTime + rival.RenewInterval + Tolerance, null, $"the one that was cut off was replaced only after {clock.Elapsed}");
        Expect(clock.Elapsed >= last.OwnedFor, $"the one that was cut off is left alone for its time, and replaced {clock.Elapsed.TotalSeconds:0.0} s after its last renewal");
        Expect((await rival.WriteSlotAsync(Identity(2), [View(9)], None)).Outcome == WitnessOutcome.Success, "the new owner writes");
        Console.WriteLine(Heal);
        // Its thread is in the kernel until the connection is there again, with what it wanted to write.
        Task<WitnessResult> back = BackAsync(owner);
        await DefendUntilAsync(rival, Identity(2), back);
        Expect((await back).Outcome == WitnessOutcome.Lost, $"the one that comes back has lost it: {(await back).Detail}");
        Expect((await rival.RenewAsync(Identity(2), None)).Outcome == WitnessOutcome.Success, "what it sent late has changed nothing");
        await rival.ReleaseAsync(Identity(2), None);
        Expect((await WinAsync(owner, Identity(1))).Views.Contains(View(9)), "and it reads what was written meanwhile");
    }

    private static async Task<WitnessResult> BackAsync(FileShareArbiter owner)
    {
        var clock = Stopwatch.StartNew();
        while (true)
        {
            WitnessResult answer = await owner.ArbitrateAsync(Identity(1), None);
            if (answer.Outcome != WitnessOutcome.Unknown || clock.Elapsed > TimeSpan.FromSeconds(90)) return answer;
        }
    }

    private static async Task DefendUntilAsync(FileShareArbiter owner, ArbiterIdentity self, Task challenge)
    {
        while (!challenge.IsCompleted)
        {
            WitnessResult renewed = await owner.RenewAsync(self, None);
            Expect(renewed.Outcome == WitnessOutcome.Success, null, $"a defender could not renew: {renewed}");
            await Task.WhenAny(challenge, Task.Delay(owner.RenewInterval));
        }
    }

    private static async Task<WitnessResult> WinAsync(FileShareArbiter arbiter, ArbiterIdentity self)
    {
        var clock = Stopwatch.StartNew();
        while (true)
        {
            WitnessResult answer = await arbiter.ArbitrateAsync(self, None);
            if (answer.Outcome == WitnessOutcome.Success) return answer;
            Expect(clock.Elapsed < arbiter.TakeoverTime * 3 + Tolerance, null, $"it was not won: {answer}");
        }
    }

    private static void Expect(bool holds, string? what, string? detail = null)
    {
        if (!holds) throw new InvalidOperationException(detail ?? what ?? "a step failed");
        if (what is not null) Console.WriteLine($"ok {what}");
    }

    private static FileShareArbiter Arbiter(string mount) => new(new FileShareOptions { Path = mount });

    private static ArbiterIdentity Identity(int node) => new("c", new NodeId(node), new Incarnation(1));

    private static ClusterView View(long epoch) => new(new Epoch(epoch), [new ClusterMember(new NodeId(1), new Incarnation(1), 1, 1)], default, ClusterTiming.Local);
}
