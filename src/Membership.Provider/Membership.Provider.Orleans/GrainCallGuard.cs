// The pair of filters around grain calls: serve and call only as a member with a valid lease. The framework's own system
// targets pass: membership itself runs on them. A timer's tick is a call of the grain to itself and is guarded too. The exception
// carries no inner one: it travels to callers, and what the framework cannot serialise would not.
using Membership.Engine.Runtime;
using Membership.Provider.Silos;
using Orleans;
using Orleans.Runtime;

namespace Membership.Provider.Orleans;

internal sealed class IncomingGrainCallGuard(CallGate gate) : IIncomingGrainCallFilter
{
    private const string TimerInterface = "IGrainTimerInvoker";

    public Task Invoke(IIncomingGrainCallContext context)
    {
        ArgumentNullException.ThrowIfNull(context);
        GrainId target = context.TargetId;
        return target.IsSystemTarget() ? context.Invoke() : GuardedAsync(context);
    }

    private async Task GuardedAsync(IIncomingGrainCallContext context)
    {
        try
        {
            MembershipLease lease = await gate.EnterAsync(tick: context.InterfaceName?.EndsWith(TimerInterface, StringComparison.Ordinal) == true);
            try
            {
                await context.Invoke();
            }
            catch (Exception) when (!lease.IsValid)
            {
                // What a grain throws is an answer too ("overdrawn"), and may rest on what is no longer so.
                await gate.LeaveAsync(lease);
                throw;
            }
            await gate.LeaveAsync(lease);
        }
        catch (CallRefusedException refusal)
        {
            throw new SiloUnavailableException(refusal.Message);
        }
    }
}

internal sealed class OutgoingGrainCallGuard(CallGate gate) : IOutgoingGrainCallFilter
{
    public Task Invoke(IOutgoingGrainCallContext context)
    {
        ArgumentNullException.ThrowIfNull(context);
        GrainId target = context.TargetId;
        return target.IsSystemTarget() ? context.Invoke() : GuardedAsync(context);
    }

    private async Task GuardedAsync(IOutgoingGrainCallContext context)
    {
        try
        {
            await gate.EnterAsync();
        }
        catch (CallRefusedException refusal)
        {
            throw new SiloUnavailableException(refusal.Message);
        }
        await context.Invoke();
    }
}
