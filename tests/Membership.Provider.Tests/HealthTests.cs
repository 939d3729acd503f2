// The three health checks of a host, in each state that they are there to tell apart.
using Membership.Engine;
using Membership.Engine.Runtime;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Xunit;

namespace Membership.Provider.Tests;

public sealed class HealthTests
{
    [Fact]
    public async Task A_witness_that_is_gone_degrades_and_nothing_else_and_its_return_is_seen()
    {
        string witness = Directory.CreateTempSubdirectory("regroup-health-tests-").FullName, away = witness + ".away";
        await using (var hosts = new TestHosts(2))
        {
            await hosts.StartAsync(options => options.WitnessFile.Directory = witness, static builder => builder.AddHealthChecks());
            await TestHosts.UntilAsync("all is well", () => Of(hosts, 1) is { Live: HealthStatus.Healthy, Ready: HealthStatus.Healthy, Degraded: HealthStatus.Healthy });
            Directory.Move(witness, away);
            await File.WriteAllTextAsync(witness, "in the way", TestHosts.Deadline);
            int owner = 0;
            await TestHosts.UntilAsync("whoever owns the witness says that it has trouble", () => Enumerable.Range(1, 2).Any(node => Of(hosts, owner = node).Why.Contains("witness: ", StringComparison.Ordinal)));
            await TestHosts.UntilAsync("it serves all the same", () => Of(hosts, owner) is { Live: HealthStatus.Healthy, Ready: HealthStatus.Healthy, Degraded: HealthStatus.Degraded });
            File.Delete(witness);
            Directory.Move(away, witness);
            await TestHosts.UntilAsync("all is well again", () => Of(hosts, 1).Degraded == HealthStatus.Healthy && Of(hosts, 2).Degraded == HealthStatus.Healthy);
        }
        Directory.Delete(witness, recursive: true);
    }

    [Fact]
    public async Task A_regroup_that_holds_the_lease_degrades_readiness_and_its_end_restores_it()
    {
        var release = new TaskCompletionSource();
        var slow = new SlowHold(release.Task);
        await using var hosts = new TestHosts(2);
        await hosts.StartAsync(static options => options.AllowTwoNodesWithoutTieBreaker = true, builder =>
        {
            builder.Services.AddSingleton<IMembershipCallbacks>(slow);
            builder.AddHealthChecks();
        });
        await TestHosts.UntilAsync("all is well", () => Of(hosts, 1).Ready == HealthStatus.Healthy);
        slow.Armed = true;
        Task<MembershipStatus> regroup = hosts.Membership(1).ForceRegroupAsync(TestHosts.Deadline);
        await TestHosts.UntilAsync("held", () => Of(hosts, 1) is { Live: HealthStatus.Healthy, Ready: HealthStatus.Degraded, Degraded: HealthStatus.Degraded });
        release.SetResult();
        Assert.Equal(MembershipStatus.Ok, await regroup);
        await TestHosts.UntilAsync("all is well again", () => Of(hosts, 1) is { Ready: HealthStatus.Healthy, Degraded: HealthStatus.Healthy });
    }

    [Fact]
    public async Task A_node_that_hears_nothing_of_the_master_in_time_is_degraded_as_stale_and_serves()
    {
        await using var hosts = new TestHosts(2);
        await hosts.StartAsync(
            options =>
            {
                options.AllowTwoNodesWithoutTieBreaker = true;
                // Node 1, the master, speaks once a minute; node 2 expects to hear of it ten times a second.
                options.Timing.ReceiveRate = 20;
                options.MembershipFrameInterval = options.Self == 1 ? TimeSpan.FromMinutes(1) : TimeSpan.FromMilliseconds(20);
                options.StaleAfter = options.Self == 1 ? TimeSpan.FromMinutes(5) : TimeSpan.FromMilliseconds(100);
                options.Qualified = options.Self == 1;
            },
            static builder => builder.AddHealthChecks());
        await TestHosts.UntilAsync("stale, and said so", () => Of(hosts, 2) is { Live: HealthStatus.Healthy, Ready: HealthStatus.Healthy, Degraded: HealthStatus.Degraded, Why: var why } && why.Contains("stale", StringComparison.Ordinal));
    }

    private static (HealthStatus Live, HealthStatus Ready, HealthStatus Degraded, string Why) Of(TestHosts hosts, int node)
    {
        HealthReport report = hosts[node].Services.GetRequiredService<HealthCheckService>().CheckHealthAsync(TestHosts.Deadline).GetAwaiter().GetResult();
        return (report.Entries["membership-live"].Status, report.Entries["membership-ready"].Status, report.Entries["membership-degraded"].Status, report.Entries["membership-degraded"].Description ?? "");
    }

    private sealed class SlowHold(Task release) : IMembershipCallbacks
    {
        public volatile bool Armed;

        public ValueTask HoldAllIOAsync() => Armed ? new ValueTask(release) : default;
    }
}
