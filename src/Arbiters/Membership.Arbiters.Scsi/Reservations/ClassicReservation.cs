// SCSI-2: RESERVE(6) shuts everybody else out, from reading too, until it is released or the unit is reset. A challenger
// resets the unit, reads, waits and reserves; an owner that lives has reserved and renewed in between.
using System.Collections.Immutable;
using Membership.Arbiters.Scsi.Commands;
using Membership.Arbiters.Scsi.Transports;

namespace Membership.Arbiters.Scsi.Reservations;

internal sealed class ClassicReservation(ScsiUnit unit) : IReservation
{
    private int _takenIn;

    public string? Check(bool tries, Deadline deadline)
    {
        if (!tries) return null;
        // Not RESERVE(6): an owner whose reservation was reset just now would meet it. Who holds nothing may release, and nothing happens.
        return unit.Run(ScsiCommand.Release6(), deadline).Sense.IsUnsupported ? "does not do classic reservations (RELEASE(6) is unknown to it). Use Mode=Persistent." : null;
    }

    public void Break(Deadline deadline) => unit.Reset(deadline);

    public Holder Look(Deadline deadline) => new(Holding.Nobody);

    public bool TryTake(Holder from, Deadline deadline)
    {
        ScsiReply reply = unit.Run(ScsiCommand.Reserve6(), deadline);
        if (!reply.IsGood) return reply.IsConflict ? false : throw unit.Refused(ScsiCommand.Reserve6(), reply);
        _takenIn = unit.Session;
        return true;
    }

    public bool TryKeep(Deadline deadline)
    {
        if (TryTake(default, deadline)) return true;
        // It may be this node's own session before this one that the target still serves. Whoever else it was reserves again if it lives.
        if (_takenIn == unit.Session) return false;
        Break(deadline);
        return TryTake(default, deadline);
    }

    public void GiveUp(Deadline deadline) => unit.Run(ScsiCommand.Release6(), deadline);

    public int Fence(Func<int, uint, bool> isMember, Deadline deadline) => 0;

    public ImmutableArray<ulong> Keys(Deadline deadline) => [];

    public void Leave(Deadline deadline)
    {
        // Nobody is registered, and a reservation of this nexus may be that of a later life.
    }

    public void Clear(Deadline deadline) => unit.Reset(deadline);
}
