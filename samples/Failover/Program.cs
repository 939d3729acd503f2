// One node of a small cluster whose master serves a shared resource. Run it three times, with --node 1, --node 2 and
// --node 3; then kill the master in any way you like. --config FILE adds settings, as ./demo does.
using System.Globalization;
using Failover;
using Membership.Provider;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

HostApplicationBuilder builder = Host.CreateApplicationBuilder(new HostApplicationBuilderSettings { Args = args, ContentRootPath = AppContext.BaseDirectory });
if (builder.Configuration["config"] is { } file) builder.Configuration.AddJsonFile(Path.GetFullPath(file), optional: false);
if (!int.TryParse(builder.Configuration["node"], NumberStyles.None, CultureInfo.InvariantCulture, out int node))
{
    Console.Error.WriteLine("usage: Failover --node NUMBER [--config FILE.json]");
    return 2;
}

IConfigurationSection membership = builder.Configuration.GetSection(RegroupMembershipOptions.SectionName);
membership["Self"] = node.ToString(CultureInfo.InvariantCulture);
membership["StoreDirectory"] += "." + membership["Self"];

builder.Logging.AddConsole(console => console.LogToStandardErrorThreshold = LogLevel.Trace);
builder.Services.AddRegroupMembership(membership).AddMasterService<SharedResource>();
builder.Services.AddHostedService<EventLines>();
if (builder.Configuration.GetValue<bool>("exit-with-parent")) builder.Services.AddHostedService<ParentWatch>();
await builder.Build().RunAsync();
return Environment.ExitCode;
