// A cluster that forms anew starts with a fresh table, and nothing read from the old one passes for the new one.
using Membership.Provider.Tests;
using Orleans;
using Xunit;
using static Membership.Provider.Orleans.Tests.TableCluster;

namespace Membership.Provider.Orleans.Tests;

public sealed class ReformedClusterTests
{
    [Fact]
    public async Task A_cluster_that_forms_anew_has_a_fresh_table_and_etags_of_the_old_one_fit_nothing()
    {
        await using var hosts = new TestHosts(1);
        await hosts.StartAsync();
        var before = new RegroupMembershipTable(new Silos.SiloTable(hosts.Membership(1), "c"));
        TableVersion oldEmpty = (await before.ReadAll()).Version;
        await AddAsync(before, Entry(Silo(1)));
        MembershipTableData old = await before.ReadAll();
        await hosts[1].StopAsync(TestHosts.Deadline);
        await ((IAsyncDisposable)hosts[1]).DisposeAsync();

        await hosts.StartAsync();
        var after = new RegroupMembershipTable(new Silos.SiloTable(hosts.Membership(1), "c"));
        MembershipTableData fresh = await after.ReadAll();

        Assert.Empty(fresh.Members);
        Assert.Equal(0, fresh.Version.Version);
        Assert.NotEqual(oldEmpty.VersionEtag, fresh.Version.VersionEtag);
        Assert.False(await after.InsertRow(Entry(Silo(2)), oldEmpty.Next()));
        await AddAsync(after, Entry(Silo(1)));
        MembershipTableData now = await after.ReadAll();
        Assert.Equal(old.Version.Version, now.Version.Version);
        Assert.False(await after.UpdateRow(Entry(Silo(1)), old.Members[0].Item2, now.Version.Next()));
    }
}
