// One thread for calls that may hang, so that a dead mount takes this thread and no other. What is awaited inside goes on here
// unless it says otherwise.
using System.Collections.Concurrent;

namespace Membership.Engine.Arbitration;

/// <summary>Runs work on one background thread, in order. Thread-safe.</summary>
internal sealed class IoThread(string name) : TaskScheduler, IDisposable
{
    private readonly BlockingCollection<Task> _work = [];
    private readonly Lock _start = new();
    private Thread? _thread;

    public override int MaximumConcurrencyLevel => 1;

    /// <summary>Starts work here.</summary>
    public Task<T> Run<T>(Func<Task<T>> work) => Task.Factory.StartNew(work, CancellationToken.None, TaskCreationOptions.DenyChildAttach, this).Unwrap();

    /// <summary>Starts work here.</summary>
    public Task Run(Func<Task> work) => Task.Factory.StartNew(work, CancellationToken.None, TaskCreationOptions.DenyChildAttach, this).Unwrap();

    /// <summary>Does a piece of blocking work here; not at all if <paramref name="cancelled"/> before its turn.</summary>
    public Task<T> Run<T>(Func<T> work, CancellationToken cancelled) => Task.Factory.StartNew(work, cancelled, TaskCreationOptions.DenyChildAttach, this);

    /// <summary>The thread ends after what it was given; what comes later runs on the thread pool. Does not wait.</summary>
    public void Dispose() => _work.CompleteAdding();

    protected override void QueueTask(Task task)
    {
        lock (_start)
        {
            if (_thread is null)
            {
                _thread = new Thread(Work) { IsBackground = true, Name = name };
                _thread.Start();
            }
        }
        try
        {
            _work.Add(task);
        }
        catch (InvalidOperationException)
        {
            ThreadPool.QueueUserWorkItem(_ => TryExecuteTask(task));
        }
    }

    protected override bool TryExecuteTaskInline(Task task, bool taskWasPreviouslyQueued) => Thread.CurrentThread == _thread && TryExecuteTask(task);

    protected override IEnumerable<Task> GetScheduledTasks() => _work;

    private void Work()
    {
        foreach (Task task in _work.GetConsumingEnumerable()) TryExecuteTask(task);
    }
}
