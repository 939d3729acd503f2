// The notifications that wait for one listener: bounded, in order, and never silently short. When it is full, all that
// waits becomes one record of how many were lost, with the roles from which the rest goes on.
namespace Membership.Engine.Runtime;

/// <summary>Filled by the node's loop, emptied by whoever listens. Adding never waits.</summary>
internal sealed class ChangeQueue(int capacity, ClusterChangeFilter filter) : IDisposable
{
    private readonly Lock _gate = new();
    private readonly Queue<ClusterChangeNotification> _waiting = new();
    private TaskCompletionSource _available = NewSignal();
    private ManualResetEvent? _handle;
    private bool _closed;
    private bool _disposed;
    private long _lost;

    public int Count
    {
        get
        {
            lock (_gate) return _waiting.Count;
        }
    }

    /// <summary>How many were dropped so far.</summary>
    public long LostCount => Interlocked.Read(ref _lost);

    /// <summary>Set while something waits, or nothing more can come.</summary>
    public WaitHandle WaitHandle
    {
        get
        {
            lock (_gate)
            {
                ObjectDisposedException.ThrowIf(_disposed, this);
                return _handle ??= new ManualResetEvent(_waiting.Count > 0 || _closed);
            }
        }
    }

    /// <param name="notification">What happened.</param>
    /// <param name="after">The roles after it.</param>
    public void Add(ClusterChangeNotification notification, MemberRoles after)
    {
        if (!filter.Passes(notification.Change)) return;
        lock (_gate)
        {
            if (_closed) return;
            if (_waiting.Count < capacity)
            {
                _waiting.Enqueue(notification);
            }
            else
            {
                // A record that has to go too stands for what is counted already.
                long before = _waiting.Sum(static waiting => waiting.Lost?.Count ?? 0);
                long now = 1 + _waiting.Count(static waiting => waiting.Lost is null);
                Interlocked.Add(ref _lost, now);
                _waiting.Clear();
                _waiting.Enqueue(new ClusterChangeNotification(ClusterChange.NotificationsLost, NodeId.Invalid) { Lost = new LostNotifications(before + now, after) });
            }
            Signal();
        }
    }

    public bool TryTake(out ClusterChangeNotification notification)
    {
        lock (_gate)
        {
            if (!_waiting.TryDequeue(out notification)) return false;
            if (_waiting.Count == 0 && !_closed)
            {
                _available = NewSignal();
                _handle?.Reset();
            }
            return true;
        }
    }

    /// <summary>Waits until something is there to take.</summary>
    /// <returns>False when nothing is there and nothing more can come.</returns>
    public async ValueTask<bool> WaitAsync(CancellationToken cancellationToken)
    {
        while (true)
        {
            Task available;
            lock (_gate)
            {
                if (_waiting.Count > 0) return true;
                if (_closed) return false;
                available = _available.Task;
            }
            await available.WaitAsync(cancellationToken).ConfigureAwait(false);
        }
    }

    /// <summary>Nothing more comes in; what waits can still be taken.</summary>
    public void Close()
    {
        lock (_gate)
        {
            _closed = true;
            Signal();
        }
    }

    /// <summary>Nothing more comes in or out.</summary>
    public void Dispose()
    {
        lock (_gate)
        {
            if (_disposed) return;
            _disposed = true;
            _closed = true;
            _waiting.Clear();
            Signal();
            _handle?.Dispose();
            _handle = null;
        }
    }

    private void Signal()
    {
        _available.TrySetResult();
        _handle?.Set();
    }

    private static TaskCompletionSource NewSignal() => new(TaskCreationOptions.RunContinuationsAsynchronously);
}
