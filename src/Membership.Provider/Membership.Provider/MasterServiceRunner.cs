// Starts and stops one piece of master-only work as this node becomes and ceases to be the master. It looks at the view
// and the lease on every new view and every quarter of a clock period, on a thread of its own: whatever the work does to the
// thread pool or to the thread that tells it to stop, and however long the log takes, the watch goes on. The lease itself guards
// the time in between.
using Membership.Engine;
using Membership.Engine.Runtime;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Membership.Provider;

internal sealed class MasterServiceRunner<T> : BackgroundService
    where T : MasterBackgroundService
{
    private static readonly TimeSpan LastWords = TimeSpan.FromMilliseconds(200);

    private readonly T _work;
    private readonly ClusterMembership _membership;
    private readonly ProcessEnd _processEnd;
    private readonly ILogger<T> _logger;
    private readonly TimeSpan _stopTime;
    private readonly TimeSpan _interval;
    private readonly object _bell = new();
    private readonly TaskCompletionSource _watched = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly WatchNotes _notes = new();
    private volatile ClusterView? _view;
    private volatile bool _noMoreViews;
    private MasterTerm? _term;
    private bool _rung;
    private bool _workIsDone;

    public MasterServiceRunner(T work, ClusterMembership membership, ProcessEnd processEnd, ILogger<T> logger)
    {
        _work = work;
        _membership = membership;
        _processEnd = processEnd;
        _logger = logger;
        _stopTime = membership.Options.EffectiveMasterStopTime;
        _interval = membership.Options.EffectiveTiming.ClockPeriod / 4;
    }

    private static string Work => typeof(T).Name;

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var following = new CancellationTokenSource();
        Task views = FollowViewsAsync(following.Token);
        using (stoppingToken.UnsafeRegister(static runner => ((MasterServiceRunner<T>)runner!).Ring(), this))
        {
            new Thread(() => Watch(stoppingToken)) { IsBackground = true, Name = $"membership {_membership.Self} {Work}" }.Start();
            try
            {
                await _watched.Task.ConfigureAwait(false);
            }
            finally
            {
                await following.CancelAsync().ConfigureAwait(false);
                await views.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
                _notes.End();
                await _notes.Written.ConfigureAwait(false);
            }
        }
    }

    private async Task FollowViewsAsync(CancellationToken cancellationToken)
    {
        try
        {
            await foreach (ClusterView view in _membership.ViewsAsync(cancellationToken).ConfigureAwait(false))
            {
                _view = view;
                Ring();
            }
        }
        finally
        {
            _view = null;
            _noMoreViews = true;
            Ring();
        }
    }

    private void Watch(CancellationToken stoppingToken)
    {
        try
        {
            while (_term is not null || !(_noMoreViews || stoppingToken.IsCancellationRequested))
            {
                Wait();
                ClusterView? view = _view;
                if (_term is not null) LookAfter(_term, view, stoppingToken.IsCancellationRequested);
                else if (!stoppingToken.IsCancellationRequested) StartIfMaster(view);
            }
            _watched.SetResult();
        }
#pragma warning disable CA1031 // What the work threw is the host's to see: it ends this service, and the host does with it what it does.
        catch (Exception failure)
#pragma warning restore CA1031
        {
            _watched.SetException(failure);
        }
    }

    private void Wait()
    {
        lock (_bell)
        {
            if (!_rung) Monitor.Wait(_bell, _interval);
            _rung = false;
        }
    }

    private void Ring()
    {
        lock (_bell)
        {
            _rung = true;
            Monitor.Pulse(_bell);
        }
    }

    private void StartIfMaster(ClusterView? view)
    {
        if (view is null || view.Master != _membership.Self)
        {
            _workIsDone = false;
            return;
        }
        MembershipLease lease = _membership.Lease;
        if (_workIsDone || lease.Epoch != view.Epoch || !lease.IsValid || lease.Remaining <= _stopTime || !_membership.MasterWork.TryBegin(view.Epoch)) return;
        _notes.Add(() => _logger.MasterWorkStarts(Work, view.Epoch));
        _term = new MasterTerm(_work, lease, failure => _logger.MasterWorkSignalFailed(Work, failure));
    }

    private void LookAfter(MasterTerm term, ClusterView? view, bool stopping)
    {
        if (term.Task.IsCompleted)
        {
            _term = null;
            _membership.MasterWork.Ended();
            _workIsDone = !term.WasToldToStop;
            _notes.Add(() => _logger.MasterWorkEnded(Work));
            bool expected = term.WasToldToStop && term.Task.IsCanceled;
            term.Dispose();
            if (!expected) term.Task.GetAwaiter().GetResult();
            return;
        }
        if (view is not null && view.Master == _membership.Self) FollowInto(view, term);
        if (ReasonToStop(term, view, stopping) is var (reason, timeLeft) && term.Stop(reason, timeLeft)) _notes.Add(() => _logger.MasterWorkStopping(Work, reason));
        if (!term.IsOverrun) return;
        _notes.Add(() => _logger.MasterWorkOverrun(Work, term.StopReason!));
        _notes.End();
        _notes.Written.Wait(LastWords);
        _processEnd.Now(new MembershipHalt(HaltCode.MasterWorkOverrun, $"Master work {Work} was still running after its time to stop ({_stopTime.TotalMilliseconds:0} ms) was up; told to stop because {term.StopReason}."));
    }

    // A regroup that leaves this node the master goes on in a new epoch with a new lease; the work goes on with it.
    private void FollowInto(ClusterView view, MasterTerm term)
    {
        if (term.Lease.Epoch == view.Epoch) return;
        MembershipLease lease = _membership.Lease;
        if (lease.Epoch == view.Epoch) term.Follow(lease);
    }

    // Who is told while the lease is still good has until its end; who learns of it by the loss has the stop time after it.
    private (string Reason, TimeSpan TimeLeft)? ReasonToStop(MasterTerm term, ClusterView? view, bool stopping)
    {
        if (view is null) return ("this node is no longer a member", term.LeftOf(_stopTime));
        // Nobody waits for the lease of a node that has said that it leaves: it says so when the work has stopped.
        if (_membership.MasterWork.IsLeaving) return term.IsLeaseLost ? ("the lease was lost", term.LeftOf(_stopTime)) : ("this node leaves", _membership.Options.CallbackLimit);
        // Nobody is elected while it still runs: it has until the engine's limit for callbacks, which halts the node.
        if (_membership.MasterWork.IsClosed(view.Epoch)) return ("the mastership is handed over", TimeSpan.MaxValue);
        if (view.Master != _membership.Self) return ($"node {view.Master} is the master in epoch {view.Epoch}", term.LeftOf(_stopTime));
        if (term.IsLeaseLost) return ("the lease was lost", term.LeftOf(_stopTime));
        if (term.HasLapsed(_membership.Lease)) return ("the lease ran out", term.LeftOf(_stopTime));
        MembershipLease lease = term.Lease.Current;
        if (lease.IsValid && lease.Remaining < _stopTime) return ("the lease is about to run out", TimeSpan.MaxValue);
        // A hold alone is no reason: the regroup may well leave this node the master. But where it would last longer than the lease it
        // holds, the others may go on without this node, and the work has stopped by then.
        if (term.HoldOutlasts(_membership.Lease, _stopTime) is { } left) return ("the hold outlasts the lease", left);
        return stopping ? ("the host stops", TimeSpan.MaxValue) : null;
    }
}
