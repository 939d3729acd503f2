// Versions side by side, with real nodes on real sockets: a later minor version joins, is upgraded to one by one and goes back; a later
// major version is refused and counted, and harms nobody.
using System.Collections.Concurrent;
using Membership.Engine.Protocol;
using Membership.Engine.Replication;
using Membership.Engine.Runtime;
using Membership.Engine.Wire;
using Membership.Tests;
using Xunit;

namespace Membership.Engine.Tests.Runtime;

public sealed class NextVersionTests
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_cluster_is_upgraded_node_by_node_to_a_later_minor_version_and_one_node_goes_back()
    {
        var relays = new ConcurrentDictionary<int, NextVersionRelay>();
        var speaksNext = new HashSet<int>();
        LocalCluster? made = null;
        await using var cluster = new LocalCluster(3, options => speaksNext.Contains(options.Self) ? options with { Nodes = Through(relays, options, made!) } : options);
        made = cluster;
        try
        {
            await cluster.FormAsync();
            foreach (int node in new[] { 3, 1, 2 })
            {
                await RestartAsync(cluster, relays, node, () => speaksNext.Add(node));
                // Whatever the messages carry: a table is written at the node that is new and read at another.
                TableUpdateResult written = await cluster.Nodes[node - 1].UpdateTableAsync(new TableUpdate("upgrade", [new RowChange(RowChangeKind.Insert, $"node {node}", new byte[3000], 0)]), Cancel);
                Assert.Equal(MembershipStatus.Ok, written.Status);
                TableReadResult read = await cluster.Nodes[node % 3].ReadTableAsync("upgrade", Cancel);
                Assert.Contains($"node {node}", read.Table!.Rows.Keys);
            }
            await RestartAsync(cluster, relays, 1, () => speaksNext.Remove(1));
            Assert.All(relays.Values, static relay => Assert.True(relay.Reworded > 20, $"only {relay.Reworded} messages of the later version were sent"));
            // Kinds that only the later version has are told apart from garbage; nothing else of it was dropped as bad.
            await cluster.EventuallyAsync(() => cluster.Nodes.Any(static node => node.GetCounters().DatagramsDropped.ContainsKey(DatagramDropReason.UnknownKind)));
            Assert.All(cluster.Nodes, static node => Assert.False(node.GetCounters().DatagramsDropped.ContainsKey(DatagramDropReason.Malformed)));
        }
        finally
        {
            foreach (NextVersionRelay relay in relays.Values) relay.Dispose();
        }
    }

    [Fact]
    public async Task A_cluster_is_upgraded_node_by_node_from_version_1_0_and_one_node_goes_back()
    {
        var upgraded = new HashSet<int>();
        await using var cluster = new LocalCluster(3, options => upgraded.Contains(options.Self) ? options : options with { SpokenMinorVersion = 0 });
        await cluster.FormAsync();
        foreach (int node in new[] { 3, 1, 2 }) await RestartAsync(cluster, [], node, () => upgraded.Add(node));
        await RestartAsync(cluster, [], 1, () => upgraded.Remove(1));
        // Whoever came last told the others its version before they told it anything: nothing was sent that it could not read.
        Assert.All(cluster.Nodes, static node =>
        {
            Assert.False(node.GetCounters().DatagramsDropped.ContainsKey(DatagramDropReason.Malformed));
            Assert.False(node.GetCounters().DatagramsDropped.ContainsKey(DatagramDropReason.UnknownKind));
        });
    }

    [Fact]
    public async Task A_node_of_another_major_version_is_not_let_in_is_counted_and_disturbs_nobody()
    {
        var relays = new ConcurrentDictionary<int, NextVersionRelay>();
        LocalCluster? made = null;
        await using var cluster = new LocalCluster(3, options => options.Self == 3 ? options with { Nodes = Through(relays, options, made!, OfNextMajor), Bootstrap = false } : options);
        made = cluster;
        try
        {
            await cluster.StartAsync(1);
            await cluster.StartAsync(2);
            ClusterView before = await cluster.AllSeeAsync(1, 2);
            await cluster.StartAsync(3);
            await cluster.EventuallyAsync(() => cluster.Nodes[..2].All(static node => node.GetCounters().DatagramsDropped.GetValueOrDefault(DatagramDropReason.OtherMajorVersion) > 20));
            Assert.Equal(before.Id, (await cluster.AllSeeAsync(1, 2)).Id);
            Assert.Null(cluster.Nodes[2].CurrentView);
        }
        finally
        {
            foreach (NextVersionRelay relay in relays.Values) relay.Dispose();
        }
    }

    private static async Task RestartAsync(LocalCluster cluster, ConcurrentDictionary<int, NextVersionRelay> relays, int node, Action change)
    {
        await cluster.Nodes[node - 1].LeaveAsync(Cancel);
        await cluster.Nodes[node - 1].DisposeAsync();
        if (relays.TryRemove(node, out NextVersionRelay? relay)) relay.Dispose();
        change();
        await cluster.StartAsync(node);
        await cluster.AllSeeAsync(1, 2, 3);
    }

    // The same nodes, the others behind a relay.
    private static MembershipNodeAddress[] Through(ConcurrentDictionary<int, NextVersionRelay> relays, MembershipNodeOptions options, LocalCluster cluster, Rewording? rewording = null)
    {
        NextVersionRelay relay = relays.GetOrAdd(options.Self, self => new NextVersionRelay(self, options.Keys!, rewording ?? OfNextMinor(), rewordsBrief: rewording is null));
        return [.. cluster.Addresses.Select(address => address.Number == options.Self ? address : new MembershipNodeAddress(address.Number, [relay.To(address.Number, address.Endpoints[0])]))];
    }

    private static Rewording OfNextMinor()
    {
        int sent = 0;
        return (header, body) => ++sent % 16 == 0 ? [NextMinor.Extend(header, body), NextMinor.OfUnknownKind(header)] : [NextMinor.Extend(header, body)];
    }

    private static byte[][] OfNextMajor(MessageHeader header, MessageBody? body)
    {
        byte[] message = NextMinor.Extend(header, body);
        message[0] = MessageCodec.MajorVersion + 1;
        return [message];
    }
}
