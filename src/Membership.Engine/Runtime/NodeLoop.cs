// The one thread that touches a node's protocol state. It takes inputs in order, stamps each with a time read after it
// was taken, wakes at the core's next deadline, and sleeps otherwise.
using System.Collections.Concurrent;
using Membership.Engine.Protocol;

namespace Membership.Engine.Runtime;

/// <summary>An input of the core that is not a datagram: a request, a completion, evidence. Never dropped while the loop runs.</summary>
internal delegate void LoopInput(MembershipCore core, MonotonicTime now);

/// <summary>Steps a core on its own thread. <see cref="Post"/> and <see cref="Receive"/> may be called by any thread.</summary>
internal sealed class NodeLoop : IDisposable
{
    private const int RingCapacity = 2048;
    private const int DatagramsPerTurn = 64;
    private static readonly TimeSpan LongestWait = TimeSpan.FromSeconds(10);

    private readonly MonotonicClock _clock;
    private readonly Action<MembershipCore> _stepped;
    private readonly Action<Exception> _failed;
    private readonly ConcurrentQueue<LoopInput> _inputs = new();
    private readonly MessageRing _messages = new(RingCapacity);
    private readonly AutoResetEvent _wake = new(false);
    private readonly Thread _thread;
    private readonly TaskCompletionSource _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly ITimer? _timer;
    private MembershipCore? _core;
    private volatile bool _sleeping;
    private volatile bool _stopping;
    private long _latestTicks;
    private long _allocated;

    /// <param name="name">The thread's name.</param>
    /// <param name="clock">Stamps inputs; times the wake-ups.</param>
    /// <param name="stepped">Called on the loop after each input.</param>
    /// <param name="failed">Called on the loop when a step threw; the loop then ends.</param>
    public NodeLoop(string name, MonotonicClock clock, Action<MembershipCore> stepped, Action<Exception> failed)
    {
        _clock = clock;
        _stepped = stepped;
        _failed = failed;
        _thread = new Thread(Run) { IsBackground = true, Name = name };
        if (!clock.IsMachine) _timer = clock.Provider.CreateTimer(static loop => ((NodeLoop)loop!)._wake.Set(), this, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
    }

    /// <summary>Ends when the thread has ended: no further effect of the core after that.</summary>
    public Task Ended => _ended.Task;

    /// <summary>Datagrams dropped because the loop was behind.</summary>
    public long Overflows => _messages.Overflows;

    /// <summary>How late the loop was at its latest wake-up so far, against what the core asked for.</summary>
    public TimeSpan Latest => new(Interlocked.Read(ref _latestTicks));

    /// <summary>Bytes the loop's thread has allocated so far, as of its last sleep.</summary>
    public long AllocatedBytes => Interlocked.Read(ref _allocated);

    public bool IsLoopThread => Thread.CurrentThread == _thread;

    public void Start(MembershipCore core)
    {
        _core = core;
        _thread.Start();
    }

    /// <summary>Hands the loop an input.</summary>
    /// <returns>False when the loop is ending: the input may never be taken.</returns>
    public bool Post(LoopInput input)
    {
        if (_stopping) return false;
        _inputs.Enqueue(input);
        Wake();
        return !_stopping;
    }

    /// <summary>Hands the loop a received message; drops it when the ring is full.</summary>
    public void Receive(in MessageHeader header, int path, MessageBody? body)
    {
        if (!_stopping && _messages.TryAdd(in header, path, body)) Wake();
    }

    /// <summary>Lets the loop end after the input it is at. Inputs still queued are not taken.</summary>
    public void Stop()
    {
        _stopping = true;
        _wake.Set();
    }

    public void Dispose()
    {
        _timer?.Dispose();
        _wake.Dispose();
    }

    private void Wake()
    {
        // The loop says that it will sleep before it looks at its queues for the last time.
        Interlocked.MemoryBarrier();
        if (_sleeping) _wake.Set();
    }

    private void Run()
    {
        MembershipCore core = _core!;
        try
        {
            while (!_stopping)
            {
                while (!_stopping && _inputs.TryDequeue(out LoopInput? input))
                {
                    input(core, _clock.Now);
                    _stepped(core);
                }
                for (int i = 0; i < DatagramsPerTurn && !_stopping && _messages.TryTake(out MessageHeader header, out int path, out MessageBody? body); i++)
                {
                    core.Receive(in header, path, body, _clock.Now);
                    _stepped(core);
                }
                if (!_stopping) TickIfDue(core);
                if (!_stopping) SleepIfIdle(core);
            }
        }
#pragma warning disable CA1031 // Whatever a step threw, the node can no longer know its state: it must stop serving.
        catch (Exception broken)
#pragma warning restore CA1031
        {
            _stopping = true;
            _failed(broken);
        }
        finally
        {
            _ended.SetResult();
        }
    }

    private void TickIfDue(MembershipCore core)
    {
        MonotonicTime due = core.NextWakeup, now = _clock.Now;
        if (now < due) return;
        long late = (now - due).Ticks;
        if (late > _latestTicks) Interlocked.Exchange(ref _latestTicks, late);
        core.Tick(now);
        _stepped(core);
    }

    private void SleepIfIdle(MembershipCore core)
    {
        _sleeping = true;
        Interlocked.MemoryBarrier();
        if (_inputs.IsEmpty && _messages.IsEmpty && !_stopping)
        {
            MonotonicTime due = core.NextWakeup;
            TimeSpan wait = due >= MonotonicTime.MaxValue ? LongestWait : due - _clock.Now;
            if (wait > TimeSpan.Zero)
            {
                Interlocked.Exchange(ref _allocated, GC.GetAllocatedBytesForCurrentThread());
                Wait(wait < LongestWait ? wait : LongestWait);
            }
        }
        _sleeping = false;
    }

    private void Wait(TimeSpan wait)
    {
        if (_timer is null)
        {
            _wake.WaitOne((int)((wait.Ticks + TimeSpan.TicksPerMillisecond - 1) / TimeSpan.TicksPerMillisecond));
            return;
        }
        _timer.Change(wait, Timeout.InfiniteTimeSpan);
        _wake.WaitOne();
    }
}
