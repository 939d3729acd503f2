// Master-only work that does nothing but record when it ran, and when it ran with a valid lease.
using Membership.Provider;
using Microsoft.Extensions.Configuration;

namespace Membership.Testbed.Node;

internal sealed class RecordedMasterWork(IConfiguration configuration, IClusterMembership membership) : MasterBackgroundService, IDisposable
{
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(4);

    /// <summary>A process that did not run for so long was stopped: it did not work in between.</summary>
    private const long Stopped = 200_000_000;

    private readonly IntervalFile _serving = new(Recordings.MasterServing(configuration));
    private readonly IntervalFile _running = new(Recordings.MasterRunning(configuration));

    protected override async Task ExecuteAsMasterAsync(MasterLease lease, CancellationToken stoppingToken)
    {
        long lastRun = 0, servingEpoch = 0;
        EventLines.Print(membership.Self.Value, $"master-work-starts e={lease.Epoch}");
        while (!stoppingToken.IsCancellationRequested)
        {
            // A hold does not pause it; a hold that outlasts the lease has it cancelled in time.
            Run(lease, ref lastRun);
            Serve(lease, ref servingEpoch);
            await Task.Delay(Pause, stoppingToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
        EventLines.Print(membership.Self.Value, $"master-work-ended e={lease.Epoch}");
    }

    public void Dispose()
    {
        _serving.Dispose();
        _running.Dispose();
    }

    private void Run(MasterLease lease, ref long lastRun)
    {
        long now = HostClock.Now;
        if (now - lastRun > Stopped) _running.Begin(lease.Epoch.Value, now);
        else _running.Extend(now);
        lastRun = now;
    }

    private void Serve(MasterLease lease, ref long servingEpoch)
    {
        long epoch = lease.Epoch.Value;
        if (!lease.IsValid) return;
        long now = HostClock.Now;
        if (!lease.IsValid || lease.Epoch.Value != epoch) return;
        if (epoch == servingEpoch) _serving.Extend(now);
        else _serving.Begin(epoch, now);
        servingEpoch = epoch;
    }
}
