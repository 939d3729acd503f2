// The one line in a host's set-up, and the check of its options at host start.
using Membership.Engine.Arbitration;
using Microsoft.Extensions.Options;

namespace Membership.Arbiters.FileShare;

/// <summary>Registers the file-share witness.</summary>
public static class FileShareRegistration
{
    /// <summary>Uses a directory on a file share as the cluster's witness.</summary>
    /// <typeparam name="TBuilder">The builder's own type.</typeparam>
    /// <param name="builder">What <c>AddRegroupMembership</c> returned.</param>
    /// <param name="configure">Sets the options; null when they are bound elsewhere (<c>services.Configure&lt;FileShareOptions&gt;(section)</c>). They are validated when the host starts.</param>
    /// <returns>The builder.</returns>
    public static TBuilder UseFileShareWitness<TBuilder>(this TBuilder builder, Action<FileShareOptions>? configure = null)
        where TBuilder : IMembershipBuilder
        => builder.UseArbiterWithOptions<TBuilder, FileShareOptions, FileShareOptionsValidator>(configure, static options => new FileShareArbiter(options));
}

internal sealed class FileShareOptionsValidator : IValidateOptions<FileShareOptions>
{
    public ValidateOptionsResult Validate(string? name, FileShareOptions options)
        => options.Validate() is { Count: > 0 } failures ? ValidateOptionsResult.Fail(failures) : ValidateOptionsResult.Success;
}
