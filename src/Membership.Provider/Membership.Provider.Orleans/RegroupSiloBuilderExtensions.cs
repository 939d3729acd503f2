// The one line in a silo's set-up, and the one in a client's.
using Membership.Provider;
using Membership.Provider.Orleans;
using Membership.Provider.Silos;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Options;
using Orleans.Configuration;
using Orleans.Messaging;
using Orleans.Runtime;

namespace Orleans.Hosting;

/// <summary>Regroup membership for Orleans silos and clients.</summary>
public static class RegroupSiloBuilderExtensions
{
    /// <summary>This silo's membership is the regroup membership of this node: silos agree among themselves who is alive, without a database.</summary>
    /// <param name="builder">The silo.</param>
    /// <param name="configure">The node's options, as with <c>AddRegroupMembership</c>.</param>
    /// <param name="silo">How the silo uses it; null for the defaults.</param>
    /// <param name="membership">The witness and master-only work; null for none.</param>
    /// <returns>The silo.</returns>
    public static ISiloBuilder UseRegroupMembership(
        this ISiloBuilder builder, Action<RegroupMembershipOptions> configure, Action<RegroupSiloOptions>? silo = null, Action<RegroupMembershipBuilder>? membership = null)
    {
        ArgumentNullException.ThrowIfNull(builder);
        RegroupMembershipBuilder node = builder.Services.AddRegroupMembership(configure);
        membership?.Invoke(node);
        return builder.UseRegroupMembership(silo);
    }

    /// <summary>As the other, with the node's options from configuration.</summary>
    /// <param name="builder">The silo.</param>
    /// <param name="section">The section to read, e.g. <c>configuration.GetSection(RegroupMembershipOptions.SectionName)</c>.</param>
    /// <param name="silo">How the silo uses it; null for the defaults.</param>
    /// <param name="membership">The witness and master-only work; null for none.</param>
    /// <returns>The silo.</returns>
    public static ISiloBuilder UseRegroupMembership(
        this ISiloBuilder builder, IConfiguration section, Action<RegroupSiloOptions>? silo = null, Action<RegroupMembershipBuilder>? membership = null)
    {
        ArgumentNullException.ThrowIfNull(builder);
        RegroupMembershipBuilder node = builder.Services.AddRegroupMembership(section);
        membership?.Invoke(node);
        return builder.UseRegroupMembership(silo);
    }

    /// <summary>As the others, for a silo whose services have had <c>AddRegroupMembership</c> already, or get it later.</summary>
    /// <param name="builder">The silo.</param>
    /// <param name="silo">How the silo uses it; null for the defaults.</param>
    /// <returns>The silo.</returns>
    public static ISiloBuilder UseRegroupMembership(this ISiloBuilder builder, Action<RegroupSiloOptions>? silo = null)
    {
        ArgumentNullException.ThrowIfNull(builder);
        IServiceCollection services = builder.Services;
        OptionsBuilder<RegroupSiloOptions> options = services.AddOptions<RegroupSiloOptions>().ValidateOnStart();
        if (silo is not null) options.Configure(silo);
        if (services.Any(static service => service.ServiceType == typeof(SiloLifecycleAdapter))) return builder;
        services.AddSingleton<IValidateOptions<RegroupSiloOptions>>(new ListedFailures<RegroupSiloOptions>(static options => options.Failures()));
        services.AddSingleton(static provider => new SiloTable(provider.GetRequiredService<IClusterMembership>(), provider.GetRequiredService<IOptions<ClusterOptions>>().Value.ClusterId));
        services.AddSingleton<IMembershipTable, RegroupMembershipTable>();
        services.AddSingleton<SiloLifecycleAdapter>();
        services.AddSingleton<ILifecycleParticipant<ISiloLifecycle>>(static provider => provider.GetRequiredService<SiloLifecycleAdapter>());
        // The silo drives the node: a member before the silo looks at the table, gone after it.
        services.AddSingleton(static provider => new MembershipDriver(halt => provider.GetRequiredService<IFatalErrorHandler>().OnFatalException(halt, $"The node halted, code {halt.Code}: {halt.Detail}", null)));
        ReplaceDefaultFatalErrorHandler(services);
        services.AddSingleton<IPostConfigureOptions<ClusterMembershipOptions>, AdvisoryProbes>();
        services.AddSingleton(static provider => new CallGate(provider.GetRequiredService<IClusterMembership>(), provider.GetRequiredService<IOptions<RegroupSiloOptions>>().Value.HoldLimit));
        services.AddSingleton<IIncomingGrainCallFilter>(static provider => IsGuarded(provider) ? ActivatorUtilities.CreateInstance<IncomingGrainCallGuard>(provider) : PassingFilter.Instance);
        services.AddSingleton<IOutgoingGrainCallFilter>(static provider => IsGuarded(provider) ? ActivatorUtilities.CreateInstance<OutgoingGrainCallGuard>(provider) : PassingFilter.Instance);
        return builder;
    }

    /// <summary>This client learns the gateways from any node of the cluster, without a database.</summary>
    /// <param name="builder">The client.</param>
    /// <param name="configure">Names the nodes.</param>
    /// <returns>The client.</returns>
    public static IClientBuilder UseRegroupGateways(this IClientBuilder builder, Action<RegroupClientOptions> configure)
    {
        ArgumentNullException.ThrowIfNull(builder);
        ArgumentNullException.ThrowIfNull(configure);
        IServiceCollection services = builder.Services;
        services.AddOptions<RegroupClientOptions>().Configure(configure).ValidateOnStart();
        services.AddSingleton<IValidateOptions<RegroupClientOptions>>(new ListedFailures<RegroupClientOptions>(static options => options.Failures()));
        services.TryAddSingleton(TimeProvider.System);
        services.AddOptions<GatewayOptions>().Configure<IOptions<RegroupClientOptions>>(static (gateways, client) => gateways.GatewayListRefreshPeriod = client.Value.RefreshPeriod);
        services.AddSingleton<IGatewayListProvider>(static provider =>
        {
            RegroupClientOptions options = provider.GetRequiredService<IOptions<RegroupClientOptions>>().Value;
            return new RegroupGatewayListProvider(
                new SiloDirectoryClient(provider.GetRequiredService<IOptions<ClusterOptions>>().Value.ClusterId, options.Nodes, options.NodeDeadline, provider.GetRequiredService<TimeProvider>()),
                options.RefreshPeriod);
        });
        return builder;
    }

    private static bool IsGuarded(IServiceProvider provider) => provider.GetRequiredService<IOptions<RegroupSiloOptions>>().Value.GuardGrainCalls;

    /// <summary>The host's own handler, if it has one, stays.</summary>
    private static void ReplaceDefaultFatalErrorHandler(IServiceCollection services)
    {
        ServiceDescriptor? registered = services.LastOrDefault(static service => service.ServiceType == typeof(IFatalErrorHandler));
        if (registered is null || registered.ImplementationType?.Assembly.GetName().Name == "Orleans.Runtime")
            services.Replace(ServiceDescriptor.Singleton<IFatalErrorHandler, SiloFatalErrorHandler>());
    }
}
