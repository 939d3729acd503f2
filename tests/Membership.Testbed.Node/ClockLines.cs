// A line whenever the wall clock has jumped, measured against the host-wide clock, which nobody moves: a fault that does not arrive is no test.
using Membership.Provider;
using Microsoft.Extensions.Hosting;

namespace Membership.Testbed.Node;

internal sealed class ClockLines(IClusterMembership membership) : BackgroundService
{
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(50);
    private static readonly TimeSpan Jump = TimeSpan.FromSeconds(10);

    /// <summary>Set when the harness can move this node's clock.</summary>
    public static bool Movable => Environment.GetEnvironmentVariable("REGROUP_CLOCK_OFFSET") is not null;

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        TimeSpan before = Ahead;
        while (!stoppingToken.IsCancellationRequested)
        {
            TimeSpan ahead = Ahead;
            if ((ahead - before).Duration() > Jump) EventLines.Print(membership.Self.Value, $"clock by={(ahead - before).TotalSeconds:0}");
            before = ahead;
            await Task.Delay(Pause, stoppingToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    private static TimeSpan Ahead => DateTime.UtcNow - DateTime.UnixEpoch - TimeSpan.FromTicks(HostClock.Now / 100);
}
