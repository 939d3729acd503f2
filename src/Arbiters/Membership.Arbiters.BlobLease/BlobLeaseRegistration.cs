// The one line in a host's set-up, and the check of its options at host start.
using Membership.Engine.Arbitration;
using Microsoft.Extensions.Options;

namespace Membership.Arbiters.BlobLease;

/// <summary>Registers the blob-lease arbiter.</summary>
public static class BlobLeaseRegistration
{
    /// <summary>Uses a lease on an Azure Storage blob as the cluster's witness.</summary>
    /// <typeparam name="TBuilder">The builder's own type.</typeparam>
    /// <param name="builder">What <c>AddRegroupMembership</c> returned.</param>
    /// <param name="configure">Sets the options; null when they are bound elsewhere (<c>services.Configure&lt;BlobLeaseOptions&gt;(section)</c>). They are validated when the host starts.</param>
    /// <returns>The builder.</returns>
    public static TBuilder UseBlobLease<TBuilder>(this TBuilder builder, Action<BlobLeaseOptions>? configure = null)
        where TBuilder : IMembershipBuilder
        => builder.UseArbiterWithOptions<TBuilder, BlobLeaseOptions, BlobLeaseOptionsValidator>(configure, static options => new BlobLeaseArbiter(options));
}

internal sealed class BlobLeaseOptionsValidator : IValidateOptions<BlobLeaseOptions>
{
    public ValidateOptionsResult Validate(string? name, BlobLeaseOptions options)
        => options.Validate() is { Count: > 0 } failures ? ValidateOptionsResult.Fail(failures) : ValidateOptionsResult.Success;
}
