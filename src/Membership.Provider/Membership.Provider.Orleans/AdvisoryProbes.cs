// The framework's own failure detection, by its public options: it goes on probing and logging, and its votes remove nobody.
using Microsoft.Extensions.Options;
using Orleans.Configuration;

namespace Membership.Provider.Orleans;

internal sealed class AdvisoryProbes(IOptions<RegroupSiloOptions> options) : IPostConfigureOptions<ClusterMembershipOptions>
{
    public void PostConfigure(string? name, ClusterMembershipOptions membership)
    {
        ArgumentNullException.ThrowIfNull(membership);
        // The replicated table itself tells every silo of every change, sooner than gossip, and gossip to a dead silo holds a status change up.
        membership.UseLivenessGossip = false;
        if (!options.Value.AdvisoryProbes) return;
        membership.NumMissedProbesLimit = int.MaxValue / 4;
        membership.NumProbedSilos = 2;
        membership.NumVotesForDeathDeclaration = 2;
        membership.EnableIndirectProbes = false;
        membership.EvictWhenMaxJoinAttemptTimeExceeded = false;
    }
}
