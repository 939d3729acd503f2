// UseBlobLease: what a host writes after AddRegroupMembership.
using Membership.Arbiters.BlobLease;
using Membership.Engine.Arbitration;
using Microsoft.Extensions.Configuration;

namespace Microsoft.Extensions.DependencyInjection;

/// <summary>Registers the blob-lease arbiter.</summary>
public static class BlobLeaseMembershipBuilderExtensions
{
    /// <summary>Uses a lease on an Azure Storage blob as the witness, with options set in code.</summary>
    /// <typeparam name="TBuilder">The builder's own type.</typeparam>
    /// <param name="builder">What <c>AddRegroupMembership</c> returned.</param>
    /// <param name="configure">Sets the options, which have the cluster's name and are validated when the host starts; null when they are set elsewhere
    /// (<c>services.Configure&lt;BlobLeaseOptions&gt;(name, ...)</c>).</param>
    /// <returns>The builder.</returns>
    public static TBuilder UseBlobLease<TBuilder>(this TBuilder builder, Action<BlobLeaseOptions>? configure = null)
        where TBuilder : IMembershipBuilder
        => builder.UseArbiterWithOptions<TBuilder, BlobLeaseOptions, BlobLeaseOptionsValidator>(options => options.Configure(configure ?? (static _ => { })), static options => new BlobLeaseArbiter(options));

    /// <summary>Uses a lease on an Azure Storage blob as the witness, with options from configuration. A name that no option has stops the host at its start.</summary>
    /// <typeparam name="TBuilder">The builder's own type.</typeparam>
    /// <param name="builder">What <c>AddRegroupMembership</c> returned.</param>
    /// <param name="section">The section to read, e.g. <c>configuration.GetSection(BlobLeaseOptions.SectionName)</c>.</param>
    /// <returns>The builder.</returns>
    public static TBuilder UseBlobLease<TBuilder>(this TBuilder builder, IConfiguration section)
        where TBuilder : IMembershipBuilder
    {
        ArgumentNullException.ThrowIfNull(section);
        return builder.UseArbiterWithOptions<TBuilder, BlobLeaseOptions, BlobLeaseOptionsValidator>(options => options.Bind(section, static binder => binder.ErrorOnUnknownConfiguration = true), static options => new BlobLeaseArbiter(options));
    }
}
