// Master-only work that behaves badly, and ends of membership that come by other ways than a switchover: whatever it does, it has
// ended, or the process has, before another node's work begins, and nothing of it can keep the watch from seeing that.
using System.Collections.Concurrent;
using Membership.Engine;
using Membership.Engine.Runtime;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Xunit;

namespace Membership.Provider.Tests;

public sealed class MasterWorkTroubleTests
{
    [Theory]
    [InlineData("after its await")]
    [InlineData("in a callback of its token")]
    public async Task Work_that_blocks_the_thread_it_is_told_on_ends_the_process_all_the_same(string where)
    {
        var ended = new TaskCompletionSource<MembershipHalt>();
        var work = new Trace { Blocks = where };
        await using var hosts = new TestHosts(3);
        await hosts.StartAsync(
            static options =>
            {
                options.OnHalt = HaltPolicy.Callback;
                options.HaltCallback = static _ => { };
                options.CallbackLimit = TimeSpan.FromSeconds(2);
            },
            builder =>
            {
                builder.Services.AddSingleton(work).AddSingleton(new ProcessEnd(halt => ended.TrySetResult(halt)));
                builder.AddMasterService<Work>();
            });
        ClusterView view = await hosts.ViewAsync(1, 2, 3);
        await TestHosts.UntilAsync("the master works", () => work.Running == 1);
        Task<MembershipStatus> switchover = hosts.Membership(view.Master.Value).ReleaseMastershipAsync(TestHosts.Deadline);
        try
        {
            Assert.Equal(HaltCode.MasterWorkOverrun, (await ended.Task.WaitAsync(TestHosts.Deadline)).Code);
        }
        finally
        {
            work.Release.Set();
            await switchover;
        }
    }

    [Fact]
    public async Task A_master_that_leaves_tells_the_others_only_when_its_work_has_stopped()
    {
        var work = new Trace { Blocks = "after its await" };
        await using var hosts = new TestHosts(3);
        await hosts.StartAsync(null, builder =>
        {
            builder.Services.AddSingleton(work);
            builder.AddMasterService<Work>();
        });
        ClusterView before = await hosts.ViewAsync(1, 2, 3);
        await TestHosts.UntilAsync("the master works", () => work.Running == 1);
        IClusterMembership master = hosts.Membership(before.Master.Value);
        Task<MembershipStatus> leave = master.LeaveAsync(TestHosts.Deadline);
        await TestHosts.UntilAsync("the work was told to stop", () => work.Told);
        // Long enough for the others to have gone on, had they been told.
        MembershipLease other = hosts.Membership(before.ViceMaster.Value).Lease;
        await Task.Delay(300, TestContext.Current.CancellationToken);
        Assert.False(leave.IsCompleted);
        Assert.True(master.Lease.IsValid || master.Lease.IsHeld);
        Assert.Equal(before.Master, hosts.Membership(before.ViceMaster.Value).CurrentView!.Master);
        Assert.True(other.IsValid || other.IsHeld || hosts.Membership(before.ViceMaster.Value).Lease.Epoch > other.Epoch);
        work.Release.Set();
        Assert.Equal(MembershipStatus.Ok, await leave);
        await TestHosts.UntilAsync("the next master works", () => work.Running == 1 && work.Starts == 2);
        Assert.Equal(1, work.MostRunning);
    }

    [Fact]
    public async Task Work_that_learns_of_the_loss_by_its_token_has_the_whole_time_to_stop()
    {
        var overruns = new ConcurrentQueue<string>();
        var work = new Trace { StopsAfter = TimeSpan.FromMilliseconds(250) };
        await using var hosts = new TestHosts(3);
        await hosts.StartAsync(
            static options =>
            {
                // L is 1 s here.
                options.MasterStopTime = TimeSpan.FromMilliseconds(500);
                options.OnHalt = HaltPolicy.Callback;
                options.HaltCallback = static _ => { };
            },
            builder =>
            {
                builder.Services.AddSingleton(work).AddSingleton(new ProcessEnd(halt => overruns.Enqueue(halt.Detail)));
                builder.AddMasterService<Work>();
            });
        ClusterView view = await hosts.ViewAsync(1, 2, 3);
        await TestHosts.UntilAsync("the master works", () => work.Running == 1);
        Assert.Equal(MembershipStatus.Ok, await hosts.Membership(view.ViceMaster.Value).EjectAsync(view.Master, TestHosts.Deadline));
        await TestHosts.UntilAsync("the work here has ended, and it runs elsewhere", () => work is { Running: 1, Starts: 2 });
        Assert.Equal(1, work.MostRunning);
        Assert.Empty(overruns);
    }

    [Fact]
    public async Task Work_that_goes_on_ends_the_process_when_the_lease_runs_out_even_if_the_log_and_with_it_the_nodes_loop_stands_still()
    {
        var ended = new TaskCompletionSource<MembershipHalt>();
        var work = new Trace { Blocks = "after its await" };
        using var log = new StandingLog();
        await using var hosts = new TestHosts(3);
        bool first = true;
        await hosts.StartAsync(
            static options =>
            {
                options.OnHalt = HaltPolicy.Callback;
                options.HaltCallback = static _ => { };
            },
            builder =>
            {
                // Only node 1 may be the master, and only its log stands.
                bool isFirst = first;
                first = false;
                builder.Services.PostConfigure<RegroupMembershipOptions>(options => options.Qualified = isFirst);
                builder.Services.AddSingleton(work).AddSingleton(new ProcessEnd(halt => ended.TrySetResult(halt)));
                if (isFirst) builder.Services.Configure<LoggerFilterOptions>(static filter => filter.MinLevel = LogLevel.Information).AddSingleton<ILoggerProvider>(log);
                builder.AddMasterService<Work>();
            });
        await hosts.ViewAsync(1, 2, 3);
        await TestHosts.UntilAsync("the master works", () => work.Running == 1 && hosts.Membership(1).Role == MemberRole.Master);
        log.Stands = true;
        Task<MembershipStatus> regroup = hosts.Membership(1).ForceRegroupAsync(TestHosts.Deadline);
        try
        {
            Assert.Equal(HaltCode.MasterWorkOverrun, (await ended.Task.WaitAsync(TestHosts.Deadline)).Code);
            Assert.False(regroup.IsCompleted);
            Assert.False(hosts.Membership(1).Lease.IsValid);
        }
        finally
        {
            work.Release.Set();
            log.Dispose();
            await regroup;
        }
    }

    /// <summary>What the work of all nodes did.</summary>
    private sealed class Trace
    {
        private readonly Lock _lock = new();

        public string Blocks { get; init; } = "";

        public ManualResetEventSlim Release { get; } = new();

        public TimeSpan StopsAfter { get; init; }

        public bool Told { get; set; }

        public int Running { get; private set; }

        public int MostRunning { get; private set; }

        public int Starts { get; private set; }

        public void Enter()
        {
            lock (_lock)
            {
                Starts++;
                MostRunning = Math.Max(MostRunning, ++Running);
            }
        }

        public void Leave()
        {
            lock (_lock) Running--;
        }
    }

    private sealed class Work(Trace trace) : MasterBackgroundService
    {
        protected override async Task ExecuteAsMasterAsync(MasterLease lease, CancellationToken stoppingToken)
        {
            trace.Enter();
            using CancellationTokenRegistration callback = stoppingToken.Register(() =>
            {
                trace.Told = true;
                if (trace.Blocks == "in a callback of its token") trace.Release.Wait(CancellationToken.None);
            });
            try
            {
                await Task.Delay(Timeout.Infinite, stoppingToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
                trace.Told = true;
                await Task.Delay(trace.StopsAfter, CancellationToken.None);
                // As work does that closes a file which does not close, with no await in between.
                if (trace.Blocks == "after its await") trace.Release.Wait(CancellationToken.None);
            }
            finally
            {
                trace.Leave();
            }
        }
    }
}
