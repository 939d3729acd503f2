// What serialises challengers and fences losers at the LUN: persistent or classic. It never decides ownership by
// itself: the record does, and the reservation keeps everybody else from writing it.
using System.Collections.Immutable;
using Membership.Arbiters.Scsi.Transports;

namespace Membership.Arbiters.Scsi.Reservations;

internal enum Holding
{
    /// <summary>No reservation, or none that can be seen.</summary>
    Nobody,

    /// <summary>This node's.</summary>
    Mine,

    /// <summary>Another key of this cluster.</summary>
    Other,

    /// <summary>Not of this cluster.</summary>
    Foreign,
}

/// <summary>Who holds the reservation.</summary>
/// <param name="Kind">Whose it is.</param>
/// <param name="Key">The holder's key, if it has one.</param>
internal readonly record struct Holder(Holding Kind, ulong Key = 0);

internal interface IReservation
{
    /// <summary>Whether the LUN can do this at all; leaves this node registered.</summary>
    /// <param name="tries">Whether it may register and reserve, or only look.</param>
    /// <param name="deadline">When to be over.</param>
    /// <returns>Null, or what is wrong and what to do.</returns>
    string? Check(bool tries, Deadline deadline);

    /// <summary>Makes the record readable for a challenger when it cannot be read (a classic reservation): resets the unit.</summary>
    void Break(Deadline deadline);

    Holder Look(Deadline deadline);

    /// <summary>Takes the reservation, from <paramref name="from"/> if somebody holds it. Of several who try, one gets it.</summary>
    /// <returns>False when somebody else has it now.</returns>
    bool TryTake(Holder from, Deadline deadline);

    /// <summary>Holds the reservation still, or again when the target forgot it and nobody else took it.</summary>
    /// <returns>False when somebody else has it.</returns>
    bool TryKeep(Deadline deadline);

    void GiveUp(Deadline deadline);

    /// <summary>Takes the LUN away from lives that are not in the cluster.</summary>
    /// <param name="isMember">Whether a node number and the low half of an incarnation may keep their registration.</param>
    /// <param name="deadline">When to be over.</param>
    /// <returns>How many keys were preempted.</returns>
    int Fence(Func<int, uint, bool> isMember, Deadline deadline);

    /// <summary>The keys of everybody who is registered; none where nobody registers.</summary>
    ImmutableArray<ulong> Keys(Deadline deadline);

    /// <summary>Takes this node's registration back, and with it whatever it holds.</summary>
    void Leave(Deadline deadline);

    /// <summary>Removes every reservation and registration there is.</summary>
    void Clear(Deadline deadline);
}
