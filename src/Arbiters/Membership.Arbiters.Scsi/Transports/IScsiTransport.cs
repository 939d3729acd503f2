// The seam to a logical unit. Three implementations: Linux SG_IO, libiscsi, Windows pass-through. All calls block and
// come from one thread; who may not block has a thread of its own for it.
using Membership.Arbiters.Scsi.Commands;

namespace Membership.Arbiters.Scsi.Transports;

/// <summary>Trouble with the way to the unit, or an answer that makes no sense; the message is for people.</summary>
internal class ScsiException(string message) : Exception(message);

/// <summary>No answer in time: the command may have taken effect, or may still do so.</summary>
internal sealed class ScsiTimeoutException(string message) : ScsiException(message);

/// <summary>A way to one logical unit, always as the same I_T nexus. Not for use by two threads at a time.</summary>
internal interface IScsiTransport : IDisposable
{
    /// <summary>For people: which unit, by which way.</summary>
    string Description { get; }

    bool IsConnected { get; }

    /// <summary>Connects, as the same nexus. A command sent before may still take effect, unless its session has lost the reservation.</summary>
    /// <exception cref="ScsiException">It cannot be reached; says why.</exception>
    void Connect(TimeSpan limit);

    /// <summary>Runs one command.</summary>
    /// <exception cref="ScsiTimeoutException">No answer within <paramref name="limit"/>; the connection has been dropped.</exception>
    /// <exception cref="ScsiException">The connection broke and has been dropped; the command may have taken effect.</exception>
    ScsiReply Execute(in ScsiCommand command, TimeSpan limit);

    /// <summary>LOGICAL UNIT RESET. Breaks classic reservations, leaves persistent ones.</summary>
    /// <exception cref="ScsiException">Not done, or not known whether it was done.</exception>
    void ResetUnit(TimeSpan limit);

    /// <summary>Lets go of the connection, whatever state it is in.</summary>
    void Drop();
}
