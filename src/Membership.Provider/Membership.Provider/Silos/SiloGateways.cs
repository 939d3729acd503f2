// Which silos clients may connect to: the active ones with a gateway whose life is in the view.
using System.Collections.Immutable;
using Membership.Engine;

namespace Membership.Provider.Silos;

internal static class SiloGateways
{
    public static ImmutableArray<string> Of(SiloTableContent table, ClusterView view)
        => [.. table.Silos.Where(silo => silo.Row is { Status: SiloRowStatus.Active, Gateway.Length: > 0 } && (!silo.Row.Node.IsValid || silo.Row.IsIn(view))).Select(static silo => silo.Row.Gateway)];
}
