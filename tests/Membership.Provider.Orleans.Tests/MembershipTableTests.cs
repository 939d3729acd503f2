// The contract of the framework's membership table, sentence by sentence, on three real nodes.
using Membership.Engine.Replication;
using Membership.Provider.Silos;
using Orleans;
using Orleans.Runtime;
using Xunit;
using static Membership.Provider.Orleans.Tests.TableCluster;

namespace Membership.Provider.Orleans.Tests;

public sealed class MembershipTableTests(TableCluster cluster) : IClassFixture<TableCluster>
{
    private readonly string _name = NewName();

    private IMembershipTable First => cluster.Table(1, _name);

    private IMembershipTable Second => cluster.Table(2, _name);

    [Fact]
    public async Task A_table_that_never_was_written_is_empty_at_version_0_and_initialising_one_with_rows_leaves_them()
    {
        await First.InitializeMembershipTable(true);
        MembershipTableData fresh = await First.ReadAll();
        Assert.Equal(0, fresh.Version.Version);
        Assert.Empty(fresh.Members);

        await AddAsync(First, Entry(Silo(1)));
        await First.InitializeMembershipTable(true);
        await Second.InitializeMembershipTable(true);
        Assert.Single((await Second.ReadAll()).Members);
    }

    [Fact]
    public async Task An_inserted_silo_is_read_at_once_on_every_node_with_the_version_one_higher_and_new_etags()
    {
        TableVersion before = (await First.ReadAll()).Version;
        MembershipEntry entry = Entry(Silo(1));

        Assert.True(await First.InsertRow(entry, before.Next()));

        for (int node = 1; node <= 3; node++)
        {
            MembershipTableData read = await cluster.Table(node, _name).ReadAll();
            Assert.Equal(before.Version + 1, read.Version.Version);
            Assert.NotEqual(before.VersionEtag, read.Version.VersionEtag);
            (MembershipEntry row, string etag) = Assert.Single(read.Members);
            AssertSame(entry, row);
            Assert.NotEmpty(etag);
        }
    }

    [Fact]
    public async Task A_silo_that_is_there_is_not_inserted_again()
    {
        await AddAsync(First, Entry(Silo(1)));
        MembershipTableData before = await First.ReadAll();

        Assert.False(await Second.InsertRow(Entry(Silo(1), SiloStatus.Dead), before.Version.Next()));

        AssertUnchanged(before, await First.ReadAll());
    }

    [Fact]
    public async Task An_insert_under_an_older_version_does_nothing()
    {
        TableVersion old = (await First.ReadAll()).Version;
        await AddAsync(First, Entry(Silo(1)));
        MembershipTableData before = await First.ReadAll();

        Assert.False(await Second.InsertRow(Entry(Silo(2)), old.Next()));

        AssertUnchanged(before, await First.ReadAll());
    }

    [Fact]
    public async Task An_update_replaces_the_whole_entry_and_changes_its_etag_and_the_version()
    {
        await AddAsync(First, Entry(Silo(1), SiloStatus.Joining));
        MembershipTableData before = await Second.ReadAll();
        var updated = new MembershipEntry
        {
            SiloAddress = Silo(1),
            Status = SiloStatus.Active,
            HostName = "another host",
            SiloName = "another name",
            RoleName = null,
            ProxyPort = 0,
            UpdateZone = 3,
            FaultZone = 4,
            StartTime = DateTime.UtcNow,
            IAmAliveTime = DateTime.UtcNow,
            SuspectTimes = [Tuple.Create(Silo(2), DateTime.UtcNow)],
        };

        Assert.True(await Second.UpdateRow(updated, before.Members[0].Item2, before.Version.Next()));

        MembershipTableData after = await First.ReadAll();
        AssertSame(updated, after.Members[0].Item1);
        Assert.NotEqual(before.Members[0].Item2, after.Members[0].Item2);
        Assert.Equal(before.Version.Version + 1, after.Version.Version);
    }

    [Fact]
    public async Task An_update_of_a_missing_silo_under_another_etag_or_an_older_version_does_nothing()
    {
        await AddAsync(First, Entry(Silo(1)));
        MembershipTableData old = await First.ReadAll();
        Assert.True(await First.UpdateRow(Entry(Silo(1), SiloStatus.ShuttingDown), old.Members[0].Item2, old.Version.Next()));
        MembershipTableData before = await First.ReadAll();
        string etag = before.Members[0].Item2;

        Assert.False(await Second.UpdateRow(Entry(Silo(2)), etag, before.Version.Next()));
        Assert.False(await Second.UpdateRow(Entry(Silo(1)), old.Members[0].Item2, before.Version.Next()));
        Assert.False(await Second.UpdateRow(Entry(Silo(1)), etag, old.Version.Next()));

        AssertUnchanged(before, await First.ReadAll());
    }

    [Fact]
    public async Task A_sign_of_life_changes_the_time_alone_and_spoils_nobodys_condition()
    {
        await AddAsync(First, Entry(Silo(1), time: DateTime.UtcNow.AddHours(-1)));
        MembershipTableData before = await First.ReadAll();
        DateTime alive = DateTime.UtcNow;

        await Second.UpdateIAmAlive(new MembershipEntry { SiloAddress = Silo(1), IAmAliveTime = alive });

        MembershipTableData after = await First.ReadAll();
        Assert.Equal(alive, after.Members[0].Item1.IAmAliveTime);
        after.Members[0].Item1.IAmAliveTime = before.Members[0].Item1.IAmAliveTime;
        AssertUnchanged(before, after);
        Assert.True(await First.UpdateRow(Entry(Silo(1), SiloStatus.Stopping), before.Members[0].Item2, before.Version.Next()));
    }

    [Fact]
    public async Task A_sign_of_life_of_a_silo_that_is_not_there_leaves_no_trace()
    {
        await First.UpdateIAmAlive(new MembershipEntry { SiloAddress = Silo(9), IAmAliveTime = DateTime.UtcNow });

        Assert.Empty((await Second.ReadAll()).Members);
        await AddAsync(First, Entry(Silo(9)));
        Assert.Single((await Second.ReadAll()).Members);
    }

    [Fact]
    public async Task One_row_is_read_with_the_tables_version_and_an_unknown_silo_as_none()
    {
        await AddAsync(First, Entry(Silo(1)));
        await AddAsync(First, Entry(Silo(2)));
        MembershipTableData all = await First.ReadAll();

        MembershipTableData one = await Second.ReadRow(Silo(2)), none = await Second.ReadRow(Silo(2, generation: 7));

        Assert.Equal(Silo(2), Assert.Single(one.Members).Item1.SiloAddress);
        Assert.Equal(all.Version.VersionEtag, one.Version.VersionEtag);
        Assert.Empty(none.Members);
        Assert.Equal(all.Version.Version, none.Version.Version);
    }

    [Fact]
    public async Task What_is_read_is_the_readers_own()
    {
        await AddAsync(First, Entry(Silo(1)));
        MembershipEntry read = (await First.ReadAll()).Members[0].Item1;
        read.Status = SiloStatus.Dead;
        read.SuspectTimes!.Add(Tuple.Create(Silo(2), DateTime.UtcNow));

        MembershipEntry again = (await First.ReadAll()).Members[0].Item1;
        Assert.Equal(SiloStatus.Active, again.Status);
        Assert.Empty(again.SuspectTimes!);
    }

    [Fact]
    public async Task Clean_up_removes_old_silos_that_are_not_active_and_nothing_else()
    {
        DateTime old = DateTime.UtcNow.AddDays(-8), recent = DateTime.UtcNow;
        await AddAsync(First, Entry(Silo(1), SiloStatus.Active, old));
        await AddAsync(First, Entry(Silo(2), SiloStatus.Dead, old));
        await AddAsync(First, Entry(Silo(3), SiloStatus.Dead, recent));
        await AddAsync(First, Entry(Silo(4), SiloStatus.Joining, old));
        MembershipEntry votedOn = Entry(Silo(5), SiloStatus.Dead, old);
        votedOn.SuspectTimes = [Tuple.Create(Silo(1), recent)];
        await AddAsync(First, votedOn);
        TableVersion before = (await First.ReadAll()).Version;

        await Second.CleanupDefunctSiloEntries(DateTimeOffset.UtcNow.AddDays(-1));

        MembershipTableData after = await First.ReadAll();
        Assert.Equivalent(new[] { Silo(1), Silo(3), Silo(5) }.Select(static silo => silo.ToParsableString()), after.Members.Select(static row => row.Item1.SiloAddress.ToParsableString()), strict: true);
        Assert.Equal(before.Version, after.Version.Version);
    }

    [Fact]
    public async Task Deleting_removes_the_rows_of_the_cluster_named_and_of_no_other()
    {
        await AddAsync(First, Entry(Silo(1)));

        await First.DeleteMembershipTableEntries("another cluster");
        Assert.Single((await Second.ReadAll()).Members);

        await First.DeleteMembershipTableEntries(_name);
        Assert.Empty((await Second.ReadAll()).Members);
        await AddAsync(Second, Entry(Silo(1)));
        Assert.Single((await First.ReadAll()).Members);
    }

    [Fact]
    public async Task Tables_of_different_clusters_do_not_touch()
    {
        string longName = new('n', 200);
        await AddAsync(cluster.Table(1, longName + 1), Entry(Silo(1)));
        await AddAsync(First, Entry(Silo(2)));

        Assert.Empty((await cluster.Table(2, longName + 2).ReadAll()).Members);
        Assert.Equal(Silo(1), Assert.Single((await cluster.Table(3, longName + 1).ReadAll()).Members).Item1.SiloAddress);
    }

    [Fact]
    public async Task Twenty_writers_on_three_nodes_lose_nothing_and_each_success_is_one_version()
    {
        const int Writers = 20, Rounds = 5;
        int successes = 0;
        await Task.WhenAll(Enumerable.Range(0, Writers).Select(writer => Task.Run(async () =>
        {
            IMembershipTable table = cluster.Table(writer % 3 + 1, _name);
            MembershipEntry entry = Entry(Silo(1000 + writer));
            await AddAsync(table, entry);
            Interlocked.Increment(ref successes);
            for (int round = 1; round <= Rounds; round++)
            {
                bool done = false;
                while (!done)
                {
                    TestContext.Current.CancellationToken.ThrowIfCancellationRequested();
                    MembershipTableData read = await table.ReadAll();
                    Tuple<MembershipEntry, string> own = read.Members.Single(row => row.Item1.SiloAddress.Equals(entry.SiloAddress));
                    Assert.Equal(round - 1, own.Item1.UpdateZone);
                    own.Item1.UpdateZone = round;
                    done = await table.UpdateRow(own.Item1, own.Item2, read.Version.Next());
                }
                Interlocked.Increment(ref successes);
            }
        })));

        MembershipTableData after = await First.ReadAll();
        Assert.Equal(Writers * (Rounds + 1), successes);
        Assert.Equal(successes, after.Version.Version);
        Assert.Equal(Writers, after.Members.Count);
        Assert.All(after.Members, static row => Assert.Equal(Rounds, row.Item1.UpdateZone));
        Assert.Equal(Writers, after.Members.Select(static row => row.Item2).Distinct().Count());
    }

    [Fact]
    public async Task Of_writers_under_one_version_exactly_one_wins()
    {
        TableVersion version = (await First.ReadAll()).Version;

        bool[] won = await Task.WhenAll(Enumerable.Range(0, 20).Select(writer => Task.Run(() => cluster.Table(writer % 3 + 1, _name).InsertRow(Entry(Silo(writer + 1)), version.Next()))));

        Assert.Single(won, static one => one);
        Assert.Single((await First.ReadAll()).Members);
    }

    [Fact]
    public async Task Times_keep_every_tick_and_their_kind()
    {
        MembershipEntry entry = Entry(Silo(1));
        entry.StartTime = new DateTime(2026, 11, 22, 3, 4, 5, DateTimeKind.Utc).AddTicks(1_234_567);
        entry.IAmAliveTime = new DateTime(638_000_000_000_000_001, DateTimeKind.Unspecified);
        entry.SuspectTimes = [Tuple.Create(Silo(2), entry.StartTime.AddTicks(1))];
        await AddAsync(First, entry);

        MembershipEntry read = (await Second.ReadRow(Silo(1))).Members[0].Item1;

        AssertSame(entry, read);
        Assert.Equal(DateTimeKind.Utc, read.StartTime.Kind);
    }

    [Fact]
    public async Task A_row_of_40_KB_is_kept_and_one_that_cannot_be_kept_is_refused_with_the_reason()
    {
        MembershipEntry large = Entry(Silo(1)), tooLarge = Entry(Silo(2));
        large.HostName = new string('h', 40_000);
        tooLarge.HostName = new string('h', TableLimits.MaxRowBytes);
        await AddAsync(First, large);
        MembershipTableData before = await Second.ReadAll();

        SiloTableException refused = await Assert.ThrowsAsync<SiloTableException>(() => First.InsertRow(tooLarge, before.Version.Next()));

        Assert.Contains("at most 65536", refused.Message, StringComparison.Ordinal);
        AssertSame(large, before.Members[0].Item1);
        AssertUnchanged(before, await Second.ReadAll());
    }

    [Fact]
    public async Task Five_hundred_silos_fit_and_are_cleaned_up_together()
    {
        const int Count = 500;
        DateTime old = DateTime.UtcNow.AddDays(-8);
        for (int silo = 0; silo < Count; silo++) await AddAsync(First, Entry(Silo(1 + silo), silo % 2 == 0 ? SiloStatus.Active : SiloStatus.Dead, old));

        MembershipTableData all = await Second.ReadAll();
        Assert.Equal(Count, all.Members.Count);
        Assert.Equal(Count, all.Version.Version);

        await Second.CleanupDefunctSiloEntries(DateTimeOffset.UtcNow.AddDays(-1));
        MembershipTableData rest = await First.ReadAll();
        Assert.Equal(Count / 2, rest.Members.Count);
        Assert.All(rest.Members, static row => Assert.Equal(SiloStatus.Active, row.Item1.Status));
        await First.DeleteMembershipTableEntries(_name);
    }

    private static void AssertUnchanged(MembershipTableData before, MembershipTableData after)
    {
        Assert.Equal(before.Version.Version, after.Version.Version);
        Assert.Equal(before.Version.VersionEtag, after.Version.VersionEtag);
        Assert.Equal(before.Members.Count, after.Members.Count);
        foreach ((Tuple<MembershipEntry, string> one, Tuple<MembershipEntry, string> other) in before.Members.Zip(after.Members))
        {
            Assert.Equal(one.Item2, other.Item2);
            AssertSame(one.Item1, other.Item1);
        }
    }

    internal static void AssertSame(MembershipEntry expected, MembershipEntry actual)
    {
        Assert.Equal(expected.SiloAddress, actual.SiloAddress);
        Assert.Equal(expected.Status, actual.Status);
        Assert.Equal((expected.HostName, expected.SiloName, expected.RoleName), (actual.HostName, actual.SiloName, actual.RoleName));
        Assert.Equal((expected.ProxyPort, expected.UpdateZone, expected.FaultZone), (actual.ProxyPort, actual.UpdateZone, actual.FaultZone));
        Assert.Equal((expected.StartTime, expected.IAmAliveTime), (actual.StartTime, actual.IAmAliveTime));
        Assert.Equal(expected.SuspectTimes, actual.SuspectTimes);
    }
}
