// Serves as a member as densely as a host would: asks the lease every 2 ms and records every stretch in which it was valid.
// The instant recorded lies between two readings that both said valid, so it was valid then, whatever the scheduler did.
using Membership.Engine.Runtime;
using Membership.Provider;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Hosting;

namespace Membership.Testbed.Node;

internal sealed class ServingRecorder(IClusterMembership membership, IConfiguration configuration) : IHostedService, IDisposable
{
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(2);
    private readonly ManualResetEventSlim _stop = new();
    private readonly IntervalFile _claims = new(Recordings.Serving(configuration));
    private Thread? _thread;

    public Task StartAsync(CancellationToken cancellationToken)
    {
        _thread = new Thread(Serve) { Name = "serving", IsBackground = true };
        _thread.Start();
        return Task.CompletedTask;
    }

    public Task StopAsync(CancellationToken cancellationToken)
    {
        _stop.Set();
        _thread?.Join();
        return Task.CompletedTask;
    }

    public void Dispose()
    {
        // A host that fails to start stops nobody.
        _stop.Set();
        _thread?.Join();
        _claims.Dispose();
        _stop.Dispose();
    }

    private void Serve()
    {
        MembershipLease? serving = null;
        do
        {
            MembershipLease lease = membership.Lease;
            if (!lease.IsValid) continue;
            long now = HostClock.Now;
            if (!lease.IsValid) continue;
            // One lease is one stretch: it may not come back once it has lapsed, so what lies between two valid instants was valid too.
            if (lease == serving) _claims.Extend(now);
            else _claims.Begin(lease.Epoch.Value, now);
            serving = lease;
        }
        while (!_stop.Wait(Pause));
    }
}
