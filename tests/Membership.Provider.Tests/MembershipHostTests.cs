// Real hosts in one process: they form a cluster, one leaves with its host, one is thrown out and its host ends.
using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using Membership.Engine;
using Membership.Engine.Runtime;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Xunit;

namespace Membership.Provider.Tests;

public sealed class MembershipHostTests
{
    [Fact]
    public async Task Three_hosts_form_one_cluster_with_one_master_and_valid_leases()
    {
        await using var hosts = new TestHosts(3);
        await hosts.StartAsync();
        ClusterView view = await hosts.ViewAsync(1, 2, 3);
        for (int node = 1; node <= 3; node++)
        {
            IClusterMembership membership = hosts.Membership(node);
            await TestHosts.UntilAsync("a valid lease", () => membership.Lease.IsValid);
            Assert.Equal(new NodeId(node), membership.Self);
            Assert.True(membership.IsNodeUp(new NodeId(3)));
            Assert.Equal(membership.Self == view.Master ? MemberRole.Master : membership.Self == view.ViceMaster ? MemberRole.ViceMaster : MemberRole.In, membership.Role);
            Assert.Single(membership.Roles, static role => role.Value == MemberRole.Master);
            Assert.False(membership.Halted.IsCompleted);
        }
    }

    [Fact]
    public async Task A_host_that_stops_leaves_and_its_lease_is_gone_before_the_others_go_on()
    {
        await using var hosts = new TestHosts(3);
        await hosts.StartAsync();
        IClusterMembership leaver = hosts.Membership(1);
        Task stopping = hosts[1].StopAsync(TestHosts.Deadline);
        ClusterView view = await hosts.ViewAsync(2, 3);
        Assert.False(leaver.Lease.IsValid);
        Assert.NotEqual(new NodeId(1), view.Master);
        await stopping;
        Assert.Null(leaver.CurrentView);
        Assert.False(leaver.Halted.IsCompleted);
    }

    [Fact]
    public async Task A_halt_stops_the_host_and_sets_the_exit_code()
    {
        await using var hosts = new TestHosts(3);
        await hosts.StartAsync();
        Task ended = hosts[3].WaitForShutdownAsync(TestHosts.Deadline);
        Assert.Equal(MembershipStatus.Ok, await hosts.Membership(1).EjectAsync(new NodeId(3), TestHosts.Deadline));
        await ended;
        MembershipHalt halt = await hosts.Membership(3).Halted;
        Assert.Equal(HaltCode.Poisoned, halt.Code);
        Assert.Equal(102, halt.ExitCode);
        Assert.Equal(102, Environment.ExitCode);
        Environment.ExitCode = 0;
        Assert.False(hosts.Membership(3).Lease.IsValid);
        await hosts.ViewAsync(1, 2);
    }

    [Fact]
    public async Task With_the_callback_policy_a_halt_calls_back_once_and_leaves_the_host_running()
    {
        var called = new TaskCompletionSource<MembershipHalt>();
        await using var hosts = new TestHosts(3);
        await hosts.StartAsync(options =>
        {
            options.OnHalt = HaltPolicy.Callback;
            options.HaltCallback = called.SetResult;
        });
        await hosts.Membership(1).EjectAsync(new NodeId(3), TestHosts.Deadline);
        Assert.Equal(HaltCode.Poisoned, (await called.Task.WaitAsync(TestHosts.Deadline)).Code);
        Assert.False(hosts[3].Services.GetRequiredService<IHostApplicationLifetime>().ApplicationStopping.IsCancellationRequested);
    }

    [Fact]
    public async Task With_the_fail_fast_policy_a_halt_ends_the_process()
    {
        var ended = new TaskCompletionSource<MembershipHalt>();
        await using var hosts = new TestHosts(3);
        await hosts.StartAsync(static options => options.OnHalt = HaltPolicy.FailFast, builder => builder.Services.AddSingleton(new ProcessEnd(halt => ended.TrySetResult(halt))));
        await hosts.Membership(1).EjectAsync(new NodeId(3), TestHosts.Deadline);
        Assert.Equal(102, (await ended.Task.WaitAsync(TestHosts.Deadline)).ExitCode);
    }

    [Fact]
    public async Task A_node_that_the_cluster_refuses_ends_its_host_with_the_reason_and_a_code_of_its_own()
    {
        await using var hosts = new TestHosts(3);
        for (int node = 1; node <= 2; node++) hosts.Build(node);
        await Task.WhenAll(hosts[1].StartAsync(TestHosts.Deadline), hosts[2].StartAsync(TestHosts.Deadline));
        await hosts.ViewAsync(1, 2);
        IHost different = hosts.Build(3, static options => options.Nodes[0].Votes = 5, static builder => builder.AddHealthChecks());
        await different.StartAsync(TestHosts.Deadline);
        await different.WaitForShutdownAsync(TestHosts.Deadline);
        MembershipHalt halt = await hosts.Membership(3).Halted.WaitAsync(TestHosts.Deadline);
        Assert.Equal((HaltCode.Refused, 109), (halt.Code, halt.ExitCode));
        Assert.Contains("give every node the same Nodes list", halt.Detail, StringComparison.Ordinal);
        HealthReport health = await different.Services.GetRequiredService<HealthCheckService>().CheckHealthAsync(TestHosts.Deadline);
        Assert.Contains("halted with Refused", health.Entries["membership-live"].Description, StringComparison.Ordinal);
        Assert.Equal(109, Environment.ExitCode);
        Environment.ExitCode = 0;
        await hosts.ViewAsync(1, 2);
    }

    [Theory]
    [InlineData(true, "has no quorum")]
    [InlineData(false, "set Bootstrap")]
    public async Task A_node_that_does_not_become_a_member_says_so_in_the_log_and_why(bool alone, string why)
    {
        var told = new ConcurrentQueue<string>();
        await using var hosts = new TestHosts(3);
        for (int node = 1; node <= (alone ? 1 : 3); node++)
            hosts.Build(node, options => options.Bootstrap = alone, builder => builder.Services.AddSingleton<ILoggerProvider>(new Told(2003, told)));
        for (int node = 1; node <= (alone ? 1 : 3); node++) await hosts[node].StartAsync(TestHosts.Deadline);
        await TestHosts.UntilAsync("the warning", () => told.Any(line => line.Contains("has not become a member of cluster tests", StringComparison.Ordinal) && line.Contains(why, StringComparison.Ordinal)));
    }

    [Theory]
    [InlineData("key", "sealed with a key that this node does not accept: compare Keys on every node")]
    [InlineData("cluster", "of another cluster: compare ClusterId on every node")]
    [InlineData("protection", "compare Keys and AllowPlainText on every node")]
    [InlineData("version", "another version of the datagram format: install the same major version of this software on every node")]
    public async Task A_node_that_drops_what_the_others_say_tells_what_is_different(string difference, string why)
    {
        string[] keys = [Convert.ToBase64String(RandomNumberGenerator.GetBytes(32)), Convert.ToBase64String(RandomNumberGenerator.GetBytes(32))];
        var told = new ConcurrentQueue<string>();
        await using var hosts = new TestHosts(3);
        using var relay = new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
        relay.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        for (int node = 1; node <= 2; node++)
        {
            int self = node;
            hosts.Build(
                node,
                options =>
                {
                    options.Keys = difference == "key" ? [keys[self - 1]] : difference == "protection" && self == 1 ? [keys[0]] : [];
                    if (difference == "cluster" && self == 1) options.ClusterId = "another";
                    if (difference == "version" && self == 1) options.Nodes[1].Endpoints = [relay.LocalEndPoint!.ToString()!];
                    options.AllowPlainText = options.Keys.Count == 0;
                },
                builder => builder.Services.AddSingleton<ILoggerProvider>(new Told(2003, told)));
        }
        // A later version writes its number where today's looks first.
        Task relaying = Task.Run(() =>
        {
            var datagram = new byte[2048];
            while (true)
            {
                try
                {
                    int length = relay.Receive(datagram);
                    datagram[4]++;
                    relay.SendTo(datagram.AsSpan(0, length), IPEndPoint.Parse(hosts.Endpoint(2)));
                }
                catch (SocketException refused) when (refused.SocketErrorCode == SocketError.ConnectionRefused)
                {
                    // Node 2 was not there yet.
                }
                catch (Exception closed) when (closed is SocketException or ObjectDisposedException)
                {
                    return;
                }
            }
        }, TestContext.Current.CancellationToken);
        await hosts[1].StartAsync(TestHosts.Deadline);
        await hosts[2].StartAsync(TestHosts.Deadline);
        await TestHosts.UntilAsync("the warning", () => told.Any(line => line.Contains(why, StringComparison.Ordinal)));
        relay.Dispose();
        await relaying;
    }

    /// <summary>Keeps what is logged with one event id.</summary>
    private sealed class Told(int id, ConcurrentQueue<string> lines) : ILoggerProvider, ILogger
    {
        public ILogger CreateLogger(string categoryName) => this;

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
        {
            if (eventId.Id == id) lines.Enqueue(formatter(state, exception));
        }

        public void Dispose()
        {
        }
    }

    [Fact]
    public async Task A_port_in_use_fails_the_start_with_the_endpoint()
    {
        await using var hosts = new TestHosts(1);
        using var holder = new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
        holder.Bind(IPEndPoint.Parse(hosts.Endpoint(1)));
        Exception failure = await Assert.ThrowsAnyAsync<Exception>(() => hosts.Build(1).StartAsync(TestHosts.Deadline));
        Assert.Contains(hosts.Endpoint(1), failure.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_host_name_that_does_not_resolve_fails_the_start_with_the_name()
    {
        await using var hosts = new TestHosts(2);
        IHost host = hosts.Build(1, static options =>
        {
            options.Nodes[1].Endpoints = ["no-such-host.invalid:7400"];
            options.TieBreaker = TieBreaker.LowestNode;
        });
        Exception failure = await Assert.ThrowsAnyAsync<Exception>(() => host.StartAsync(TestHosts.Deadline));
        Assert.Contains("no-such-host.invalid", failure.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Bad_options_fail_the_start_and_every_failure_is_listed()
    {
        await using var hosts = new TestHosts(2);
        IHost host = hosts.Build(1, static options =>
        {
            options.Self = 7;
            options.LeaveTimeout = TimeSpan.FromSeconds(-1);
        });
        var failure = await Assert.ThrowsAsync<Microsoft.Extensions.Options.OptionsValidationException>(() => host.StartAsync(TestHosts.Deadline));
        Assert.Contains("7", failure.Message, StringComparison.Ordinal);
        Assert.Contains("LeaveTimeout is -00:00:01", failure.Message, StringComparison.Ordinal);
    }
}
