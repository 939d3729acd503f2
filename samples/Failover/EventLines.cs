// Prints what the cluster does as this node sees it: every view with this node's role, what happens to the lease, and a halt.
using Membership.Engine;
using Membership.Engine.Runtime;
using Membership.Provider;
using Microsoft.Extensions.Hosting;

namespace Failover;

internal sealed class EventLines(IClusterMembership membership) : BackgroundService
{
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        int node = membership.Self.Value;
        Event.Print(node, $"started pid={Environment.ProcessId}");
        Task halted = PrintHaltAsync(node, stoppingToken);
        await foreach (ClusterView view in membership.ViewsAsync(stoppingToken))
            Event.Print(node, $"view e={view.Epoch} members={string.Join(',', view.Nodes)} master={view.Master} vice={view.ViceMaster} role={MembershipNode.RoleIn(view, membership.Self)}");
        await halted;
    }

    private async Task PrintHaltAsync(int node, CancellationToken stoppingToken)
    {
        MembershipHalt halt = await membership.Halted.WaitAsync(stoppingToken);
        Event.Print(node, $"halt code={halt.Code} lease_valid={membership.Lease.IsValid} exit_code={halt.ExitCode}");
    }
}
