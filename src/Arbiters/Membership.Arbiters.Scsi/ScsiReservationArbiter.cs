// The arbiter: gives the contest for the LUN a thread of its own, deadlines, and answers in the engine's words.
using System.Collections.Immutable;
using Membership.Arbiters.Scsi.Record;
using Membership.Arbiters.Scsi.Reservations;
using Membership.Arbiters.Scsi.Transports;
using Membership.Engine;
using Membership.Engine.Arbitration;
using Membership.Engine.Runtime;

namespace Membership.Arbiters.Scsi;

/// <summary>A quorum witness on a small shared LUN, held by a SCSI reservation and defended by a renewal counter in its first blocks.</summary>
/// <remarks>Safe for calls from any thread, one at a time but for <see cref="DisposeAsync"/>. A node number is used by one process at a time.</remarks>
public sealed class ScsiReservationArbiter : IQuorumArbiter, IMarkedRecord
{
    /// <summary>A call has the time of this many commands that each take as long as one may.</summary>
    private const int CommandsPerCall = 12;

    private readonly ScsiReservationOptions _options;
    private readonly IoThread _thread;
    private readonly CancellationTokenSource _stopping = new();
    private readonly Lock _start = new();
    private Task _observer = Task.CompletedTask;

    private long _remembered;

    // Touched on the thread only, but for its mark.
    private WitnessContest? _contest;

    /// <summary>Makes the arbiter; nothing is touched before the first call.</summary>
    /// <param name="options">Which LUN and how; copied.</param>
    /// <exception cref="ArgumentException">An option is out of range; the message lists every failure.</exception>
    public ScsiReservationArbiter(ScsiReservationOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        if (options.Validate() is { Count: > 0 } failures) throw new ArgumentException(string.Join(" ", failures), nameof(options));
        _options = options with { };
        _thread = new IoThread($"scsi witness {_options}");
    }

    /// <inheritdoc/>
    public string Description => $"SCSI witness {_options}";

    /// <inheritdoc/>
    public TimeSpan RenewInterval => _options.RenewInterval;

    /// <inheritdoc/>
    public TimeSpan TakeoverTime => _options.OwnershipPeriod * (1 + SlotWatch.ClockMargin);

    long IMarkedRecord.Mark => Math.Max(Interlocked.Read(ref _remembered), Volatile.Read(ref _contest)?.Mark ?? 0);

    void IMarkedRecord.Remember(long mark) => Interlocked.Exchange(ref _remembered, mark);

    private TimeSpan CallLimit => _options.CommandTimeout * CommandsPerCall;

    /// <inheritdoc/>
    public async ValueTask<string?> CheckAsync(ArbiterIdentity identity, CancellationToken cancellationToken)
    {
        string? verdict = null;
        WitnessResult result = await RunAsync(identity, CallLimit * 2, (contest, deadline) =>
        {
            (WitnessContest _, ScsiUnit unit, WitnessDisk disk, IReservation reservation) = contest;
            verdict = UnitCheck.Run(unit, disk, reservation, identity, _options, deadline);
            if (verdict is null) contest.Contest.Observe(deadline);
            return Succeeded;
        }, cancellationToken).ConfigureAwait(false);
        string? trouble = result.Outcome == WitnessOutcome.Success ? verdict : result.Detail;
        return trouble is null ? null : $"The SCSI witness cannot be used: {trouble}";
    }

    /// <inheritdoc/>
    public ValueTask<WitnessResult> ArbitrateAsync(ArbiterIdentity identity, CancellationToken cancellationToken)
        => RunAsync(identity, _options.OwnershipPeriod * 3 + CallLimit, static (contest, deadline) => contest.Contest.Challenge(deadline), cancellationToken);

    /// <inheritdoc/>
    public ValueTask<WitnessResult> RenewAsync(ArbiterIdentity identity, CancellationToken cancellationToken)
        => RunAsync(identity, CallLimit, static (contest, deadline) => contest.Contest.Renew(deadline), cancellationToken);

    /// <inheritdoc/>
    public async ValueTask<WitnessResult> WriteSlotAsync(ArbiterIdentity identity, ImmutableArray<ClusterView> slot, CancellationToken cancellationToken)
    {
        WitnessResult result = await RunAsync(identity, CallLimit, (contest, deadline) => contest.Contest.WriteSlot(slot, deadline), cancellationToken).ConfigureAwait(false);
        if (result.Outcome == WitnessOutcome.Success) FenceLater(identity, slot);
        return result;
    }

    /// <inheritdoc/>
    public async ValueTask ReleaseAsync(ArbiterIdentity identity, CancellationToken cancellationToken)
        => await RunAsync(identity, CallLimit, static (contest, deadline) =>
        {
            contest.Contest.Release(deadline);
            return Succeeded;
        }, cancellationToken).ConfigureAwait(false);

    /// <summary>Makes the LUN this cluster's witness, whatever it held; all that was recorded is lost. For operators, with every node stopped.</summary>
    /// <param name="identity">Who asks.</param>
    /// <param name="clearReservations">Removes every reservation and registration first, whoever made them.</param>
    /// <param name="cancellationToken">The deadline.</param>
    /// <returns>Null when it is done, else what is wrong and what to do.</returns>
    public async ValueTask<string?> InitializeAsync(ArbiterIdentity identity, bool clearReservations, CancellationToken cancellationToken)
    {
        string? verdict = null;
        WitnessResult result = await RunAsync(identity, CallLimit * 2, (contest, deadline) =>
        {
            Interlocked.Exchange(ref _remembered, 0);
            verdict = contest.Contest.Initialize(clearReservations, deadline);
            return Succeeded;
        }, cancellationToken).ConfigureAwait(false);
        return result.Outcome == WitnessOutcome.Success ? verdict : result.Detail;
    }

    /// <summary>Stops watching and lets go of the LUN. Does not release the witness: what is owned runs out by itself. Who owns nothing takes its registration back.</summary>
    /// <returns>A task that ends when all is closed, after <see cref="ScsiReservationOptions.CommandTimeout"/> at the latest; it does not wait for a unit that hangs.</returns>
    public async ValueTask DisposeAsync()
    {
        if (_stopping.IsCancellationRequested) return;
        await _stopping.CancelAsync().ConfigureAwait(false);
        Task<bool> closed = _thread.Run(() =>
        {
            if (_contest is not { } contest) return true;
            contest.Leave(new Deadline(MonotonicClock.System.Now + _options.CommandTimeout / 2, CancellationToken.None));
            contest.Dispose();
            return true;
        }, CancellationToken.None);
        _thread.Dispose();
        await Task.WhenAny(closed, Task.Delay(_options.CommandTimeout)).ConfigureAwait(false);
    }

    private static WitnessResult Succeeded => new(WitnessOutcome.Success, TimeSpan.Zero, []);

    private static WitnessResult Unknown(string detail) => new(WitnessOutcome.Unknown, TimeSpan.Zero, [], detail);

    /// <summary>Runs one piece of work on the thread; the caller has its answer by the deadline, whatever the unit does.</summary>
    private async ValueTask<WitnessResult> RunAsync(
        ArbiterIdentity identity, TimeSpan limit, Func<Engaged, Deadline, WitnessResult> work, CancellationToken cancellationToken)
    {
        ArgumentException.ThrowIfNullOrEmpty(identity.ClusterId, nameof(identity));
        ObjectDisposedException.ThrowIf(_stopping.IsCancellationRequested, this);
        var both = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, _stopping.Token);
        both.CancelAfter(limit);
        CancellationToken token = both.Token;
        Task<WitnessResult> running = _thread.Run(() => work(EngagedFor(identity), new Deadline(MonotonicClock.System.Now + limit, token)), token);
        // The source lives as long as the work does, which may be longer than this call.
        _ = running.ContinueWith(static (ended, source) =>
        {
            _ = ended.Exception;
            ((CancellationTokenSource)source!).Dispose();
        }, both, CancellationToken.None, TaskContinuationOptions.None, TaskScheduler.Default);
        try
        {
            return await running.WaitAsync(token).ConfigureAwait(false);
        }
        catch (OperationCanceledException)
        {
            string doing = _contest?.Doing is { Length: > 0 } known ? $" (last: {known})" : "";
            return Unknown($"The {Description} did not answer in time{doing}; the request may still take effect.");
        }
        catch (ScsiException problem)
        {
            return Unknown(problem.Message);
        }
        finally
        {
            StartObserving(identity);
        }
    }

    private readonly record struct Engaged(WitnessContest Contest, ScsiUnit Unit, WitnessDisk Disk, IReservation Reservation);

    private Engaged _engaged;

    /// <summary>The contest of this life; another identity is another key and another session.</summary>
    private Engaged EngagedFor(ArbiterIdentity identity)
    {
        if (_contest is not null && _contest.Identity == identity) return _engaged;
        _contest?.Dispose();
        var unit = ScsiUnit.For(_options, identity);
        var disk = new WitnessDisk(unit, identity.ClusterId, Math.Max(_options.MaxNodes, 2));
        IReservation reservation = _options.Mode == ScsiReservationMode.Classic
            ? new ClassicReservation(unit)
            : new PersistentReservation(unit, ReservationKey.For(identity), _options.AbortPreempted);
        _contest = new WitnessContest(unit, disk, reservation, identity, _options, ((IMarkedRecord)this).Mark);
        return _engaged = new Engaged(_contest, unit, disk, reservation);
    }

    private void FenceLater(ArbiterIdentity identity, ImmutableArray<ClusterView> views)
    {
        Task<int> fencing = _thread.Run(
            () => EngagedFor(identity).Contest.Fence(views, new Deadline(MonotonicClock.System.Now + _options.CommandTimeout * 2, _stopping.Token)), _stopping.Token);
        // Not fenced now is fenced at the next write; who was removed has lost its lease anyway.
        _ = fencing.ContinueWith(static ended => _ = ended.Exception, CancellationToken.None, TaskContinuationOptions.None, TaskScheduler.Default);
    }

    private void StartObserving(ArbiterIdentity identity)
    {
        lock (_start)
        {
            if (_observer != Task.CompletedTask || _stopping.IsCancellationRequested) return;
            _observer = Task.Run(() => ObserveAsync(identity, _stopping.Token), CancellationToken.None);
        }
    }

    /// <summary>Looks at the record twice per renewal interval while this node does not own it.</summary>
    private async Task ObserveAsync(ArbiterIdentity identity, CancellationToken stopping)
    {
        try
        {
            while (true)
            {
                await Task.Delay(_options.RenewInterval / 2, stopping).ConfigureAwait(false);
                try
                {
                    await _thread.Run(() =>
                    {
                        if (_contest is { IsOwned: false } contest) contest.Observe(new Deadline(MonotonicClock.System.Now + _options.CommandTimeout, stopping));
                        return true;
                    }, stopping).ConfigureAwait(false);
                }
                catch (Exception problem) when (problem is ScsiException || (problem is OperationCanceledException && !stopping.IsCancellationRequested))
                {
                    // No sighting: whoever asks next meets the same trouble and reports it.
                    continue;
                }
            }
        }
        catch (OperationCanceledException) when (stopping.IsCancellationRequested)
        {
            // Disposed.
        }
    }
}
