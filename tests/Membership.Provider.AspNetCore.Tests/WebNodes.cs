// A small cluster of real web applications in this process: each is a node and listens on a port of its own.
using Failover.Demo;
using Membership.Engine;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Xunit;

namespace Membership.Provider.AspNetCore.Tests;

internal sealed class WebNodes : IAsyncDisposable
{
    private readonly Dictionary<int, WebApplication> _apps = [];
    private readonly string _directory = Directory.CreateTempSubdirectory("regroup-web-tests-").FullName;
    private readonly int[] _ports;
    private readonly HttpClient _client = new() { Timeout = TimeSpan.FromSeconds(30) };

    public WebNodes(int size) => _ports = FreePorts.Find(size);

    public static CancellationToken Deadline => CancellationTokenSource.CreateLinkedTokenSource(
        TestContext.Current.CancellationToken, new CancellationTokenSource(TimeSpan.FromSeconds(30)).Token).Token;

    public IClusterMembership Membership(int node) => _apps[node].Services.GetRequiredService<IClusterMembership>();

    public string Url(int node) => _apps[node].Urls.First();

    public async Task StartAsync(Action<WebApplication> map, Action<RegroupMembershipOptions>? configure = null, Action<WebApplicationBuilder>? more = null)
    {
        for (int node = 1; node <= _ports.Length; node++)
        {
            int self = node;
            WebApplicationBuilder builder = WebApplication.CreateBuilder(new WebApplicationOptions { ApplicationName = typeof(WebNodes).Assembly.GetName().Name });
            builder.Logging.SetMinimumLevel(LogLevel.Error);
            builder.WebHost.UseUrls("http://127.0.0.1:0");
            builder.Services.AddRegroupMembership(options =>
            {
                Configure(options, self);
                configure?.Invoke(options);
            }).AddHealthChecks();
            builder.Services.AddControllers();
            more?.Invoke(builder);
            WebApplication app = _apps[node] = builder.Build();
            map(app);
        }
        await Task.WhenAll(_apps.Values.Select(static app => app.StartAsync(Deadline)));
        await UntilAsync("all serve in one view", () => _apps.Keys.All(node => Membership(node).CurrentView?.Members.Length == _ports.Length && Membership(node).Lease.IsValid));
    }

    public async Task<(HttpResponseMessage Response, string Body)> GetAsync(int node, string path)
    {
        HttpResponseMessage response = await _client.GetAsync(new Uri(Url(node) + path), Deadline);
        return (response, await response.Content.ReadAsStringAsync(Deadline));
    }

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
        foreach (WebApplication app in _apps.Values)
        {
            await app.StopAsync(CancellationToken.None);
            await app.DisposeAsync();
        }
        _client.Dispose();
        Directory.Delete(_directory, recursive: true);
    }

    private void Configure(RegroupMembershipOptions options, int node)
    {
        options.ClusterId = "web-tests";
        options.Self = node;
        options.Preset = RegroupPreset.Local;
        // More tolerance for late scheduling than the preset has: two cores are shared with everything else that runs.
        options.Timing.ReceiveRate = 5;
        options.DiscoveryTime = TimeSpan.FromMilliseconds(500);
        options.AllowPlainText = true;
        options.Bootstrap = true;
        options.OnHalt = HaltPolicy.Callback;
        options.HaltCallback = static _ => { };
        options.StoreDirectory = Path.Combine(_directory, $"node{node}");
        options.Nodes = [.. Enumerable.Range(1, _ports.Length).Select(number => new RegroupNodeOptions { Number = number, Endpoints = [$"127.0.0.1:{_ports[number - 1]}"] })];
    }
}
