// Between the protocol and the master-only work of this host: a demotion is answered only when no term of such work runs,
// and none starts under a view that the demotion has overtaken. A node that leaves says so when none runs any more.
using Membership.Engine;

namespace Membership.Provider;

internal sealed class MasterWorkGate
{
    private readonly Lock _lock = new();
    private TaskCompletionSource? _idle;
    private Epoch _closedThrough;
    private int _running;
    private volatile bool _leaving;

    /// <summary>This node is about to leave: its work must stop, and none starts any more.</summary>
    public bool IsLeaving => _leaving;

    /// <summary>A term may start under a view of this epoch; every success is followed by one <see cref="Ended"/>.</summary>
    public bool TryBegin(Epoch epoch)
    {
        lock (_lock)
        {
            if (_leaving || epoch <= _closedThrough) return false;
            _running++;
            return true;
        }
    }

    public void Ended()
    {
        lock (_lock)
        {
            if (--_running > 0) return;
            _idle?.TrySetResult();
            _idle = null;
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
            return new ValueTask(Idle());
        }
    }

    /// <summary>Closes the gate for good; ends when nothing runs.</summary>
    public Task LeaveAsync()
    {
        lock (_lock)
        {
            _leaving = true;
            return Idle();
        }
    }

    private Task Idle() => _running == 0 ? Task.CompletedTask : (_idle ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously)).Task;
}
