// Runs the host's callbacks off the loop, one at a time and in order, and tells the loop when each has returned.
using System.Threading.Channels;
using Membership.Engine.Protocol;
using Microsoft.Extensions.Logging;

namespace Membership.Engine.Runtime;

internal sealed class CallbackRunner
{
    /// <summary>A callback that takes longer is logged with its name.</summary>
    public static readonly TimeSpan Slow = TimeSpan.FromSeconds(2);

    private readonly IMembershipCallbacks _callbacks;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly NodeId _self;
    private readonly Action<ClusterView> _infoChanged;
    private readonly Action<long> _completed;
    private readonly Channel<CallbackRequest> _queue = Channel.CreateUnbounded<CallbackRequest>(new UnboundedChannelOptions { SingleReader = true });
    private long _slow;
    private long _failed;

    /// <param name="callbacks">The host's.</param>
    /// <param name="time">For the slowness timer.</param>
    /// <param name="logger">Where slow and failed ones are named.</param>
    /// <param name="self">This node, for the log.</param>
    /// <param name="infoChanged">Makes a view the cluster information, before the host hears of it.</param>
    /// <param name="completed">Tells the loop that a callback has returned.</param>
    public CallbackRunner(
        IMembershipCallbacks callbacks, TimeProvider time, ILogger logger, NodeId self, Action<ClusterView> infoChanged, Action<long> completed)
    {
        _callbacks = callbacks;
        _time = time;
        _logger = logger;
        _self = self;
        _infoChanged = infoChanged;
        _completed = completed;
        Ended = Task.Run(RunAsync);
    }

    /// <summary>Ends when <see cref="Stop"/> was called and the last callback has returned.</summary>
    public Task Ended { get; }

    /// <summary>Callbacks that took longer than <see cref="Slow"/>.</summary>
    public long SlowCount => Interlocked.Read(ref _slow);

    /// <summary>Callbacks that threw.</summary>
    public long FailedCount => Interlocked.Read(ref _failed);

    /// <summary>Queues one. The core has at most one outstanding, so the queue stays short.</summary>
    public void Enqueue(in CallbackRequest callback) => _queue.Writer.TryWrite(callback);

    /// <summary>Takes no more; what is queued is dropped.</summary>
    public void Stop()
    {
        _queue.Writer.TryComplete();
        while (_queue.Reader.TryRead(out _))
        {
        }
    }

    private async Task RunAsync()
    {
        await foreach (CallbackRequest callback in _queue.Reader.ReadAllAsync().ConfigureAwait(false))
        {
            string name = callback.Kind.ToString();
            using ITimer watch = _time.CreateTimer(_ => NoteSlow(name), null, Slow, Timeout.InfiniteTimeSpan);
            try
            {
                await InvokeAsync(callback).ConfigureAwait(false);
            }
#pragma warning disable CA1031 // A host's callback may fail in any way; it is logged, and the incident must go on.
            catch (Exception failure)
#pragma warning restore CA1031
            {
                Interlocked.Increment(ref _failed);
                _logger.CallbackFailed(_self, name, failure);
                // Work that may still run must not get a successor: the node halts at the callback limit.
                if (callback.Kind == CallbackKind.HandOverMastership) continue;
            }
            _completed(callback.Id);
        }
    }

    private ValueTask InvokeAsync(CallbackRequest callback)
    {
        switch (callback.Kind)
        {
            case CallbackKind.HoldAllIO: return _callbacks.HoldAllIOAsync();
            case CallbackKind.ResumeAllIO: return _callbacks.ResumeAllIOAsync();
            case CallbackKind.MsgCleanup1: return _callbacks.MsgCleanup1Async(callback.Node);
            case CallbackKind.MsgCleanup2: return _callbacks.MsgCleanup2Async(callback.Nodes);
            case CallbackKind.ClusterInfoChanged:
                _infoChanged(callback.View!);
                return _callbacks.ClusterInfoChangedAsync(callback.View!);
            case CallbackKind.NodesDown: return _callbacks.NodesDownAsync(callback.Nodes);
            case CallbackKind.NodeDown: return _callbacks.NodeChangeAsync(callback.Node, up: false);
            case CallbackKind.NodeUp: return _callbacks.NodeChangeAsync(callback.Node, up: true);
            case CallbackKind.HandOverMastership: return _callbacks.HandOverMastershipAsync(callback.View!);
            case CallbackKind.JoinFailed: return _callbacks.JoinFailedAsync();
            default: throw new InvalidOperationException($"Unknown callback {callback.Kind}.");
        }
    }

    private void NoteSlow(string name)
    {
        Interlocked.Increment(ref _slow);
        _logger.CallbackSlow(_self, name, Slow.TotalSeconds);
    }
}

/// <summary>A host that takes no note of anything.</summary>
internal sealed class NoCallbacks : IMembershipCallbacks
{
    public static readonly NoCallbacks Instance = new();
}
