// Starts and stops one piece of master-only work as this node becomes and ceases to be the master. It looks at the view
// and the lease on every new view and every quarter of a clock period; the lease itself guards the time in between.
using Membership.Engine;
using Membership.Engine.Runtime;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Membership.Provider;

internal sealed class MasterServiceRunner<T> : BackgroundService
    where T : MasterBackgroundService
{
    private readonly T _work;
    private readonly ClusterMembership _membership;
    private readonly ProcessEnd _processEnd;
    private readonly TimeProvider _time;
    private readonly ILogger<T> _logger;
    private readonly TimeSpan _stopTime;
    private MasterTerm? _term;
    private bool _workIsDone;

    public MasterServiceRunner(T work, ClusterMembership membership, ProcessEnd processEnd, TimeProvider time, ILogger<T> logger)
    {
        _work = work;
        _membership = membership;
        _processEnd = processEnd;
        _time = time;
        _logger = logger;
        _stopTime = membership.Options.EffectiveMasterStopTime;
    }

    private static string Work => typeof(T).Name;

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(_membership.Options.EffectiveTiming.ClockPeriod / 4, _time);
        using var watching = new CancellationTokenSource();
        await using IAsyncEnumerator<ClusterView> views = _membership.ViewsAsync(watching.Token).GetAsyncEnumerator(CancellationToken.None);
        Task<bool>? nextView = views.MoveNextAsync().AsTask();
        Task<bool> tick = timer.WaitForNextTickAsync(CancellationToken.None).AsTask();
        ClusterView? view = null;
        try
        {
            while (_term is not null || (nextView is not null && !stoppingToken.IsCancellationRequested))
            {
                await Task.WhenAny(nextView ?? tick, tick).ConfigureAwait(false);
                if (nextView is { IsCompleted: true })
                {
                    bool more = await nextView.ConfigureAwait(false);
                    view = more ? views.Current : null;
                    nextView = more ? views.MoveNextAsync().AsTask() : null;
                }
                if (tick.IsCompleted)
                {
                    await tick.ConfigureAwait(false);
                    tick = timer.WaitForNextTickAsync(CancellationToken.None).AsTask();
                }
                if (_term is not null) await LookAfterAsync(_term, view, stoppingToken.IsCancellationRequested).ConfigureAwait(false);
                else if (!stoppingToken.IsCancellationRequested) StartIfMaster(view);
            }
        }
        finally
        {
            // The stream cannot be closed while somebody waits for its next view.
            await watching.CancelAsync().ConfigureAwait(false);
            if (nextView is not null) await ((Task)nextView).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
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
        _logger.MasterWorkStarts(Work, view.Epoch);
        _term = new MasterTerm(_work, lease, _time);
    }

    private async Task LookAfterAsync(MasterTerm term, ClusterView? view, bool stopping)
    {
        if (term.Task.IsCompleted)
        {
            _term = null;
            _membership.MasterWork.Ended();
            _workIsDone = !term.WasToldToStop;
            _logger.MasterWorkEnded(Work);
            bool expected = term.WasToldToStop && term.Task.IsCanceled;
            term.Dispose();
            if (!expected) await term.Task.ConfigureAwait(false);
            return;
        }
        if (view is not null && view.Master == _membership.Self) FollowInto(view, term);
        if (ReasonToStop(term, view, stopping) is var (reason, timeLeft) && term.Stop(reason, timeLeft)) _logger.MasterWorkStopping(Work, reason);
        if (!term.IsOverrun) return;
        _logger.MasterWorkOverrun(Work, term.StopReason!);
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
        if (view is null) return ("this node is no longer a member", _stopTime);
        // Nobody is elected while it still runs: it has until the engine's limit for callbacks, which halts the node.
        if (_membership.MasterWork.IsClosed(view.Epoch)) return ("the mastership is handed over", TimeSpan.MaxValue);
        if (view.Master != _membership.Self) return ($"node {view.Master} is the master in epoch {view.Epoch}", _stopTime);
        if (term.IsLeaseLost) return ("the lease was lost", term.StopReason is null ? _stopTime : TimeSpan.Zero);
        MembershipLease lease = term.Lease.Current;
        if (lease.IsValid && lease.Remaining < _stopTime) return ("the lease is about to run out", TimeSpan.MaxValue);
        // A hold alone is no reason: the regroup may well leave this node the master. But where it would last longer than the lease it
        // holds, the others may go on without this node, and the work has stopped by then.
        if (term.HoldOutlasts(_membership.Lease, _stopTime) is { } left) return ("the hold outlasts the lease", left);
        return stopping ? ("the host stops", TimeSpan.MaxValue) : null;
    }
}
