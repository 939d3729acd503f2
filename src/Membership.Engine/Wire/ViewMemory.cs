// The views that this node has read in full or said itself, so that a status that only names one can be understood. A few, the one that was
// not used for longest goes first; whoever named a forgotten one says it in full when nothing comes back.
using Membership.Engine.Protocol;

namespace Membership.Engine.Wire;

/// <summary>A bounded memory of views by their id. Safe from any thread.</summary>
/// <param name="capacity">How many views are kept, 0 or more.</param>
internal sealed class ViewMemory(int capacity = ViewMemory.DefaultCapacity)
{
    /// <summary>A cluster has one view in force and seldom more than two pending: room for a dozen changes.</summary>
    public const int DefaultCapacity = 16;

    private readonly Lock _lock = new();
    private readonly List<ClusterView> _views = new(capacity);
    private long _learnt;

    /// <summary>Grows with every view that was not known before.</summary>
    public long Learnt => Volatile.Read(ref _learnt);

    /// <summary>The view of that id, or null. What was remembered first under an id stays: a view is its id, and the id is computed from the content that was read.</summary>
    public ClusterView? Find(ViewId id)
    {
        lock (_lock) return Use(id);
    }

    /// <summary>Remembers the views that a message carries.</summary>
    /// <param name="body">A body that was sent, or read from an authentic message.</param>
    /// <returns>True when one was not known before.</returns>
    public bool Note(MessageBody? body)
    {
        switch (body)
        {
            case StatusMessage status:
                bool learnt = false;
                if (status.StoredInForce is { } stored) learnt |= Note(stored);
                foreach (ClusterView pending in status.Pending) learnt |= Note(pending);
                if (status.Decision is { } decision) learnt |= Note(decision.View);
                return learnt;
            case JoinPrepareMessage prepare: return Note(prepare.Base) | Note(prepare.View);
            default: return false;
        }
    }

    private bool Note(ClusterView view)
    {
        lock (_lock)
        {
            if (capacity == 0 || Use(view.Id) is not null) return false;
            if (_views.Count == capacity) _views.RemoveAt(_views.Count - 1);
            _views.Insert(0, view);
            Volatile.Write(ref _learnt, _learnt + 1);
            return true;
        }
    }

    private ClusterView? Use(ViewId id)
    {
        for (int i = 0; i < _views.Count; i++)
        {
            if (_views[i].Id != id) continue;
            ClusterView view = _views[i];
            if (i != 0)
            {
                _views.RemoveAt(i);
                _views.Insert(0, view);
            }
            return view;
        }
        return null;
    }
}
