// The gate in front of every call that a silo serves or makes: open while the lease is valid, waiting through a hold, closed
// after a loss; and looked at once more before an answer leaves, so that nothing is acknowledged that was done without the right to.
using Membership.Engine;
using Membership.Engine.Runtime;

namespace Membership.Provider.Silos;

/// <summary>A call was refused because this silo has no right to serve now; whoever called may try again, elsewhere.</summary>
internal sealed class CallRefusedException(string message, Exception? inner = null) : Exception(message, inner);

internal sealed class CallGate(IClusterMembership membership, TimeSpan holdLimit)
{
    /// <summary>The longest that a timer's tick waits: it must not be refused while the silo may still go on.</summary>
    private static readonly TimeSpan TickLimit = TimeSpan.FromDays(1);

    /// <summary>Waits until this silo may serve. Costs one comparison in quiet times.</summary>
    /// <param name="tick">It is the tick of a timer, which nobody would repeat.</param>
    /// <returns>The lease under which the call is served.</returns>
    /// <exception cref="CallRefusedException">It may not.</exception>
    public ValueTask<MembershipLease> EnterAsync(bool tick = false)
    {
        MembershipLease lease = membership.Lease;
        return lease.IsValid ? new ValueTask<MembershipLease>(lease) : WaitAsync(tick ? TickLimit : holdLimit);
    }

    /// <summary>Throws when the right to serve was lost while the call ran. A hold is no loss: the answer waits for its end.</summary>
    public ValueTask LeaveAsync(MembershipLease entered)
        => entered.IsValid ? default : WaitForAnswerAsync(entered);

    private async ValueTask WaitForAnswerAsync(MembershipLease entered)
    {
        try
        {
            await entered.Guard(holdLimit).ConfigureAwait(false);
        }
        catch (Exception refusal) when (refusal is MembershipLostException or MembershipHeldException)
        {
            throw new CallRefusedException($"The call ran on node {membership.Self} in epoch {entered.Epoch} and its answer is not given: {refusal.Message} It may have taken effect.", refusal);
        }
    }

    private async ValueTask<MembershipLease> WaitAsync(TimeSpan limit)
    {
        try
        {
            return await membership.Lease.Guard(limit).ConfigureAwait(false);
        }
        catch (Exception refusal) when (refusal is MembershipLostException or MembershipHeldException)
        {
            throw new CallRefusedException($"Node {membership.Self} may not serve now: {refusal.Message}", refusal);
        }
    }
}
