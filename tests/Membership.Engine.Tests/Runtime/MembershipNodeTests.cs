// Whole nodes with real sockets, stores and loops on loopback: they form, lose one another, come back, leave and refuse.
using System.Net;
using System.Net.Sockets;
using Membership.Engine.Runtime;
using Membership.Engine.Storage;
using Membership.Engine.Transport;
using Microsoft.Extensions.Options;
using Xunit;

namespace Membership.Engine.Tests.Runtime;

public sealed class MembershipNodeTests
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Three_nodes_form_one_view_with_roles_and_valid_leases()
    {
        await using var cluster = new LocalCluster(3);
        await cluster.FormAsync();
        ClusterView view = await cluster.AllSeeAsync(1, 2, 3);
        Assert.Equal(view, await cluster.Nodes[1].WaitForViewAsync(Cancel));
        Assert.Equal(MemberRole.Master, cluster.Nodes[0].RoleOf(view.Master));
        Assert.Equal(1, cluster.Nodes.Count(static node => node.Role == MemberRole.Master));
        Assert.Equal(1, cluster.Nodes.Count(static node => node.Role == MemberRole.ViceMaster));
        Assert.All(cluster.Nodes, static node => Assert.True(node.Lease.Remaining > TimeSpan.Zero));
        Assert.True(cluster.Nodes[0].IsNodeUp(new NodeId(3)));
        Assert.False(cluster.Nodes[0].IsNodeUp(new NodeId(4)));
        Assert.NotEmpty(cluster.Nodes[0].Journal);
    }

    [Fact]
    public async Task A_node_that_stops_without_leaving_is_removed_and_comes_back()
    {
        await using var cluster = new LocalCluster(3);
        await cluster.FormAsync();
        MembershipLease last = cluster.Nodes[2].Lease;
        await cluster.Nodes[2].DisposeAsync();
        Assert.False(last.IsValid);
        Assert.True(last.Lost.IsCancellationRequested);
        Assert.Null(cluster.Nodes[2].CurrentView);
        ClusterView without = await cluster.AllSeeAsync(1, 2);
        await cluster.StartAsync(3);
        ClusterView with = await cluster.AllSeeAsync(1, 2, 3);
        Assert.True(with.Epoch > without.Epoch);
        Assert.True(with.Find(new NodeId(3)).Incarnation.Value > 1);
    }

    [Trait("Category", "Seeds")]
    [Fact]
    public async Task A_node_that_leaves_is_out_at_once_and_may_come_back_in_the_same_process()
    {
        await using var cluster = new LocalCluster(3);
        await cluster.FormAsync();
        Assert.Equal(MembershipStatus.Ok, await cluster.Nodes[1].LeaveAsync(Cancel));
        Assert.Null(cluster.Nodes[1].CurrentView);
        Assert.False(cluster.Nodes[1].Lease.IsValid);
        await cluster.AllSeeAsync(1, 3);
        Assert.Equal(MembershipStatus.NotMember, await cluster.Nodes[1].LeaveAsync(Cancel));
        await cluster.Nodes[1].StartAsync(Cancel);
        await cluster.Nodes[1].WaitForViewAsync(Cancel);
        await cluster.AllSeeAsync(1, 2, 3);
    }

    [Fact]
    public async Task Disposing_with_leave_leaves_first()
    {
        await using var cluster = new LocalCluster(3, static options => options with { LeaveOnDispose = TimeSpan.FromSeconds(10) });
        await cluster.FormAsync();
        await cluster.Nodes[0].DisposeAsync();
        await cluster.AllSeeAsync(2, 3);
        Assert.Contains("Leave", cluster.Nodes[0].GetCounters().Regroups.Keys);
    }

    [Fact]
    public async Task An_ejected_node_halts_and_the_others_go_on()
    {
        await using var cluster = new LocalCluster(3);
        await cluster.FormAsync();
        // On a busy machine a regroup may come in between: Transient means again.
        MembershipStatus status;
        do status = await cluster.Nodes[0].EjectAsync(new NodeId(2), Cancel);
        while (status == MembershipStatus.Transient);
        Assert.Contains(status, new[] { MembershipStatus.Ok, MembershipStatus.NotMember });
        NodeHalt halt = await cluster.Nodes[1].Halted.WaitAsync(TimeSpan.FromSeconds(30), Cancel);
        Assert.Contains(halt.Code, new[] { HaltCode.Poisoned, HaltCode.Removed });
        Assert.False(cluster.Nodes[1].Lease.IsValid);
        await cluster.AllSeeAsync(1, 3);
        await Assert.ThrowsAsync<InvalidOperationException>(() => cluster.Nodes[1].StartAsync(Cancel));
    }

    [Trait("Category", "Seeds")]
    [Fact]
    public async Task A_forced_regroup_keeps_the_members_and_raises_the_epoch()
    {
        await using var cluster = new LocalCluster(3);
        await cluster.FormAsync();
        Epoch before = cluster.Nodes[0].CurrentView!.Epoch;
        MembershipLease lease = cluster.Nodes[2].Lease;
        Assert.Equal(MembershipStatus.Ok, await cluster.Nodes[0].ForceRegroupAsync(Cancel));
        await cluster.EventuallyAsync(() => cluster.Nodes[2].CurrentView!.Epoch > before);
        ClusterView after = await cluster.AllSeeAsync(1, 2, 3);
        Assert.True(after.Epoch > before);
        Assert.False(lease.IsValid);
        Assert.False(lease.Lost.IsCancellationRequested);
    }

    [Fact]
    public async Task Views_arrive_in_order_at_every_watcher_until_the_node_stops()
    {
        await using var cluster = new LocalCluster(3);
        await cluster.FormAsync();
        var seen = new List<ClusterView>();
        Task watching = Task.Run(async () =>
        {
            await foreach (ClusterView view in cluster.Nodes[0].ViewsAsync(Cancel)) lock (seen) seen.Add(view);
        }, Cancel);
        await cluster.EventuallyAsync(() =>
        {
            lock (seen) return seen.Count > 0;
        });
        await cluster.Nodes[2].LeaveAsync(Cancel);
        await cluster.AllSeeAsync(1, 2);
        await cluster.EventuallyAsync(() =>
        {
            lock (seen) return seen.Count > 0 && seen[^1].Nodes == NodeSet.Of(1, 2);
        });
        await cluster.Nodes[0].DisposeAsync();
        await watching.WaitAsync(TimeSpan.FromSeconds(10), Cancel);
        Assert.Equal(NodeSet.Of(1, 2, 3), seen[0].Nodes);
        Assert.Equal(seen.OrderBy(static view => view.Epoch.Value), seen);
    }

    [Trait("Category", "Seeds")]
    [Fact]
    public async Task Nodes_use_every_path_of_both_address_families()
    {
        await using var cluster = new LocalCluster(3, secondPath: true);
        await cluster.FormAsync();
        await cluster.Nodes[1].DisposeAsync();
        await cluster.AllSeeAsync(1, 3);
        await cluster.StartAsync(2);
        await cluster.AllSeeAsync(1, 2, 3);
    }

    [Fact]
    public async Task A_second_start_is_refused_until_the_node_has_left()
    {
        await using var cluster = new LocalCluster(3);
        await cluster.FormAsync();
        Assert.Contains("already", (await Assert.ThrowsAsync<InvalidOperationException>(() => cluster.Nodes[0].StartAsync(Cancel))).Message, StringComparison.Ordinal);
        await cluster.AllSeeAsync(1, 2, 3);
    }

    [Fact]
    public async Task Callbacks_of_an_incident_come_in_the_headers_order()
    {
        var callbacks = new RecordingCallbacks();
        await using var cluster = new LocalCluster(3);
        await cluster.FormAsync(number => number == 1 ? callbacks : null);
        await cluster.EventuallyAsync(() => callbacks.Calls.LastOrDefault() == "change 3 up");
        callbacks.Clear();
        await cluster.Nodes[2].DisposeAsync();
        await cluster.AllSeeAsync(1, 2);
        await cluster.EventuallyAsync(() => callbacks.Calls.Count >= 7);
        Assert.Equal(["hold", "cleanup1 3", "resume", "cleanup2 {3}", "info {1,2}", "down {3}", "change 3 down"], callbacks.Calls);
    }

    [Fact]
    public async Task With_a_witness_one_of_two_survives_and_owns_it()
    {
        await using var cluster = new LocalCluster(2, witness: true);
        await cluster.FormAsync();
        await cluster.Nodes[0].DisposeAsync();
        await cluster.AllSeeAsync(2);
        await cluster.StartAsync(1);
        await cluster.AllSeeAsync(1, 2);
    }

    [Fact]
    public async Task Crash_evidence_removes_a_dead_node_before_its_lease_ends()
    {
        await using var cluster = new LocalCluster(3, static options => options with
        {
            CrashEvidence = CrashEvidence.ConnectionRefused,
            Timing = new ClusterTiming(TimeSpan.FromMilliseconds(500), 4, 2),
        });
        await cluster.FormAsync();
        // Tripwires are made in the background; without one the crash is seen late, whatever the evidence.
        await cluster.EventuallyAsync(() => cluster.Nodes.All(static node => node.TripwireCount == 2));
        MonotonicTime stopped = MonotonicClock.System.Now;
        await cluster.Nodes[1].DisposeAsync();
        await cluster.AllSeeAsync(1, 3);
        Assert.True(MonotonicClock.System.Now - stopped < TimeSpan.FromSeconds(3), "It took as long as the lease of 4 s.");
    }

    [Fact]
    public async Task A_garbage_storm_neither_halts_a_node_nor_removes_it()
    {
        const int Datagrams = 1_000_000;
        // The default timing: at full speed garbage fills the socket's own buffer, and with it true heartbeats are lost for a while.
        await using var cluster = new LocalCluster(3, static options => options with { Timing = ClusterTiming.Default });
        await cluster.FormAsync();
        ClusterView before = cluster.Nodes[0].CurrentView!;
        var target = new IPEndPoint(IPAddress.Loopback, int.Parse(cluster.Addresses[0].Endpoints[0].Split(':')[1], System.Globalization.CultureInfo.InvariantCulture));
        await Task.Run(() =>
        {
            using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
            SocketAddress address = target.Serialize();
            var random = new Random(7);
            var garbage = new byte[1400];
            random.NextBytes(garbage);
            for (int i = 0; i < Datagrams; i++)
            {
                // Some look like ours up to the seal.
                if (i % 2 == 0) "RGMD"u8.CopyTo(garbage);
                garbage[random.Next(4, garbage.Length)] ^= (byte)(1 << random.Next(8));
                socket.SendTo(garbage.AsSpan(0, random.Next(0, garbage.Length)), SocketFlags.None, address);
            }
        }, Cancel);
        MembershipCounters counters = cluster.Nodes[0].GetCounters();
        Assert.True(counters.DatagramsDropped.Values.Sum() > 1000, "Hardly any garbage arrived: the test shows nothing.");
        Assert.False(cluster.Nodes[0].Halted.IsCompleted);
        ClusterView after = await cluster.AllSeeAsync(1, 2, 3);
        Assert.Equal(before.Members.AsEnumerable(), after.Members.AsEnumerable());
    }

    [Fact]
    public async Task Heartbeats_at_rest_allocate_nothing_on_the_loop()
    {
        await using var cluster = new LocalCluster(3);
        await cluster.FormAsync();
        MembershipNode node = cluster.Nodes[1];
        long best = long.MaxValue;
        // The first rounds may still compile; quiet ones must show up soon.
        for (int attempt = 0; attempt < 10 && best > 0; attempt++)
        {
            MembershipCounters before = node.GetCounters(), after = before;
            await cluster.EventuallyAsync(() => (after = node.GetCounters()).MessagesDelivered - before.MessagesDelivered > 40);
            best = Math.Min(best, after.LoopAllocatedBytes - before.LoopAllocatedBytes);
        }
        Assert.Equal(0, best);
    }

    [Fact]
    public void Bad_options_are_all_named_by_the_constructor()
    {
        OptionsValidationException refused = Assert.Throws<OptionsValidationException>(() => new MembershipNode(new MembershipNodeOptions { ClusterId = "", Self = 0, Nodes = [], StoreDirectory = "" }));
        Assert.True(refused.Failures.Count() >= 4);
    }

    [Fact]
    public async Task A_store_in_use_is_a_start_error()
    {
        await using var cluster = new LocalCluster(3);
        await cluster.StartAsync(1);
        await using MembershipNode second = new(cluster.OptionsOf(1));
        Assert.Equal(ViewStoreProblem.Locked, (await Assert.ThrowsAsync<ViewStoreException>(() => second.StartAsync(Cancel))).Problem);
    }

    [Fact]
    public async Task A_port_in_use_is_a_start_error_that_names_it_and_frees_the_store()
    {
        await using var cluster = new LocalCluster(3);
        await cluster.StartAsync(1);
        MembershipNodeOptions options = cluster.OptionsOf(1) with { StoreDirectory = cluster.StoreOf(9) };
        await using MembershipNode second = new(options);
        TransportStartException refused = await Assert.ThrowsAsync<TransportStartException>(() => second.StartAsync(Cancel));
        Assert.Contains(cluster.Addresses[0].Endpoints[0], refused.Message, StringComparison.Ordinal);
        ViewStore.Open(cluster.StoreOf(9), "test", new NodeId(1)).Dispose();
    }

    [Fact]
    public async Task An_unresolvable_host_is_a_start_error_that_names_it()
    {
        await using var cluster = new LocalCluster(3);
        MembershipNodeOptions options = cluster.OptionsOf(1);
        await using MembershipNode node = new(options with { Nodes = [options.Nodes[0], new MembershipNodeAddress(2, ["no-such-host.invalid:7100"]), options.Nodes[2]] });
        Assert.Contains("no-such-host.invalid", (await Assert.ThrowsAsync<TransportStartException>(() => node.StartAsync(Cancel))).Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Requests_before_the_start_and_after_the_end_are_answered()
    {
        await using var cluster = new LocalCluster(3);
        MembershipNode node = cluster.Create(1);
        Assert.Equal(MembershipStatus.NotMember, await node.LeaveAsync(Cancel));
        Assert.Null(node.CurrentView);
        Assert.False(node.Lease.IsValid);
        Assert.Equal(MemberRole.Out, node.Role);
        await node.StartAsync(Cancel);
        await node.DisposeAsync();
        Assert.Equal(MembershipStatus.NotMember, await node.ForceRegroupAsync(Cancel).WaitAsync(TimeSpan.FromSeconds(10), Cancel));
        await Assert.ThrowsAsync<InvalidOperationException>(() => node.WaitForViewAsync(Cancel));
    }

    private sealed class RecordingCallbacks : IMembershipCallbacks
    {
        private readonly List<string> _calls = [];

        public List<string> Calls
        {
            get
            {
                lock (_calls) return [.. _calls];
            }
        }

        public void Clear()
        {
            lock (_calls) _calls.Clear();
        }

        public ValueTask HoldAllIOAsync() => Add("hold");

        public ValueTask ResumeAllIOAsync() => Add("resume");

        public ValueTask MsgCleanup1Async(NodeId deadNode) => Add($"cleanup1 {deadNode}");

        public ValueTask MsgCleanup2Async(NodeSet deadNodes) => Add($"cleanup2 {deadNodes}");

        public ValueTask ClusterInfoChangedAsync(ClusterView view) => Add($"info {view.Nodes}");

        public ValueTask NodesDownAsync(NodeSet nodes) => Add($"down {nodes}");

        public ValueTask NodeChangeAsync(NodeId node, bool up) => Add($"change {node} {(up ? "up" : "down")}");

        private ValueTask Add(string call)
        {
            lock (_calls) _calls.Add(call);
            return default;
        }
    }
}
