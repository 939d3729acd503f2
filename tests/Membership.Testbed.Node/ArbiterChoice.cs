// The witness that the configuration names; by itself, so that a node without one does not load what it would need.
using Membership.Arbiters.BlobLease;
using Membership.Arbiters.FileShare;
using Membership.Arbiters.Scsi;
using Membership.Provider;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;

namespace Membership.Testbed.Node;

internal static class ArbiterChoice
{
    public static void Apply(string arbiter, RegroupMembershipBuilder cluster, IConfiguration configuration)
    {
        switch (arbiter)
        {
            case "Scsi":
                cluster.UseScsiReservation(configuration.GetSection(ScsiReservationOptions.SectionName));
                break;
            case "Blob":
                cluster.UseBlobLease(configuration.GetSection(BlobLeaseOptions.SectionName));
                break;
            case "Share":
                cluster.UseFileShareWitness(configuration.GetSection(FileShareOptions.SectionName));
                break;
        }
    }
}
