// Replicated tables on real nodes: twenty writers, reads that see what was answered, a joiner with everything, a coordinator that dies.
using System.Globalization;
using System.Text;
using Membership.Engine.Replication;
using Membership.Engine.Runtime;
using Xunit;

namespace Membership.Engine.Tests.Runtime;

public sealed class TableTests
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Twenty_writers_on_three_nodes_raise_a_counter_without_losing_one()
    {
        await using var cluster = new LocalCluster(3);
        await cluster.FormAsync();
        await Task.WhenAll(Enumerable.Range(0, 20).Select(writer => RaiseAsync(cluster.Nodes[writer % 3], 10)));
        foreach (MembershipNode node in cluster.Nodes) Assert.Equal(200, Value(await node.ReadTableAsync("counters", Cancel)));
        TableReadResult end = await cluster.Nodes[2].ReadTableAsync("counters", Cancel);
        Assert.Equal(200, end.Table!.Version);
    }

    [Fact]
    public async Task Whoever_asks_after_an_update_was_answered_sees_it_at_every_node()
    {
        await using var cluster = new LocalCluster(3);
        await cluster.FormAsync();
        for (int i = 0; i < 50; i++)
        {
            Assert.True((await PutAsync(cluster.Nodes[i % 3], "k" + i, "v")).IsApplied);
            TableReadResult read = await cluster.Nodes[(i + 1) % 3].ReadTableAsync("t", Cancel);
            Assert.True(read.Table!.Rows.ContainsKey("k" + i));
        }
    }

    [Fact]
    public async Task A_joiner_has_everything_and_the_dead_coordinators_updates_are_not_lost()
    {
        await using var cluster = new LocalCluster(3);
        await cluster.FormAsync();
        for (int i = 0; i < 20; i++) await PutAsync(cluster.Nodes[i % 3], "k" + i, new string('x', 1000));
        await cluster.Nodes[0].DisposeAsync();
        await cluster.AllSeeAsync(2, 3);
        Assert.Equal(20, (await cluster.Nodes[2].ReadTableAsync("t", Cancel)).Table!.Rows.Count);
        await PutAsync(cluster.Nodes[1], "after", "1");

        cluster.Nodes[0] = await cluster.StartAsync(1);
        await cluster.AllSeeAsync(1, 2, 3);
        TableReadResult read = await cluster.Nodes[0].ReadTableAsync("t", Cancel);
        Assert.Equal(21, read.Table!.Rows.Count);
        Assert.True((await PutAsync(cluster.Nodes[0], "k0", "new")).IsApplied);
        Assert.Equal("new", Encoding.UTF8.GetString((await cluster.Nodes[2].ReadTableAsync("t", Cancel)).Table!.Rows["k0"].Value.Span));
    }

    [Fact]
    public async Task An_update_that_can_never_be_carried_out_is_a_fault_and_a_node_that_is_none_is_no_member()
    {
        await using var cluster = new LocalCluster(1);
        await cluster.FormAsync();
        TableUpdateResult fault = await cluster.Nodes[0].UpdateTableAsync(new TableUpdate("t", []), Cancel);
        Assert.Equal(MembershipStatus.Fault, fault.Status);
        Assert.Contains("does nothing", fault.Detail, StringComparison.Ordinal);
        await cluster.Nodes[0].LeaveAsync(Cancel);
        Assert.Equal(MembershipStatus.NotMember, (await PutAsync(cluster.Nodes[0], "k", "v")).Status);
        Assert.Equal(MembershipStatus.NotMember, (await cluster.Nodes[0].ReadTableAsync("t", Cancel)).Status);
    }

    [Fact]
    public async Task More_callers_than_there_is_room_for_wait_and_all_are_answered()
    {
        await using var cluster = new LocalCluster(3);
        await cluster.FormAsync();
        TableUpdateResult[] results = await Task.WhenAll(Enumerable.Range(0, 3 * TableLimits.MaxWaiting).Select(i => PutAsync(cluster.Nodes[0], "k" + (i % 100), "v")));
        Assert.All(results, static result => Assert.True(result.IsApplied));
        Assert.Equal(3 * TableLimits.MaxWaiting, (await cluster.Nodes[1].ReadTableAsync("t", Cancel)).Table!.Version);
    }

    [Fact]
    public async Task A_watcher_gets_the_table_as_it_is_and_then_each_change_the_latest_first()
    {
        await using var cluster = new LocalCluster(3);
        await cluster.FormAsync();
        await PutAsync(cluster.Nodes[0], "a", "1");
        await using IAsyncEnumerator<TableSnapshot> watch = cluster.Nodes[1].WatchTableAsync("t", Cancel).GetAsyncEnumerator(Cancel);
        do Assert.True(await watch.MoveNextAsync());
        while (watch.Current.Version < 1);
        await PutAsync(cluster.Nodes[0], "b", "2");
        Assert.True(await watch.MoveNextAsync());
        Assert.Equal((2L, 2), (watch.Current.Version, watch.Current.Rows.Count));
    }

    private static Task<TableUpdateResult> PutAsync(MembershipNode node, string key, string value)
        => node.UpdateTableAsync(new TableUpdate("t", [new RowChange(RowChangeKind.Put, key, Encoding.UTF8.GetBytes(value))]), Cancel);

    private static async Task RaiseAsync(MembershipNode node, int times)
    {
        while (times > 0)
        {
            TableReadResult read = await node.ReadTableAsync("counters", Cancel);
            TableRow? row = read.Table!.Rows.GetValueOrDefault("n");
            byte[] next = Encoding.UTF8.GetBytes((Value(read) + 1).ToString(CultureInfo.InvariantCulture));
            var change = new RowChange(row is null ? RowChangeKind.Insert : RowChangeKind.Update, "n", next, row?.Etag ?? 0);
            TableUpdateResult result = await node.UpdateTableAsync(new TableUpdate("counters", [change]), Cancel);
            Assert.Equal(MembershipStatus.Ok, result.Status);
            if (result.IsApplied) times--;
        }
    }

    private static int Value(TableReadResult read)
        => read.Table!.Rows.TryGetValue("n", out TableRow? row) ? int.Parse(Encoding.UTF8.GetString(row.Value.Span), CultureInfo.InvariantCulture) : 0;
}
