// What the runtime and its arbiter do for one process: commands one at a time, a deadline for each, the challenge
// (watch a foreign owner for W*(1+rho) before taking over), and the owner's renewal loop.
using System.Collections.Immutable;
using Membership.Engine;
using Membership.Engine.Protocol;

namespace Membership.Simulator.World;

internal sealed class SimArbiter(ClusterWorld world, SimProcess process)
{
    private readonly Queue<Action> _waiting = new();
    private bool _busy;
    private bool _renewing;
    private long _operation;

    /// <summary>The newest operation that took effect at the witness: none before it does any more, as every arbiter guarantees.</summary>
    private long _effective;

    /// <summary>Until when this process believes, by its own clock, that it owns the witness.</summary>
    public MonotonicTime OwnedUntil { get; private set; } = MonotonicTime.MinValue;

    private TimeSpan OwnerPeriod => TimeSpan.FromTicks((long)(world.Options.WitnessPeriod * (1 - world.Options.Rho)));

    private long ChallengePeriod => process.Node.Clock.VirtualSpan(TimeSpan.FromTicks((long)(world.Options.WitnessPeriod * (1 + world.Options.Rho))));

    public void Arbitrate(long id, TimeSpan timeout) => Enqueue(() =>
    {
        long operation = Begin(timeout, () => Answer(id, ArbitrationOutcome.Unknown, MonotonicTime.MinValue, []));
        Look(operation, id, -1, 0);
    });

    public void WriteSlot(long id, ImmutableArray<ClusterView> slot) => Enqueue(() =>
    {
        MonotonicTime before = process.LocalNow;
        long operation = Begin(TimeSpan.FromTicks(world.Options.WitnessPeriod), () => Written(id, false, MonotonicTime.MinValue));
        bool done = false;
        world.Witness.Command(process, () =>
        {
            if (!world.Witness.OwnedBy(process) || operation < _effective) return;
            _effective = operation;
            world.Witness.Write(process.Number, slot);
            done = true;
        }, ok =>
        {
            if (!End(operation)) return;
            MonotonicTime until = before + OwnerPeriod;
            bool confirmed = ok && done && process.LocalNow < until && process.LocalNow < OwnedUntil;
            Written(id, confirmed, confirmed ? until : MonotonicTime.MinValue);
        });
    });

    public void Release()
    {
        Enqueue(() =>
        {
            // Not before its turn: a renewal under way reports first, as in the runtime.
            Believe(MonotonicTime.MinValue);
            long generation = -1;
            long operation = Begin(TimeSpan.FromTicks(world.Options.WitnessPeriod), static () => { });
            // A released claim is named by its generation, so that a late release cannot free a later claim.
            world.Witness.Command(process, () => generation = world.Witness.OwnedBy(process) ? world.Witness.Generation : -1, ok =>
            {
                if (!ok || generation < 0)
                {
                    End(operation);
                    return;
                }
                world.Witness.Command(process, () =>
                {
                    if (world.Witness.OwnedBy(process) && world.Witness.Generation == generation) world.Witness.Free();
                }, _ => End(operation));
            });
        });
    }

    // One look at the witness; a foreign owner starts (or goes on with) the watch of its generation.
    private void Look(long operation, long id, long watched, long watchedSince)
    {
        MonotonicTime before = process.LocalNow;
        bool mine = false, moved = false;
        long seen = -1;
        ImmutableArray<ClusterView> record = [];
        bool ripe = watched >= 0 && world.Now - watchedSince >= ChallengePeriod;
        world.Witness.Command(process, () =>
        {
            VirtualWitness witness = world.Witness;
            seen = witness.Generation;
            if (witness.OwnedBy(process)) witness.Renew();
            else if (witness.IsFree || (ripe && witness.Generation == watched)) witness.Take(process);
            mine = witness.OwnedBy(process);
            if (mine) _effective = Math.Max(_effective, operation);
            moved = watched >= 0 && seen != watched && !mine;
            record = witness.ReadRecord();
        }, ok =>
        {
            if (operation != _operation) return;
            if (!ok)
            {
                if (End(operation)) Answer(id, ArbitrationOutcome.Unknown, MonotonicTime.MinValue, []);
            }
            else if (mine)
            {
                if (End(operation)) Answer(id, ArbitrationOutcome.Won, before + OwnerPeriod, record);
            }
            else if (moved)
            {
                if (End(operation)) Answer(id, ArbitrationOutcome.Lost, MonotonicTime.MinValue, []);
            }
            else
            {
                // The watch starts after the answer was read: never earlier than the renewal it saw.
                long since = watched >= 0 ? watchedSince : world.Now;
                long next = Math.Min(since + ChallengePeriod + 1, world.Now + world.Options.WitnessPeriod / 6) - world.Now;
                process.Run(Math.Max(1, next), () =>
                {
                    if (operation == _operation) Look(operation, id, seen, since);
                });
            }
        });
    }

    private void Answer(long id, ArbitrationOutcome outcome, MonotonicTime ownedUntil, ImmutableArray<ClusterView> record)
    {
        if (world.Trace.On) world.Trace.Line(world.Now, process.Number, $"arbitration: {outcome}{(outcome == ArbitrationOutcome.Won ? $", record [{string.Join(" ", record)}]" : "")}");
        world.Transcript?.Event(process.Number, $"hears from the witness: {outcome}{(outcome == ArbitrationOutcome.Won ? $", record [{string.Join(" ", record)}]" : "")}");
        if (outcome == ArbitrationOutcome.Won) Believe(ownedUntil);
        process.Call(now => process.Core.ArbitrationCompleted(id, outcome, ownedUntil, record, now));
    }

    private void Written(long id, bool confirmed, MonotonicTime ownedUntil)
    {
        if (world.Trace.On) world.Trace.Line(world.Now, process.Number, confirmed ? "record write confirmed" : "record write NOT confirmed");
        world.Transcript?.Event(process.Number, confirmed ? "its record is confirmed" : "its record is not confirmed");
        if (confirmed) Believe(ownedUntil);
        process.Call(now => process.Core.RecordWritten(id, confirmed, ownedUntil, now));
    }

    private void Renew()
    {
        _renewing = false;
        if (OwnedUntil == MonotonicTime.MinValue) return;
        PlanRenewal();
        if (_busy) return;
        Enqueue(() =>
        {
            MonotonicTime before = process.LocalNow;
            bool mine = false;
            long operation = Begin(TimeSpan.FromTicks(world.Options.WitnessPeriod / 3), static () => { });
            world.Witness.Command(process, () =>
            {
                mine = world.Witness.OwnedBy(process);
                if (!mine) return;
                _effective = Math.Max(_effective, operation);
                world.Witness.Renew();
            }, ok =>
            {
                if (!End(operation) || !ok || OwnedUntil == MonotonicTime.MinValue) return;
                MonotonicTime until = mine ? before + OwnerPeriod : MonotonicTime.MinValue;
                if (mine) Believe(until);
                process.Call(now => process.Core.WitnessOwnershipChanged(until, now));
                // Not before: what was due by now is said first, and goes by what was given before (seed 81079).
                if (!mine) Believe(until);
            });
        });
    }

    private void Believe(MonotonicTime until)
    {
        OwnedUntil = until;
        world.Checkers.OwnershipBelieved(process, until);
        if (until != MonotonicTime.MinValue) PlanRenewal();
    }

    private void PlanRenewal()
    {
        if (_renewing) return;
        _renewing = true;
        process.Run(world.Options.WitnessPeriod / 3, Renew);
    }

    private void Enqueue(Action operation)
    {
        _waiting.Enqueue(operation);
        if (!_busy) Next();
    }

    private void Next()
    {
        if (_busy || !process.Alive || !_waiting.TryDequeue(out Action? operation)) return;
        operation();
    }

    private long Begin(TimeSpan timeout, Action timedOut)
    {
        _busy = true;
        long operation = ++_operation;
        process.Run(process.Node.Clock.VirtualSpan(timeout), () =>
        {
            if (End(operation)) timedOut();
        });
        return operation;
    }

    // True for the first to end this operation; the next one starts right after the caller is done with it.
    private bool End(long operation)
    {
        if (operation != _operation || !_busy) return false;
        _busy = false;
        _operation++;
        process.Run(0, Next);
        return true;
    }
}
