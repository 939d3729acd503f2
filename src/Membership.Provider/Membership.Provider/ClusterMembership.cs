// The node behind IClusterMembership: made once, from validated options, and owned by the container.
using Membership.Engine;
using Membership.Engine.Arbitration;
using Membership.Engine.Runtime;
using Membership.Engine.Wire;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace Membership.Provider;

internal sealed class ClusterMembership : IClusterMembership, IAsyncDisposable
{
    private readonly NodeId[] _configured;

    public ClusterMembership(IServiceProvider provider)
    {
        RegroupMembershipOptions options = provider.GetRequiredService<IOptions<RegroupMembershipOptions>>().Value;
        IQuorumArbiter? arbiter = provider.GetService<ArbiterRegistration>()?.Create(provider)
            ?? (NodeOptionsMapping.ToWitnessFile(options) is { } witness ? new WitnessFileArbiter(witness) : null);
        Self = new NodeId(options.Self);
        _configured = [.. options.Nodes.Select(static node => new NodeId(node.Number)).Order()];
        Keys = NodeOptionsMapping.ToKeyRing(options);
        Node = new MembershipNode(NodeOptionsMapping.ToNodeOptions(options, Keys), arbiter, provider.GetRequiredService<MasterWorkGate>(), provider.GetService<ILoggerFactory>());
        Halted = WaitForHaltAsync();
    }

    public MembershipNode Node { get; }

    public KeyRing? Keys { get; }

    public NodeId Self { get; }

    public ClusterView? CurrentView => Node.CurrentView;

    public MembershipLease Lease => Node.Lease;

    public MemberRole Role => Node.Role;

    public Task<MembershipHalt> Halted { get; }

    public IReadOnlyDictionary<NodeId, MemberRole> Roles
    {
        get
        {
            // One view for all of them: never two masters while views change.
            ClusterView? view = Node.CurrentView;
            return _configured.ToDictionary(static node => node, node => MembershipNode.RoleIn(view, node));
        }
    }

    public IAsyncEnumerable<ClusterView> ViewsAsync(CancellationToken cancellationToken = default) => Node.ViewsAsync(cancellationToken);

    public bool IsNodeUp(NodeId node) => Node.IsNodeUp(node);

    public MemberRole RoleOf(NodeId node) => Node.RoleOf(node);

    public Task<MembershipStatus> LeaveAsync(CancellationToken cancellationToken = default) => Node.LeaveAsync(cancellationToken);

    public Task<MembershipStatus> EjectAsync(NodeId node, CancellationToken cancellationToken = default) => Node.EjectAsync(node, cancellationToken);

    public Task<MembershipStatus> ForceRegroupAsync(CancellationToken cancellationToken = default) => Node.ForceRegroupAsync(cancellationToken);

    public ValueTask DisposeAsync() => Node.DisposeAsync();

    private async Task<MembershipHalt> WaitForHaltAsync()
    {
        NodeHalt halt = await Node.Halted.ConfigureAwait(false);
        return new MembershipHalt(halt.Code, halt.Detail);
    }
}
