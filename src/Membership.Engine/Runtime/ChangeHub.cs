// From the loop to whoever listens: every notification goes into each listener's own queue, and the roles are followed
// along, so that a listener who missed some can be told where the sequence stands.
using System.Collections.Immutable;
using System.Runtime.CompilerServices;

namespace Membership.Engine.Runtime;

/// <summary>Publishing is the loop's and never waits; everything else is for any thread.</summary>
internal sealed class ChangeHub(int queueLength)
{
    private readonly Lock _gate = new();
    private ImmutableArray<ChangeQueue> _queues = [];
    private MemberRoles _roles;
    private bool _ended;
    private long _published;
    private long _lostByFormer;

    /// <summary>The roles after the latest notification.</summary>
    public MemberRoles Roles
    {
        get
        {
            lock (_gate) return _roles;
        }
    }

    /// <summary>Notifications so far.</summary>
    public long PublishedCount => Interlocked.Read(ref _published);

    /// <summary>Notifications that full queues did not hold so far, also of listeners that have gone.</summary>
    public long LostCount
    {
        get
        {
            lock (_gate) return _lostByFormer + _queues.Sum(static queue => queue.LostCount);
        }
    }

    public void Publish(ClusterChangeNotification notification)
    {
        lock (_gate)
        {
            _published++;
            _roles = _roles.After(notification);
            foreach (ChangeQueue queue in _queues) queue.Add(notification, _roles);
        }
    }

    /// <summary>The roles of the view that is installed now, or none. The notifications about it come before or after: applying them again changes nothing.</summary>
    public void SetRoles(MemberRoles roles)
    {
        lock (_gate) _roles = roles;
    }

    /// <summary>A queue for a new listener, and the roles from which its notifications go on.</summary>
    public (ChangeQueue Queue, MemberRoles Roles) Open(ClusterChangeFilter filter)
    {
        var queue = new ChangeQueue(queueLength, filter);
        lock (_gate)
        {
            if (_ended) queue.Close();
            else _queues = _queues.Add(queue);
            return (queue, _roles);
        }
    }

    /// <summary>The listener hears no more.</summary>
    public void Close(ChangeQueue queue)
    {
        lock (_gate)
        {
            if (_queues.Contains(queue)) _lostByFormer += queue.LostCount;
            _queues = _queues.Remove(queue);
        }
        queue.Dispose();
    }

    /// <summary>No further notifications, ever; what waits is still delivered.</summary>
    public void End()
    {
        ImmutableArray<ChangeQueue> queues;
        lock (_gate)
        {
            _ended = true;
            foreach (ChangeQueue queue in _queues) _lostByFormer += queue.LostCount;
            (queues, _queues) = (_queues, []);
        }
        foreach (ChangeQueue queue in queues) queue.Close();
    }

    public async IAsyncEnumerable<ClusterChangeNotification> WatchAsync(ClusterChangeFilter filter, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        ChangeQueue queue = Open(filter).Queue;
        try
        {
            while (await queue.WaitAsync(cancellationToken).ConfigureAwait(false))
                if (queue.TryTake(out ClusterChangeNotification notification)) yield return notification;
        }
        finally
        {
            Close(queue);
        }
    }
}
