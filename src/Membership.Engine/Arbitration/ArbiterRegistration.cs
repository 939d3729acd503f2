// How an arbiter's own project registers itself with a host without knowing the host's side: the registration, and the
// little that a builder must offer. A later registration replaces an earlier one.
using System.Diagnostics.CodeAnalysis;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Options;

namespace Membership.Engine.Arbitration;

/// <summary>What completes a registration of membership with a host; <c>AddRegroupMembership</c> returns one.</summary>
public interface IMembershipBuilder
{
    /// <summary>The services being registered.</summary>
    IServiceCollection Services { get; }

    /// <summary>The name of the cluster in this process, with which its options and services are registered; empty for the one without a name.</summary>
    string Name => "";

    /// <summary>The key of this cluster's services: <see cref="Name"/>, or null for the cluster without a name, whose services have no key.</summary>
    object? ServiceKey => Name.Length == 0 ? null : Name;
}

/// <summary>Which arbiter a host registered; a singleton by <see cref="IMembershipBuilder.ServiceKey"/>, absent when there is none.</summary>
/// <param name="Create">Makes the arbiter, once, when the node is made; the node disposes of it.</param>
public sealed record ArbiterRegistration(Func<IServiceProvider, IQuorumArbiter> Create);

/// <summary>Registers arbiters.</summary>
public static class ArbiterRegistrationExtensions
{
    /// <summary>Uses an arbiter; it wins over a configured witness file and over an arbiter registered before.</summary>
    /// <typeparam name="TBuilder">The builder's own type, so that calls can go on.</typeparam>
    /// <param name="builder">The builder.</param>
    /// <param name="create">Makes it, once, when the node is made; the node disposes of it.</param>
    /// <returns>The builder.</returns>
    public static TBuilder UseArbiter<TBuilder>(this TBuilder builder, Func<IServiceProvider, IQuorumArbiter> create)
        where TBuilder : IMembershipBuilder
    {
        ArgumentNullException.ThrowIfNull(builder);
        ArgumentNullException.ThrowIfNull(create);
        builder.Services.Replace(ServiceDescriptor.KeyedSingleton(builder.ServiceKey, new ArbiterRegistration(create)));
        return builder;
    }

    /// <summary>Uses an arbiter made from options of its own, which have the cluster's name and are validated when the host starts.</summary>
    internal static TBuilder UseArbiterWithOptions<
        TBuilder,
        [DynamicallyAccessedMembers(DynamicallyAccessedMemberTypes.PublicParameterlessConstructor)] TOptions,
        [DynamicallyAccessedMembers(DynamicallyAccessedMemberTypes.PublicConstructors)] TValidator>(
        this TBuilder builder, Action<OptionsBuilder<TOptions>> configure, Func<TOptions, IQuorumArbiter> create)
        where TBuilder : IMembershipBuilder
        where TOptions : class
        where TValidator : class, IValidateOptions<TOptions>
    {
        ArgumentNullException.ThrowIfNull(builder);
        string name = builder.Name;
        configure(builder.Services.AddOptions<TOptions>(name).ValidateOnStart());
        builder.Services.TryAddEnumerable(ServiceDescriptor.Singleton<IValidateOptions<TOptions>, TValidator>());
        return builder.UseArbiter(provider => create(provider.GetRequiredService<IOptionsMonitor<TOptions>>().Get(name)));
    }
}
