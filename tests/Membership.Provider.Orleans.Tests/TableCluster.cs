// Three real nodes in this process, and the framework's table on each of them.
using System.Net;
using Membership.Provider.Silos;
using Membership.Provider.Tests;
using Orleans;
using Orleans.Runtime;
using Xunit;

namespace Membership.Provider.Orleans.Tests;

public sealed class TableCluster : IAsyncLifetime
{
    private static int _tables;

    internal TestHosts Hosts { get; } = new(3);

    public async ValueTask InitializeAsync() => await Hosts.StartAsync();

    public ValueTask DisposeAsync() => Hosts.DisposeAsync();

    /// <summary>The name of a table that no other test uses.</summary>
    public static string NewName() => $"cluster-{Interlocked.Increment(ref _tables)}";

    internal SiloTable SiloTable(int node, string name, string? localSilo = null) => new(Hosts.Membership(node), name) { LocalSilo = localSilo };

    internal IMembershipTable Table(int node, string name) => new RegroupMembershipTable(SiloTable(node, name));

    public static SiloAddress Silo(int port, int generation = 1) => SiloAddress.New(new IPEndPoint(IPAddress.Loopback, port), generation);

    public static MembershipEntry Entry(SiloAddress silo, SiloStatus status = SiloStatus.Active, DateTime? time = null) => new()
    {
        SiloAddress = silo,
        Status = status,
        HostName = "host",
        SiloName = $"silo {silo}",
        RoleName = "role",
        ProxyPort = 30000,
        StartTime = time ?? DateTime.UtcNow,
        IAmAliveTime = time ?? DateTime.UtcNow,
        SuspectTimes = [],
    };

    /// <summary>Adds a silo, however often the version has moved on meanwhile.</summary>
    internal static async Task AddAsync(IMembershipTable table, MembershipEntry entry)
    {
        while (!await table.InsertRow(entry, (await table.ReadAll()).Version.Next())) TestContext.Current.CancellationToken.ThrowIfCancellationRequested();
    }
}
