// One silo with its page: the set-up that a program of one's own would have.
using System.Net;
using Membership.Provider;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Console;
using Orleans.Configuration;
using Orleans.Hosting;

namespace OrleansCluster;

internal static class SiloHost
{
    public static async Task<int> RunAsync(SiloSetting setting)
    {
        WebApplicationBuilder builder = WebApplication.CreateSlimBuilder();
        builder.Logging.SetMinimumLevel(LogLevel.Error);
        builder.Services.Configure<ConsoleLoggerOptions>(static console => console.LogToStandardErrorThreshold = LogLevel.Trace);
        builder.WebHost.UseUrls($"http://127.0.0.1:{setting.Ports.Page(setting.Number)}");
        builder.Services.AddSingleton(setting);
        builder.UseOrleans(silo =>
        {
            silo.Configure<ClusterOptions>(static cluster => cluster.ClusterId = cluster.ServiceId = "accounts");
            silo.Configure<EndpointOptions>(endpoints =>
            {
                endpoints.AdvertisedIPAddress = IPAddress.Loopback;
                endpoints.SiloPort = setting.Ports.Silo(setting.Number);
                endpoints.GatewayPort = setting.Ports.Gateway(setting.Number);
            });
            if (setting.Clustering == "development") silo.UseDevelopmentClustering(new IPEndPoint(IPAddress.Loopback, setting.Ports.Silo(1)));
            else silo.UseRegroupMembership(node => Configure(node, setting));
        });
        WebApplication host = builder.Build();
        Page.Map(host);
        await host.StartAsync();
        // The launcher's end closes stdin: no silo outlives it.
        await Console.In.ReadToEndAsync();
        await host.StopAsync();
        return Environment.ExitCode;
    }

    private static void Configure(RegroupMembershipOptions node, SiloSetting setting)
    {
        node.ClusterId = "accounts";
        node.Self = setting.Number;
        node.StoreDirectory = Path.Combine(setting.Directory, $"node{setting.Number}");
        node.Bootstrap = true;
        node.AllowPlainText = true;
        for (int silo = 1; silo <= SiloPorts.Silos; silo++)
            node.Nodes.Add(new RegroupNodeOptions { Number = silo, Endpoints = [$"127.0.0.1:{setting.Ports.Membership(silo)}"] });
    }
}
