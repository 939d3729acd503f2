// SCSI-3: register, reserve, preempt (and abort where the target does it), type Write Exclusive - Registrants Only.
// PREEMPT names the key it takes from, so of several challengers of one owner exactly one wins.
using System.Collections.Immutable;
using Membership.Arbiters.Scsi.Commands;
using Membership.Arbiters.Scsi.Transports;

namespace Membership.Arbiters.Scsi.Reservations;

internal sealed class PersistentReservation(ScsiUnit unit, ReservationKey key, bool abortPreempted = true) : IReservation
{
    private const ReservationType Type = ReservationType.WriteExclusiveRegistrantsOnly;
    private const ushort AnswerBytes = 8 + 8 * 1024;
    private const int MostTries = 3;

    private bool _refusesPowerLoss;
    private bool _refusesAbort = !abortPreempted;
    private int _takenIn;

    public bool IsOfThisCluster(ReservationKey other) => key.IsOfSameCluster(other);

    public string? Check(bool tries, Deadline deadline)
    {
        ScsiReply keys = unit.Run(ScsiCommand.PersistentReserveIn(ReserveInAction.ReadKeys, AnswerBytes), deadline);
        if (keys.Sense.IsUnsupported) return "does not do SCSI-3 persistent reservations (PERSISTENT RESERVE IN is unknown to it). Use another LUN, or Mode=Classic.";
        ScsiReply reported = unit.Run(ScsiCommand.PersistentReserveIn(ReserveInAction.ReportCapabilities, 8), deadline);
        if (reported.IsGood && ReservationCapabilities.Parse(reported.Data) is { } capabilities && capabilities.Lacks(Type))
            return $"does persistent reservations, but not the type Write Exclusive - Registrants Only (type mask {capabilities.TypeMask:x4}h). Use another LUN, or Mode=Classic.";
        Holder holder = Look(deadline);
        if (holder.Kind == Holding.Foreign)
            return $"is reserved by something else (key {new ReservationKey(holder.Key)}). Use a LUN of its own, or remove that reservation.";
        return !tries || TryRegister(deadline) ? null : "refuses to register a reservation key (PERSISTENT RESERVE OUT). Use another LUN, or Mode=Classic.";
    }

    public void Break(Deadline deadline) => throw new ScsiException($"{unit.Description} cannot be read though nobody may keep this node from it: check what else uses the LUN.");

    public Holder Look(Deadline deadline)
    {
        ScsiReply reply = unit.Require(ScsiCommand.PersistentReserveIn(ReserveInAction.ReadReservation, 256), deadline);
        HeldReservation held = HeldReservation.Parse(reply.Data) ?? throw new ScsiException($"{unit.Description} answered READ RESERVATION with {reply.Data.Length} bytes that make no sense.");
        if (!held.IsHeld) return new Holder(Holding.Nobody);
        if (!key.IsOfSameCluster(new ReservationKey(held.Key)) || held.Type != Type) return new Holder(Holding.Foreign, held.Key);
        return new Holder(held.Key == key.Value ? Holding.Mine : Holding.Other, held.Key);
    }

    public bool TryTake(Holder from, Deadline deadline)
    {
        if (from.Kind == Holding.Foreign || !TryRegister(deadline)) return false;
        // A holder's own RESERVE is good; with the key registered over another session it conflicts, and that session is an older one of this life.
        bool done = from.Kind != Holding.Other && Out(ReserveOutAction.Reserve, 0, deadline);
        if (!done && from.Kind is Holding.Other or Holding.Mine) done = TryPreempt(from.Key, deadline);
        if (!done || Look(deadline).Kind != Holding.Mine) return false;
        _takenIn = unit.Session;
        return true;
    }

    public bool TryKeep(Deadline deadline)
    {
        for (int i = 0; i < MostTries; i++)
        {
            Holder holder = Look(deadline);
            if (holder.Kind is Holding.Other or Holding.Foreign) return false;
            // Held by this key, but maybe by a session that broke: such a target keeps this one from writing, and that one's late writes count.
            if (holder.Kind == Holding.Mine && _takenIn == unit.Session) return true;
            // Or the target forgot (its power, or this node's session): nobody else came in between, or comes in now. The end of the old
            // session may come between two commands.
            if (TryTake(holder, deadline)) return true;
        }
        return false;
    }

    public void GiveUp(Deadline deadline) => Out(ReserveOutAction.Release, 0, deadline);

    public int Fence(Func<int, uint, bool> isMember, Deadline deadline)
    {
        int fenced = 0;
        foreach (ulong value in Keys(deadline).Distinct())
        {
            var other = new ReservationKey(value);
            if (value == key.Value || !key.IsOfSameCluster(other) || isMember(other.Node, other.Life)) continue;
            if (TryPreempt(value, deadline)) fenced++;
        }
        return fenced;
    }

    public ImmutableArray<ulong> Keys(Deadline deadline)
    {
        ScsiReply reply = unit.Run(ScsiCommand.PersistentReserveIn(ReserveInAction.ReadKeys, AnswerBytes), deadline);
        return RegisteredKeys.Parse(reply.Data)?.Keys ?? [];
    }

    public void Leave(Deadline deadline) => Out(ReserveOutAction.Register, 0, deadline);

    public void Clear(Deadline deadline)
    {
        if (TryRegister(deadline)) Out(ReserveOutAction.Clear, 0, deadline);
    }

    private bool TryPreempt(ulong victim, Deadline deadline)
    {
        if (!_refusesAbort)
        {
            ScsiReply reply = unit.Run(ScsiCommand.PersistentReserveOut(ReserveOutAction.PreemptAndAbort, Type, key.Value, victim), deadline);
            if (!reply.Sense.IsUnsupported) return reply.IsGood;
            _refusesAbort = true;
        }
        return Out(ReserveOutAction.Preempt, victim, deadline);
    }

    private bool TryRegister(Deadline deadline)
    {
        if (!_refusesPowerLoss)
        {
            ScsiReply reply = unit.Run(ScsiCommand.PersistentReserveOut(ReserveOutAction.RegisterAndIgnoreExistingKey, 0, 0, key.Value, persistThroughPowerLoss: true), deadline);
            if (!reply.Sense.IsUnsupported) return reply.IsGood;
            _refusesPowerLoss = true;
        }
        ScsiReply plain = unit.Run(ScsiCommand.PersistentReserveOut(ReserveOutAction.RegisterAndIgnoreExistingKey, 0, 0, key.Value), deadline);
        return plain.IsGood;
    }

    private bool Out(ReserveOutAction action, ulong actionKey, Deadline deadline)
    {
        ScsiCommand command = ScsiCommand.PersistentReserveOut(action, Type, key.Value, actionKey);
        ScsiReply reply = unit.Run(command, deadline);
        return reply.IsGood || (reply.IsConflict ? false : throw unit.Refused(command, reply));
    }
}
