// UseScsiReservation: what a host writes after AddRegroupMembership.
using Membership.Arbiters.Scsi;
using Membership.Engine.Arbitration;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Options;

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
    {
        ArgumentNullException.ThrowIfNull(builder);
        OptionsBuilder<ScsiReservationOptions> options = builder.Services.AddOptions<ScsiReservationOptions>().ValidateOnStart();
        if (configure is not null) options.Configure(configure);
        builder.Services.TryAddEnumerable(ServiceDescriptor.Singleton<IValidateOptions<ScsiReservationOptions>, ScsiReservationOptionsValidator>());
        return builder.UseArbiter(static provider => new ScsiReservationArbiter(provider.GetRequiredService<IOptions<ScsiReservationOptions>>().Value));
    }
}
