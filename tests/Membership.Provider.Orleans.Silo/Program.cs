// A silo or a client. It says "ready", then "member ..." whenever the silo's membership changes, and obeys lines on stdin:
//   where KEY          the node a grain lives on
//   hammer KEY MS      a call every MS ms from now on, whether those before were answered or not; each answer is a line
//   write KEY MS       the same with calls that leave a trace
//   kill PORT          the framework is told that the silo with that port is dead
//   stop               a clean end
using System.Diagnostics;
using System.Net;
using LiveSilo;
using Membership.Provider;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Orleans.Configuration;
using Orleans.Runtime;

var arguments = new SiloArguments(args);
HostApplicationBuilder builder = Host.CreateEmptyApplicationBuilder(null);
builder.Logging.SetMinimumLevel(LogLevel.Warning).AddSimpleConsole(static console => console.SingleLine = true);
builder.Services.Configure<Microsoft.Extensions.Logging.Console.ConsoleLoggerOptions>(static console => console.LogToStandardErrorThreshold = LogLevel.Trace);
builder.Services.AddSingleton(arguments);
if (arguments.Role == "client") builder.UseOrleansClient(client => ConfigureClient(client, arguments));
else builder.UseOrleans(silo => ConfigureSilo(silo, arguments));
IHost host = builder.Build();
await host.StartAsync();
Lines.Say("ready");
if (arguments.Role != "client") _ = Task.Run(() => TellMembersAsync(host.Services.GetRequiredService<IClusterMembershipService>()));
await ObeyAsync(host.Services, host.Services.GetRequiredService<IHostApplicationLifetime>().ApplicationStopping);
await host.StopAsync();
Lines.Say("stopped");
return Environment.ExitCode;

static void ConfigureSilo(ISiloBuilder silo, SiloArguments arguments)
{
    silo.Configure<ClusterOptions>(static cluster =>
    {
        cluster.ClusterId = "live";
        cluster.ServiceId = "live";
    });
    silo.Configure<EndpointOptions>(endpoints =>
    {
        endpoints.AdvertisedIPAddress = IPAddress.Loopback;
        endpoints.SiloPort = arguments.Silos[arguments.Node - 1];
        endpoints.GatewayPort = arguments.Gateways[arguments.Node - 1];
    });
    if (arguments.Tuned)
        silo.Configure<ClusterMembershipOptions>(static options =>
        {
            options.ProbeTimeout = TimeSpan.FromSeconds(1);
            options.NumMissedProbesLimit = 2;
            options.EnableConnectionLivenessCheck = false;
        });
    if (arguments.Clustering == "development")
    {
        silo.UseDevelopmentClustering(new IPEndPoint(IPAddress.Loopback, arguments.Silos[0]));
        return;
    }
    silo.AddIncomingGrainCallFilter<ArrivalFilter>();
    silo.UseRegroupMembership(
        node =>
        {
            node.ClusterId = "live";
            node.Self = arguments.Node;
            node.AllowPlainText = true;
            node.Bootstrap = true;
            node.StoreDirectory = arguments.Store;
            node.Preset = Enum.Parse<RegroupPreset>(arguments.Preset);
            if (arguments.CrashEvidence) node.CrashEvidence = Membership.Engine.Runtime.CrashEvidence.ConnectionRefused;
            if (arguments.Arbiter is ["file", var directory]) node.WitnessFile.Directory = directory;
            for (int number = 1; number <= arguments.Membership.Length; number++)
                node.Nodes.Add(new RegroupNodeOptions { Number = number, Endpoints = [$"127.0.0.1:{arguments.Membership[number - 1]}"] });
        },
        use =>
        {
            use.GuardGrainCalls = arguments.Guard;
            use.DirectoryEndpoint = $"127.0.0.1:{arguments.Directories[arguments.Node - 1]}";
        },
        membership => ConfigureArbiter(membership, arguments.Arbiter));
}

// Each with the times it has by default, as its documentation promises them.
static void ConfigureArbiter(RegroupMembershipBuilder membership, string[] arbiter)
{
    switch (arbiter)
    {
        case [] or ["file", _]:
            break;
        case ["share", var path, var user, var password]:
            membership.UseFileShareWitness(share => (share.Path, share.UserName, share.Password) = (path, user, password));
            break;
        case ["scsi", var portal, var target, var lun]:
            membership.UseScsiReservation(unit => (unit.Portal, unit.Target, unit.Lun) = (portal, target, int.Parse(lun)));
            break;
        case ["blob", var service, var account, var key]:
            membership.UseBlobLease(blob => (blob.ServiceUri, blob.AccountName, blob.AccountKey) = (new Uri(service), account, key));
            break;
        default:
            throw new ArgumentException($"--arbiter={string.Join(',', arbiter)} is none: file, share, scsi or blob, with what it is reached by.");
    }
}

static void ConfigureClient(IClientBuilder client, SiloArguments arguments)
{
    client.Configure<ClusterOptions>(static cluster =>
    {
        cluster.ClusterId = "live";
        cluster.ServiceId = "live";
    });
    client.UseRegroupGateways(nodes => nodes.Nodes = [.. arguments.Directories.Select(static port => $"127.0.0.1:{port}")]);
}

static async Task TellMembersAsync(IClusterMembershipService membership)
{
    await foreach (ClusterMembershipSnapshot snapshot in membership.MembershipUpdates)
        Lines.Say($"member {snapshot.Version.Value} {Stopwatch.GetTimestamp()} {string.Join(' ', snapshot.Members.Values.Select(static member => $"{member.SiloAddress.Endpoint.Port}@{member.SiloAddress.Generation}={member.Status}"))}");
}

static async Task ObeyAsync(IServiceProvider services, CancellationToken stopping)
{
    var grains = services.GetRequiredService<IGrainFactory>();
    while (await Console.In.ReadLineAsync(stopping) is { } line)
    {
        string[] words = line.Split(' ');
        switch (words[0])
        {
            case "stop":
                return;
            case "where":
                Lines.Say($"where {words[1]} {await grains.GetGrain<IWhereGrain>(words[1]).WhereAsync()}");
                break;
            case "kill":
                var membership = services.GetRequiredService<IClusterMembershipService>();
                await membership.TryKill(membership.CurrentSnapshot.Members.Keys.Single(silo => silo.Endpoint.Port == int.Parse(words[1])));
                break;
            case "hammer":
                _ = Task.Run(() => HammerAsync(() => grains.GetGrain<IWhereGrain>(words[1]).WhereAsync(), words[1], int.Parse(words[2]), stopping), stopping);
                break;
            case "write":
                _ = Task.Run(() => HammerAsync(() => grains.GetGrain<IWritingGrain>(words[1]).WriteAsync(), words[1], int.Parse(words[2]), stopping), stopping);
                break;
        }
    }
}

static async Task HammerAsync(Func<Task<string>> call, string key, int period, CancellationToken stopping)
{
    using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(period));
    while (await timer.WaitForNextTickAsync(stopping)) _ = OneAsync(call, key);
}

static async Task OneAsync(Func<Task<string>> call, string key)
{
    long started = Stopwatch.GetTimestamp();
    string answer;
    try
    {
        answer = "ok " + await call();
    }
#pragma warning disable CA1031 // Whatever a call ends with is what the test wants to know.
    catch (Exception failure)
#pragma warning restore CA1031
    {
        answer = "fail " + failure.GetType().Name;
    }
    Lines.Say($"call {key} {started} {Stopwatch.GetTimestamp()} {answer}");
}
