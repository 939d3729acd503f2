// A network that is cut, loses answers, or is slow: never two owners, every call back in time, nothing confirmed forgotten, and
// life goes on afterwards.
using Xunit;

namespace Membership.Arbiters.Conformance;

/// <summary>Derive a public class per networked backend.</summary>
/// <typeparam name="TBackend">Makes and stops the real server.</typeparam>
public abstract class NetworkFaultConformance<TBackend> : FaultCase<TBackend>
    where TBackend : NetworkBackend, new()
{
    [Fact]
    public Task A_network_that_is_cut_and_delivers_late_what_was_sent() => ContendThroughAsync(
        () => Each(static proxy => proxy.Cut()),
        () => Each(static proxy => proxy.Heal()));

    [Fact]
    public Task A_network_that_loses_only_the_answers() => ContendThroughAsync(
        () => Each(static proxy => proxy.HoldAnswers()),
        () => Each(static proxy => proxy.Heal()));

    [Fact]
    public Task A_network_that_is_slow() => ContendThroughAsync(
        () => Each(static proxy => proxy.Slow(TimeSpan.FromMilliseconds(250))),
        () => Each(static proxy => proxy.Heal()));
}
