// What a node knew of the witness' record in its earlier lives: a record that was lost or went back while the node was down is not
// taken for a blank one, which would let it be outvoted by what was forgotten.
namespace Membership.Engine.Arbitration;

/// <summary>An arbiter whose record has a mark that only grows.</summary>
internal interface IMarkedRecord
{
    /// <summary>What to do about a record that went back; ends the message that says so.</summary>
    const string Advice = "Bring the right one back. If its record is lost for good: stop all nodes, delete the file witness.seen in the store directory of each, and start all of them.";

    /// <summary>The highest mark seen or remembered; 0 = none yet. Safe from any thread.</summary>
    long Mark { get; }

    /// <summary>Refuses from now on a record below this mark. Called before anything else is.</summary>
    void Remember(long mark);
}
