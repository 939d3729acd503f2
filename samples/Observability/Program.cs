// A node whose metrics and regroup spans go to the console, and by OTLP to wherever OTEL_EXPORTER_OTLP_ENDPOINT says.
// Any setting can be given on the command line: --RegroupMembership:Self=2, --Telemetry:IntervalSeconds=1.
using Membership.Engine.Runtime;
using Membership.Provider;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Observability;
using OpenTelemetry;
using OpenTelemetry.Metrics;
using OpenTelemetry.Resources;
using OpenTelemetry.Trace;

HostApplicationBuilder builder = Host.CreateApplicationBuilder(new HostApplicationBuilderSettings { Args = args, ContentRootPath = AppContext.BaseDirectory });
builder.Services.AddRegroupMembership(builder.Configuration.GetSection(RegroupMembershipOptions.SectionName)).AddHealthChecks();
using IHost host = builder.Build();

bool exportOtlp = builder.Configuration["OTEL_EXPORTER_OTLP_ENDPOINT"] is not null;
int interval = 1000 * builder.Configuration.GetValue("Telemetry:IntervalSeconds", 10);
ResourceBuilder resource = ResourceBuilder.CreateDefault().AddService("observability-sample");

MeterProviderBuilder metrics = Sdk.CreateMeterProviderBuilder().SetResourceBuilder(resource).AddMeter(MembershipNode.TelemetryName)
    .AddReader(new PeriodicExportingMetricReader(new ConsoleMetrics(), interval));
if (exportOtlp) metrics.AddOtlpExporter((_, reader) => reader.PeriodicExportingMetricReaderOptions.ExportIntervalMilliseconds = interval);
using MeterProvider meters = metrics.Build();

TracerProviderBuilder traces = Sdk.CreateTracerProviderBuilder().SetResourceBuilder(resource).AddSource(MembershipNode.TelemetryName).AddProcessor(new SimpleActivityExportProcessor(new ConsoleSpans()));
if (exportOtlp) traces.AddOtlpExporter();
using TracerProvider tracers = traces.Build();

await host.RunAsync();
return Environment.ExitCode;
