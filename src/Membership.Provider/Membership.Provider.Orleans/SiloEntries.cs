// Between the framework's membership entries and the rows of the silo table: nothing but translation.
using System.Collections.Immutable;
using Membership.Provider.Silos;
using Orleans;
using Orleans.Runtime;

namespace Membership.Provider.Orleans;

internal static class SiloEntries
{
    public static SiloRow ToRow(MembershipEntry entry) => new()
    {
        Silo = entry.SiloAddress.ToParsableString(),
        Status = (SiloRowStatus)entry.Status,
        Gateway = entry.ProxyPort == 0 ? "" : GatewayOf(entry.SiloAddress, entry.ProxyPort),
        ProxyPort = entry.ProxyPort,
        HostName = entry.HostName,
        SiloName = entry.SiloName,
        RoleName = entry.RoleName,
        UpdateZone = entry.UpdateZone,
        FaultZone = entry.FaultZone,
        StartTime = entry.StartTime,
        IAmAliveTime = entry.IAmAliveTime,
        Suspects = entry.SuspectTimes is { } votes ? [.. votes.Select(static vote => new SiloVote(vote.Item1.ToParsableString(), vote.Item2))] : default,
    };

    public static MembershipEntry ToEntry(SiloRow row) => new()
    {
        SiloAddress = SiloAddress.FromParsableString(row.Silo),
        Status = (SiloStatus)row.Status,
        ProxyPort = row.ProxyPort,
        HostName = row.HostName!,
        SiloName = row.SiloName!,
        RoleName = row.RoleName,
        UpdateZone = row.UpdateZone,
        FaultZone = row.FaultZone,
        StartTime = row.StartTime,
        IAmAliveTime = row.IAmAliveTime,
        SuspectTimes = row.Suspects.IsDefault ? null : [.. row.Suspects.Select(static vote => Tuple.Create(SiloAddress.FromParsableString(vote.Silo), vote.Time))],
    };

    /// <summary>Fresh entries on every call: the framework changes what it reads.</summary>
    public static MembershipTableData ToTable(SiloTableContent content, Func<StoredSilo, bool>? which = null)
        => new(
            [.. content.Silos.Where(which ?? (static _ => true)).Select(static silo => Tuple.Create(ToEntry(silo.Row), silo.Etag))],
            new TableVersion(checked((int)content.Version), content.VersionEtag));

    private static string GatewayOf(SiloAddress silo, int port) => $"gwy.tcp://{new System.Net.IPEndPoint(silo.Endpoint.Address, port)}/{silo.Generation}";
}
