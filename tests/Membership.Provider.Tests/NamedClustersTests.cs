// One process may be a node of several clusters: everything about each is keyed by its name.
using Failover.Demo;
using Membership.Engine;
using Membership.Engine.Arbitration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Options;
using Xunit;

namespace Membership.Provider.Tests;

public sealed class NamedClustersTests : IDisposable
{
    private readonly string _directory = Directory.CreateTempSubdirectory("regroup-named-tests-").FullName;
    private readonly int[] _ports = FreePorts.Find(3);

    public void Dispose() => Directory.Delete(_directory, recursive: true);

    [Fact]
    public async Task Clusters_with_names_and_one_without_live_in_one_process_each_with_its_own_work()
    {
        HostApplicationBuilder builder = Host.CreateEmptyApplicationBuilder(null);
        builder.Services.AddRegroupMembership(options => Configure(options, "plain", 0)).AddMasterService<PlainWork>();
        builder.Services.AddRegroupMembership("red", options => Configure(options, "red", 1)).AddMasterService<NamedWork>().AddMasterService<NamedWork>();
        builder.Services.AddRegroupMembership("blue", options => Configure(options, "blue", 2)).AddMasterService<NamedWork>();
        using IHost host = builder.Build();
        await host.StartAsync(TestHosts.Deadline);
        var plain = host.Services.GetRequiredService<IClusterMembership>();
        var red = host.Services.GetRequiredKeyedService<IClusterMembership>("red");
        var blue = host.Services.GetRequiredKeyedService<IClusterMembership>("blue");
        Assert.Equal(3, new[] { plain, red, blue }.Distinct().Count());
        await TestHosts.UntilAsync("all three serve", () => plain.Lease.IsValid && red.Lease.IsValid && blue.Lease.IsValid);
        var redWork = host.Services.GetRequiredKeyedService<NamedWork>("red");
        var blueWork = host.Services.GetRequiredKeyedService<NamedWork>("blue");
        await TestHosts.UntilAsync("the work of both runs, once each", () => redWork.Starts == 1 && blueWork.Starts == 1);
        await TestHosts.UntilAsync("the work of the one without a name", () => host.Services.GetRequiredService<PlainWork>().Seen == plain);
        Assert.Equal("red", redWork.Name);
        Assert.Equal("blue", blueWork.Name);

        // The end of one is nothing to the others.
        Assert.Equal(MembershipStatus.Ok, await red.LeaveAsync(TestHosts.Deadline));
        await TestHosts.UntilAsync("its work has stopped", () => redWork.Running == 0);
        Assert.False(red.Lease.IsValid);
        Assert.True(plain.Lease.IsValid && blue.Lease.IsValid);
        Assert.Equal(1, blueWork.Running);
        await host.StopAsync(TestHosts.Deadline);
        Assert.Equal(0, blueWork.Running);
    }

    [Fact]
    public void Each_cluster_is_validated_by_itself_and_has_its_own_arbiter()
    {
        var services = new ServiceCollection();
        services.AddRegroupMembership("red", options => Configure(options, "red", 1)).UseArbiter(static _ => throw new NotSupportedException("never made here"));
        services.AddRegroupMembership("blue", options =>
        {
            Configure(options, "blue", 2);
            options.Self = 7;
        });
        using ServiceProvider provider = services.BuildServiceProvider();
        IOptionsMonitor<RegroupMembershipOptions> options = provider.GetRequiredService<IOptionsMonitor<RegroupMembershipOptions>>();
        Assert.Equal("red", options.Get("red").ClusterId);
        Assert.Contains("Self is 7", Assert.Throws<OptionsValidationException>(() => options.Get("blue")).Message, StringComparison.Ordinal);
        Assert.NotNull(provider.GetKeyedService<ArbiterRegistration>("red"));
        Assert.Null(provider.GetKeyedService<ArbiterRegistration>("blue"));
        Assert.Null(provider.GetService<ArbiterRegistration>());
    }

    private void Configure(RegroupMembershipOptions options, string cluster, int port)
    {
        options.ClusterId = cluster;
        options.Self = 1;
        options.Preset = RegroupPreset.Local;
        options.AllowPlainText = true;
        options.Bootstrap = true;
        options.StoreDirectory = Path.Combine(_directory, cluster);
        options.Nodes = [new RegroupNodeOptions { Number = 1, Endpoints = [$"127.0.0.1:{_ports[port]}"] }];
    }

    private sealed class PlainWork(IClusterMembership membership) : MasterBackgroundService
    {
        public IClusterMembership? Seen { get; private set; }

        protected override Task ExecuteAsMasterAsync(MasterLease lease, CancellationToken stoppingToken)
        {
            Seen = membership;
            return Task.Delay(Timeout.Infinite, stoppingToken);
        }
    }

    private sealed class NamedWork([ServiceKey] string name) : MasterBackgroundService
    {
        private int _starts;
        private int _running;

        public string Name => name;

        public int Starts => Volatile.Read(ref _starts);

        public int Running => Volatile.Read(ref _running);

        protected override async Task ExecuteAsMasterAsync(MasterLease lease, CancellationToken stoppingToken)
        {
            Interlocked.Increment(ref _starts);
            Interlocked.Increment(ref _running);
            await Task.Delay(Timeout.Infinite, stoppingToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            Interlocked.Decrement(ref _running);
        }
    }
}
