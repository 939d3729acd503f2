// The node behind IClusterMembership: made once, from validated options, and owned by the container.
using Membership.Engine;
using Membership.Engine.Replication;
using Membership.Engine.Arbitration;
using Membership.Engine.Runtime;
using Membership.Engine.Wire;
using Membership.Provider.Inspection;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace Membership.Provider;

internal sealed class ClusterMembership : IClusterMembership, IAsyncDisposable
{
    private readonly NodeId[] _configured;

    /// <param name="provider">Where its parts come from.</param>
    /// <param name="name">The cluster's name in this process; empty for the one without.</param>
    public ClusterMembership(IServiceProvider provider, string name)
    {
        object? key = name.Length == 0 ? null : name;
        Name = name;
        Options = provider.GetRequiredService<IOptionsMonitor<RegroupMembershipOptions>>().Get(name);
        IQuorumArbiter? arbiter = provider.GetKeyedService<ArbiterRegistration>(key)?.Create(provider)
            ?? (NodeOptionsMapping.ToWitnessFile(Options) is { } witness ? new WitnessFileArbiter(witness) : null);
        Self = new NodeId(Options.Self);
        _configured = [.. Options.Nodes.Select(static node => new NodeId(node.Number)).Order()];
        Keys = NodeOptionsMapping.ToKeyRing(Options);
        Node = new MembershipNode(NodeOptionsMapping.ToNodeOptions(Options, Keys), arbiter, new HostCallbacks(MasterWork, provider.GetKeyedService<IMembershipCallbacks>(key)), provider.GetService<ILoggerFactory>());
        Halted = WaitForHaltAsync();
    }

    /// <summary>The cluster's name in this process; empty for the one without.</summary>
    public string Name { get; }

    public RegroupMembershipOptions Options { get; }

    /// <summary>Whether master-only work may run here.</summary>
    public MasterWorkGate MasterWork { get; } = new();

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

    public bool IsStale => Node.IsStale;

    public ClusterChangeRegistration Register(Func<ClusterChangeNotification, object?, ValueTask> handler, ClusterChangeFilter filter = default, object? clientData = null)
        => Node.Register(handler, filter, clientData);

    public ClusterChangeDispatcher RegisterForDispatch(Action<ClusterChangeNotification, object?> handler, ClusterChangeFilter filter = default, object? clientData = null)
        => Node.RegisterForDispatch(handler, filter, clientData);

    public IAsyncEnumerable<ClusterChangeNotification> ChangesAsync(ClusterChangeFilter filter = default, CancellationToken cancellationToken = default)
        => Node.ChangesAsync(filter, cancellationToken);

    public Task<MembershipAnswer<ClusterMemberInfo>> GetMasterAsync(TimeSpan timeout, CancellationToken cancellationToken = default) => Node.GetMasterAsync(timeout, cancellationToken);

    public Task<MembershipAnswer<ClusterMemberInfo>> GetViceMasterAsync(TimeSpan timeout, CancellationToken cancellationToken = default) => Node.GetViceMasterAsync(timeout, cancellationToken);

    public Task<MembershipAnswer<ClusterMemberInfo>> GetMemberAsync(NodeId node, TimeSpan timeout, CancellationToken cancellationToken = default)
        => Node.GetMemberAsync(node, timeout, cancellationToken);

    public Task<MembershipAnswer<IReadOnlyList<ClusterMemberInfo>>> GetMembersAsync(TimeSpan timeout, CancellationToken cancellationToken = default) => Node.GetMembersAsync(timeout, cancellationToken);

    public Task<MembershipAnswer<IReadOnlyList<ClusterMemberInfo>>> GetPotentialMembersAsync(TimeSpan timeout, CancellationToken cancellationToken = default)
        => Node.GetPotentialMembersAsync(timeout, cancellationToken);

    public Task<MembershipAnswer<int>> GetMemberCountAsync(TimeSpan timeout, CancellationToken cancellationToken = default) => Node.GetMemberCountAsync(timeout, cancellationToken);

    public Task<MembershipStatus> SetQualificationAsync(NodeId node, bool qualified, CancellationToken cancellationToken = default)
        => Node.SetQualificationAsync(node, qualified, cancellationToken);

    public Task<MembershipStatus> ReleaseMastershipAsync(CancellationToken cancellationToken = default) => Node.ReleaseMastershipAsync(cancellationToken);

    public Task<MembershipStatus> LeaveAsync(CancellationToken cancellationToken = default) => StopWorkAndLeaveAsync().WaitAsync(cancellationToken);

    public Task<MembershipStatus> EjectAsync(NodeId node, CancellationToken cancellationToken = default) => Node.EjectAsync(node, cancellationToken);

    public Task<MembershipStatus> ClearQuarantineAsync(NodeId node, CancellationToken cancellationToken = default) => Node.ClearQuarantineAsync(node, cancellationToken);

    public Task<MembershipStatus> ForceRegroupAsync(CancellationToken cancellationToken = default) => Node.ForceRegroupAsync(cancellationToken);

    public async Task<MembershipStatus> FormByForceAsync(string reason, CancellationToken cancellationToken = default)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(reason);
        if (CurrentView is not null) return MembershipStatus.Already;
        if (Halted.IsCompleted || MasterWork.IsLeaving) return MembershipStatus.Fault;
        // What it has been trying in vain ends first.
        await Node.LeaveAsync(CancellationToken.None).WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            await Node.StartByForceAsync(reason, cancellationToken).ConfigureAwait(false);
            await Node.WaitForViewAsync(cancellationToken).ConfigureAwait(false);
            return MembershipStatus.Ok;
        }
        catch (InvalidOperationException)
        {
            // It halted or was refused, and the log says why; or somebody else has just ordered the same.
            return CurrentView is null ? MembershipStatus.Fault : MembershipStatus.Already;
        }
    }

    public Task<TableUpdateResult> UpdateTableAsync(TableUpdate update, CancellationToken cancellationToken = default) => Node.UpdateTableAsync(update, cancellationToken);

    public Task<TableReadResult> ReadTableAsync(string table, CancellationToken cancellationToken = default) => Node.ReadTableAsync(table, cancellationToken);

    public IAsyncEnumerable<TableSnapshot> WatchTableAsync(string table, CancellationToken cancellationToken = default) => Node.WatchTableAsync(table, cancellationToken);

    public async Task<MembershipSnapshot> TakeSnapshotAsync(int journalLines = 0, CancellationToken cancellationToken = default)
        => SnapshotBuilder.Build(await Node.TakeSnapshotAsync(cancellationToken).ConfigureAwait(false), Name, journalLines);

    public ValueTask DisposeAsync() => Node.DisposeAsync();

    private async Task<MembershipStatus> StopWorkAndLeaveAsync()
    {
        await MasterWork.LeaveAsync().ConfigureAwait(false);
        return await Node.LeaveAsync(CancellationToken.None).ConfigureAwait(false);
    }

    private async Task<MembershipHalt> WaitForHaltAsync()
    {
        if (await Task.WhenAny(Node.Halted, Node.Refused).ConfigureAwait(false) == Node.Refused) return new MembershipHalt(HaltCode.Refused, await Node.Refused.ConfigureAwait(false));
        NodeHalt halt = await Node.Halted.ConfigureAwait(false);
        return new MembershipHalt(halt.Code, halt.Detail);
    }
}
