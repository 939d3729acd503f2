// One node of the testbed: a member that serves whenever its lease lets it and records when that was. Started by the harness
// with --node N --config FILE --record PREFIX (without a prefix: membership and nothing else); ends when it halts, when it is
// told to, or when the harness dies (its parent).
using System.Globalization;
using Membership.Provider;
using Membership.Testbed.Node;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

// What the runtime itself takes, for whoever measures nodes.
if (args is ["--idle"])
{
    Console.WriteLine("idle");
    Console.In.ReadToEnd();
    return 0;
}

// With --idle-host and the arguments of a node: its host with its configuration and its log, without the membership.
bool alone = args is ["--idle-host", ..];
if (alone) args = args[1..];

// Nothing that a member does not need: no files that are watched, no providers of logs that nobody reads.
HostApplicationBuilder builder = Host.CreateEmptyApplicationBuilder(new HostApplicationBuilderSettings { ContentRootPath = AppContext.BaseDirectory });
builder.Configuration.AddCommandLine(args);
if (builder.Configuration["config"] is not { } file || !int.TryParse(builder.Configuration["node"], NumberStyles.None, CultureInfo.InvariantCulture, out int node))
{
    Console.Error.WriteLine("usage: Membership.Testbed.Node --node NUMBER --config FILE [--record PREFIX]");
    return 2;
}
// As environment variables would be, a setting a line: reading JSON takes 2 MB of memory more.
builder.Configuration.AddInMemoryCollection(File.ReadLines(file).Select(static line => line.Split('=', 2)).Select(static setting => KeyValuePair.Create(setting[0], (string?)setting[1])));
IConfigurationSection membership = builder.Configuration.GetSection(RegroupMembershipOptions.SectionName);
membership["Self"] = node.ToString(CultureInfo.InvariantCulture);
membership["StoreDirectory"] += "." + membership["Self"];

builder.Logging.AddConfiguration(builder.Configuration.GetSection("Logging")).AddSimpleConsole(static console =>
{
    console.SingleLine = true;
    console.TimestampFormat = "HH:mm:ss.fff ";
    console.ColorBehavior = Microsoft.Extensions.Logging.Console.LoggerColorBehavior.Disabled;
});
builder.Logging.Services.Configure<Microsoft.Extensions.Logging.Console.ConsoleLoggerOptions>(static console => console.LogToStandardErrorThreshold = LogLevel.Trace);
if (alone)
{
    IHost empty = builder.Build();
    await empty.StartAsync();
    Console.WriteLine("idle");
    await Console.In.ReadToEndAsync();
    await empty.StopAsync();
    return 0;
}

// Before the membership: services stop in reverse order, and what the last moments of a lease are used for must be on record.
bool recorded = builder.Configuration[Recordings.PrefixKey] is not null;
if (recorded) builder.Services.AddHostedService<ServingRecorder>().AddHostedService<HealthLines>();
builder.Services.AddHostedService<EventLines>();
if (bool.TryParse(builder.Configuration["Trace"], out bool traced) && traced) builder.Services.AddHostedService<RegroupLines>();
if (ClockLines.Movable) builder.Services.AddHostedService<ClockLines>();
RegroupMembershipBuilder cluster = builder.Services.AddRegroupMembership(membership);
if (recorded) cluster.AddMasterService<RecordedMasterWork>().AddHealthChecks();
if (builder.Configuration["Arbiter"] is { } arbiter) ArbiterChoice.Apply(arbiter, cluster, builder.Configuration);
await builder.Build().RunAsync();
return Environment.ExitCode;
