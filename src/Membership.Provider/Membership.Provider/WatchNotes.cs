// The log of a thread that must not wait for the log: lines are written elsewhere, in their order.
using System.Threading.Channels;

namespace Membership.Provider;

internal sealed class WatchNotes
{
    private readonly Channel<Action> _lines = Channel.CreateUnbounded<Action>(new UnboundedChannelOptions { SingleReader = true, SingleWriter = false });

    public WatchNotes() => Written = Task.Run(WriteAsync);

    /// <summary>Ends when all is written, after <see cref="End"/>.</summary>
    public Task Written { get; }

    public void Add(Action line) => _lines.Writer.TryWrite(line);

    public void End() => _lines.Writer.TryComplete();

    private async Task WriteAsync()
    {
        await foreach (Action line in _lines.Reader.ReadAllAsync().ConfigureAwait(false)) line();
    }
}
