// The queries of the change-notification guide on real nodes: what they answer, when they answer Again, Timeout, NotMember
// and Fault, and that they never wait longer than told.
using Membership.Engine.Compat;
using Membership.Engine.Runtime;
using Membership.Engine.Tests.Runtime;
using Xunit;

namespace Membership.Engine.Tests.Seeds;

[Trait("Category", "Seeds")]
public sealed class RoleQueryTests
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(20);

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Queries_say_who_is_master_vice_master_and_member_of_how_many_and_who_could_be()
    {
        await using var cluster = new LocalCluster(4);
        MembershipNode never = cluster.Create(4);
        Assert.Equal(new MembershipAnswer<ClusterMemberInfo>(MembershipStatus.NotMember, null), await never.GetMasterAsync(Limit, Stop));
        for (int number = 1; number <= 3; number++) await cluster.StartAsync(number);
        ClusterView view = await cluster.AllSeeAsync(1, 2, 3);
        foreach (MembershipNode node in cluster.Nodes[..3])
        {
            MembershipAnswer<ClusterMemberInfo> master = await node.GetMasterAsync(Limit, Stop), vice = await node.GetViceMasterAsync(Limit, Stop);
            Assert.Equal((MembershipStatus.Ok, view.Master, MemberRole.Master), (master.Status, master.Value!.Node, master.Value.Role));
            Assert.Equal((MembershipStatus.Ok, view.ViceMaster, MemberRole.ViceMaster), (vice.Status, vice.Value!.Node, vice.Value.Role));
            Assert.Equal([1, 2, 3], (await node.GetMembersAsync(Limit, Stop)).Value!.Select(static member => member.Node.Value));
            Assert.Equal(3, (await node.GetMemberCountAsync(Limit, Stop)).Value);
            IReadOnlyList<ClusterMemberInfo> potential = (await node.GetPotentialMembersAsync(Limit, Stop)).Value!;
            Assert.Equal([1, 2, 3, 4], potential.Select(static member => member.Node.Value));
            Assert.Equal((MemberRole.Out, Incarnation.None), (potential[3].Role, potential[3].Incarnation));
            Assert.Equal(cluster.Addresses[3].Endpoints, potential[3].Endpoints);
            Assert.Equal(MemberRole.Out, (await node.GetMemberAsync(new NodeId(4), Limit, Stop)).Value!.Role);
            Assert.Equal(view.Find(new NodeId(2)).Incarnation, (await node.GetMemberAsync(new NodeId(2), Limit, Stop)).Value!.Incarnation);
            Assert.Equal(MembershipStatus.Fault, (await node.GetMemberAsync(new NodeId(9), Limit, Stop)).Status);
            Assert.Equal(MembershipStatus.Fault, (await node.GetMemberAsync(NodeId.Invalid, Limit, Stop)).Status);
        }
        Assert.Equal(MembershipStatus.NotMember, await never.ReleaseMastershipAsync(Stop));
        Assert.Equal(MembershipStatus.Fault, await cluster.Nodes[0].SetQualificationAsync(new NodeId(9), qualified: true, Stop));
        Assert.Equal(MembershipStatus.NotMember, await cluster.Nodes[0].SetQualificationAsync(new NodeId(4), qualified: true, Stop));
        await cluster.Nodes[2].LeaveAsync(Stop);
        Assert.Equal(new MembershipAnswer<int>(MembershipStatus.NotMember, 0), await cluster.Nodes[2].GetMemberCountAsync(Limit, Stop));
        await cluster.Nodes[2].DisposeAsync();
        Assert.Equal(MembershipStatus.NotMember, (await cluster.Nodes[2].GetMemberCountAsync(Limit, Stop)).Status);
    }

    [Fact]
    public async Task A_query_waits_no_longer_than_its_time_out_and_with_none_at_all_it_answers_what_was_published_last()
    {
        // L = 8 s: a node that stands still for a while is not removed for it.
        await using var cluster = new LocalCluster(2, static options => options with
        {
            AllowDiagnosticFaults = true,
            Timing = new ClusterTiming(TimeSpan.FromSeconds(1), 4, 2),
            DiscoveryTime = TimeSpan.FromSeconds(1),
            TieBreaker = TieBreaker.LowestNode,
        });
        await cluster.FormAsync();
        MembershipNode node = cluster.Nodes[1];
        await node.DiagnoseAsync("fault stall 2000", Stop);
        Task<MembershipAnswer<ClusterMemberInfo>> unlimited = node.GetMasterAsync(Timeout.InfiniteTimeSpan, Stop);
        Assert.Equal(new MembershipAnswer<ClusterMemberInfo>(MembershipStatus.Timeout, null), await node.GetMasterAsync(TimeSpan.FromMilliseconds(20), Stop));
        Task<MembershipAnswer<ClusterMemberInfo>> now = node.GetMasterAsync(TimeSpan.Zero, Stop);
        Assert.True(now.IsCompletedSuccessfully);
        Assert.Equal(MembershipStatus.Ok, (await now).Status);
        Assert.False(unlimited.IsCompleted);
        Assert.Equal(MembershipStatus.Ok, (await unlimited).Status);
        await Assert.ThrowsAsync<ArgumentOutOfRangeException>(() => node.GetMasterAsync(TimeSpan.FromSeconds(-2), Stop));
    }

    [Fact]
    public async Task A_node_that_stood_still_for_longer_than_the_stale_time_does_not_answer_Ok_from_before()
    {
        await using var cluster = new LocalCluster(2, static options => options with
        {
            AllowDiagnosticFaults = true,
            Timing = new ClusterTiming(TimeSpan.FromSeconds(1), 4, 2),
            DiscoveryTime = TimeSpan.FromSeconds(1),
            TieBreaker = TieBreaker.LowestNode,
            MembershipFrameInterval = TimeSpan.FromMilliseconds(200),
            StaleAfter = TimeSpan.FromMilliseconds(1500),
        });
        await cluster.FormAsync();
        MembershipNode node = cluster.Nodes[1];
        await cluster.EventuallyAsync(() => !node.IsStale);
        await node.DiagnoseAsync("fault stall 3000", Stop);
        Assert.Equal(MembershipStatus.Again, (await node.GetMasterAsync(TimeSpan.MaxValue, Stop)).Status);
        await cluster.EventuallyAsync(() => !node.IsStale);
        Assert.Equal(MembershipStatus.Ok, (await node.GetMasterAsync(Limit, Stop)).Status);
    }

    [Fact]
    public async Task Who_registers_on_a_node_that_has_halted_or_stopped_is_given_no_roles()
    {
        await using var cluster = new LocalCluster(2, static options => options with { TieBreaker = TieBreaker.LowestNode });
        await cluster.FormAsync();
        await cluster.EventuallyAsync(() =>
        {
            using ClusterChangeRegistration member = cluster.Nodes[1].Register(static (_, _) => default);
            return member.InitialRoles.Members.Count == 2;
        });
        // A regroup or a join may still be in progress: then it is asked again.
        MembershipStatus ejected;
        while ((ejected = await cluster.Nodes[0].EjectAsync(new NodeId(2), Stop)) == MembershipStatus.Transient) await cluster.Nodes[0].WaitWhileRegroupingAsync(Stop);
        Assert.Equal(MembershipStatus.Ok, ejected);
        await cluster.Nodes[1].Halted.WaitAsync(Limit, Stop);
        await using (ClusterChangeRegistration halted = cluster.Nodes[1].Register(static (_, _) => default)) Assert.Equal(default, halted.InitialRoles);
        await cluster.Nodes[0].DisposeAsync();
        await using (ClusterChangeRegistration stopped = cluster.Nodes[0].Register(static (_, _) => default)) Assert.Equal(default, stopped.InitialRoles);
    }

    [Fact]
    public async Task Queries_may_be_asked_by_many_threads_at_a_time_also_while_the_cluster_changes()
    {
        await using var cluster = new LocalCluster(3);
        await cluster.FormAsync();
        Task<MembershipStatus> regroups = Task.Run(async () =>
        {
            MembershipStatus status = MembershipStatus.Ok;
            for (int i = 0; i < 5 && status == MembershipStatus.Ok; i++) status = await cluster.Nodes[0].ForceRegroupAsync(Stop);
            return status;
        }, Stop);
        await Task.WhenAll(Enumerable.Range(0, 8).Select(index => Task.Run(async () =>
        {
            do
            {
                MembershipAnswer<ClusterMemberInfo> master = await cluster.Nodes[index % 3].GetMasterAsync(Limit, Stop);
                Assert.Equal(MembershipStatus.Ok, master.Status);
                Assert.Equal(3, (await cluster.Nodes[index % 3].GetMemberCountAsync(Limit, Stop)).Value);
            }
            while (!regroups.IsCompleted);
        }, Stop)));
        Assert.Equal(MembershipStatus.Ok, await regroups);
    }

    [Fact]
    public async Task The_guides_own_register_function_calls_back_with_its_structure_and_its_client_data()
    {
        await using var cluster = new LocalCluster(1);
        MembershipNode node = cluster.Create(1);
        var called = new TaskCompletionSource<(cmm_cmc_notification_t Notification, object? Data)>();
        object data = new();
        Assert.Equal(ClusterMembershipMonitor.CMM_OK, node.cmm_cmc_register((notification, given) => called.TrySetResult((notification, given)), data, out ClusterChangeRegistration registration));
        await using (registration)
        {
            await node.StartAsync(Stop);
            Assert.Equal((new cmm_cmc_notification_t(cmm_cmchanges_t.CMM_MASTER_ELECTED, 1), data), await called.Task.WaitAsync(Limit, Stop));
        }
    }

    [Fact]
    public void The_guides_names_are_ours_one_to_one()
    {
        foreach (ClusterChange change in Enum.GetValues<ClusterChange>())
        {
            string guide = "CMM_" + string.Concat(change.ToString().Replace("ViceMaster", "Vicemaster", StringComparison.Ordinal).Select(static (letter, index) => char.IsUpper(letter) && index > 0 ? "_" + letter : letter.ToString())).ToUpperInvariant();
            Assert.Equal((int)change, (int)Enum.Parse<cmm_cmchanges_t>(guide));
        }
        Assert.Equal(Enum.GetValues<ClusterChange>().Length, Enum.GetValues<cmm_cmchanges_t>().Length);
        Assert.Equal((uint)MembershipStatus.Ok, ClusterMembershipMonitor.CMM_OK);
        Assert.Equal((uint)MembershipStatus.Again, ClusterMembershipMonitor.CMM_EAGAIN);
    }

    [Fact]
    public void The_master_sends_a_frame_every_4_seconds_unless_it_said_something_anyway_and_who_gets_none_for_more_than_10_is_stale()
    {
        // A heartbeat every 12 s only: what comes in between are frames.
        SteppedCluster cluster = SteppedCluster.Formed(3, static options => options with { Timing = new ClusterTiming(TimeSpan.FromSeconds(3), 4, 2) });
        Assert.Equal(TimeSpan.FromSeconds(4), cluster.OptionsOf(1).MembershipFrameInterval);
        Assert.Equal(TimeSpan.FromSeconds(10), cluster.OptionsOf(1).StaleAfter);
        Assert.Equal(new NodeId(1), cluster[1].Core.Installed!.Master);
        cluster.Run(30);
        MonotonicTime last = cluster.Now;
        TimeSpan longest = TimeSpan.Zero;
        cluster[1].Sent = _ =>
        {
            longest = longest > cluster.Now - last ? longest : cluster.Now - last;
            last = cluster.Now;
        };
        cluster.Run(60);
        // Whoever heard anything of the master less than half an interval before the frame is due gets no other.
        Assert.InRange(longest.TotalSeconds, 2, 6.1);

        cluster.Cut(1, 3);
        MonotonicTime cut = cluster.Now;
        cluster.Until(() => cluster[3].Core.IsStale, 20);
        Assert.InRange((cluster.Now - cut).TotalSeconds, 3.9, 10.1);
        Assert.Equal(new ClusterChangeNotification(ClusterChange.StaleCluster, NodeId.Invalid), cluster[3].Told[^1]);
        Assert.False(cluster[2].Core.IsStale);
    }
}
