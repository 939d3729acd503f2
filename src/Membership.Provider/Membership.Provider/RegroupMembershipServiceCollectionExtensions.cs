// The one line in a host's set-up.
using Membership.Provider;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Hosting;
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
        return Register(services);
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
        return Register(services);
    }

    private static RegroupMembershipBuilder Register(IServiceCollection services)
    {
        services.AddOptions<RegroupMembershipOptions>().ValidateOnStart();
        services.TryAddEnumerable(ServiceDescriptor.Singleton<IValidateOptions<RegroupMembershipOptions>, RegroupMembershipOptionsValidator>());
        services.TryAddSingleton(TimeProvider.System);
        services.TryAddSingleton(ProcessEnd.Immediate);
        services.TryAddSingleton<MasterWorkGate>();
        services.TryAddSingleton(static provider => new ClusterMembership(provider));
        services.TryAddSingleton<IClusterMembership>(static provider => provider.GetRequiredService<ClusterMembership>());
        services.TryAddEnumerable(ServiceDescriptor.Singleton<IHostedService, MembershipHostedService>());
        return new RegroupMembershipBuilder(services);
    }
}
