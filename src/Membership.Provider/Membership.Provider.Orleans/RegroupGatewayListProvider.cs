// A client's list of gateways: asked of any node of the cluster, no database.
using Membership.Provider.Silos;
using Orleans.Messaging;

namespace Membership.Provider.Orleans;

internal sealed class RegroupGatewayListProvider(SiloDirectoryClient directory, TimeSpan refreshPeriod) : IGatewayListProvider
{
    public TimeSpan MaxStaleness => refreshPeriod;

    public bool IsUpdatable => true;

    public Task InitializeGatewayListProvider() => Task.CompletedTask;

    public async Task<IList<Uri>> GetGateways() => [.. await directory.AskAsync().ConfigureAwait(false)];
}
