// Between the protocol and the master-only work of this host: a demotion is answered only when no term of such work runs,
// and none starts under a view that the demotion has overtaken.
using Membership.Engine;

namespace Membership.Provider;

internal sealed class MasterWorkGate
{
    private readonly Lock _lock = new();
    private TaskCompletionSource? _idle;
    private Epoch _closedThrough;
    private int _running;

    /// <summary>A term may start under a view of this epoch; every success is followed by one <see cref="Ended"/>.</summary>
    public bool TryBegin(Epoch epoch)
    {
        lock (_lock)
        {
            if (epoch <= _closedThrough) return false;
            _running++;
            return true;
        }
    }

    public void Ended()
    {
        lock (_lock)
        {
            if (--_running == 0) _idle?.TrySetResult();
        }
    }

    /// <summary>A term that runs under a view of this epoch must stop for a handover.</summary>
    public bool IsClosed(Epoch epoch)
    {
        lock (_lock) return epoch <= _closedThrough;
    }

    /// <summary>Closes the gate for that view and all before it; ends when nothing runs.</summary>
    public ValueTask HandOverAsync(ClusterView view)
    {
        lock (_lock)
        {
            _closedThrough = Epoch.Max(_closedThrough, view.Epoch);
            if (_running == 0) return default;
            _idle = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            return new ValueTask(_idle.Task);
        }
    }
}
