// UseFileShareWitness: what a host writes after AddRegroupMembership.
using Membership.Arbiters.FileShare;
using Membership.Engine.Arbitration;
using Microsoft.Extensions.Configuration;

namespace Microsoft.Extensions.DependencyInjection;

/// <summary>Registers the file-share witness.</summary>
public static class FileShareMembershipBuilderExtensions
{
    /// <summary>Uses a directory on a file share as the witness, with options set in code.</summary>
    /// <typeparam name="TBuilder">The builder's own type.</typeparam>
    /// <param name="builder">What <c>AddRegroupMembership</c> returned.</param>
    /// <param name="configure">Sets the options, which have the cluster's name and are validated when the host starts; null when they are set elsewhere
    /// (<c>services.Configure&lt;FileShareOptions&gt;(name, ...)</c>).</param>
    /// <returns>The builder.</returns>
    public static TBuilder UseFileShareWitness<TBuilder>(this TBuilder builder, Action<FileShareOptions>? configure = null)
        where TBuilder : IMembershipBuilder
        => builder.UseArbiterWithOptions<TBuilder, FileShareOptions, FileShareOptionsValidator>(options => options.Configure(configure ?? (static _ => { })), static options => new FileShareArbiter(options));

    /// <summary>Uses a directory on a file share as the witness, with options from configuration. A name that no option has stops the host at its start.</summary>
    /// <typeparam name="TBuilder">The builder's own type.</typeparam>
    /// <param name="builder">What <c>AddRegroupMembership</c> returned.</param>
    /// <param name="section">The section to read, e.g. <c>configuration.GetSection(FileShareOptions.SectionName)</c>.</param>
    /// <returns>The builder.</returns>
    public static TBuilder UseFileShareWitness<TBuilder>(this TBuilder builder, IConfiguration section)
        where TBuilder : IMembershipBuilder
    {
        ArgumentNullException.ThrowIfNull(section);
        return builder.UseArbiterWithOptions<TBuilder, FileShareOptions, FileShareOptionsValidator>(options => options.Bind(section, static binder => binder.ErrorOnUnknownConfiguration = true), static options => new FileShareArbiter(options));
    }
}
