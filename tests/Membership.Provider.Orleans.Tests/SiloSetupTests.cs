// What the one line in a silo's or client's set-up registers, and what it refuses.
using System.Reflection;
using Membership.Provider.Silos;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;
using Orleans;
using Orleans.Configuration;
using Orleans.Hosting;
using Orleans.Messaging;
using Orleans.Runtime;
using Xunit;

namespace Membership.Provider.Orleans.Tests;

public sealed class SiloSetupTests
{
    [Fact]
    public void Probes_stay_advisory_and_gossip_is_off_unless_the_host_wants_both_detectors()
    {
        ClusterMembershipOptions advisory = Build(Silo(static _ => { })).GetRequiredService<IOptions<ClusterMembershipOptions>>().Value;
        Assert.True(advisory is { LivenessEnabled: true, UseLivenessGossip: false, EvictWhenMaxJoinAttemptTimeExceeded: false, NumMissedProbesLimit: > 1_000_000 });

        ClusterMembershipOptions both = Build(Silo(static silo => silo.AdvisoryProbes = false)).GetRequiredService<IOptions<ClusterMembershipOptions>>().Value;
        Assert.Equal(new ClusterMembershipOptions().NumMissedProbesLimit, both.NumMissedProbesLimit);
    }

    [Fact]
    public void The_guard_is_on_and_can_be_turned_off()
    {
        Assert.IsType<IncomingGrainCallGuard>(Build(Silo(static _ => { })).GetRequiredService<IIncomingGrainCallFilter>());
        ServiceProvider off = Build(Silo(static silo => silo.GuardGrainCalls = false));
        Assert.IsType<PassingFilter>(off.GetRequiredService<IIncomingGrainCallFilter>());
        Assert.IsType<PassingFilter>(off.GetRequiredService<IOutgoingGrainCallFilter>());
    }

    [Fact]
    public void The_silos_table_is_this_one_and_registering_twice_is_registering_once()
    {
        ServiceCollection services = Silo(static _ => { });
        Builder<ISiloBuilder>(services).UseRegroupMembership();
        Assert.Single(services, static service => service.ServiceType == typeof(IMembershipTable));
        Assert.IsType<RegroupMembershipTable>(Build(services).GetRequiredService<IMembershipTable>());
    }

    [Fact]
    public void A_host_that_has_its_own_way_to_end_keeps_it()
    {
        var services = new ServiceCollection();
        services.AddSingleton<IFatalErrorHandler, OwnHandler>();
        Builder<ISiloBuilder>(services).UseRegroupMembership(Node);
        Assert.IsType<OwnHandler>(Build(services).GetRequiredService<IFatalErrorHandler>());
        Assert.IsType<SiloFatalErrorHandler>(Build(Silo(static _ => { })).GetRequiredService<IFatalErrorHandler>());
    }

    [Fact]
    public void A_fatal_error_ends_the_process_at_once_with_the_halts_code()
    {
        ServiceCollection services = Silo(static _ => { });
        MembershipHalt? ended = null;
        services.AddSingleton(new ProcessEnd(halt => ended = halt));
        ServiceProvider provider = Build(services);
        var halt = new MembershipHalt((Engine.HaltCode)3, "removed");

        provider.GetRequiredService<MembershipDriver>().Halted(halt);
        Assert.Same(halt, ended);

        provider.GetRequiredService<IFatalErrorHandler>().OnFatalException(this, "declared dead");
        Assert.Equal("declared dead", ended!.Detail);
    }

    [Fact]
    public void What_is_set_wrongly_is_named_with_its_value()
    {
        ServiceProvider silo = Build(Silo(static silo =>
        {
            silo.HoldLimit = TimeSpan.FromHours(1);
            silo.DirectoryEndpoint = "nowhere";
        }));
        OptionsValidationException failure = Assert.Throws<OptionsValidationException>(() => silo.GetRequiredService<IOptions<RegroupSiloOptions>>().Value);
        Assert.Contains("HoldLimit is 01:00:00", failure.Message, StringComparison.Ordinal);
        Assert.Contains("DirectoryEndpoint is 'nowhere'", failure.Message, StringComparison.Ordinal);

        var services = new ServiceCollection();
        Builder<IClientBuilder>(services).UseRegroupGateways(static _ => { });
        Assert.Contains("Nodes is empty", Assert.Throws<OptionsValidationException>(() => Build(services).GetRequiredService<IGatewayListProvider>()).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_clients_list_is_renewed_as_often_as_it_says()
    {
        var services = new ServiceCollection();
        Builder<IClientBuilder>(services).UseRegroupGateways(static client =>
        {
            client.Nodes = ["127.0.0.1:7500"];
            client.RefreshPeriod = TimeSpan.FromSeconds(2);
        });
        ServiceProvider provider = Build(services);
        Assert.Equal(TimeSpan.FromSeconds(2), provider.GetRequiredService<IOptions<GatewayOptions>>().Value.GatewayListRefreshPeriod);
        Assert.Equal(TimeSpan.FromSeconds(2), provider.GetRequiredService<IGatewayListProvider>().MaxStaleness);
    }

    private static void Node(RegroupMembershipOptions options)
    {
        options.ClusterId = "tests";
        options.Self = 1;
        options.AllowPlainText = true;
        options.Bootstrap = true;
        options.StoreDirectory = Path.Combine(Path.GetTempPath(), "regroup-never-used");
        options.Nodes = [new RegroupNodeOptions { Number = 1, Endpoints = ["127.0.0.1:7400"] }];
    }

    private static ServiceCollection Silo(Action<RegroupSiloOptions> silo)
    {
        var services = new ServiceCollection();
        Builder<ISiloBuilder>(services).UseRegroupMembership(Node, silo);
        return services;
    }

    private static ServiceProvider Build(IServiceCollection services)
    {
        services.AddLogging();
        return services.BuildServiceProvider();
    }

    private static T Builder<T>(IServiceCollection services)
        where T : class
    {
        T builder = DispatchProxy.Create<T, BuilderProxy>();
        ((BuilderProxy)(object)builder).Services = services;
        return builder;
    }

    /// <summary>A builder of whichever Orleans there is: it has services and nothing else.</summary>
    public class BuilderProxy : DispatchProxy
    {
        public IServiceCollection Services { get; set; } = null!;

        protected override object? Invoke(MethodInfo? targetMethod, object?[]? args) => targetMethod!.Name == "get_Services" ? Services : throw new NotSupportedException(targetMethod.Name);
    }

    private sealed class OwnHandler : IFatalErrorHandler
    {
        public bool IsUnexpected(Exception exception) => true;

        public void OnFatalException(object? sender = null, string? context = null, Exception? exception = null)
        {
        }
    }
}
