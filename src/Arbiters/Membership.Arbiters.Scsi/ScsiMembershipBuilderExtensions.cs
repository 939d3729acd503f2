// UseScsiReservation: what a host writes after AddRegroupMembership.
using Membership.Arbiters.Scsi;
using Membership.Engine.Arbitration;
using Microsoft.Extensions.Configuration;

namespace Microsoft.Extensions.DependencyInjection;

/// <summary>Registers the SCSI arbiter.</summary>
public static class ScsiMembershipBuilderExtensions
{
    /// <summary>Uses a LUN with SCSI reservations as the witness, with options set in code.</summary>
    /// <typeparam name="TBuilder">The builder's own type.</typeparam>
    /// <param name="builder">What <c>AddRegroupMembership</c> returned.</param>
    /// <param name="configure">Sets the options, which have the cluster's name and are validated when the host starts; null when they are set elsewhere
    /// (<c>services.Configure&lt;ScsiReservationOptions&gt;(name, ...)</c>).</param>
    /// <returns>The builder.</returns>
    public static TBuilder UseScsiReservation<TBuilder>(this TBuilder builder, Action<ScsiReservationOptions>? configure = null)
        where TBuilder : IMembershipBuilder
        => builder.UseArbiterWithOptions<TBuilder, ScsiReservationOptions, ScsiReservationOptionsValidator>(options => options.Configure(configure ?? (static _ => { })), static options => new ScsiReservationArbiter(options));

    /// <summary>Uses a LUN with SCSI reservations as the witness, with options from configuration. A name that no option has stops the host at its start.</summary>
    /// <typeparam name="TBuilder">The builder's own type.</typeparam>
    /// <param name="builder">What <c>AddRegroupMembership</c> returned.</param>
    /// <param name="section">The section to read, e.g. <c>configuration.GetSection(ScsiReservationOptions.SectionName)</c>.</param>
    /// <returns>The builder.</returns>
    public static TBuilder UseScsiReservation<TBuilder>(this TBuilder builder, IConfiguration section)
        where TBuilder : IMembershipBuilder
    {
        ArgumentNullException.ThrowIfNull(section);
        return builder.UseArbiterWithOptions<TBuilder, ScsiReservationOptions, ScsiReservationOptionsValidator>(options => options.Bind(section, static binder => binder.ErrorOnUnknownConfiguration = true), static options => new ScsiReservationArbiter(options));
    }
}
