// The framework's membership table, kept in the cluster's replicated state: no database. A lost condition answers false, trouble
// throws; every read contains every write that was answered before it, on whichever silo.
using Membership.Provider.Silos;
using Orleans;
using Orleans.Runtime;

namespace Membership.Provider.Orleans;

internal sealed class RegroupMembershipTable(SiloTable table) : IMembershipTable
{
    /// <summary>The table comes into being with its first row; one that has rows is left alone.</summary>
    public async Task InitializeMembershipTable(bool tryInitTableVersion) => await table.ReadAsync().ConfigureAwait(false);

    public Task DeleteMembershipTableEntries(string clusterId) => table.DeleteAsync(clusterId);

    public Task CleanupDefunctSiloEntries(DateTimeOffset beforeDate) => table.CleanUpAsync(beforeDate);

    public async Task<MembershipTableData> ReadRow(SiloAddress key)
    {
        ArgumentNullException.ThrowIfNull(key);
        string silo = key.ToParsableString();
        return SiloEntries.ToTable(await table.ReadAsync().ConfigureAwait(false), stored => stored.Row.Silo == silo);
    }

    public async Task<MembershipTableData> ReadAll() => SiloEntries.ToTable(await table.ReadAsync().ConfigureAwait(false));

    public Task<bool> InsertRow(MembershipEntry entry, TableVersion tableVersion)
    {
        ArgumentNullException.ThrowIfNull(entry);
        ArgumentNullException.ThrowIfNull(tableVersion);
        return table.InsertAsync(SiloEntries.ToRow(entry), tableVersion.VersionEtag, tableVersion.Version);
    }

    public Task<bool> UpdateRow(MembershipEntry entry, string etag, TableVersion tableVersion)
    {
        ArgumentNullException.ThrowIfNull(entry);
        ArgumentNullException.ThrowIfNull(tableVersion);
        return table.UpdateAsync(SiloEntries.ToRow(entry), etag, tableVersion.VersionEtag, tableVersion.Version);
    }

    public Task UpdateIAmAlive(MembershipEntry entry)
    {
        ArgumentNullException.ThrowIfNull(entry);
        return table.UpdateAliveAsync(entry.SiloAddress.ToParsableString(), entry.IAmAliveTime);
    }
}
