// Host callbacks: one at a time, in order, off the loop. The queue outlives an abandoned incident, so that
// every callback of a view that was installed is delivered before the next incident's hold.
namespace Membership.Engine.Protocol;

internal sealed partial class MembershipCore
{
    private readonly Queue<CallbackRequest> _callbacks = new();
    private CallbackKind? _runningCallback;
    private MonotonicTime _callbackStartedAt;
    private long _callbackId;
    private bool _ioHeld;
    private NodeSet _cleanedUp1;
    private bool _cleanedUp2;

    private bool CallbacksDone => _runningCallback is null && _callbacks.Count == 0;

    private void Enqueue(CallbackKind kind, NodeId node = default, NodeSet nodes = default, ClusterView? view = null)
    {
        _callbacks.Enqueue(new CallbackRequest(++_callbackId, kind, node, nodes, view, _activation));
        RunNextCallback();
    }

    private void RunNextCallback()
    {
        if (_runningCallback is not null || !_callbacks.TryDequeue(out CallbackRequest next)) return;
        _runningCallback = next.Kind;
        _callbackStartedAt = _now;
        _runningCallbackId = next.Id;
        _effects.InvokeCallback(in next);
    }

    private long _runningCallbackId;

    public void CallbackCompleted(long id, MonotonicTime now)
    {
        if (!Begin(now)) return;
        if (_runningCallback is not null && id == _runningCallbackId)
        {
            _runningCallback = null;
            RunNextCallback();
        }
        End();
    }

    private void HoldIO()
    {
        // A resume that has not run yet is taken back: I/O is then still held.
        if (_callbacks.Any(static callback => callback.Kind == CallbackKind.ResumeAllIO))
        {
            Withdraw(CallbackKind.ResumeAllIO);
            _ioHeld = true;
        }
        if (_ioHeld) return;
        _ioHeld = true;
        Enqueue(CallbackKind.HoldAllIO);
    }

    /// <summary>One clean-up call per removed node, ascending. A second view may follow before the first one's have run: whom it brings back is not cleaned up.</summary>
    private void BeginCleanUp1()
    {
        foreach (CallbackRequest callback in _callbacks)
            if (callback.Kind == CallbackKind.MsgCleanup1) _cleanedUp1 = _cleanedUp1.Without(callback.Node);
        Withdraw(CallbackKind.MsgCleanup1);
        NodeSet due = RemovedSinceInstalled - _cleanedUp1;
        _cleanedUp1 |= due;
        foreach (NodeId node in due) Enqueue(CallbackKind.MsgCleanup1, node);
    }

    private void Withdraw(CallbackKind kind)
    {
        if (!_callbacks.Any(callback => callback.Kind == kind)) return;
        CallbackRequest[] kept = [.. _callbacks.Where(callback => callback.Kind != kind)];
        _callbacks.Clear();
        foreach (CallbackRequest callback in kept) _callbacks.Enqueue(callback);
    }

    private void ResumeIO()
    {
        if (!_ioHeld) return;
        _ioHeld = false;
        Enqueue(CallbackKind.ResumeAllIO);
    }
}
