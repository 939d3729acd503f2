// The one line in a host's set-up.
using Membership.Engine.Arbitration;
using Membership.Provider;
using Membership.Provider.Control;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace Microsoft.Extensions.DependencyInjection;

/// <summary>Registers Regroup membership with a host.</summary>
public static class RegroupMembershipServiceCollectionExtensions
{
    /// <summary>Makes this process a node of a cluster, with options set in code.</summary>
    /// <param name="services">The host's services.</param>
    /// <param name="configure">Sets the options; they are validated when the host starts.</param>
    /// <returns>A builder for the witness and for master-only work.</returns>
    public static RegroupMembershipBuilder AddRegroupMembership(this IServiceCollection services, Action<RegroupMembershipOptions> configure)
    {
        ArgumentNullException.ThrowIfNull(services);
        ArgumentNullException.ThrowIfNull(configure);
        services.Configure(configure);
        return Register(services, Options.Options.DefaultName);
    }

    /// <summary>Makes this process a node of a cluster, with options from configuration.</summary>
    /// <param name="services">The host's services.</param>
    /// <param name="section">The section to read, e.g. <c>configuration.GetSection(RegroupMembershipOptions.SectionName)</c>.</param>
    /// <returns>A builder for the witness and for master-only work.</returns>
    public static RegroupMembershipBuilder AddRegroupMembership(this IServiceCollection services, IConfiguration section)
    {
        ArgumentNullException.ThrowIfNull(services);
        ArgumentNullException.ThrowIfNull(section);
        services.AddOptions<RegroupMembershipOptions>().Bind(section, static binder => binder.ErrorOnUnknownConfiguration = true);
        return Register(services, Options.Options.DefaultName);
    }

    /// <summary>Makes this process a node of one cluster of several, with options set in code. Its services are keyed by the name.</summary>
    /// <param name="services">The host's services.</param>
    /// <param name="name">The cluster's name in this process, e.g. for <c>[FromKeyedServices(name)] IClusterMembership</c>; also the name of its options.</param>
    /// <param name="configure">Sets the options; they are validated when the host starts.</param>
    /// <returns>A builder for the witness and for master-only work of this cluster.</returns>
    public static RegroupMembershipBuilder AddRegroupMembership(this IServiceCollection services, string name, Action<RegroupMembershipOptions> configure)
    {
        ArgumentNullException.ThrowIfNull(services);
        ArgumentException.ThrowIfNullOrWhiteSpace(name);
        ArgumentNullException.ThrowIfNull(configure);
        services.Configure(name, configure);
        return Register(services, name);
    }

    /// <summary>Makes this process a node of one cluster of several, with options from configuration. Its services are keyed by the name.</summary>
    /// <param name="services">The host's services.</param>
    /// <param name="name">The cluster's name in this process, e.g. for <c>[FromKeyedServices(name)] IClusterMembership</c>; also the name of its options.</param>
    /// <param name="section">The section to read.</param>
    /// <returns>A builder for the witness and for master-only work of this cluster.</returns>
    public static RegroupMembershipBuilder AddRegroupMembership(this IServiceCollection services, string name, IConfiguration section)
    {
        ArgumentNullException.ThrowIfNull(services);
        ArgumentException.ThrowIfNullOrWhiteSpace(name);
        ArgumentNullException.ThrowIfNull(section);
        services.AddOptions<RegroupMembershipOptions>(name).Bind(section, static binder => binder.ErrorOnUnknownConfiguration = true);
        return Register(services, name);
    }

    private static RegroupMembershipBuilder Register(IServiceCollection services, string name)
    {
        var builder = new RegroupMembershipBuilder(services, name);
        object? key = ((IMembershipBuilder)builder).ServiceKey;
        services.AddOptions<RegroupMembershipOptions>(name).ValidateOnStart();
        services.TryAddEnumerable(ServiceDescriptor.Singleton<IValidateOptions<RegroupMembershipOptions>, RegroupMembershipOptionsValidator>());
        services.TryAddSingleton(TimeProvider.System);
        services.TryAddSingleton(ProcessEnd.Immediate);
        // Registered again is registered once: only the options add up.
        if (services.Any(service => service.ServiceType == typeof(ClusterMembership) && Equals(service.ServiceKey, key))) return builder;
        services.Add(ServiceDescriptor.KeyedSingleton(key, (provider, _) => new ClusterMembership(provider, name)));
        services.Add(ServiceDescriptor.KeyedSingleton<IClusterMembership>(key, (provider, _) => provider.GetRequiredKeyedService<ClusterMembership>(key)));
        services.Add(ServiceDescriptor.KeyedSingleton(key, (provider, _) => new MembershipHostedService(
            provider.GetRequiredKeyedService<ClusterMembership>(key),
            provider.GetRequiredService<IHostApplicationLifetime>(),
            provider.GetRequiredService<ProcessEnd>(),
            provider.GetRequiredService<TimeProvider>(),
            provider.GetRequiredService<ILogger<MembershipHostedService>>(),
            provider.GetKeyedService<MembershipDriver>(key))));
        services.AddSingleton<IHostedService>(provider => new HostedMembership(
            provider.GetRequiredKeyedService<MembershipHostedService>(key), provider.GetKeyedService<MembershipDriver>(key)));
        services.AddSingleton<IHostedService>(provider => new ControlServer(
            provider.GetRequiredKeyedService<ClusterMembership>(key), provider.GetRequiredService<ILogger<ControlServer>>()));
        return builder;
    }
}
