// The lines a node prints for the harness: "event t=<ns> node=<n> <what> key=value ...", on the host-wide clock. Every view
// comes with its hash and its members' incarnations, so that the judge knows which life of a node belongs to it.
using System.Globalization;
using Membership.Engine;
using Membership.Provider;
using Microsoft.Extensions.Hosting;

namespace Membership.Testbed.Node;

internal sealed class EventLines(IClusterMembership membership) : BackgroundService
{
    private static readonly Lock Gate = new();

    public static void Print(int node, FormattableString what)
    {
        string line = string.Create(CultureInfo.InvariantCulture, $"event t={HostClock.Now} node={node} {what.ToString(CultureInfo.InvariantCulture)}");
        lock (Gate) Console.Out.WriteLine(line);
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        int node = membership.Self.Value;
        Print(node, $"started pid={Environment.ProcessId}");
        _ = PrintHaltAsync(node);
        await foreach (ClusterView view in membership.ViewsAsync(stoppingToken))
            Print(node, $"view e={view.Epoch} hash={view.Id.Hash:x16} members={Members(view)} master={view.Master} vice={view.ViceMaster} owner={view.QuorumOwner}");
    }

    private static string Members(ClusterView view)
        => string.Join(',', view.Members.Select(static member => string.Create(CultureInfo.InvariantCulture, $"{member.Node}:{member.Incarnation.Value}")));

    // Not tied to the host's stopping: the halt is what stops it.
    private async Task PrintHaltAsync(int node)
    {
        MembershipHalt halt = await membership.Halted;
        Print(node, $"halt code={halt.Code} lease_valid={membership.Lease.IsValid} exit_code={halt.ExitCode}");
    }
}
