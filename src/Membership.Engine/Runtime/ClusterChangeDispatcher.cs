// Change notifications for code that has a loop of its own: nothing is called until it says so, and then on its thread.
using Microsoft.Extensions.Logging;

namespace Membership.Engine.Runtime;

/// <summary>A registered handler that is called by <see cref="Dispatch"/> only. Wait by <see cref="WaitAsync"/> or with <see cref="WaitHandle"/>. Dispose it to unregister.</summary>
/// <remarks>The queue, its overflow and failing handlers are as with <see cref="ClusterChangeRegistration"/>.</remarks>
public sealed class ClusterChangeDispatcher : IDisposable
{
    private readonly ChangeHub _hub;
    private readonly ChangeQueue _queue;
    private readonly Action<ClusterChangeNotification, object?> _handler;
    private readonly ILogger _logger;
    private readonly NodeId _self;
    private readonly HandlerTurn _turn = new();
    private readonly Lock _dispatching = new();
    private long _failed;

    internal ClusterChangeDispatcher(
        ChangeHub hub, Action<ClusterChangeNotification, object?> handler, ClusterChangeFilter filter, object? clientData, NodeId self, ILogger logger)
    {
        _hub = hub;
        _handler = handler;
        _logger = logger;
        _self = self;
        Filter = filter;
        ClientData = clientData;
        (_queue, InitialRoles) = hub.Open(filter);
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

    /// <summary>Set while something waits for <see cref="Dispatch"/>, and for good once nothing more can come. Owned by this object.</summary>
    /// <exception cref="ObjectDisposedException">It was unregistered.</exception>
    public WaitHandle WaitHandle => _queue.WaitHandle;

    /// <summary>Waits until something waits for <see cref="Dispatch"/>.</summary>
    /// <param name="cancellationToken">Ends the waiting.</param>
    /// <returns>True then; false when nothing more can come: the node has stopped, or this was unregistered.</returns>
    public ValueTask<bool> WaitAsync(CancellationToken cancellationToken = default) => _queue.WaitAsync(cancellationToken);

    /// <summary>
    /// Calls the handler for everything that waits now, in order, on this thread; returns at once when nothing does. One thread at a time:
    /// another one waits for its turn. From inside the handler it does nothing.
    /// </summary>
    /// <returns>How many calls were made.</returns>
    public int Dispatch()
    {
        if (_turn.IsInside) return 0;
        lock (_dispatching)
        {
            int calls = 0;
            for (int waiting = _queue.Count; waiting > 0 && _turn.TryBegin(_queue, out ClusterChangeNotification notification); waiting--)
            {
                calls++;
                try
                {
                    _handler(notification, ClientData);
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
            return calls;
        }
    }

    /// <summary>Unregisters: no call begins once this has returned. Waits for the call that runs now, except when called by the handler itself.</summary>
    public void Dispose()
    {
        Task running = _turn.End();
        _hub.Close(_queue);
        running.GetAwaiter().GetResult();
    }
}
