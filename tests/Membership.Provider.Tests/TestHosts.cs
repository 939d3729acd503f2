// A small cluster of real hosts in this process: real sockets on loopback, real stores in a directory of its own.
using Failover.Demo;
using Membership.Engine;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Xunit;

namespace Membership.Provider.Tests;

internal sealed class TestHosts : IAsyncDisposable
{
    private readonly Dictionary<int, IHost> _hosts = [];
    private readonly string _directory = Directory.CreateTempSubdirectory("regroup-provider-tests-").FullName;
    private readonly int[] _ports;

    public TestHosts(int size)
    {
        Size = size;
        _ports = FreePorts.Find(size);
    }

    public int Size { get; }

    public IHost this[int node] => _hosts[node];

    public string Endpoint(int node) => $"127.0.0.1:{_ports[node - 1]}";

    public string Store(int node) => Path.Combine(_directory, $"node{node}");

    public IClusterMembership Membership(int node) => _hosts[node].Services.GetRequiredService<IClusterMembership>();

    public static CancellationToken Deadline => CancellationTokenSource.CreateLinkedTokenSource(
        TestContext.Current.CancellationToken, new CancellationTokenSource(TimeSpan.FromSeconds(30)).Token).Token;

    /// <summary>Options that work, as the start of a test's own.</summary>
    public void Configure(RegroupMembershipOptions options, int node)
    {
        options.ClusterId = "tests";
        options.Self = node;
        options.Preset = RegroupPreset.Local;
        // More tolerance for late scheduling than the preset has: two cores are shared with everything else that runs.
        options.Timing.ReceiveRate = 5;
        options.DiscoveryTime = TimeSpan.FromMilliseconds(500);
        options.AllowPlainText = true;
        options.Bootstrap = true;
        options.StoreDirectory = Path.Combine(_directory, $"node{node}");
        options.Nodes = [.. Enumerable.Range(1, Size).Select(number => new RegroupNodeOptions { Number = number, Endpoints = [Endpoint(number)] })];
    }

    public IHost Build(int node, Action<RegroupMembershipOptions>? configure = null, Action<RegroupMembershipBuilder>? more = null)
    {
        HostApplicationBuilder builder = Host.CreateEmptyApplicationBuilder(null);
        builder.Logging.SetMinimumLevel(LogLevel.Warning);
        RegroupMembershipBuilder membership = builder.Services.AddRegroupMembership(options =>
        {
            Configure(options, node);
            configure?.Invoke(options);
        });
        more?.Invoke(membership);
        return _hosts[node] = builder.Build();
    }

    public async Task StartAsync(Action<RegroupMembershipOptions>? configure = null, Action<RegroupMembershipBuilder>? more = null)
    {
        for (int node = 1; node <= Size; node++) Build(node, configure, more);
        await Task.WhenAll(_hosts.Values.Select(static host => host.StartAsync(Deadline)));
        await ViewAsync([.. Enumerable.Range(1, Size)]);
    }

    /// <summary>Waits until all these nodes have installed the same view of exactly these nodes.</summary>
    public async Task<ClusterView> ViewAsync(params int[] members)
    {
        NodeSet wanted = NodeSet.Of(members);
        ClusterView[] views = await Task.WhenAll(members.Select(async node =>
        {
            await foreach (ClusterView view in Membership(node).ViewsAsync(Deadline))
                if (view.Nodes == wanted) return view;
            throw new InvalidOperationException($"node {node} left or halted while {wanted} was waited for");
        }));
        return views.MaxBy(static view => view.Epoch)!;
    }

    /// <summary>Looks until something is true; for conditions that have no event of their own.</summary>
    public static async Task UntilAsync(string what, Func<bool> condition)
    {
        CancellationToken deadline = Deadline;
        while (!condition())
        {
            if (deadline.IsCancellationRequested) Assert.Fail($"not in time: {what}");
            await Task.Delay(10, TestContext.Current.CancellationToken);
        }
    }

    public async ValueTask DisposeAsync()
    {
        foreach (IHost host in _hosts.Values)
        {
            // A host that failed to start has nothing to stop; disposing closes what it had opened.
            if (host.Services.GetRequiredService<IHostApplicationLifetime>().ApplicationStarted.IsCancellationRequested) await host.StopAsync(CancellationToken.None);
            await ((IAsyncDisposable)host).DisposeAsync();
        }
        Directory.Delete(_directory, recursive: true);
    }
}
