// Master-only work on real hosts: it runs on exactly one, moves with the mastership, is told to stop, and is not
// allowed to go on.
using System.Collections.Concurrent;
using Membership.Engine;
using Membership.Engine.Runtime;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Xunit;

namespace Membership.Provider.Tests;

public sealed class MasterWorkTests
{
    [Fact]
    public async Task The_work_runs_on_the_master_only_and_moves_with_the_mastership()
    {
        var record = new WorkRecord();
        await using var hosts = new TestHosts(3);
        await hosts.StartAsync(null, builder =>
        {
            builder.Services.AddSingleton(record);
            builder.AddMasterService<Work>();
        });
        ClusterView first = await hosts.ViewAsync(1, 2, 3);
        await TestHosts.UntilAsync("the master works", () => record.Running.Count == 1);
        Assert.Equal([first.Master], record.Running.Keys);

        await hosts[first.Master.Value].StopAsync(TestHosts.Deadline);
        ClusterView second = await hosts.ViewAsync([.. Enumerable.Range(1, 3).Where(node => node != first.Master.Value)]);
        await TestHosts.UntilAsync("the next master works", () => record.Running.ContainsKey(second.Master));
        Assert.Equal([second.Master], record.Running.Keys);
        Assert.Equal(1, record.MostAtOnce);
        Assert.True(record.Epochs[second.Master] > record.Epochs[first.Master]);
    }

    [Fact]
    public async Task A_regroup_that_leaves_the_master_where_it_is_does_not_cancel_its_work()
    {
        var record = new WorkRecord();
        await using var hosts = new TestHosts(3);
        await hosts.StartAsync(null, builder =>
        {
            builder.Services.AddSingleton(record);
            builder.AddMasterService<Work>();
        });
        ClusterView before = await hosts.ViewAsync(1, 2, 3);
        await TestHosts.UntilAsync("the master works", () => record.Running.Count == 1);
        await hosts.Membership(2).ForceRegroupAsync(TestHosts.Deadline);
        await TestHosts.UntilAsync("a new epoch", () => hosts.Membership(before.Master.Value).CurrentView is { } view && view.Epoch > before.Epoch);
        MasterLease lease = record.Running[before.Master];
        await TestHosts.UntilAsync("the lease followed into the new epoch", () => lease.IsValid && lease.Epoch > before.Epoch);
        Assert.Equal(1, record.Starts);
    }

    [Fact]
    public async Task The_work_of_a_master_that_stays_goes_on_through_a_clean_up_that_takes_its_time()
    {
        var overruns = new ConcurrentQueue<string>();
        var record = new WorkRecord();
        await using var hosts = new TestHosts(3);
        await hosts.StartAsync(null, builder =>
        {
            builder.Services.AddSingleton(record);
            builder.Services.AddSingleton(new ProcessEnd(halt =>
            {
                // The ejected node's process ends, as it should.
                if (halt.Code == HaltCode.MasterWorkOverrun) overruns.Enqueue(halt.Detail);
            }));
            builder.Services.AddSingleton<IMembershipCallbacks>(new SlowCleanUp());
            builder.AddMasterService<Work>();
        });
        ClusterView before = await hosts.ViewAsync(1, 2, 3);
        await TestHosts.UntilAsync("the master works", () => record.Running.Count == 1);
        int other = before.Master.Value % 3 + 1, gone = other % 3 + 1;
        Assert.Equal(MembershipStatus.Ok, await hosts.Membership(other).EjectAsync(new NodeId(gone), TestHosts.Deadline));
        await hosts.ViewAsync(before.Master.Value, other);
        MasterLease lease = record.Running[before.Master];
        await TestHosts.UntilAsync("the lease followed into the new epoch", () => lease.IsValid && lease.Epoch > before.Epoch);
        Assert.Empty(overruns);
        Assert.Equal(1, record.Starts);
    }

    private sealed class SlowCleanUp : IMembershipCallbacks
    {
        public async ValueTask MsgCleanup1Async(NodeId deadNode) => await Task.Delay(500);
    }

    [Trait("Category", "Seeds")]
    [Fact]
    public async Task A_switchover_starts_the_work_elsewhere_only_after_it_has_stopped_here_however_long_that_takes()
    {
        var record = new WorkRecord();
        var release = new TaskCompletionSource();
        await using var hosts = new TestHosts(3);
        await hosts.StartAsync(null, builder =>
        {
            builder.Services.AddSingleton(record);
            builder.Services.AddSingleton(new SlowToStop.Release(release.Task));
            builder.AddMasterService<SlowToStop>();
        });
        ClusterView before = await hosts.ViewAsync(1, 2, 3);
        await TestHosts.UntilAsync("the master works", () => record.Running.Count == 1);
        IClusterMembership master = hosts.Membership(before.Master.Value);
        Task<MembershipStatus> switchover = master.ReleaseMastershipAsync(TestHosts.Deadline);
        await TestHosts.UntilAsync("the work was told to stop", () => record.Stopping);
        // It still runs, under its lease, and nobody else does.
        Assert.False(switchover.IsCompleted);
        Assert.Equal([before.Master], record.Running.Keys);
        release.SetResult();
        Assert.Equal(MembershipStatus.Ok, await switchover);
        Assert.Equal(MemberRole.ViceMaster, master.Role);
        await TestHosts.UntilAsync("the next master works", () => record.Running.ContainsKey(before.ViceMaster));
        Assert.Equal(1, record.MostRunning);
        Assert.Equal(2, record.Starts);
        // And back again: the work runs here anew.
        Assert.Equal(MembershipStatus.Ok, await hosts.Membership(before.ViceMaster.Value).ReleaseMastershipAsync(TestHosts.Deadline));
        await TestHosts.UntilAsync("the first master works again", () => record.Running.ContainsKey(before.Master));
        Assert.Equal(1, record.MostRunning);
    }

    [Fact]
    public async Task Work_that_does_not_stop_ends_the_process_with_a_code_of_its_own()
    {
        var ended = new TaskCompletionSource<MembershipHalt>();
        var release = new TaskCompletionSource();
        await using var hosts = new TestHosts(3);
        await hosts.StartAsync(
            static options => options.OnHalt = HaltPolicy.Callback,
            builder =>
            {
                builder.Services.PostConfigure<RegroupMembershipOptions>(static options => options.HaltCallback = static _ => { });
                builder.Services.AddSingleton(new ProcessEnd(halt => ended.TrySetResult(halt)));
                builder.Services.AddSingleton(new Stubborn.Release(release.Task));
                builder.AddMasterService<Stubborn>();
            });
        ClusterView view = await hosts.ViewAsync(1, 2, 3);
        Stubborn work = hosts[view.Master.Value].Services.GetRequiredService<Stubborn>();
        await work.Started.Task.WaitAsync(TestHosts.Deadline);
        await hosts.Membership(view.Master.Value % 3 + 1).EjectAsync(view.Master, TestHosts.Deadline);
        MembershipHalt halt = await ended.Task.WaitAsync(TestHosts.Deadline);
        Assert.Equal(HaltCode.MasterWorkOverrun, halt.Code);
        Assert.Equal(108, halt.ExitCode);
        Assert.Contains(nameof(Stubborn), halt.Detail, StringComparison.Ordinal);
        release.SetResult();
    }

    [Fact]
    public async Task Work_that_fails_stops_its_host_so_that_another_node_takes_over()
    {
        await using var hosts = new TestHosts(3);
        await hosts.StartAsync(null, static builder => builder.AddMasterService<FailsOnFirstNode>());
        await TestHosts.UntilAsync("the failing master's host stops", () => hosts[1].Services.GetRequiredService<IHostApplicationLifetime>().ApplicationStopping.IsCancellationRequested);
        await hosts[1].StopAsync(TestHosts.Deadline);
        Assert.NotEqual(new NodeId(1), (await hosts.ViewAsync(2, 3)).Master);
    }

    private sealed class WorkRecord
    {
        private int _starts;

        public ConcurrentDictionary<NodeId, MasterLease> Running { get; } = new();

        public ConcurrentDictionary<NodeId, Epoch> Epochs { get; } = new();

        public int MostAtOnce { get; private set; }

        /// <summary>How many ever ran at once, with or without a valid lease.</summary>
        public int MostRunning { get; private set; }

        public bool Stopping { get; set; }

        public int Starts => _starts;

        public void Enter(NodeId node, MasterLease lease)
        {
            Interlocked.Increment(ref _starts);
            Epochs[node] = lease.Epoch;
            Running[node] = lease;
            lock (Epochs)
            {
                MostAtOnce = Math.Max(MostAtOnce, Running.Values.Count(static running => running.IsValid));
                MostRunning = Math.Max(MostRunning, Running.Count);
            }
        }
    }

    private sealed class Work(WorkRecord record, IClusterMembership membership) : MasterBackgroundService
    {
        protected override async Task ExecuteAsMasterAsync(MasterLease lease, CancellationToken stoppingToken)
        {
            record.Enter(membership.Self, lease);
            await Task.Delay(Timeout.Infinite, stoppingToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            record.Running.TryRemove(membership.Self, out _);
        }
    }

    private sealed class SlowToStop(WorkRecord record, SlowToStop.Release release, IClusterMembership membership) : MasterBackgroundService
    {
        protected override async Task ExecuteAsMasterAsync(MasterLease lease, CancellationToken stoppingToken)
        {
            record.Enter(membership.Self, lease);
            await Task.Delay(Timeout.Infinite, stoppingToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            record.Stopping = true;
            await release.Task;
            record.Running.TryRemove(membership.Self, out _);
        }

        internal sealed record Release(Task Task);
    }

    private sealed class Stubborn(Stubborn.Release release) : MasterBackgroundService
    {
        public TaskCompletionSource Started { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        protected override Task ExecuteAsMasterAsync(MasterLease lease, CancellationToken stoppingToken)
        {
            Started.TrySetResult();
            return release.Task;
        }

        internal sealed record Release(Task Task);
    }

    private sealed class FailsOnFirstNode(IClusterMembership membership) : MasterBackgroundService
    {
        protected override Task ExecuteAsMasterAsync(MasterLease lease, CancellationToken stoppingToken)
            => membership.Self == new NodeId(1) ? Task.FromException(new InvalidOperationException("the work failed on purpose")) : Task.Delay(Timeout.Infinite, stoppingToken);
    }
}
