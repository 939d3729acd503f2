// A handler of change notifications with a dispatcher of its own: it may be slow, and it may fail, without anybody else
// noticing.
using Microsoft.Extensions.Logging;

namespace Membership.Engine.Runtime;

/// <summary>A registered handler. It is called for one notification at a time, in order of occurrence, on the thread pool. Dispose it to unregister.</summary>
/// <remarks>
/// The guide's registration by <c>cmm_cmc_register</c>. Its queue holds <see cref="MembershipNodeOptions.NotificationQueueLength"/>; when it
/// overflows the handler gets one <see cref="ClusterChange.NotificationsLost"/> in place of what was dropped. An exception of the handler is
/// logged and counted, and the next notification follows.
/// </remarks>
public sealed class ClusterChangeRegistration : IDisposable, IAsyncDisposable
{
    private readonly ChangeHub _hub;
    private readonly ChangeQueue _queue;
    private readonly Func<ClusterChangeNotification, object?, ValueTask> _handler;
    private readonly ILogger _logger;
    private readonly NodeId _self;
    private readonly HandlerTurn _turn = new();
    private long _failed;

    internal ClusterChangeRegistration(
        ChangeHub hub, Func<ClusterChangeNotification, object?, ValueTask> handler, ClusterChangeFilter filter, object? clientData, NodeId self, ILogger logger)
    {
        _hub = hub;
        _handler = handler;
        _logger = logger;
        _self = self;
        Filter = filter;
        ClientData = clientData;
        (_queue, InitialRoles) = hub.Open(filter);
        Ended = Task.Run(DispatchAsync);
    }

    /// <summary>What it hears of.</summary>
    public ClusterChangeFilter Filter { get; }

    /// <summary>What was given at registration, and is given to every call; the engine does not use it.</summary>
    public object? ClientData { get; }

    /// <summary>The roles at the moment of registration: the notifications go on from here. Nobody has one while this node is not a member.</summary>
    /// <remarks>
    /// Whoever registers before this node joins hears what its joining changes, as every other member does, and not who was a member before: take the
    /// roles of the first view (<see cref="MemberRoles.Of"/>, <see cref="MembershipNode.ViewsAsync"/>) or ask with the queries then.
    /// </remarks>
    public MemberRoles InitialRoles { get; }

    /// <summary>Notifications that this handler did not get because its queue was full.</summary>
    public long LostCount => _queue.LostCount;

    /// <summary>Calls that threw.</summary>
    public long FailedCount => Interlocked.Read(ref _failed);

    /// <summary>Ends when no further call will be made and the last one has returned: after disposal, or when the node has stopped and what waited was delivered.</summary>
    public Task Ended { get; }

    /// <summary>
    /// Unregisters: no call begins once this has returned. Waits for the call that runs now, except when called by the handler itself
    /// (or by what it has called or started).
    /// </summary>
    public void Dispose() => End().GetAwaiter().GetResult();

    /// <summary>As <see cref="Dispose"/>, without blocking a thread.</summary>
    /// <returns>A task that ends when the call that runs now has returned.</returns>
    public ValueTask DisposeAsync() => new(End());

    private Task End()
    {
        Task running = _turn.End();
        _hub.Close(_queue);
        return running;
    }

    private async Task DispatchAsync()
    {
        while (await _queue.WaitAsync(CancellationToken.None).ConfigureAwait(false))
        {
            while (_turn.TryBegin(_queue, out ClusterChangeNotification notification))
            {
                try
                {
                    await _handler(notification, ClientData).ConfigureAwait(false);
                }
#pragma warning disable CA1031 // A host's handler may fail in any way; it is logged and counted, and the next notification follows.
                catch (Exception failure)
#pragma warning restore CA1031
                {
                    Interlocked.Increment(ref _failed);
                    _logger.ChangeHandlerFailed(_self, notification, failure);
                }
                finally
                {
                    _turn.Done();
                }
            }
        }
    }
}
