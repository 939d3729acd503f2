// A node's way to the others: messages over UDP, the tripwires beside them, and the look at a dead node's port.
using System.Collections.Immutable;
using System.Security.Cryptography;
using Membership.Engine.Protocol;
using Membership.Engine.Transport;
using Membership.Engine.Wire;
using Microsoft.Extensions.Logging;

namespace Membership.Engine.Runtime;

/// <summary>The network of one node. <see cref="Send"/> is called by the loop only; what comes in goes to the loop.</summary>
internal sealed class NodeNetwork : IAsyncDisposable
{
    /// <summary>A dying process' kernel closes its sockets one after another: its port may refuse a little later than its tripwire falls.</summary>
    private const int ProbeAttempts = 10;

    private static readonly TimeSpan ProbePause = TimeSpan.FromMilliseconds(5);

    private readonly NodeLoop _loop;
    private readonly MonotonicClock _clock;
    private readonly FaultSwitch _faults;
    private readonly NodeSet _others;
    private readonly DatagramCounters _counters = new();
    private readonly DatagramSealer _sealer;
    private readonly DatagramOpener _opener;
    private readonly UdpTransport _transport;
    private readonly MessageChannel _channel;
    private readonly TcpTripwire _tripwire;
    private readonly CancellationTokenSource _stopping = new();

    /// <summary>
    /// What this start adds to its sequence numbers: an acknowledgement that was given to another start of this node, and recorded, is of none of this
    /// one's messages, even if a disk that was lost or put back makes it count its lives from the same number again.
    /// </summary>
    private readonly ulong _sequenceBase = (ulong)RandomNumberGenerator.GetInt32(1, int.MaxValue) << 31 | (uint)RandomNumberGenerator.GetInt32(int.MaxValue);
    private volatile bool _started;
    private long _heartbeatsSent;
    private long _heartbeatsReceived;

    public NodeNetwork(MembershipNodeOptions options, NodeId self, NodeLoop loop, MonotonicClock clock, FaultSwitch faults, ILogger logger)
    {
        _loop = loop;
        _faults = faults;
        _clock = clock;
        ImmutableDictionary<NodeId, ImmutableArray<NodeEndpoint>> endpoints = options.Nodes.ToImmutableDictionary(
            static node => new NodeId(node.Number), static node => node.Endpoints.Select(Parse).ToImmutableArray());
        ImmutableArray<NodeEndpoint>? bind = options.LocalEndpoints.Count == 0 ? null : [.. options.LocalEndpoints.Select(Parse)];
        NodeSet known = NodeSet.From(endpoints.Keys);
        _others = known.Without(self);
        _sealer = new DatagramSealer(options.ClusterId, self, options.Keys);
        _opener = new DatagramOpener(options.ClusterId, self, known, options.Keys);
        _transport = new UdpTransport(new UdpTransportOptions { Self = self, Endpoints = endpoints, Bind = bind }, _counters, clock.Provider, logger);
        _channel = new MessageChannel(_transport, _sealer, _opener, _counters, Received, options.SpokenMinorVersion);
        _tripwire = new TcpTripwire(
            new TripwireOptions { Self = self, Endpoints = endpoints.ToImmutableDictionary(static node => node.Key, static node => node.Value[0]), Bind = bind?[0] },
            _sealer, _opener, TripwireLost, clock.Provider, logger);
    }

    /// <summary>Binds every port. Nothing is received by the loop before it runs.</summary>
    /// <exception cref="TransportStartException">A host name does not resolve, or a port is in use.</exception>
    public async Task StartAsync(CancellationToken cancellationToken)
    {
        await _channel.StartAsync(cancellationToken).ConfigureAwait(false);
        _started = true;
        await _tripwire.StartAsync(Incarnation.None, cancellationToken).ConfigureAwait(false);
    }

    public void Send(in MessageHeader header, int path, MessageBody? body)
    {
        if (body is null) Interlocked.Increment(ref _heartbeatsSent);
        if (_faults.IsCut(header.To)) return;
        MessageHeader sent = header;
        if (sent.Sequence != 0) sent.Sequence += _sequenceBase;
        _channel.Send(in sent, path, body);
    }

    /// <summary>This node's current life, for the tripwires; messages carry it in their header.</summary>
    public void SetIncarnation(Incarnation incarnation) => _tripwire.SetIncarnation(incarnation);

    /// <summary>Tripwires are kept to the members of the view in force.</summary>
    public void SetMembers(NodeSet members) => _tripwire.SetWanted(members);

    /// <summary>Something is wrong with the connections: host names may be looked up again, at a bounded rate.</summary>
    public void AddressesSuspect()
    {
        foreach (NodeId node in _others) _transport.AddressSuspect(node);
    }

    /// <summary>Looks whether a node's own kernel refuses its port, and says so only if it does.</summary>
    public void ProbeCrash(NodeId node, Action refused) => _ = ProbeCrashAsync(node, refused);

    /// <summary>How many peers have a live tripwire to this node.</summary>
    public int TripwireCount => _tripwire.Connected.Count;

    public MembershipCounters Count(MembershipCounters counters)
    {
        var dropped = new Dictionary<DatagramDropReason, long>();
        foreach (DatagramDropReason reason in Enum.GetValues<DatagramDropReason>())
            if (_counters.Dropped(reason) is var count and > 0) dropped[reason] = count;
        return counters with
        {
            DatagramsReceived = _counters.Received,
            DatagramsSent = _counters.Sent,
            HeartbeatsSent = Interlocked.Read(ref _heartbeatsSent),
            HeartbeatsReceived = Interlocked.Read(ref _heartbeatsReceived),
            BytesReceived = _counters.BytesReceived,
            BytesSent = _counters.BytesSent,
            SendFailures = _counters.SendFailures,
            MessagesDelivered = _counters.Delivered,
            DatagramsDropped = dropped,
        };
    }

    /// <summary>Frees every port. Peers see their tripwires fall.</summary>
    public async ValueTask DisposeAsync()
    {
        await _stopping.CancelAsync().ConfigureAwait(false);
        await _tripwire.DisposeAsync().ConfigureAwait(false);
        if (_started) await _channel.DisposeAsync().ConfigureAwait(false);
        _sealer.Dispose();
        _opener.Dispose();
    }

    private static NodeEndpoint Parse(string text)
        => NodeEndpoint.TryParse(text, out NodeEndpoint endpoint, out string? error) ? endpoint : throw new ArgumentException(error, nameof(text));

    private void Received(in MessageHeader header, int path, MessageBody? body)
    {
        if (body is null) Interlocked.Increment(ref _heartbeatsReceived);
        if (_faults.IsCut(header.From)) return;
        MessageHeader received = header;
        received.Acknowledged = header.Acknowledged > _sequenceBase ? header.Acknowledged - _sequenceBase : 0;
        _loop.Receive(in received, path, body);
    }

    private void TripwireLost(NodeId node, Incarnation incarnation)
    {
        _transport.AddressSuspect(node);
        _loop.Post((core, now) => core.TripwireLost(node, incarnation, now));
    }

    private async Task ProbeCrashAsync(NodeId node, Action refused)
    {
        try
        {
            for (int attempt = 0; attempt < ProbeAttempts; attempt++)
            {
                switch (await _tripwire.ProbeAsync(node, _stopping.Token).ConfigureAwait(false))
                {
                    case PortProbe.Refused:
                        refused();
                        return;
                    case PortProbe.Accepted:
                        await Task.Delay(ProbePause, _clock.Provider, _stopping.Token).ConfigureAwait(false);
                        break;
                    default:
                        return;
                }
            }
        }
        catch (OperationCanceledException) when (_stopping.IsCancellationRequested)
        {
            // The node stops: nobody needs the answer.
        }
    }
}
