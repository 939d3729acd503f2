// No guard: the option that turns it off is read when the silo starts, after the filters are registered.
using Orleans;

namespace Membership.Provider.Orleans;

internal sealed class PassingFilter : IIncomingGrainCallFilter, IOutgoingGrainCallFilter
{
    public static readonly PassingFilter Instance = new();

    public Task Invoke(IIncomingGrainCallContext context) => context.Invoke();

    public Task Invoke(IOutgoingGrainCallContext context) => context.Invoke();
}
