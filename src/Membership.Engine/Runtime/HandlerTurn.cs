// Whose turn it is between calling a handler and ending its registration: no call begins once the end has returned, and
// a handler may end its own registration.
namespace Membership.Engine.Runtime;

internal sealed class HandlerTurn
{
    // Which registrations' handlers the current flow of control is inside of: one may dispatch another.
    private static readonly AsyncLocal<Frame?> Inside = new();

    private readonly Lock _gate = new();
    private TaskCompletionSource? _running;
    private bool _ended;

    public bool IsInside
    {
        get
        {
            for (Frame? frame = Inside.Value; frame is not null; frame = frame.Outer)
                if (frame.Turn == this && !frame.IsOver) return true;
            return false;
        }
    }

    /// <summary>Begins a call with the next notification; false when there is none or no call may begin any more.</summary>
    public bool TryBegin(ChangeQueue queue, out ClusterChangeNotification notification)
    {
        lock (_gate)
        {
            notification = default;
            if (_ended || !queue.TryTake(out notification)) return false;
            _running = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        }
        Inside.Value = new Frame(this, Inside.Value);
        return true;
    }

    /// <summary>The call has returned.</summary>
    public void Done()
    {
        // Whatever the handler started and left running is not inside of it any more.
        if (Inside.Value is { } frame)
        {
            frame.IsOver = true;
            Inside.Value = frame.Outer;
        }
        lock (_gate) _running!.SetResult();
    }

    /// <summary>No call begins any more.</summary>
    /// <returns>A task that ends when the call that runs now, if any, has returned; at once for a caller inside of it.</returns>
    public Task End()
    {
        lock (_gate)
        {
            _ended = true;
            return IsInside ? Task.CompletedTask : _running?.Task ?? Task.CompletedTask;
        }
    }

    private sealed class Frame(HandlerTurn turn, Frame? outer)
    {
        public readonly HandlerTurn Turn = turn;
        public readonly Frame? Outer = outer;
        public volatile bool IsOver;
    }
}
