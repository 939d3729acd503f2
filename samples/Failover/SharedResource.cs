// The master's work: serving a shared resource, here a file that every node can write and that only one may. Each use
// asks the lease first and leaves a record, so that afterwards anyone can check who served when.
using System.Globalization;
using System.Text;
using Membership.Provider;
using Microsoft.Extensions.Configuration;

namespace Failover;

internal sealed class SharedResource(IConfiguration configuration, IClusterMembership membership) : MasterBackgroundService
{
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(5);
    private static readonly TimeSpan LongGap = TimeSpan.FromMilliseconds(500);

    protected override async Task ExecuteAsMasterAsync(MasterLease lease, CancellationToken stoppingToken)
    {
        int node = membership.Self.Value;
        string path = configuration["Resource:File"] ?? "served.log";
        Directory.CreateDirectory(Path.GetDirectoryName(Path.GetFullPath(path))!);
        // Append mode without a buffer: each record is one write to the end of the file, whole even if the process is killed.
        await using var resource = new FileStream(path, FileMode.Append, FileAccess.Write, FileShare.ReadWrite, bufferSize: 0);
        long last = Event.Now;
        bool serving = false;
        while (true)
        {
            long now = Event.Now;
            bool valid = lease.IsValid;
            if (now - last > LongGap.TotalNanoseconds) Event.Print(node, $"woke gap_ms={(now - last) / 1_000_000} lease_valid={valid}");
            last = now;
            if (stoppingToken.IsCancellationRequested) break;
            if (valid) resource.Write(Encoding.ASCII.GetBytes(string.Create(CultureInfo.InvariantCulture, $"{now} {node} {lease.Epoch}\n")));
            if (valid != serving) Event.Print(node, $"{(valid ? "serving" : lease.IsHeld ? "held" : "not-serving")} e={lease.Epoch}");
            serving = valid;
            await Task.Delay(Pause, stoppingToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
        Event.Print(node, $"stopped e={lease.Epoch}");
    }
}
