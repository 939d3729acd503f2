// The node's health as hosts see it, through their own health checks: a line whenever it changes.
using Membership.Provider;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Hosting;

namespace Membership.Testbed.Node;

internal sealed class HealthLines(IClusterMembership membership, HealthCheckService checks) : BackgroundService
{
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(250);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        string said = "";
        while (!stoppingToken.IsCancellationRequested)
        {
            HealthReport report = await checks.CheckHealthAsync(stoppingToken).ConfigureAwait(false);
            string trouble = string.Join(';', report.Entries.Values.Where(static entry => entry.Status != HealthStatus.Healthy).Select(static entry => entry.Description)).Replace(' ', '_').Replace('=', ':');
            if ($"{report.Status} {trouble}" is var now && now != said) EventLines.Print(membership.Self.Value, $"health status={report.Status} trouble={trouble.ReplaceLineEndings("_")}");
            said = now;
            await Task.Delay(Pause, stoppingToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }
}
