// The header's functions under their own names, on real nodes over loopback.
using System.Text;
using Membership.Engine.Compat;
using Membership.Engine.Runtime;
using Membership.Engine.Tests.Runtime;
using Xunit;
using static Membership.Engine.Compat.MembershipManagerCodes;

namespace Membership.Engine.Tests.Seeds;

[Trait("Category", "Seeds")]
public sealed class HeaderFacadeTests
{
    private const uint Enough = 30_000;

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task MMInit_sends_nothing_does_not_block_and_needs_no_connectivity()
    {
        await using var cluster = new HeaderCluster(1, static options => options with
        {
            Nodes = [.. options.Nodes, new MembershipNodeAddress(2, ["no-such-host.invalid:7100"])],
            AllowTwoNodesWithoutTieBreaker = true,
        });
        ClusterMembershipManager manager = cluster.Init(1);
        Assert.False(Directory.Exists(cluster.Local.StoreOf(1)));
        MembershipCounters counters = manager.Node!.GetCounters();
        Assert.Equal((0, 0), (counters.DatagramsSent, counters.DatagramsReceived));
    }

    [Fact]
    public async Task MMInit_is_called_exactly_once_and_must_precede_any_other_call()
    {
        await using var cluster = new HeaderCluster(1);
        await using var before = new ClusterMembershipManager(cluster.Local.OptionsOf(1));
        Assert.Equal(MM_FAULT, before.MMJoin(1, 0, 0, 0, Enough));
        Assert.Equal(MM_FAULT, before.MMLeave());
        Assert.Equal(MM_OK, before.MMClusterInfo(out CLUSTERINFO info));
        Assert.Equal(0u, info.NumActiveNodes);
        ClusterMembershipManager manager = cluster.Init(1);
        Assert.Equal(MM_FAULT, manager.MMInit(1, 16, HeaderCluster.NoCallbacks));
    }

    [Fact]
    public async Task MMInit_says_fault_for_a_number_that_is_not_a_node_of_the_cluster_or_above_MaxNodes()
    {
        await using var cluster = new HeaderCluster(3);
        foreach (var (number, most) in new (uint, uint)[] { (0, 16), (4, 16), (3, 2), (2000, 16), (1, 5000) })
        {
            await using var manager = new ClusterMembershipManager(cluster.Local.OptionsOf(1));
            Assert.Equal(MM_FAULT, manager.MMInit(number, most, HeaderCluster.NoCallbacks));
        }
    }

    [Fact]
    public async Task MMJoin_of_self_makes_the_first_member_of_a_new_cluster_with_the_default_clock()
    {
        await using var cluster = new HeaderCluster(1);
        ClusterMembershipManager manager = cluster.Init(1);
        Assert.Equal(MM_OK, manager.MMJoin(1, 0, 0, 0, Enough));
        manager.MMClusterInfo(out CLUSTERINFO info);
        Assert.Equal([1u], info.UpNodeList);
        Assert.Equal((300u, 4u, 2u), (info.ClockPeriod, info.SendHBRate, info.RcvHBRate));
        await cluster.EventuallyAsync(() => cluster.Calls(1).Contains("change 1 1"));
        Assert.Equal(MM_ALREADY, manager.MMJoin(1, 0, 0, 0, Enough));
    }

    [Theory]
    [InlineData(4, 4, 2)]
    [InlineData(10_001, 4, 2)]
    [InlineData(300, 101, 2)]
    [InlineData(300, 4, 1)]
    [InlineData(300, 4, 101)]
    public async Task MMJoin_says_fault_for_clock_values_beyond_min_and_max(int clockPeriod, int sendRate, int receiveRate)
    {
        await using var cluster = new HeaderCluster(1);
        Assert.Equal(MM_FAULT, cluster.Init(1).MMJoin(1, (uint)clockPeriod, (uint)sendRate, (uint)receiveRate, Enough));
    }

    [Fact]
    public async Task MMJoin_sets_the_clock_when_the_cluster_is_formed_and_later_members_inherit_it()
    {
        // Node 1 has a majority of its own, so that it is the first member and the other one joins.
        await using var cluster = new HeaderCluster(2, static options => options with { Nodes = [options.Nodes[0] with { Votes = 2 }, options.Nodes[1]], AllowTwoNodesWithoutTieBreaker = true });
        Assert.Equal(MM_OK, cluster.Init(1).MMJoin(1, 110, 5, 3, Enough));
        Assert.Equal(MM_OK, cluster.Init(2).Petition());
        uint joined = cluster[1].MMJoin(2, 200, 2, 2, Enough);
        Assert.True(joined is MM_OK or MM_ALREADY, $"MMJoin said {joined}");
        await cluster.EventuallyAsync(() => cluster[2].MMIsNodeUp(2) && cluster[1].MMIsNodeUp(2));
        foreach (uint number in new uint[] { 1, 2 })
        {
            cluster[number].MMClusterInfo(out CLUSTERINFO info);
            Assert.Equal((110u, 5u, 3u), (info.ClockPeriod, info.SendHBRate, info.RcvHBRate));
            Assert.Equal([1u, 2u], info.UpNodeList);
        }
    }

    [Fact]
    public async Task MMJoin_says_timeout_when_full_membership_is_not_achieved_in_time_and_may_be_called_again_after_MMLeave()
    {
        await using var cluster = new HeaderCluster(3);
        ClusterMembershipManager manager = cluster.Init(1);
        Assert.Equal(MM_TIMEOUT, manager.MMJoin(1, 100, 4, 2, 1500));
        Assert.Equal(MM_NOTMEMBER, manager.MMLeave());
        Assert.Equal(MM_OK, cluster.Init(2).Petition());
        Assert.Equal(MM_OK, manager.MMJoin(1, 100, 4, 2, Enough));
    }

    [Fact]
    public async Task MMLeave_takes_the_node_down_regroups_the_others_and_it_may_be_joined_again()
    {
        await using var cluster = await HeaderCluster.FormedAsync(3);
        Assert.Equal(MM_OK, cluster[2].MMLeave());
        Assert.Equal(MM_NOTMEMBER, cluster[2].MMLeave());
        cluster[2].MMClusterInfo(out CLUSTERINFO info);
        Assert.Equal(0u, info.NumActiveNodes);
        await cluster.EventuallyAsync(() => cluster.Calls(1).Contains("down {2}") && cluster.Calls(3).Contains("change 2 2"));
        Assert.DoesNotContain("change 2 2", cluster.Calls(2));
        Assert.Contains("Leave", cluster[1].Node!.GetCounters().Regroups.Keys.Concat(cluster[3].Node!.GetCounters().Regroups.Keys).Concat(cluster[2].Node!.GetCounters().Regroups.Keys));
        Assert.Equal(MM_OK, cluster[2].Petition());
        Assert.True(cluster[1].MMJoin(2, 0, 0, 0, Enough) is MM_OK or MM_ALREADY);
        await cluster.EventuallyAsync(() => cluster[2].MMIsNodeUp(2));
    }

    [Fact]
    public async Task When_MMLeave_has_returned_the_node_is_down_at_once()
    {
        await using var cluster = new HeaderCluster(1, static options => options with { DiscoveryTime = TimeSpan.FromMilliseconds(1) });
        ClusterMembershipManager manager = cluster.Init(1);
        for (int round = 0; round < 50; round++)
        {
            Assert.Equal(MM_OK, manager.MMJoin(1, 100, 4, 2, Enough));
            Assert.Equal(MM_OK, manager.MMLeave());
            Assert.False(manager.MMIsNodeUp(1), $"still up in round {round}");
        }
    }

    [Fact]
    public async Task MMEject_poisons_the_node_which_enters_its_halt_code_and_goes_down_on_all_others()
    {
        await using var cluster = await HeaderCluster.FormedAsync(3);
        // Transient while a regroup is under way, which a busy machine may bring at any time.
        await cluster.EventuallyAsync(() => cluster[1].MMEject(9) == MM_NOTMEMBER);
        Assert.Equal(MM_OK, cluster[1].MMEject(3));
        await cluster.EventuallyAsync(() => cluster.Calls(3).Any(static call => call.StartsWith("halt", StringComparison.Ordinal)));
        Assert.Contains(cluster.Calls(3)[^1], new[] { $"halt {(int)HaltCode.Poisoned}", $"halt {(int)HaltCode.Removed}" });
        await cluster.EventuallyAsync(() => cluster.Calls(1).Contains("change 3 2") && cluster.Calls(2).Contains("change 3 2"));
        Assert.False(cluster[1].MMIsNodeUp(3));
        Assert.Equal(MM_NOTMEMBER, cluster[1].MMEject(3));
    }

    [Fact]
    public async Task MMForceRegroup_causes_a_regroup_that_keeps_who_is_well()
    {
        await using var cluster = await HeaderCluster.FormedAsync(3);
        Epoch before = cluster[2].Node!.CurrentView!.Epoch;
        Assert.Equal(MM_OK, cluster[2].MMForceRegroup(3));
        await cluster.EventuallyAsync(() => cluster[2].Node!.CurrentView is { } view && view.Epoch > before);
        await cluster.Local.AllSeeAsync(1, 2, 3);
    }

    [Fact]
    public async Task MMNodeUnreachable_always_says_ok_at_once()
    {
        await using var cluster = new HeaderCluster(1);
        ClusterMembershipManager manager = cluster.Init(1);
        Assert.Equal(MM_OK, manager.MMNodeUnreachable(1));
        Assert.Equal(MM_OK, manager.MMNodeUnreachable(700));
        Assert.Equal(MM_OK, manager.MMNodeUnreachable(70_000));
    }

    [Fact]
    public async Task MMClusterInfo_lists_the_members_in_numeric_order_and_never_blocks_not_even_in_a_callback()
    {
        await using var cluster = new HeaderCluster(3);
        var seen = new List<string>();
        for (uint number = 1; number <= 3; number++)
        {
            ClusterMembershipManager? own = null;
            uint self = number;
            own = cluster.Init(number, call =>
            {
                if (self != 2 || !call.StartsWith("down", StringComparison.Ordinal)) return;
                Assert.Equal(MM_OK, own!.MMClusterInfo(out CLUSTERINFO inside));
                lock (seen) seen.Add(string.Join(",", inside.UpNodeList));
            });
            Assert.Equal(MM_OK, own.Petition());
        }
        await cluster.Local.AllSeeAsync(1, 2, 3);
        Assert.Equal(MM_OK, cluster[2].MMClusterInfo(out CLUSTERINFO info));
        Assert.Equal([1u, 2u, 3u], info.UpNodeList);
        Assert.True(cluster[2].MMIsNodeUp(3));
        Assert.Equal(MM_OK, cluster[3].MMLeave());
        // The information is updated before the callbacks that tell of it.
        await cluster.EventuallyAsync(() =>
        {
            lock (seen) return seen.Count > 0;
        });
        lock (seen) Assert.Equal(["1,2"], seen);
        Assert.False(cluster[2].MMIsNodeUp(3));
    }

    [Fact]
    public async Task MMIsNodeUp_is_true_only_for_a_member_of_the_current_cluster_and_for_nobody_on_a_down_node()
    {
        await using var cluster = await HeaderCluster.FormedAsync(3);
        Assert.All([1u, 2u, 3u], node => Assert.True(cluster[1].MMIsNodeUp(node)));
        Assert.All([0u, 4u, 5000u, uint.MaxValue], node => Assert.False(cluster[1].MMIsNodeUp(node)));
        Assert.Equal(MM_OK, cluster[3].MMLeave());
        await cluster.EventuallyAsync(() => !cluster[1].MMIsNodeUp(3));
        Assert.True(cluster[1].MMIsNodeUp(2));
        Assert.All([1u, 2u, 3u], node => Assert.False(cluster[3].MMIsNodeUp(node)));
    }

    [Fact]
    public async Task Functions_may_be_called_by_many_threads_at_a_time()
    {
        await using var cluster = await HeaderCluster.FormedAsync(3);
        ClusterMembershipManager manager = cluster[1];
        await Task.WhenAll(Enumerable.Range(0, 16).Select(caller => Task.Run(() =>
        {
            for (int i = 0; i < 20; i++)
            {
                Assert.Equal(MM_OK, manager.MMClusterInfo(out CLUSTERINFO info));
                Assert.Equal([.. info.UpNodeList.Order()], info.UpNodeList);
                Assert.Equal(MM_OK, manager.MMNodeUnreachable(0));
                manager.MMBlockIfRegroupIsInProgress();
                manager.MMGetArbitrationWinner(out _);
                Assert.Equal(MM_ALREADY, manager.MmSetRegroupAllowed(true));
            }
        }, Cancel)));
    }

    [Fact]
    public async Task MMShutdown_ends_all_membership_services()
    {
        await using var cluster = await HeaderCluster.FormedAsync(3);
        Assert.Equal(MM_OK, cluster[3].MMLeave());
        cluster[3].MMShutdown();
        Assert.Equal(MM_NOTMEMBER, cluster[3].MMLeave());
        Assert.Equal(MM_NOTMEMBER, cluster[3].MMForceRegroup(1));
        Assert.Equal(MM_OK, cluster[3].MMClusterInfo(out CLUSTERINFO info));
        Assert.Equal(0u, info.NumActiveNodes);
        Assert.False(cluster[3].MMIsNodeUp(1));
        Assert.Equal(MM_FAULT, cluster[3].Petition());
        Assert.DoesNotContain(cluster.Calls(3), static call => call.StartsWith("halt", StringComparison.Ordinal));
    }

    [Fact]
    public async Task MMSetQuorumOwner_and_the_arbitration_winner_speak_in_dos_errors()
    {
        await using var cluster = await HeaderCluster.FormedAsync(3);
        Assert.Equal(Win32ErrorCodes.ERROR_SUCCESS, cluster[1].MMSetQuorumOwner(1, true, out uint selected));
        Assert.Equal(MM_INVALID_NODE, selected);
        Assert.Equal(Win32ErrorCodes.ERROR_SUCCESS, cluster[1].MMSetQuorumOwner(MM_INVALID_NODE, false, out _));
        Assert.Equal(Win32ErrorCodes.ERROR_INVALID_PARAMETER, cluster[1].MMSetQuorumOwner(2, true, out _));
        Assert.Equal(Win32ErrorCodes.ERROR_SUCCESS, cluster[1].MMGetArbitrationWinner(out uint winner));
        Assert.Equal(MM_INVALID_NODE, winner);
        cluster[1].MMApproxArbitrationWinner(out winner);
        Assert.Equal(MM_INVALID_NODE, winner);
        cluster[1].MMBlockIfRegroupIsInProgress();
    }

    [Fact]
    public async Task MMQuorumSelect_decides_between_two_nodes_that_are_cut_off_from_each_other()
    {
        await using var cluster = new HeaderCluster(2, static options => options with { AllowDiagnosticFaults = true, AllowTwoNodesWithoutTieBreaker = true });
        int[] asked = new int[3];
        for (uint number = 1; number <= 2; number++)
        {
            uint self = number;
            cluster.Init(number, select: () =>
            {
                Interlocked.Increment(ref asked[self]);
                return self == 2;
            });
            Assert.Equal(MM_OK, cluster[number].Petition());
        }
        await cluster.Local.AllSeeAsync(1, 2);
        Assert.Equal((0, 0), (asked[1], asked[2]));
        await cluster[1].Node!.DiagnoseAsync("fault cut 2", Cancel);
        await cluster.Local.AllSeeAsync(2);
        NodeHalt halt = await cluster[1].Node!.Halted.WaitAsync(Patience, Cancel);
        Assert.Equal(HaltCode.NoQuorum, halt.Code);
        Assert.Equal((1, 1), (asked[1], asked[2]));
        cluster[2].MMBlockIfRegroupIsInProgress();
        Assert.Equal(Win32ErrorCodes.ERROR_SUCCESS, cluster[2].MMGetArbitrationWinner(out uint winner));
        Assert.Equal(2u, winner);
    }

    [Fact]
    public async Task A_quorum_callback_with_another_policy_than_TwoNodeWitness_is_refused()
    {
        await using var cluster = new HeaderCluster(2, static options => options with { Policy = QuorumPolicy.WitnessOnly });
        await using var arbiter = new Membership.Engine.Arbitration.CallbackQuorumArbiter(static _ => new ValueTask<bool>(true));
        Assert.Contains("TwoNodeWitness", Assert.ThrowsAny<Exception>(() => new MembershipNode(cluster.Local.OptionsOf(1), arbiter)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_arbitration_times_are_variables_in_seconds_with_the_defaults_60_and_0()
    {
        await using var cluster = new HeaderCluster(1);
        await using var manager = new ClusterMembershipManager(cluster.Local.OptionsOf(1));
        Assert.Equal((60u, 0u), (manager.MmQuorumArbitrationTimeout, manager.MmQuorumArbitrationEqualizer));
        manager.MmQuorumArbitrationTimeout = 0;
        Assert.Equal(MM_FAULT, manager.MMInit(1, 16, HeaderCluster.NoCallbacks));
        manager.MmQuorumArbitrationTimeout = 20;
        manager.MmQuorumArbitrationEqualizer = 3;
        Assert.Equal(MM_OK, manager.MMInit(1, 16, HeaderCluster.NoCallbacks));
    }

    [Fact]
    public async Task A_node_with_AdmitOnRequest_waits_until_MMJoin_is_called_for_it_at_the_coordinator()
    {
        await using var cluster = new HeaderCluster(3, static options => options with { AdmitOnRequest = true });
        foreach (uint number in new uint[] { 1, 2 })
        {
            cluster.Init(number);
            Assert.Equal(MM_OK, cluster[number].Petition());
        }
        await cluster.Local.AllSeeAsync(1, 2);
        Assert.Equal(MM_OK, cluster.Init(3).Petition());
        long before = cluster[1].Node!.GetCounters().MessagesDelivered;
        await cluster.EventuallyAsync(() => cluster[1].Node!.GetCounters().MessagesDelivered > before + 40);
        Assert.False(cluster[1].MMIsNodeUp(3));
        Assert.Equal(MM_FAULT, cluster[2].MMJoin(3, 0, 0, 0, Enough));
        Assert.Equal(MM_OK, cluster[1].MMJoin(3, 0, 0, 0, Enough));
        await cluster.Local.AllSeeAsync(1, 2, 3);
    }

    [Fact]
    public async Task MMDiag_answers_in_the_buffer_it_was_given_and_never_writes_beyond_the_maximum()
    {
        await using var cluster = new HeaderCluster(1);
        ClusterMembershipManager manager = cluster.Init(1);
        byte[] buffer = new byte[64];
        Encoding.UTF8.GetBytes("help").CopyTo(buffer, 0);
        uint length = 4;
        Assert.Equal(MM_OK, manager.MMDiag(buffer, 20, ref length));
        Assert.InRange(length, 1u, 20u);
        Assert.StartsWith("help", Encoding.UTF8.GetString(buffer, 0, (int)length), StringComparison.Ordinal);
        Assert.All(buffer[20..], static rest => Assert.Equal(0, rest));
        length = 65;
        Assert.Equal(MM_FAULT, manager.MMDiag(buffer, 64, ref length));
    }

    [Fact]
    public async Task MMDiag_knows_state_view_matrix_lease_paths_counters_and_journal()
    {
        await using var cluster = await HeaderCluster.FormedAsync(3);
        MembershipNode node = cluster[1].Node!;
        foreach (var (command, expected) in new[]
        {
            ("help", "matrix"), ("state", "Member"), ("view", "installed e"), ("matrix", "hears {1,2,3}"), ("lease", "valid for"), ("paths", "node 2 path 0 127.0.0.1:"),
            ("counters", "datagrams received"), ("journal 20", "installed"), ("", "help"), ("nonsense", "unknown command 'nonsense'"), ("fault cut 2", "refused"),
        })
        {
            Assert.Contains(expected, await node.DiagnoseAsync(command, Cancel), StringComparison.Ordinal);
        }
        Assert.Equal(MM_OK, cluster[1].MMLeave());
        Assert.Contains("Down", await node.DiagnoseAsync("state", Cancel), StringComparison.Ordinal);
        Assert.Contains("lost", await node.DiagnoseAsync("lease", Cancel), StringComparison.Ordinal);
    }

    [Fact]
    public async Task MMDiag_breaks_things_only_where_the_options_allow_it()
    {
        await using var cluster = await HeaderCluster.FormedAsync(3, static options => options with { AllowDiagnosticFaults = true });
        MembershipNode node = cluster[3].Node!;
        Assert.Contains("use: fault", await node.DiagnoseAsync("fault cut x", Cancel), StringComparison.Ordinal);
        Assert.Equal("cut off from {1}", await node.DiagnoseAsync("fault cut 1", Cancel));
        Assert.Equal("cut off from {1,2}", await node.DiagnoseAsync("fault cut 2", Cancel));
        await cluster.Local.AllSeeAsync(1, 2);
        Assert.False(node.Lease.IsValid);
    }

    [Theory]
    [InlineData(MM_OK, 0)]
    [InlineData(MM_TIMEOUT, 1460)]
    [InlineData(MM_TRANSIENT, 1237)]
    [InlineData(MM_FAULT, 87)]
    [InlineData(MM_ALREADY, 5065)]
    [InlineData(MM_NOTMEMBER, 5052)]
    [InlineData(77u, 1359)]
    public void MMMapStatusToDosError_gives_real_win32_codes(uint status, uint expected) => Assert.Equal(expected, ClusterMembershipManager.MMMapStatusToDosError(status));

    [Theory]
    [InlineData(0, 0)]
    [InlineData((int)HaltCode.NoQuorum, 5925)]
    [InlineData((int)HaltCode.Poisoned, 5907)]
    [InlineData((int)HaltCode.Removed, 5892)]
    [InlineData((int)HaltCode.DuplicateNumber, 5040)]
    [InlineData(1002, 5022)]
    [InlineData(4242, 5892)]
    public void MMMapHaltCodeToDosError_gives_real_win32_codes(int code, uint expected) => Assert.Equal(expected, ClusterMembershipManager.MMMapHaltCodeToDosError((uint)code));

    [Fact]
    public void The_headers_numbers_are_the_headers()
    {
        Assert.Equal([0u, 1u, 2u, 3u, 4u, 5u], [MM_OK, MM_TIMEOUT, MM_TRANSIENT, MM_FAULT, MM_ALREADY, MM_NOTMEMBER]);
        Assert.Equal((1u, 2u), (NODE_UP, NODE_DOWN));
        Assert.Equal((1002u, 0u), (MM_STOP_REQUESTED, MM_INVALID_NODE));
        Assert.Equal((TimeSpan.FromMilliseconds(300), 4, 2), (ClusterTiming.Default.ClockPeriod, ClusterTiming.Default.SendRate, ClusterTiming.Default.ReceiveRate));
    }
}
