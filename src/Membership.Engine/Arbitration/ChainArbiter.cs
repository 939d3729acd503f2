// The arbiter over a chain of generations, wherever the chain is kept. Each side judges time by its own clock: the owner
// counts from before its call, a challenger from after it first saw the owner's last change.
using System.Collections.Immutable;
using Membership.Engine.Runtime;
using Membership.Engine.Storage;

namespace Membership.Engine.Arbitration;

/// <summary>The periods of a chain arbiter; what each may be is checked by the options they come from.</summary>
internal readonly record struct ChainTiming(TimeSpan OwnershipPeriod, TimeSpan RenewInterval, TimeSpan CallDeadline);

/// <summary>Challenges, renews, writes and releases over a chain; all its file calls are made by one thread of its own.</summary>
internal sealed class ChainArbiter : IQuorumArbiter, IMarkedRecord
{
    /// <summary>An owner's period is cut and a challenger's stretched by this, for clocks that run at different rates.</summary>
    private const double ClockMargin = 0.01;

    private readonly string _description;
    private readonly string _advice;
    private readonly ChainTiming _options;
    private readonly Func<string, IWitnessChain> _open;
    private readonly MonotonicClock _clock;
    private readonly Guid _claimant = Guid.NewGuid();
    private readonly SemaphoreSlim _turn = new(1, 1);
    private readonly CancellationTokenSource _stopping = new();
    private readonly Lock _start = new();
    private readonly IoThread _thread = new("witness");
    private IWitnessChain? _chain;
    private Task _observer = Task.CompletedTask;

    // Touched only by who has the turn.
    private WitnessRecord? _seen;
    private MonotonicTime _seenSince;
    private long _highest;
    private MonotonicTime _ownedUntil = MonotonicTime.MinValue;

    /// <param name="description">For people: what and where.</param>
    /// <param name="advice">For people: what the place must offer, as a sentence.</param>
    /// <param name="timing">The periods; the same on every node.</param>
    /// <param name="open">Makes the chain of a cluster; called once.</param>
    /// <param name="clock">The node's clock.</param>
    public ChainArbiter(string description, string advice, ChainTiming timing, Func<string, IWitnessChain> open, MonotonicClock clock)
    {
        _description = description;
        _advice = advice;
        _options = timing;
        _open = open;
        _clock = clock;
    }

    /// <inheritdoc/>
    public string Description => _description;

    /// <inheritdoc/>
    public TimeSpan RenewInterval => _options.RenewInterval;

    /// <inheritdoc/>
    public TimeSpan TakeoverTime => _options.OwnershipPeriod * (1 + ClockMargin);

    public long Mark => Interlocked.Read(ref _highest);

    public void Remember(long mark) => Interlocked.Exchange(ref _highest, Math.Max(mark, Mark));

    /// <inheritdoc/>
    public async ValueTask<string?> CheckAsync(ArbiterIdentity identity, CancellationToken cancellationToken)
    {
        WitnessResult result = await RunAsync(identity, _options.CallDeadline * 3, (_, _) =>
        {
            ChainOf(identity).Probe();
            Observe(ChainOf(identity));
            return Task.FromResult(Succeeded(TimeSpan.Zero));
        }, cancellationToken).ConfigureAwait(false);
        return result.Outcome == WitnessOutcome.Success
            ? null
            : $"The {Description} cannot be used: {result.Detail} {_advice}";
    }

    /// <inheritdoc/>
    public ValueTask<WitnessResult> ArbitrateAsync(ArbiterIdentity identity, CancellationToken cancellationToken)
        => RunAsync(identity, _options.OwnershipPeriod * 3 + _options.CallDeadline, (called, token) => ChallengeAsync(identity, called, token), cancellationToken);

    /// <inheritdoc/>
    public ValueTask<WitnessResult> RenewAsync(ArbiterIdentity identity, CancellationToken cancellationToken)
        => RunAsync(identity, _options.CallDeadline, (called, token) => Task.FromResult(Extend(identity, static record => record, called, token)), cancellationToken);

    /// <inheritdoc/>
    public ValueTask<WitnessResult> WriteSlotAsync(ArbiterIdentity identity, ImmutableArray<ClusterView> slot, CancellationToken cancellationToken)
        => RunAsync(identity, _options.CallDeadline, (called, token) => Task.FromResult(Extend(identity, record => record.WithSlot(identity.Node, slot), called, token)), cancellationToken);

    /// <inheritdoc/>
    public async ValueTask ReleaseAsync(ArbiterIdentity identity, CancellationToken cancellationToken)
        => await RunAsync(identity, _options.CallDeadline, (_, token) =>
        {
            _ownedUntil = MonotonicTime.MinValue;
            WitnessRecord current = Observe(ChainOf(identity));
            if (current.Owner == OwnerOf(identity))
                ChainOf(identity).TryAppend(current with { Generation = current.Generation + 1, Owner = default, OwnershipPeriod = TimeSpan.Zero }, token);
            return Task.FromResult(Succeeded(TimeSpan.Zero));
        }, cancellationToken).ConfigureAwait(false);

    /// <summary>Stops watching the witness. Does not release it: what is owned runs out by itself.</summary>
    /// <returns>A task that ends when the watching has stopped; it does not wait for a file system that hangs.</returns>
    public async ValueTask DisposeAsync()
    {
        await _stopping.CancelAsync().ConfigureAwait(false);
        Task observer;
        lock (_start) observer = _observer;
        await Task.WhenAny(observer, Task.Delay(_options.CallDeadline)).ConfigureAwait(false);
        IWitnessChain? chain;
        lock (_start) chain = _chain;
        // On its own thread, after what may still hang there.
        if (chain is IDisposable own) _ = _thread.Run(() =>
        {
            own.Dispose();
            return Task.CompletedTask;
        });
        _thread.Dispose();
    }

    private static WitnessResult Succeeded(TimeSpan ownedFor, ImmutableArray<ClusterView> views = default)
        => new(WitnessOutcome.Success, ownedFor, views.IsDefault ? [] : views);

    private static WitnessResult Lost(string detail) => new(WitnessOutcome.Lost, TimeSpan.Zero, [], detail);

    private static WitnessResult Unknown(string detail) => new(WitnessOutcome.Unknown, TimeSpan.Zero, [], detail);

    private WitnessOwner OwnerOf(ArbiterIdentity identity) => new(identity.Node, identity.Incarnation, _claimant);

    /// <summary>Runs one piece of work at a time, never longer than the deadline as seen by the caller, whatever the file system does.</summary>
    private async ValueTask<WitnessResult> RunAsync(
        ArbiterIdentity identity, TimeSpan limit, Func<MonotonicTime, CancellationToken, Task<WitnessResult>> work, CancellationToken cancellationToken)
    {
        // The caller counts what it is given from here, however long the work waits for its turn.
        MonotonicTime called = _clock.Now;
        ArgumentException.ThrowIfNullOrEmpty(identity.ClusterId, nameof(identity));
        ObjectDisposedException.ThrowIf(_stopping.IsCancellationRequested, this);
        StartObserving(identity);
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, _stopping.Token);
        deadline.CancelAfter(limit);
        CancellationToken token = deadline.Token;
        try
        {
            await _turn.WaitAsync(token).ConfigureAwait(false);
            // The work keeps its turn until it really ends, even when its caller has given up: no two pieces ever overlap.
            Task<WitnessResult> running = _thread.Run(async () =>
            {
                try
                {
                    return await work(called, token).ConfigureAwait(true);
                }
                finally
                {
                    _turn.Release();
                }
            });
            try
            {
                return await running.WaitAsync(token).ConfigureAwait(false);
            }
            catch (OperationCanceledException) when (!running.IsCompleted)
            {
                _ = running.ContinueWith(static late => late.Exception, CancellationToken.None, TaskContinuationOptions.OnlyOnFaulted, TaskScheduler.Default);
                throw;
            }
        }
        catch (OperationCanceledException)
        {
            return Unknown($"The {Description} did not answer in time; the request may still take effect.");
        }
        catch (Exception problem) when (problem is IOException or UnauthorizedAccessException or RecordFormatException)
        {
            return Unknown(problem.Message);
        }
    }

    private async Task<WitnessResult> ChallengeAsync(ArbiterIdentity identity, MonotonicTime called, CancellationToken token)
    {
        IWitnessChain chain = ChainOf(identity);
        WitnessOwner self = OwnerOf(identity);
        // Counted to before the look: the maker of an unfinished generation may have confirmed it until its time was over, so what is built
        // on must have been read after that, wherever this process was stopped.
        MonotonicTime looked = _clock.Now;
        WitnessRecord current = Observe(chain);
        while (true)
        {
            token.ThrowIfCancellationRequested();
            TimeSpan wait = current.Owner.IsNobody || current.Owner == self
                ? TimeSpan.Zero
                : _seenSince + current.OwnershipPeriod * (1 + ClockMargin) - looked;
            long challenged = current.Generation;
            if (wait <= TimeSpan.Zero)
            {
                MonotonicTime before = _clock.Now;
                WitnessRecord claim = NextOwnedBy(self, current);
                if (chain.TryAppend(claim, token))
                    return Confirm(claim, before, called, claim.AllViews());
                looked = _clock.Now;
                current = Observe(chain);
                wait = _options.RenewInterval;
            }
            if (current.Generation == challenged)
            {
                TimeSpan pause = TimeSpan.FromTicks(Math.Clamp(_options.RenewInterval.Ticks / 8, TimeSpan.TicksPerMillisecond * 5, TimeSpan.TicksPerMillisecond * 100));
                await Task.Delay(wait < pause ? wait : pause, token).ConfigureAwait(true);
                looked = _clock.Now;
                current = Observe(chain);
            }
            if (current.Generation != challenged && !current.Owner.IsNobody && current.Owner != self)
            {
                _ownedUntil = MonotonicTime.MinValue;
                return Lost($"Node {current.Owner.Node} owns the witness and defends it (generation {current.Generation}).");
            }
        }
    }

    /// <summary>Publishes a changed record as the owner: a renewal, with or without a slot written.</summary>
    private WitnessResult Extend(ArbiterIdentity identity, Func<WitnessRecord, WitnessRecord> change, MonotonicTime called, CancellationToken token)
    {
        MonotonicTime before = _clock.Now;
        if (before >= _ownedUntil) return Lost("The ownership of the witness has run out by this node's own clock.");
        IWitnessChain chain = ChainOf(identity);
        WitnessOwner self = OwnerOf(identity);
        WitnessRecord current = Observe(chain);
        WitnessRecord claim = change(NextOwnedBy(self, current));
        if (current.Owner == self && chain.TryAppend(claim, token)) return Confirm(claim, before, called, []);
        _ownedUntil = MonotonicTime.MinValue;
        return Lost(current.Owner == self ? "Another node took the witness." : $"Node {current.Owner.Node} owns the witness (generation {current.Generation}).");
    }

    private WitnessRecord NextOwnedBy(WitnessOwner owner, WitnessRecord current) => current with
    {
        Generation = current.Generation + 1,
        Owner = owner,
        Renewals = current.Owner == owner ? current.Renewals + 1 : 0,
        OwnershipPeriod = _options.OwnershipPeriod,
    };

    private WitnessResult Confirm(WitnessRecord claim, MonotonicTime before, MonotonicTime called, ImmutableArray<ClusterView> views)
    {
        MonotonicTime until = before + claim.OwnershipPeriod * (1 - ClockMargin);
        MonotonicTime now = _clock.Now;
        _seen = claim;
        Interlocked.Exchange(ref _highest, claim.Generation);
        _seenSince = now;
        if (now >= until)
        {
            _ownedUntil = MonotonicTime.MinValue;
            return Lost("The claim succeeded so late that it had run out already.");
        }
        _ownedUntil = until;
        return Succeeded(until - called, views);
    }

    /// <summary>Looks at the chain; remembers since when its newest generation has been there, counted from after reading it.</summary>
    /// <exception cref="IOException">It cannot be read, or is not the chain it was.</exception>
    private WitnessRecord Observe(IWitnessChain chain)
    {
        while (true)
        {
            long generation = chain.HighestGeneration();
            // Generations only grow: this is not the chain that was there before, and its owner may not know yet.
            if (generation < _highest)
                throw new IOException($"The {Description} went back from generation {_highest} to {generation}: its content was removed or restored, or another place is there now (a mount that is gone). {IMarkedRecord.Advice}");
            bool known = _seen is { } seen && seen.Generation == generation;
            if (known && !_seen!.IsUnfinished) return _seen;
            WitnessRecord? read = generation == 0 ? WitnessRecord.Blank(chain.ClusterId) : chain.Read(generation);
            if (read is null) continue;
            Interlocked.Exchange(ref _highest, generation);
            _seen = read;
            // Its writer counts from before the generation was there at all, finished or not.
            if (!known) _seenSince = _clock.Now;
            return read;
        }
    }

    private IWitnessChain ChainOf(ArbiterIdentity identity)
    {
        lock (_start)
        {
            _chain ??= _open(identity.ClusterId);
            return _chain.ClusterId == identity.ClusterId
                ? _chain
                : throw new ArgumentException($"This arbiter serves cluster '{_chain.ClusterId}' and was asked by '{identity.ClusterId}'.", nameof(identity));
        }
    }

    private void StartObserving(ArbiterIdentity identity)
    {
        IWitnessChain chain = ChainOf(identity);
        lock (_start)
        {
            if (_observer != Task.CompletedTask || _stopping.IsCancellationRequested) return;
            _observer = _thread.Run(() => ObserveAsync(chain, _stopping.Token));
        }
    }

    /// <summary>Watches the owner all the time, so that a challenge need not begin to count when the owner is long dead.</summary>
    private async Task ObserveAsync(IWitnessChain chain, CancellationToken stopping)
    {
        try
        {
            while (true)
            {
                await Task.Delay(_options.RenewInterval / 4, stopping).ConfigureAwait(true);
                if (!await _turn.WaitAsync(TimeSpan.Zero, stopping).ConfigureAwait(true)) continue;
                try
                {
                    Observe(chain);
                }
                catch (Exception problem) when (problem is IOException or UnauthorizedAccessException or RecordFormatException)
                {
                    // Whoever asks next meets the same trouble and reports it; here there is only no sighting.
                    _seen = null;
                }
                finally
                {
                    _turn.Release();
                }
            }
        }
        catch (OperationCanceledException) when (stopping.IsCancellationRequested)
        {
            // Disposed.
        }
    }
}
