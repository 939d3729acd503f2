// Silo table and view agree, whoever changes first: nodes that die, restart, are told to go, or say goodbye.
using Membership.Engine;
using Membership.Provider.Silos;
using Membership.Provider.Tests;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging.Abstractions;
using Orleans;
using Orleans.Runtime;
using Xunit;
using static Membership.Provider.Orleans.Tests.TableCluster;

namespace Membership.Provider.Orleans.Tests;

public sealed class SiloReconcilerTests : IAsyncLifetime
{
    private readonly TestHosts _hosts = new(3);
    private readonly CancellationTokenSource _stop = new();
    private readonly List<Task> _running = [];
    private readonly List<string> _buried = [];

    public async ValueTask InitializeAsync() => await _hosts.StartAsync();

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await Task.WhenAll(_running);
        await _hosts.DisposeAsync();
        _stop.Dispose();
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public async Task A_silo_whose_node_dies_is_marked_dead_in_one_version(int dies)
    {
        int[] others = [.. Enumerable.Range(1, 3).Where(node => node != dies)];
        foreach (int node in Enumerable.Range(1, 3)) await SiloAsync(node);
        long before = (await ReadAsync(others[0])).Version;

        await KillAsync(dies);

        foreach (int node in others) await UntilAsync(node, table => table.Find(Name(dies)) is { Row.Status: SiloRowStatus.Dead });
        // Everybody has looked at the view without it, and nobody has anything left to say.
        await UntilAsync(others[1], table => others.All(node => _hosts.Membership(node).CurrentView!.Members.Length == 2));
        SiloTableContent after = await ReadAsync(others[0]);
        Assert.Equal(before + 1, after.Version);
        Assert.All(others, node => Assert.Equal(SiloRowStatus.Active, after.Find(Name(node))!.Value.Row.Status));
        Assert.Single(after.Find(Name(dies))!.Value.Row.Suspects);
    }

    [Fact]
    public async Task A_death_is_told_by_another_survivor_when_the_coordinator_runs_no_silo()
    {
        await SiloAsync(2);
        await SiloAsync(3);

        await KillAsync(3);

        await UntilAsync(2, static table => table.Find(Name(3)) is { Row: { Status: SiloRowStatus.Dead, Writer.Value: 2 } });
    }

    [Fact]
    public async Task A_silo_that_somebody_marks_dead_takes_its_node_out_of_the_view()
    {
        foreach (int node in Enumerable.Range(1, 3)) await SiloAsync(node);
        SiloTable table = Table(1);
        SiloTableContent now = await table.ReadAsync(TestHosts.Deadline);
        StoredSilo victim = now.Find(Name(2))!.Value;

        Assert.True(await table.UpdateAsync(victim.Row with { Status = SiloRowStatus.Dead }, victim.Etag, now.VersionEtag, now.Version + 1, TestHosts.Deadline));

        await _hosts.Membership(2).Halted.WaitAsync(TestHosts.Deadline);
        await _hosts.ViewAsync(1, 3);
    }

    [Fact]
    public async Task A_silo_learns_from_the_table_that_it_is_buried_before_anybody_ejects_it()
    {
        await SiloAsync(2);
        SiloTable table = Table(1);
        SiloTableContent now = await table.ReadAsync(TestHosts.Deadline);
        StoredSilo victim = now.Find(Name(2))!.Value;

        Assert.True(await table.UpdateAsync(victim.Row with { Status = SiloRowStatus.Dead }, victim.Etag, now.VersionEtag, now.Version + 1, TestHosts.Deadline));

        await TestHosts.UntilAsync("silo 2 is told that it is buried", () => _buried.Count == 1);
        Assert.Contains("by node 1", _buried[0], StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_silo_that_says_goodbye_is_left_to_leave_by_itself()
    {
        foreach (int node in Enumerable.Range(1, 3)) await SiloAsync(node);
        ClusterView view = _hosts.Membership(1).CurrentView!;
        SiloTable table = Table(3);
        SiloTableContent now = await table.ReadAsync(TestHosts.Deadline);
        StoredSilo own = now.Find(Name(3))!.Value;
        Assert.True(await table.UpdateAsync(own.Row with { Status = SiloRowStatus.Dead }, own.Etag, now.VersionEtag, now.Version + 1, TestHosts.Deadline));

        // Another silo dies meanwhile: when that is in the table, everybody has seen the goodbye too.
        await KillAsync(2);
        await UntilAsync(1, static table => table.Find(Name(2)) is { Row.Status: SiloRowStatus.Dead });

        Assert.True(_hosts.Membership(1).CurrentView!.Contains(new NodeId(3), view.Find(new NodeId(3)).Incarnation));
        Assert.False(_hosts.Membership(3).Halted.IsCompleted);
        Assert.Empty(_buried);
    }

    [Fact]
    public async Task A_restarted_node_finds_the_silo_of_its_former_life_dead_before_it_reads_the_table()
    {
        await SiloAsync(1);
        await SiloAsync(3);
        await KillAsync(3);
        await _hosts.ViewAsync(1, 2);
        _hosts.Build(3);
        await _hosts[3].StartAsync(TestHosts.Deadline);
        await _hosts.ViewAsync(1, 2, 3);

        string newer = Silo(3, generation: 2).ToParsableString();
        SiloTable table = Table(3, newer);
        await Reconciler(3, table).SettleAsync(TestHosts.Deadline);
        Assert.Equal(SiloRowStatus.Dead, (await table.ReadAsync(TestHosts.Deadline)).Find(Name(3))!.Value.Row.Status);

        await AddAsync(new RegroupMembershipTable(table), Entry(Silo(3, generation: 2)));
        SiloTableContent now = await ReadAsync(1);
        Assert.Equal(SiloRowStatus.Active, now.Find(newer)!.Value.Row.Status);
        Assert.True(now.Find(newer)!.Value.Row.IsIn(_hosts.Membership(1).CurrentView!));
    }

    [Fact]
    public void A_view_older_than_a_silo_says_nothing_about_it()
    {
        ClusterView view = _hosts.Membership(1).CurrentView!;
        var row = new SiloRow { Silo = "x", Status = SiloRowStatus.Active, Node = new NodeId(7), Life = new Incarnation(1), Since = view.Epoch.Next };
        Assert.False(row.IsGoneIn(view));
        Assert.True((row with { Since = view.Epoch }).IsGoneIn(view));
        Engine.ClusterMember member = view.Members[0];
        SiloRow there = row with { Node = member.Node, Life = member.Incarnation, Since = view.Epoch };
        Assert.False(there.IsGoneIn(view));
        Assert.True((there with { Life = new Incarnation(member.Incarnation.Value - 1) }).IsGoneIn(view));
        Assert.False((there with { Node = NodeId.Invalid }).IsGoneIn(view));
    }

    private static string Name(int node) => Silo(node).ToParsableString();

    private SiloTable Table(int node, string? silo = null) => new(_hosts.Membership(node), "c") { LocalSilo = silo ?? Name(node) };

    private Task<SiloTableContent> ReadAsync(int node) => Table(node).ReadAsync(TestHosts.Deadline);

    private SiloReconciler Reconciler(int node, SiloTable table)
        => new(_hosts.Membership(node), table, TimeProvider.System, why => { lock (_buried) _buried.Add(why); }, NullLogger.Instance);

    /// <summary>An active silo on a node, and what keeps it and the view in agreement.</summary>
    private async Task SiloAsync(int node)
    {
        SiloTable table = Table(node);
        await AddAsync(new RegroupMembershipTable(table), Entry(Silo(node)));
        _running.Add(Reconciler(node, table).RunAsync(_stop.Token));
    }

    /// <summary>As a crash looks to the others: no leave, no word.</summary>
    private async Task KillAsync(int node)
        => await _hosts[node].Services.GetRequiredService<ClusterMembership>().Node.DisposeAsync();

    private async Task UntilAsync(int node, Func<SiloTableContent, bool> condition)
    {
        CancellationToken deadline = TestHosts.Deadline;
        while (!condition(await ReadAsync(node))) await Task.Delay(20, deadline);
    }
}
