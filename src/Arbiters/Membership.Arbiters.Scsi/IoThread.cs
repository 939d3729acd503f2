// One thread that does one piece of blocking work after the other. A backend that hangs hangs this thread and nobody
// else: callers wait for the result as long as they like.
using System.Threading.Channels;

namespace Membership.Arbiters.Scsi;

internal sealed class IoThread
{
    private readonly Channel<Action> _work = Channel.CreateUnbounded<Action>(new UnboundedChannelOptions { SingleReader = true });

    public IoThread(string name) => new Thread(Run) { IsBackground = true, Name = name }.Start();

    /// <summary>Does the work after all that was asked for before; not at all if <paramref name="cancelled"/> by then.</summary>
    public Task<T> RunAsync<T>(Func<T> work, CancellationToken cancelled)
    {
        var done = new TaskCompletionSource<T>(TaskCreationOptions.RunContinuationsAsynchronously);
        bool taken = _work.Writer.TryWrite(() =>
        {
            if (cancelled.IsCancellationRequested)
            {
                done.TrySetCanceled(cancelled);
                return;
            }
            try
            {
                done.TrySetResult(work());
            }
#pragma warning disable CA1031 // It is the caller's: rethrown where the task is awaited.
            catch (Exception failure)
#pragma warning restore CA1031
            {
                done.TrySetException(failure);
            }
        });
        if (!taken) done.TrySetCanceled(cancelled);
        return done.Task;
    }

    /// <summary>Takes no more work; the thread ends when it has done what it was asked for.</summary>
    public void Complete() => _work.Writer.TryComplete();

    private void Run()
    {
        while (_work.Reader.WaitToReadAsync().AsTask().GetAwaiter().GetResult())
        {
            while (_work.Reader.TryRead(out Action? work)) work();
        }
    }
}
