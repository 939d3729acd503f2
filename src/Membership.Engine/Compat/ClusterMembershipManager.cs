// The header's functions under the header's names and codes, for code being ported: each is one call of a MembershipNode.
// The only state is the node itself; blocking functions wait for the node's asynchronous ones.
using System.Text;
using Membership.Engine.Arbitration;
using Membership.Engine.Runtime;
using Membership.Engine.Storage;
using Membership.Engine.Transport;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace Membership.Engine.Compat;

/// <summary>The header's CLUSTERINFO.</summary>
/// <param name="NumActiveNodes">How many nodes are up.</param>
/// <param name="UpNodeList">Their numbers in numeric order.</param>
/// <param name="ClockPeriod">Milliseconds.</param>
/// <param name="SendHBRate">Multiple of the clock period.</param>
/// <param name="RcvHBRate">Multiple of the send rate.</param>
public readonly record struct CLUSTERINFO(uint NumActiveNodes, IReadOnlyList<uint> UpNodeList, uint ClockPeriod, uint SendHBRate, uint RcvHBRate);

/// <summary>
/// The membership manager of the header, one to one. Unlike the original it is thread-aware: any function may be called by any thread at any
/// time, but not from inside a callback when it blocks.
/// </summary>
/// <remarks>
/// Cluster connectivity is not part of the header: it is in the options given to the constructor, whose <see cref="MembershipNodeOptions.Self"/>,
/// <see cref="MembershipNodeOptions.MaxNodes"/> and arbitration times <see cref="MMInit"/> replaces. New code should use <see cref="MembershipNode"/>.
/// </remarks>
/// <param name="connectivity">Who the nodes are and how they are reached.</param>
/// <param name="arbiter">The witness, or null. With null and a quorum callback the callback is the witness, under the policy TwoNodeWitness.</param>
/// <param name="loggerFactory">Where the node logs, or null.</param>
public sealed class ClusterMembershipManager(MembershipNodeOptions connectivity, IQuorumArbiter? arbiter = null, ILoggerFactory? loggerFactory = null) : IAsyncDisposable
{
    private MembershipNode? _node;

    /// <summary>Seconds a node may spend arbitrating; default 60. Read by <see cref="MMInit"/>.</summary>
    /// <remarks>MmQuorumArbitrationTimeout.</remarks>
    public uint MmQuorumArbitrationTimeout { get; set; } = (uint)connectivity.ArbitrationTimeout.TotalSeconds;

    /// <summary>Seconds that an arbitration takes at least; default 0. Read by <see cref="MMInit"/>.</summary>
    /// <remarks>MmQuorumArbitrationEqualizer.</remarks>
    public uint MmQuorumArbitrationEqualizer { get; set; } = (uint)connectivity.ArbitrationEqualizer.TotalSeconds;

    /// <summary>The node behind it; null before <see cref="MMInit"/>.</summary>
    public MembershipNode? Node => _node;

    /// <summary>Makes the node. Once only; sends nothing; does not block.</summary>
    /// <param name="mynode">This node's own number, one of the configured ones.</param>
    /// <param name="maxNodes">No number is higher.</param>
    /// <param name="callbacks">All callbacks.</param>
    /// <returns>MM_OK, or MM_FAULT when called twice or with illegal values.</returns>
    public uint MMInit(uint mynode, uint maxNodes, MembershipManagerCallbacks callbacks)
    {
        ArgumentNullException.ThrowIfNull(callbacks);
        if (_node is not null || mynode > NodeId.MaxValue || maxNodes > NodeId.MaxValue) return MembershipManagerCodes.MM_FAULT;
        MMQuorumSelect? select = arbiter is null ? callbacks.Quorum : null;
        MembershipNodeOptions options = connectivity with
        {
            Self = (int)mynode,
            MaxNodes = (int)maxNodes,
            Policy = select is null ? connectivity.Policy : QuorumPolicy.TwoNodeWitness,
            ArbitrationTimeout = TimeSpan.FromSeconds(MmQuorumArbitrationTimeout),
            ArbitrationEqualizer = TimeSpan.FromSeconds(MmQuorumArbitrationEqualizer),
        };
        try
        {
            IQuorumArbiter? witness = select is null ? arbiter : new CallbackQuorumArbiter(_ => new ValueTask<bool>(select()));
            _node = new MembershipNode(options, witness, new HeaderCallbacks(callbacks), loggerFactory);
            return MembershipManagerCodes.MM_OK;
        }
        catch (OptionsValidationException)
        {
            return MembershipManagerCodes.MM_FAULT;
        }
    }

    /// <summary>Forms a cluster (own number), or lets a petitioning node in (at the coordinator). May block for long.</summary>
    /// <param name="joiningNode">The node.</param>
    /// <param name="clockPeriod">Milliseconds, 5..10000; 0 = 300.</param>
    /// <param name="sendHBRate">1..100; 0 = 4.</param>
    /// <param name="rcvHBRate">2..100; 0 = 2.</param>
    /// <param name="joinTimeout">Milliseconds for the whole attempt; 0 = the options' default.</param>
    /// <returns>MM_OK, MM_ALREADY, MM_FAULT, MM_TRANSIENT, MM_TIMEOUT or MM_NOTMEMBER; see <see cref="MembershipNode.JoinAsync"/>.</returns>
    public uint MMJoin(uint joiningNode, uint clockPeriod, uint sendHBRate, uint rcvHBRate, uint joinTimeout)
        => joiningNode is MembershipManagerCodes.MM_INVALID_NODE or > NodeId.MaxValue || sendHBRate > int.MaxValue || rcvHBRate > int.MaxValue
            ? MembershipManagerCodes.MM_FAULT
            : Code(node => StartingAsync(() => node.JoinAsync(
                new NodeId((int)joiningNode),
                new ClusterTiming(clockPeriod == 0 ? ClusterTiming.Default.ClockPeriod : TimeSpan.FromMilliseconds(clockPeriod), (int)sendHBRate, (int)rcvHBRate),
                TimeSpan.FromMilliseconds(joinTimeout))));

    /// <summary>
    /// Not in the header: what it calls "has communicated to the PCM that it wants to join". The joining node's own process calls this, after
    /// MMInit; the coordinator lets it in. Does not wait for that.
    /// </summary>
    /// <returns>MM_OK, MM_ALREADY, or MM_FAULT when the node cannot start; the log says why.</returns>
    public uint Petition()
        => Code(node => StartingAsync(async () =>
        {
            if (node.CurrentView is not null) return MembershipStatus.Already;
            await node.StartAsync().ConfigureAwait(false);
            return MembershipStatus.Ok;
        }));

    /// <summary>Lets this node take part in deciding and arbitrating, or not.</summary>
    /// <param name="allowed">Whether it may.</param>
    /// <returns>MM_OK, MM_ALREADY, or MM_TRANSIENT when disallowing during a regroup.</returns>
    public uint MmSetRegroupAllowed(bool allowed) => Code(node => node.SetRegroupAllowedAsync(allowed));

    /// <summary>Ends all membership services. Leave first; nothing may follow.</summary>
    public void MMShutdown() => Wait(_node?.ShutdownAsync() ?? Task.CompletedTask);

    /// <summary>Leaves the cluster. May block.</summary>
    /// <returns>MM_OK or MM_NOTMEMBER.</returns>
    public uint MMLeave() => Code(static node => node.LeaveAsync());

    /// <summary>Removes a member by poison; returns when it has been told. May block.</summary>
    /// <param name="node">The member.</param>
    /// <returns>MM_OK, MM_NOTMEMBER or MM_TRANSIENT; MM_FAULT for the own number or when no quorum would be left.</returns>
    public uint MMEject(uint node)
        => node > NodeId.MaxValue ? MembershipManagerCodes.MM_NOTMEMBER : Code(membership => membership.EjectAsync(new NodeId((int)node)));

    /// <summary>The caller's messaging cannot reach a node: the next regroup counts no edge to it. Returns at once.</summary>
    /// <param name="node">The node.</param>
    /// <returns>Always MM_OK.</returns>
    public uint MMNodeUnreachable(uint node)
    {
        if (node <= NodeId.MaxValue) _node?.NodeUnreachable(new NodeId((int)node));
        return MembershipManagerCodes.MM_OK;
    }

    /// <summary>Runs a regroup now, and waits for it.</summary>
    /// <param name="node">The node that gave the reason; for the reader only, the regroup finds out by itself.</param>
    /// <returns>MM_OK or MM_NOTMEMBER; MM_FAULT when this node did not survive it.</returns>
    public uint MMForceRegroup(uint node) => Code(static membership => membership.ForceRegroupAsync());

    /// <summary>The cluster information. Any thread; never blocks.</summary>
    /// <param name="info">No nodes while this node is down.</param>
    /// <returns>Always MM_OK.</returns>
    public uint MMClusterInfo(out CLUSTERINFO info)
    {
        ClusterInfo known = _node?.GetClusterInfo() ?? default;
        info = new CLUSTERINFO(
            (uint)known.ActiveNodes, known.UpNodes.IsDefault ? [] : [.. known.UpNodes.Select(static node => (uint)node.Value)],
            (uint)known.Timing.ClockPeriod.TotalMilliseconds, (uint)known.Timing.SendRate, (uint)known.Timing.ReceiveRate);
        return MembershipManagerCodes.MM_OK;
    }

    /// <summary>Whether a node is a member of the current cluster.</summary>
    /// <param name="node">The node.</param>
    /// <returns>True if and only if it is.</returns>
    public bool MMIsNodeUp(uint node) => node <= NodeId.MaxValue && _node is { } membership && membership.IsNodeUp(new NodeId((int)node));

    /// <summary>A diagnostic line in, its answer out, in the same buffer (UTF-8); see <see cref="MembershipNode.DiagnoseAsync"/>.</summary>
    /// <param name="messageBuffer">The message, then the answer, cut where the buffer ends.</param>
    /// <param name="maximumLength">How much of the buffer may be used, bytes.</param>
    /// <param name="actualLength">The message's length, then the answer's, bytes.</param>
    /// <returns>MM_OK, or MM_FAULT for lengths beyond the buffer or before MMInit.</returns>
    public uint MMDiag(Span<byte> messageBuffer, uint maximumLength, ref uint actualLength)
    {
        if (maximumLength > messageBuffer.Length || actualLength > maximumLength || _node is not { } node) return MembershipManagerCodes.MM_FAULT;
        string message = Encoding.UTF8.GetString(messageBuffer[..(int)actualLength]);
        Encoding.UTF8.GetEncoder().Convert(Wait(node.DiagnoseAsync(message)), messageBuffer[..(int)maximumLength], flush: true, out _, out int written, out _);
        actualLength = (uint)written;
        return MembershipManagerCodes.MM_OK;
    }

    /// <summary>A status as a Win32 code.</summary>
    /// <param name="mmStatus">An MM status.</param>
    /// <returns>The Win32 code.</returns>
    public static uint MMMapStatusToDosError(uint mmStatus) => ((MembershipStatus)mmStatus).ToWin32Error();

    /// <summary>A halt code as a Win32 code.</summary>
    /// <param name="haltCode">What MMHalt was called with.</param>
    /// <returns>The Win32 code.</returns>
    public static uint MMMapHaltCodeToDosError(uint haltCode) => ((HaltCode)haltCode).ToWin32Error();

    /// <summary>Declares the owner of the caller's quorum resource. Returns a Win32 code.</summary>
    /// <param name="nodeId">This node, or MM_INVALID_NODE to give it up.</param>
    /// <param name="block">Whether to wait for the end of a regroup in progress.</param>
    /// <param name="selQuoOwnerId">If a regroup was in progress, the node it chose to arbitrate; else, or if none, MM_INVALID_NODE.</param>
    /// <returns>ERROR_SUCCESS; ERROR_RETRY when a regroup chose otherwise; else the status mapped.</returns>
    public uint MMSetQuorumOwner(uint nodeId, bool block, out uint selQuoOwnerId)
    {
        selQuoOwnerId = MembershipManagerCodes.MM_INVALID_NODE;
        if (nodeId > NodeId.MaxValue) return Win32ErrorCodes.ERROR_INVALID_PARAMETER;
        if (_node is not { } node) return Win32ErrorCodes.ERROR_CLUSTER_NODE_NOT_MEMBER;
        (MembershipStatus status, NodeId selected) = Wait(node.SetQuorumOwnerAsync(new NodeId((int)nodeId), block));
        selQuoOwnerId = (uint)selected.Value;
        return status.ToWin32Error();
    }

    /// <summary>Who won the arbitration of the last regroup. Returns a Win32 code.</summary>
    /// <param name="nodeId">The node, or MM_INVALID_NODE when there was no arbitration.</param>
    /// <returns>ERROR_SUCCESS, or ERROR_RETRY during a regroup.</returns>
    public uint MMGetArbitrationWinner(out uint nodeId)
    {
        nodeId = MembershipManagerCodes.MM_INVALID_NODE;
        if (_node is not { } node) return Win32ErrorCodes.ERROR_SUCCESS;
        (MembershipStatus status, NodeId winner) = Wait(node.GetArbitrationWinnerAsync());
        nodeId = (uint)winner.Value;
        return status == MembershipStatus.Transient ? Win32ErrorCodes.ERROR_RETRY : Win32ErrorCodes.ERROR_SUCCESS;
    }

    /// <summary>Who won the arbitration of the last regroup that had one. Blocks during a regroup.</summary>
    /// <param name="nodeId">The node, or MM_INVALID_NODE.</param>
    public void MMApproxArbitrationWinner(out uint nodeId)
        => nodeId = _node is { } node ? (uint)Wait(node.GetLastArbitrationWinnerAsync()).Value : MembershipManagerCodes.MM_INVALID_NODE;

    /// <summary>Blocks while a regroup is in progress.</summary>
    public void MMBlockIfRegroupIsInProgress() => Wait(_node?.WaitWhileRegroupingAsync() ?? Task.CompletedTask);

    /// <summary>Ends the node as <see cref="MembershipNode.DisposeAsync"/> does; for callers that have no MMShutdown to port.</summary>
    /// <returns>A task that ends when its ports and its store are free again.</returns>
    public ValueTask DisposeAsync() => _node?.DisposeAsync() ?? default;

    private uint Code(Func<MembershipNode, Task<MembershipStatus>> call)
        => _node is { } node ? (uint)Wait(call(node)) : MembershipManagerCodes.MM_FAULT;

    /// <summary>The header has one code for everything that keeps a node from starting.</summary>
    private static async Task<MembershipStatus> StartingAsync(Func<Task<MembershipStatus>> start)
    {
        try
        {
            return await start().ConfigureAwait(false);
        }
        catch (Exception failure) when (failure is ViewStoreException or TransportStartException or InvalidOperationException)
        {
            return MembershipStatus.Fault;
        }
    }

    private static void Wait(Task task) => task.ConfigureAwait(false).GetAwaiter().GetResult();

    private static T Wait<T>(Task<T> task) => task.ConfigureAwait(false).GetAwaiter().GetResult();
}
