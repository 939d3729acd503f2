// What a team's dashboards live on, on a live cluster of hosts: every metric that was promised comes with a value and its tags, and a
// regroup is one span with an event for each stage.
using System.Collections.Concurrent;
using System.Diagnostics;
using System.Diagnostics.Metrics;
using System.Net;
using System.Net.Sockets;
using Membership.Engine;
using Membership.Engine.Runtime;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Xunit;

namespace Membership.Provider.Tests;

public sealed class TelemetryTests
{
    private static readonly string[] Stages = ["Activate", "Close", "Prune", "CleanUp1", "CleanUp2", "Stabilised"];

    [Fact]
    public async Task Every_promised_metric_is_emitted_with_a_value_on_a_live_cluster_and_a_regroup_is_one_span_with_all_its_stages()
    {
        string cluster = $"telemetry-{Guid.NewGuid():n}", witness = Directory.CreateTempSubdirectory("regroup-telemetry-tests-").FullName;
        var values = new ConcurrentDictionary<string, double>();
        using MeterListener meter = ListenTo(cluster, values);
        var spans = new ConcurrentQueue<Activity>();
        using ActivityListener traces = TraceOf(cluster, spans);
        using var log = new StandingLog();
        await using (var hosts = new TestHosts(3))
        {
            int built = 0;
            await hosts.StartAsync(
                options =>
                {
                    options.ClusterId = cluster;
                    options.WitnessFile.Directory = witness;
                },
                builder =>
                {
                    if (++built == 3) builder.Services.Configure<LoggerFilterOptions>(static filter => filter.MinLevel = LogLevel.Information).AddSingleton<ILoggerProvider>(log);
                });
            // The first may still fall into the forming's last stages; the second is an incident of its own.
            Assert.Equal(MembershipStatus.Ok, await hosts.Membership(1).ForceRegroupAsync(TestHosts.Deadline));
            Assert.Equal(MembershipStatus.Ok, await hosts.Membership(1).ForceRegroupAsync(TestHosts.Deadline));
            using (var stranger = new UdpClient())
                await stranger.SendAsync(new byte[] { 1, 2, 3 }, IPEndPoint.Parse(hosts.Endpoint(1)), TestHosts.Deadline);
            // Node 3 is held up for a moment: the others ask it again.
            log.Stands = true;
            Task<MembershipStatus> regroup = hosts.Membership(3).ForceRegroupAsync(TestHosts.Deadline);
            await TestHosts.UntilAsync("node 3 had to be asked again", () => Read(meter, values, "membership.heartbeats.missed") > 0);
            log.Dispose();
            await regroup;

            (string Metric, Func<double, bool> IsSane)[] promised =
            [
                ("membership.heartbeats.sent", static value => value > 0),
                ("membership.heartbeats.received", static value => value > 0),
                ("membership.heartbeats.missed", static value => value > 0),
                ("membership.heartbeat.round_trip peer=2 path=0", static value => value is > 0 and < 30),
                ("membership.heartbeat.round_trip peer=3 path=0", static value => value is > 0 and < 30),
                ("membership.regroups cause=Forced", static value => value >= 2),
                .. Stages.Select(static stage => ((string, Func<double, bool>))($"membership.regroup.stage.duration stage={stage}", static value => value is >= 0 and < 30)),
                ("membership.regroup.duration cause=Forced", static value => value is > 0 and < 30),
                ("membership.view.epoch", value => value == hosts.Membership(1).CurrentView?.Epoch.Value),
                ("membership.view.members", value => value == hosts.Membership(1).CurrentView?.Members.Length),
                ("membership.lease.remaining", static value => value is > 0 and <= 1),
                ("membership.arbitration.duration outcome=Won", static value => value is > 0 and < 30),
                ("membership.datagrams.dropped reason=*", static value => value >= 1),
            ];
            foreach ((string metric, Func<double, bool> isSane) in promised)
                await TestHosts.UntilAsync($"{metric}, which is {Read(meter, values, metric)}, in {string.Join(", ", values.Keys.Order())}", () => isSane(Read(meter, values, metric)));
        }
        Directory.Delete(witness, recursive: true);

        Activity forced = Assert.Single(spans.Where(static span => Equals(span.GetTagItem("membership.node"), 1) && Equals(span.GetTagItem("membership.cause"), "Forced") && span.Events.All(static told => told.Name != "restarted")).Take(1));
        Assert.Equal(("regroup", "installed"), (forced.OperationName, forced.GetTagItem("membership.outcome")));
        Assert.Equal(Stages, forced.Events.Select(static told => told.Name).Where(Stages.Contains));
    }

    private static double Read(MeterListener meter, ConcurrentDictionary<string, double> values, string metric)
    {
        meter.RecordObservableInstruments();
        return metric.EndsWith('*')
            ? values.Where(value => value.Key.StartsWith(metric[..^1], StringComparison.Ordinal)).Sum(static value => value.Value)
            : values.GetValueOrDefault(metric, double.NaN);
    }

    /// <summary>The last value of each instrument and its own tags, as node 1 has it; arbitrations are any node's.</summary>
    private static MeterListener ListenTo(string cluster, ConcurrentDictionary<string, double> values)
    {
        void Take(Instrument instrument, double value, ReadOnlySpan<KeyValuePair<string, object?>> tags)
        {
            var all = new Dictionary<string, object?>(tags.ToArray());
            if (!Equals(all["membership.cluster"], cluster) || (!Equals(all["membership.node"], 1) && !instrument.Name.Contains("arbitration", StringComparison.Ordinal))) return;
            values[string.Join(' ', [instrument.Name, .. all.Where(static tag => tag.Key is not ("membership.cluster" or "membership.node")).Select(static tag => $"{tag.Key["membership.".Length..]}={tag.Value}")])] = value;
        }

        var listener = new MeterListener
        {
            InstrumentPublished = static (instrument, listener) =>
            {
                if (instrument.Meter.Name == MembershipNode.TelemetryName) listener.EnableMeasurementEvents(instrument);
            },
        };
        listener.SetMeasurementEventCallback<double>((instrument, value, tags, _) => Take(instrument, value, tags));
        listener.SetMeasurementEventCallback<long>((instrument, value, tags, _) => Take(instrument, value, tags));
        listener.Start();
        return listener;
    }

    private static ActivityListener TraceOf(string cluster, ConcurrentQueue<Activity> spans)
    {
        var listener = new ActivityListener
        {
            ShouldListenTo = static source => source.Name == MembershipNode.TelemetryName,
            Sample = static (ref ActivityCreationOptions<ActivityContext> _) => ActivitySamplingResult.AllDataAndRecorded,
            ActivityStopped = span =>
            {
                if (Equals(span.GetTagItem("membership.cluster"), cluster)) spans.Enqueue(span);
            },
        };
        ActivitySource.AddActivityListener(listener);
        return listener;
    }
}
