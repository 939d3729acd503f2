// The filters around grain calls, on a real node's lease: they wait through a hold, refuse after a loss, keep back the answer
// of a call during which the place was lost, and let the framework's own calls pass.
using System.Reflection;
using Membership.Provider.Silos;
using Membership.Provider.Tests;
using Microsoft.Extensions.DependencyInjection;
using Orleans;
using Orleans.Runtime;
using Xunit;

namespace Membership.Provider.Orleans.Tests;

public sealed class GrainCallGuardTests : IAsyncLifetime
{
    private readonly TestHosts _hosts = new(1);

    private CallGate Gate => new(_hosts.Membership(1), TimeSpan.FromSeconds(10));

    public async ValueTask InitializeAsync() => await _hosts.StartAsync();

    public ValueTask DisposeAsync() => _hosts.DisposeAsync();

    [Fact]
    public async Task Calls_of_a_member_pass_both_ways()
    {
        Call incoming = Call.Of<IIncomingGrainCallContext>("account"), outgoing = Call.Of<IOutgoingGrainCallContext>("account");
        await new IncomingGrainCallGuard(Gate).Invoke((IIncomingGrainCallContext)(object)incoming);
        await new OutgoingGrainCallGuard(Gate).Invoke((IOutgoingGrainCallContext)(object)outgoing);
        Assert.Equal((1, 1), (incoming.Invoked, outgoing.Invoked));
    }

    [Fact]
    public async Task Calls_of_a_node_that_lost_its_place_are_refused_without_being_run_and_may_be_tried_again()
    {
        CallGate gate = Gate;
        await StopNodeAsync();
        Call incoming = Call.Of<IIncomingGrainCallContext>("account"), outgoing = Call.Of<IOutgoingGrainCallContext>("account");

        await Assert.ThrowsAsync<SiloUnavailableException>(() => new IncomingGrainCallGuard(gate).Invoke((IIncomingGrainCallContext)(object)incoming));
        await Assert.ThrowsAsync<SiloUnavailableException>(() => new OutgoingGrainCallGuard(gate).Invoke((IOutgoingGrainCallContext)(object)outgoing));

        Assert.Equal((0, 0), (incoming.Invoked, outgoing.Invoked));
    }

    [Fact]
    public async Task The_answer_of_a_call_during_which_the_place_was_lost_is_kept_back()
    {
        Call call = Call.Of<IIncomingGrainCallContext>("account");
        call.Body = StopNodeAsync;

        SiloUnavailableException refused = await Assert.ThrowsAsync<SiloUnavailableException>(() => new IncomingGrainCallGuard(Gate).Invoke((IIncomingGrainCallContext)(object)call));

        Assert.Equal(1, call.Invoked);
        Assert.Contains("may have taken effect", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_a_grain_throws_after_the_place_was_lost_is_kept_back_too()
    {
        Call call = Call.Of<IIncomingGrainCallContext>("account");
        call.Body = async () =>
        {
            await StopNodeAsync();
            throw new InvalidOperationException("overdrawn");
        };

        SiloUnavailableException refused = await Assert.ThrowsAsync<SiloUnavailableException>(() => new IncomingGrainCallGuard(Gate).Invoke((IIncomingGrainCallContext)(object)call));

        Assert.Contains("may have taken effect", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_the_grain_throws_comes_through_unchanged()
    {
        Call call = Call.Of<IIncomingGrainCallContext>("account");
        call.Body = static () => throw new InvalidOperationException("overdrawn");
        Assert.Equal("overdrawn", (await Assert.ThrowsAsync<InvalidOperationException>(() => new IncomingGrainCallGuard(Gate).Invoke((IIncomingGrainCallContext)(object)call))).Message);
    }

    [Fact]
    public async Task The_frameworks_own_calls_pass_whatever_the_lease_says()
    {
        CallGate gate = Gate;
        await StopNodeAsync();
        Call call = Call.Of<IIncomingGrainCallContext>("sys.svc.membership");
        await new IncomingGrainCallGuard(gate).Invoke((IIncomingGrainCallContext)(object)call);
        Assert.Equal(1, call.Invoked);
    }

    private async Task StopNodeAsync() => await _hosts[1].Services.GetRequiredService<ClusterMembership>().Node.DisposeAsync();

    /// <summary>A call context of whichever Orleans there is: only what the guard looks at answers.</summary>
    public class Call : DispatchProxy
    {
        public int Invoked { get; private set; }

        public Func<Task> Body { get; set; } = static () => Task.CompletedTask;

        private GrainId Target { get; set; }

        public static Call Of<T>(string grainType)
            where T : class
        {
            var call = (Call)(object)Create<T, Call>();
            call.Target = GrainId.Create(grainType, "key");
            return call;
        }

        protected override object? Invoke(MethodInfo? targetMethod, object?[]? args) => targetMethod!.Name switch
        {
            "get_TargetId" => Target,
            "get_InterfaceName" => "IAccount",
            "Invoke" => RunAsync(),
            string other => throw new NotSupportedException(other),
        };

        private Task RunAsync()
        {
            Invoked++;
            return Body();
        }
    }
}
