// SCSI-2: RESERVE(6) shuts everybody else out, from reading too, until it is released or the unit is reset. A challenger
// resets the unit, reads, waits and reserves; an owner that lives has reserved and renewed in between.
using System.Collections.Immutable;
using Membership.Arbiters.Scsi.Commands;
using Membership.Arbiters.Scsi.Transports;

namespace Membership.Arbiters.Scsi.Reservations;

internal sealed class ClassicReservation(ScsiUnit unit) : IReservation
{
    public string? Check(bool tries, Deadline deadline)
    {
        if (!tries) return null;
        ScsiReply reply = unit.Run(ScsiCommand.Reserve6(), deadline);
        if (reply.Sense.IsUnsupported) return "does not do classic reservations (RESERVE(6) is unknown to it). Use Mode=Persistent.";
        if (reply.IsGood) unit.Require(ScsiCommand.Release6(), deadline);
        return null;
    }

    public void Break(Deadline deadline) => unit.Reset(deadline);

    public Holder Look(Deadline deadline) => new(Holding.Nobody);

    public bool TryTake(Holder from, Deadline deadline) => TryKeep(deadline);

    public bool TryKeep(Deadline deadline)
    {
        ScsiReply reply = unit.Run(ScsiCommand.Reserve6(), deadline);
        return reply.IsGood || (reply.IsConflict ? false : throw unit.Refused(ScsiCommand.Reserve6(), reply));
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
