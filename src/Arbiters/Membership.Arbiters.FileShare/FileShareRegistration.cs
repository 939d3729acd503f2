// The one line in a host's set-up, and the check of its options at host start.
using Membership.Engine.Arbitration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
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
    {
        ArgumentNullException.ThrowIfNull(builder);
        if (configure is not null) builder.Services.Configure(configure);
        builder.Services.AddOptions<FileShareOptions>().ValidateOnStart();
        builder.Services.TryAddEnumerable(ServiceDescriptor.Singleton<IValidateOptions<FileShareOptions>, FileShareOptionsValidator>());
        return builder.UseArbiter(static provider => new FileShareArbiter(provider.GetRequiredService<IOptions<FileShareOptions>>().Value));
    }
}

internal sealed class FileShareOptionsValidator : IValidateOptions<FileShareOptions>
{
    public ValidateOptionsResult Validate(string? name, FileShareOptions options)
        => options.Validate() is { Count: > 0 } failures ? ValidateOptionsResult.Fail(failures) : ValidateOptionsResult.Success;
}
