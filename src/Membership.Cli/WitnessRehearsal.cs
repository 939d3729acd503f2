// Two parties contend for a real witness, as two halves of a cluster would, and it is seen whether the witness keeps what safety rests
// on: one owner at a time, an owner that defends stays, and one that is gone is replaced only after its time.
using System.Diagnostics;
using Membership.Engine;
using Membership.Engine.Arbitration;

namespace Membership.Cli;

/// <summary>One step and how it went.</summary>
internal sealed record CheckResult(string What, bool Good, string Detail, bool IsWarning = false);

/// <summary>What a contest may do with the record.</summary>
internal enum TrialRecord
{
    /// <summary>It writes a view, and nobody will miss it.</summary>
    Written,

    /// <summary>It is the real one: it stays as it is.</summary>
    Kept,
}

/// <summary>How a contest ended.</summary>
internal enum Rehearsed
{
    /// <summary>Everything was as it must be.</summary>
    Fit,

    /// <summary>Something was not.</summary>
    Unfit,

    /// <summary>Somebody else owned the witness and defended it.</summary>
    InUse,
}

internal sealed class WitnessRehearsal(string clusterId, TimeSpan period, Action<CheckResult> tell)
{
    private readonly ArbiterIdentity _first = new(clusterId, new NodeId(1), new Incarnation(1));
    private readonly ArbiterIdentity _second = new(clusterId, new NodeId(2), new Incarnation(1));

    public async Task<Rehearsed> RunAsync(IQuorumArbiter one, IQuorumArbiter two, TrialRecord record, CancellationToken cancellationToken)
    {
        WitnessResult won = await TimedAsync("the first party wins a witness that nobody owns", one, _first, WitnessOutcome.Success, cancellationToken);
        if (won.Outcome != WitnessOutcome.Success) return won.Outcome == WitnessOutcome.Lost && record == TrialRecord.Kept ? Rehearsed.InUse : Rehearsed.Unfit;
        bool good = true;
        using (var enough = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken))
        {
            Task<bool> defending = DefendAsync(one, enough.Token);
            WitnessResult contested = await TimedAsync("the second party does not win while the first defends", two, _second, WitnessOutcome.Lost, cancellationToken);
            good &= contested.Outcome == WitnessOutcome.Lost;
            await enough.CancelAsync();
            good &= Tell("the owner could renew all the while", await defending, "");
        }
        if (record == TrialRecord.Written)
        {
            WitnessResult written = await CallAsync(token => one.WriteSlotAsync(_first, [Trial], token), cancellationToken);
            good &= Tell("the owner writes the record and has it confirmed", written.Outcome == WitnessOutcome.Success, written.Detail ?? "confirmed");
        }
        await one.ReleaseAsync(_first, cancellationToken);
        // From its call on the second party owns it, and says nothing more, as a machine that has died.
        var silence = Stopwatch.StartNew();
        WitnessResult handed = await TimedAsync("the second party wins what the first gave up", two, _second, WitnessOutcome.Success, cancellationToken);
        if (handed.Outcome != WitnessOutcome.Success) return Rehearsed.Unfit;
        good &= record == TrialRecord.Written
            ? Tell("the second party reads what the first recorded", handed.Views.Contains(Trial), $"{handed.Views.Length} view(s) in the record")
            : Tell("the second party reads the record that was there", handed.Views.SequenceEqual(won.Views), $"{handed.Views.Length} view(s) in the record");
        WitnessResult replaced = await TimedAsync("the first party wins from an owner that is gone", one, _first, WitnessOutcome.Success, cancellationToken);
        TimeSpan after = silence.Elapsed;
        good &= replaced.Outcome == WitnessOutcome.Success;
        if (replaced.Outcome == WitnessOutcome.Success)
        {
            good &= Tell("and not before the owner's time was up", after >= handed.OwnedFor, $"after {after.TotalSeconds:0.00} s; it believed for {handed.OwnedFor.TotalSeconds:0.00} s");
            WitnessResult late = await CallAsync(token => two.RenewAsync(_second, token), cancellationToken);
            good &= Tell("and it cannot renew any more", late.Outcome != WitnessOutcome.Success, late.Detail ?? $"{late.Outcome}");
        }
        await one.ReleaseAsync(_first, cancellationToken);
        return good ? Rehearsed.Fit : Rehearsed.Unfit;
    }

    private static ClusterView Trial { get; } = new(
        new Epoch(1), [new ClusterMember(new NodeId(1), new Incarnation(1), 1, 1), new ClusterMember(new NodeId(2), new Incarnation(1), 1, 2)],
        new QuorumRule(QuorumPolicy.NodeAndWitnessMajority, TieBreaker.None, WitnessPinned: false), ClusterTiming.Default);

    private async Task<bool> DefendAsync(IQuorumArbiter owner, CancellationToken enough)
    {
        using var timer = new PeriodicTimer(owner.RenewInterval);
        bool good = true;
        try
        {
            while (await timer.WaitForNextTickAsync(enough)) good &= (await CallAsync(token => owner.RenewAsync(_first, token), enough)).Outcome == WitnessOutcome.Success;
        }
        catch (OperationCanceledException) when (enough.IsCancellationRequested)
        {
            // The contest is over.
        }
        return good;
    }

    private async Task<WitnessResult> TimedAsync(string what, IQuorumArbiter arbiter, ArbiterIdentity identity, WitnessOutcome wanted, CancellationToken cancellationToken)
    {
        var time = Stopwatch.StartNew();
        WitnessResult result = await CallAsync(token => arbiter.ArbitrateAsync(identity, token), cancellationToken);
        Tell(what, result.Outcome == wanted, $"{result.Outcome} after {time.Elapsed.TotalSeconds:0.00} s{(result.Detail is null ? "" : ": " + result.Detail)}");
        return result;
    }

    private async Task<WitnessResult> CallAsync(Func<CancellationToken, ValueTask<WitnessResult>> call, CancellationToken cancellationToken)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        limit.CancelAfter(period * 4 + TimeSpan.FromSeconds(10));
        return await call(limit.Token).AsTask().WaitAsync(period * 4 + TimeSpan.FromSeconds(15), cancellationToken);
    }

    private bool Tell(string what, bool good, string detail)
    {
        tell(new CheckResult(what, good, detail));
        return good;
    }
}
