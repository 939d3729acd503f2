// Views on their way to whoever watches them: each watcher has a short queue of its own, and the latest views win.
using System.Runtime.CompilerServices;
using System.Threading.Channels;

namespace Membership.Engine.Runtime;

/// <summary>Hands installed views to any number of watchers. Publishing never blocks and never waits for a watcher.</summary>
internal sealed class ViewStream
{
    /// <summary>A watcher that is further behind than this skips the oldest views.</summary>
    public const int Backlog = 16;

    private readonly Lock _gate = new();
    private readonly List<Channel<ClusterView>> _watchers = [];
    private ClusterView? _current;
    private bool _ended;

    public void Publish(ClusterView view)
    {
        lock (_gate)
        {
            _current = view;
            foreach (Channel<ClusterView> watcher in _watchers) watcher.Writer.TryWrite(view);
        }
    }

    /// <summary>This node is not a member any more: who watches from now on sees the next view first. Running watches go on.</summary>
    public void Forget()
    {
        lock (_gate) _current = null;
    }

    /// <summary>No further views, ever.</summary>
    public void End()
    {
        lock (_gate)
        {
            _ended = true;
            _current = null;
            foreach (Channel<ClusterView> watcher in _watchers) watcher.Writer.TryComplete();
        }
    }

    public async IAsyncEnumerable<ClusterView> WatchAsync([EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var watcher = Channel.CreateBounded<ClusterView>(new BoundedChannelOptions(Backlog)
        {
            FullMode = BoundedChannelFullMode.DropOldest,
            SingleReader = true,
        });
        lock (_gate)
        {
            if (_ended) yield break;
            if (_current is { } current) watcher.Writer.TryWrite(current);
            _watchers.Add(watcher);
        }
        try
        {
            await foreach (ClusterView view in watcher.Reader.ReadAllAsync(cancellationToken).ConfigureAwait(false)) yield return view;
        }
        finally
        {
            lock (_gate) _watchers.Remove(watcher);
        }
    }
}
