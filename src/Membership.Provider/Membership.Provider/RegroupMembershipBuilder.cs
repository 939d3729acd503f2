// What follows AddRegroupMembership: the witness, and the work of the master.
using System.Diagnostics.CodeAnalysis;
using Membership.Engine;
using Membership.Engine.Arbitration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Membership.Provider;

/// <summary>Completes a registration made by <c>AddRegroupMembership</c>.</summary>
/// <remarks>Arbiters add their own <c>Use...</c> extension methods; <see cref="ArbiterRegistrationExtensions.UseArbiter"/> takes one of your own.</remarks>
public sealed class RegroupMembershipBuilder : IMembershipBuilder
{
    internal RegroupMembershipBuilder(IServiceCollection services, string name)
    {
        Services = services;
        Name = name;
    }

    /// <summary>The services being registered.</summary>
    public IServiceCollection Services { get; }

    /// <summary>The cluster's name in this process; empty for the one without.</summary>
    public string Name { get; }

    private object? Key => ((IMembershipBuilder)this).ServiceKey;

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
        Services.Configure<RegroupMembershipOptions>(Name, options => configure(options.WitnessFile));
        return this;
    }

    /// <summary>Node votes alone decide, with no witness: <see cref="QuorumPolicy.NodeMajority"/>.</summary>
    /// <param name="tieBreaker">Whether the half with the lowest number of the view survives an even split; default nobody does.</param>
    /// <returns>This builder.</returns>
    public RegroupMembershipBuilder UseNodeMajority(TieBreaker tieBreaker = TieBreaker.None)
    {
        Services.Configure<RegroupMembershipOptions>(Name, options =>
        {
            options.Policy = QuorumPolicy.NodeMajority;
            options.TieBreaker = tieBreaker;
        });
        return this;
    }

    /// <summary>
    /// Registers three health checks, tagged <c>membership</c> and <c>live</c> (the node's loop turns and it has not halted), <c>ready</c> (a valid lease;
    /// degraded while a regroup holds it) and <c>degraded</c> (stale, witness trouble, a silent path; never worse than degraded).
    /// </summary>
    /// <param name="prefix">What their names begin with; null = <c>membership</c>, with a hyphen and the cluster's name if it has one.</param>
    /// <returns>This builder.</returns>
    /// <remarks>In a web application <c>app.MapMembershipHealth()</c> of the AspNetCore package serves them.</remarks>
    public RegroupMembershipBuilder AddHealthChecks(string? prefix = null)
    {
        object? key = Key;
        prefix ??= Name.Length == 0 ? "membership" : "membership-" + Name;
        foreach (HealthQuestion question in Enum.GetValues<HealthQuestion>())
        {
            string tag = question switch
            {
                HealthQuestion.Live => "live",
                HealthQuestion.Ready => "ready",
                _ => "degraded",
            };
            Services.AddHealthChecks().Add(new HealthCheckRegistration(
                $"{prefix}-{tag}",
                provider => new MembershipHealthCheck(provider.GetRequiredKeyedService<ClusterMembership>(key), question),
                failureStatus: null,
                tags: ["membership", tag]));
        }
        return this;
    }

    /// <summary>Runs <typeparamref name="T"/> on the master only.</summary>
    /// <typeparam name="T">The work; a singleton, keyed like the other services of this cluster.</typeparam>
    /// <returns>This builder.</returns>
    public RegroupMembershipBuilder AddMasterService<[DynamicallyAccessedMembers(DynamicallyAccessedMemberTypes.PublicConstructors)] T>()
        where T : MasterBackgroundService
    {
        if (Services.Any(service => service.ServiceType == typeof(MasterServiceRunner<T>) && Equals(service.ServiceKey, Key))) return this;
        object? key = Key;
        Services.TryAdd(ServiceDescriptor.KeyedSingleton<T, T>(key));
        Services.Add(ServiceDescriptor.KeyedSingleton(key, (provider, _) => new MasterServiceRunner<T>(
            provider.GetRequiredKeyedService<T>(key),
            provider.GetRequiredKeyedService<ClusterMembership>(key),
            provider.GetRequiredService<ProcessEnd>(),
            provider.GetRequiredService<ILogger<T>>())));
        Services.AddSingleton<IHostedService>(provider => provider.GetRequiredKeyedService<MasterServiceRunner<T>>(key));
        return this;
    }
}
