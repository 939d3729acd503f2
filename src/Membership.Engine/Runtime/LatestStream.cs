// Views, and states, on their way to whoever watches them: each watcher has a short queue of its own, and the latest win.
using System.Runtime.CompilerServices;
using System.Threading.Channels;

namespace Membership.Engine.Runtime;

/// <summary>Hands values to any number of watchers, the current one first. Publishing never blocks and never waits for a watcher.</summary>
/// <param name="backlog">A watcher that is further behind than this skips the oldest values.</param>
internal sealed class LatestStream<T>(int backlog)
    where T : class
{
    private readonly Lock _gate = new();
    private readonly List<Channel<T>> _watchers = [];
    private T? _current;
    private bool _ended;

    public void Publish(T value)
    {
        lock (_gate)
        {
            _current = value;
            foreach (Channel<T> watcher in _watchers) watcher.Writer.TryWrite(value);
        }
    }

    /// <summary>This node is not a member any more: who watches from now on sees the next value first. Running watches go on.</summary>
    public void Forget()
    {
        lock (_gate) _current = null;
    }

    /// <summary>No further values, ever.</summary>
    public void End()
    {
        lock (_gate)
        {
            _ended = true;
            _current = null;
            foreach (Channel<T> watcher in _watchers) watcher.Writer.TryComplete();
        }
    }

    public async IAsyncEnumerable<T> WatchAsync([EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var watcher = Channel.CreateBounded<T>(new BoundedChannelOptions(backlog)
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
            await foreach (T value in watcher.Reader.ReadAllAsync(cancellationToken).ConfigureAwait(false)) yield return value;
        }
        finally
        {
            lock (_gate) _watchers.Remove(watcher);
        }
    }
}
