// What follows AddRegroupMembership: the witness, and the work of the master.
using System.Diagnostics.CodeAnalysis;
using Membership.Engine.Arbitration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Hosting;

namespace Membership.Provider;

/// <summary>Completes a registration made by <c>AddRegroupMembership</c>.</summary>
/// <remarks>Arbiters add their own <c>Use...</c> extension methods; <see cref="ArbiterRegistrationExtensions.UseArbiter"/> takes one of your own.</remarks>
public sealed class RegroupMembershipBuilder : IMembershipBuilder
{
    internal RegroupMembershipBuilder(IServiceCollection services) => Services = services;

    /// <summary>The services being registered.</summary>
    public IServiceCollection Services { get; }

    /// <summary>Uses the embedded witness: files in a local directory that all nodes of this machine share.</summary>
    /// <param name="directory">The directory; the same for every node.</param>
    /// <returns>This builder.</returns>
    public RegroupMembershipBuilder UseWitnessFile(string directory)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(directory);
        return UseWitnessFile(options => options.Directory = directory);
    }

    /// <summary>Uses the embedded witness: files in a local directory that all nodes of this machine share.</summary>
    /// <param name="configure">Sets the directory and, if need be, the periods; the same for every node.</param>
    /// <returns>This builder.</returns>
    public RegroupMembershipBuilder UseWitnessFile(Action<RegroupWitnessFileOptions> configure)
    {
        ArgumentNullException.ThrowIfNull(configure);
        Services.Configure<RegroupMembershipOptions>(options => configure(options.WitnessFile));
        return this;
    }

    /// <summary>Runs <typeparamref name="T"/> on the master only.</summary>
    /// <typeparam name="T">The work; a singleton.</typeparam>
    /// <returns>This builder.</returns>
    public RegroupMembershipBuilder AddMasterService<[DynamicallyAccessedMembers(DynamicallyAccessedMemberTypes.PublicConstructors)] T>()
        where T : MasterBackgroundService
    {
        Services.TryAddSingleton<T>();
        Services.TryAddEnumerable(ServiceDescriptor.Singleton<IHostedService, MasterServiceRunner<T>>());
        return this;
    }
}
