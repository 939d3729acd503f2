// A node that lost its place once too often: kept out, told so, seen everywhere an operator looks, and let in by one word.
using System.Diagnostics.Metrics;
using Membership.Engine.Runtime;
using Membership.Provider;
using Membership.Provider.Tests;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Hosting;
using Xunit;

namespace Membership.Cli.Tests;

public sealed class QuarantineTests
{
    [Fact]
    public async Task A_quarantined_node_is_seen_and_knows_why_and_the_operator_lets_it_in()
    {
        string cluster = $"quarantine-{Guid.NewGuid():n}";
        static void Kept(RegroupMembershipOptions options, string cluster)
        {
            options.ClusterId = cluster;
            options.Quarantine = new RegroupQuarantineOptions { After = 1, Time = TimeSpan.FromMinutes(30) };
            options.LeaveTimeout = TimeSpan.Zero;
        }

        await using var hosts = new TestHosts(3);
        await hosts.StartAsync(options => Kept(options, cluster), static builder => builder.AddHealthChecks());
        string[] first = ["--store", hosts.Store(1)], third = ["--store", hosts.Store(3)];
        Assert.Contains("nobody is kept out", (await Regroupctl.RunAsync(["quarantine", .. first])).Output, StringComparison.Ordinal);

        // To the others a host that stops without leaving has crashed.
        await hosts[3].StopAsync(TestHosts.Deadline);
        await ((IAsyncDisposable)hosts[3]).DisposeAsync();
        await hosts.ViewAsync(1, 2);
        IHost back = hosts.Build(3, options => Kept(options, cluster), static builder => builder.AddHealthChecks());
        Task starting = back.StartAsync(TestHosts.Deadline);
        await TestHosts.UntilAsync("node 3 says why it is not in", () => Regroupctl.RunAsync(["status", .. third]).GetAwaiter().GetResult().Output.Contains("quarantined: node 3 lost its place 1 times", StringComparison.Ordinal));

        (int code, string output, _) = await Regroupctl.RunAsync(["quarantine", .. first]);
        Assert.Equal(0, code);
        Assert.Contains("node 3: 1 removals", output, StringComparison.Ordinal);
        Assert.Contains("quarantined", (await Regroupctl.RunAsync(["nodes", .. first])).Output, StringComparison.Ordinal);
        Assert.Contains("node 3 quarantined", (await Regroupctl.RunAsync(["diag", "state", .. first])).Output, StringComparison.Ordinal);
        HealthReport health = await hosts[2].Services.GetRequiredService<HealthCheckService>().CheckHealthAsync(TestHosts.Deadline);
        Assert.Equal((HealthStatus.Healthy, HealthStatus.Degraded), (health.Entries["membership-ready"].Status, health.Entries["membership-degraded"].Status));
        Assert.Contains("node 3 is quarantined", health.Entries["membership-degraded"].Description, StringComparison.Ordinal);
        Assert.Equal(1, QuarantinedAt(cluster, 1));

        // At any member: the one that is asked tells the coordinator.
        (code, output, string error) = await Regroupctl.RunAsync(["quarantine", "clear", "3", "--store", hosts.Store(2)]);
        Assert.True(code == 0, output + error);
        await starting;
        await hosts.ViewAsync(1, 2, 3);
        Assert.Contains("nobody is kept out", (await Regroupctl.RunAsync(["quarantine", .. first])).Output, StringComparison.Ordinal);
        Assert.Equal(0, QuarantinedAt(cluster, 1));
        Assert.Equal(2, (await Regroupctl.RunAsync(["quarantine", "clear", "0", .. first])).Code);
        Assert.Equal(1, (await Regroupctl.RunAsync(["quarantine", "clear", "9", .. first])).Code);
    }

    private static double QuarantinedAt(string cluster, int node)
    {
        double found = double.NaN;
        using var listener = new MeterListener
        {
            InstrumentPublished = static (instrument, listener) =>
            {
                if (instrument.Meter.Name == MembershipNode.TelemetryName && instrument.Name == "membership.quarantined") listener.EnableMeasurementEvents(instrument);
            },
        };
        listener.SetMeasurementEventCallback<double>((_, value, tags, _) =>
        {
            bool asked = true;
            foreach (KeyValuePair<string, object?> tag in tags) asked &= tag.Key switch { "membership.cluster" => cluster.Equals(tag.Value), "membership.node" => node.Equals(tag.Value), _ => true };
            if (asked) found = value;
        });
        listener.Start();
        listener.RecordObservableInstruments();
        return found;
    }
}
