// One node of the testbed: a member that serves whenever its lease lets it and records when that was. Started by the harness
// with --node N --config FILE --record PREFIX; ends when it halts, when it is told to, or when the harness dies (its parent).
using System.Globalization;
using Membership.Arbiters.BlobLease;
using Membership.Arbiters.FileShare;
using Membership.Arbiters.Scsi;
using Membership.Provider;
using Membership.Testbed.Node;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

HostApplicationBuilder builder = Host.CreateApplicationBuilder(new HostApplicationBuilderSettings { Args = args, ContentRootPath = AppContext.BaseDirectory });
if (builder.Configuration["config"] is not { } file || !int.TryParse(builder.Configuration["node"], NumberStyles.None, CultureInfo.InvariantCulture, out int node))
{
    Console.Error.WriteLine("usage: Membership.Testbed.Node --node NUMBER --config FILE.json --record PREFIX");
    return 2;
}
builder.Configuration.AddJsonFile(Path.GetFullPath(file), optional: false);
IConfigurationSection membership = builder.Configuration.GetSection(RegroupMembershipOptions.SectionName);
membership["Self"] = node.ToString(CultureInfo.InvariantCulture);
membership["StoreDirectory"] += "." + membership["Self"];

builder.Logging.ClearProviders().AddSimpleConsole(static console =>
{
    console.SingleLine = true;
    console.TimestampFormat = "HH:mm:ss.fff ";
    console.ColorBehavior = Microsoft.Extensions.Logging.Console.LoggerColorBehavior.Disabled;
});
builder.Logging.Services.Configure<Microsoft.Extensions.Logging.Console.ConsoleLoggerOptions>(static console => console.LogToStandardErrorThreshold = LogLevel.Trace);
// Before the membership: services stop in reverse order, and what the last moments of a lease are used for must be on record.
builder.Services.AddHostedService<ServingRecorder>().AddHostedService<EventLines>().AddHostedService<HealthLines>();
RegroupMembershipBuilder cluster = builder.Services.AddRegroupMembership(membership).AddMasterService<RecordedMasterWork>().AddHealthChecks();
switch (builder.Configuration["Arbiter"])
{
    case "Scsi":
        cluster.UseScsiReservation(builder.Configuration.GetSection(ScsiReservationOptions.SectionName));
        break;
    case "Blob":
        cluster.UseBlobLease(builder.Configuration.GetSection(BlobLeaseOptions.SectionName));
        break;
    case "Share":
        cluster.UseFileShareWitness(builder.Configuration.GetSection(FileShareOptions.SectionName));
        break;
}
await builder.Build().RunAsync();
return Environment.ExitCode;
