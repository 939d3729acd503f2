// UseScsiReservation: what a host writes after AddRegroupMembership.
using Membership.Arbiters.Scsi;
using Membership.Engine.Arbitration;

namespace Microsoft.Extensions.DependencyInjection;

/// <summary>Registers the SCSI arbiter.</summary>
public static class ScsiMembershipBuilderExtensions
{
    /// <summary>Uses a LUN with SCSI reservations as the witness.</summary>
    /// <typeparam name="TBuilder">The builder's own type.</typeparam>
    /// <param name="builder">What <c>AddRegroupMembership</c> returned.</param>
    /// <param name="configure">Sets the options; they are validated when the host starts. May be left out when they come from configuration.</param>
    /// <returns>The builder.</returns>
    public static TBuilder UseScsiReservation<TBuilder>(this TBuilder builder, Action<ScsiReservationOptions>? configure = null)
        where TBuilder : IMembershipBuilder
        => builder.UseArbiterWithOptions<TBuilder, ScsiReservationOptions, ScsiReservationOptionsValidator>(configure, static options => new ScsiReservationArbiter(options));
}
