// A server that is stopped and restarted, or fails: never two owners, every call back in time, nothing confirmed
// forgotten, and life goes on afterwards.
using Xunit;

namespace Membership.Arbiters.Conformance;

/// <summary>Derive a public class per networked backend.</summary>
/// <typeparam name="TBackend">Makes and stops the real server.</typeparam>
public abstract class ServerFaultConformance<TBackend> : FaultCase<TBackend>
    where TBackend : NetworkBackend, new()
{
    [Fact]
    public Task A_server_that_is_stopped_and_started_again() => ContendThroughAsync(
        async () => await Backend.StopAsync(),
        async () => await Backend.RestartAsync());

    [Fact]
    public Task A_server_that_answers_with_errors() => ContendThroughAsync(
        () => Each(proxy =>
        {
            if (Backend.ErrorAnswer is { } answer) proxy.AnswerWith(answer);
            else proxy.Refuse();
        }),
        () => Each(static proxy => proxy.Heal()));
}
