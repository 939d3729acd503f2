// A few protocol cores stepped by hand under one clock, with a network that delivers everything a little later and in
// order, and disks and callbacks that are done at once. Once formed, stepping it allocates only what the cores allocate.
using System.Collections.Immutable;
using Membership.Engine;
using Membership.Engine.Protocol;
using Membership.Engine.Replication;

namespace Membership.Bench;

internal sealed class RestingCluster
{
    private static readonly TimeSpan Delay = TimeSpan.FromMicroseconds(100);

    private readonly Node[] _nodes;
    private readonly Message[] _ring = new Message[1 << 16];
    private readonly Queue<Action> _done = new();
    private MonotonicTime _now = new(TimeSpan.TicksPerHour);
    private int _first;
    private long _request = 1;
    private int _count;

    public RestingCluster(int size)
    {
        ImmutableArray<ConfiguredNode> configured = [.. Enumerable.Range(1, size).Select(static number => new ConfiguredNode(new NodeId(number), 1))];
        _nodes = [.. configured.Select(node => new Node(this, new ProtocolOptions { Self = node.Node, Nodes = configured, Bootstrap = true, DiscoveryTime = TimeSpan.FromSeconds(3) }, _now))];
    }

    /// <summary>Steps until all are in one view.</summary>
    public void Form()
    {
        foreach (Node node in _nodes) node.Core.Start(new RequestId(1), forceForm: false, _now);
        MonotonicTime limit = _now + TimeSpan.FromMinutes(1);
        while (_nodes.Any(node => node.Core.Installed?.Nodes.Count != _nodes.Length || !(node.Core.Lease.ValidUntil > _now)))
        {
            if (_now > limit) throw new InvalidOperationException($"no common view after {TimeSpan.FromMinutes(1)}");
            Step();
        }
    }

    /// <summary>Steps for one heartbeat interval.</summary>
    /// <returns>How many messages were delivered.</returns>
    public int RunInterval()
    {
        MonotonicTime end = _now + ClusterTiming.Default.HeartbeatInterval;
        int delivered = 0;
        while (_now < end) delivered += Step();
        return delivered;
    }

    /// <summary>Steps through a whole regroup that the first node asks for.</summary>
    /// <returns>How many messages were delivered.</returns>
    public int Regroup()
    {
        Epoch before = _nodes[0].Core.Installed!.Epoch;
        MonotonicTime limit = _now + TimeSpan.FromMinutes(1);
        int delivered = 0;
        _nodes[0].Core.ForceRegroup(new RequestId(++_request), _now);
        Complete();
        while (_nodes.Any(node => !(node.Core.Installed!.Epoch > before) || node.Core.Stage != RegroupStage.None))
        {
            if (_now > limit) throw new InvalidOperationException($"no new view after {TimeSpan.FromMinutes(1)}");
            delivered += Step();
        }
        return delivered;
    }

    // To the next thing that happens: a message that arrives, or a core that wants to be woken.
    private int Step()
    {
        MonotonicTime next = _count > 0 ? _ring[_first].At : MonotonicTime.MaxValue;
        foreach (Node node in _nodes) next = MonotonicTime.Min(next, node.Core.NextWakeup);
        _now = MonotonicTime.Max(_now, next);
        int delivered = 0;
        while (_count > 0 && _ring[_first].At <= _now)
        {
            ref Message message = ref _ring[_first];
            _first = (_first + 1) & (_ring.Length - 1);
            _count--;
            delivered++;
            _nodes[message.Header.To.Value - 1].Core.Receive(in message.Header, Math.Max(0, message.Path), message.Body, _now);
            message.Body = null;
            Complete();
        }
        foreach (Node node in _nodes)
        {
            if (node.Core.NextWakeup > _now) continue;
            node.Core.Tick(_now);
            Complete();
        }
        return delivered;
    }

    private void Complete()
    {
        while (_done.TryDequeue(out Action? completion)) completion();
    }

    private void Send(in MessageHeader header, int path, MessageBody? body)
    {
        if (_count == _ring.Length) throw new InvalidOperationException("the network is full: a cluster at rest sends far less");
        ref Message message = ref _ring[(_first + _count++) & (_ring.Length - 1)];
        message.At = _now + Delay;
        message.Header = header;
        message.Path = path;
        message.Body = body;
    }

    private struct Message
    {
        public MonotonicTime At;
        public MessageHeader Header;
        public int Path;
        public MessageBody? Body;
    }

    private sealed class Node : IProtocolEffects
    {
        private readonly RestingCluster _cluster;

        public Node(RestingCluster cluster, ProtocolOptions options, MonotonicTime now)
        {
            _cluster = cluster;
            Core = new MembershipCore(options, StoredState.Empty(options.Self.Value), this, now);
        }

        public MembershipCore Core { get; }

        public bool JournalEnabled => false;

        public void Send(in MessageHeader header, int path, MessageBody? body) => _cluster.Send(in header, path, body);

        public void Persist(long id, StoredState state) => _cluster._done.Enqueue(() => Core.PersistCompleted(id, succeeded: true, _cluster._now));

        public void InvokeCallback(in CallbackRequest callback)
        {
            long id = callback.Id;
            _cluster._done.Enqueue(() => Core.CallbackCompleted(id, _cluster._now));
        }

        public void Arbitrate(long id, TimeSpan timeout) => throw new InvalidOperationException("there is no witness here");

        public void WriteWitnessRecord(long id, ImmutableArray<ClusterView> slot) => throw new InvalidOperationException("there is no witness here");

        public void ReleaseWitness()
        {
        }

        public void CompleteRequest(RequestId request, MembershipStatus status, string? detail)
        {
        }

        public void PublishLease(in LeaseState lease)
        {
        }

        public void StageEntered(ActivationId activation, RegroupStage stage, RegroupCause cause)
        {
        }

        public void ViewInForce(ClusterView view, ActivationId activation)
        {
        }

        public void ViewInstalled(ClusterView view, ActivationId activation)
        {
        }

        public void Notify(ClusterChangeNotification change, ViewId view)
        {
        }

        public void StateApplied(LogEntry entry, ClusterState state)
        {
        }

        public void StateReplaced(ClusterState state)
        {
        }

        public void ProbeCrashEvidence(NodeId node, Incarnation incarnation)
        {
        }

        public void Halt(HaltCode code, string detail) => throw new InvalidOperationException($"a node at rest halted with {code}: {detail}");

        public void Dropped(DropReason reason, NodeId from)
        {
        }

        public void Journal(string line)
        {
        }
    }
}
