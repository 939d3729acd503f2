// The embedded arbiter: a witness in a local directory shared by the processes of one machine. Each side judges time by
// its own clock: the owner counts from before its call, a challenger from after it first saw the owner's last change.
using System.Collections.Immutable;
using Membership.Engine.Runtime;
using Membership.Engine.Storage;

namespace Membership.Engine.Arbitration;

/// <summary>A quorum witness in a local directory, for clusters whose nodes are processes of one machine, for demos and for tests.</summary>
/// <remarks>
/// Safe against crashes and against processes stopped (SIGSTOP) at any instruction and resumed later; a stopped process never blocks
/// the others, because no lock is ever held. Not for network file systems: caches may hide a rival's claim.
/// </remarks>
public sealed class WitnessFileArbiter : IQuorumArbiter
{
    /// <summary>An owner's period is cut and a challenger's stretched by this, for clocks that run at different rates.</summary>
    private const double ClockMargin = 0.01;

    private readonly WitnessFileOptions _options;
    private readonly MonotonicClock _clock;
    private readonly Guid _claimant = Guid.NewGuid();
    private readonly SemaphoreSlim _turn = new(1, 1);
    private readonly CancellationTokenSource _stopping = new();
    private readonly Lock _start = new();
    private WitnessChain? _chain;
    private Task _observer = Task.CompletedTask;

    // Touched only by who has the turn.
    private WitnessRecord? _seen;
    private MonotonicTime _seenSince;
    private MonotonicTime _ownedUntil = MonotonicTime.MinValue;

    /// <summary>Makes the arbiter; nothing is touched before the first call.</summary>
    /// <param name="options">Where and how; the same values on every node.</param>
    /// <exception cref="ArgumentException">An option is out of range; the message lists every failure.</exception>
    public WitnessFileArbiter(WitnessFileOptions options)
        : this(options, MonotonicClock.System)
    {
    }

    internal WitnessFileArbiter(WitnessFileOptions options, MonotonicClock clock)
    {
        ArgumentNullException.ThrowIfNull(options);
        if (options.Validate() is { Count: > 0 } failures) throw new ArgumentException(string.Join(" ", failures), nameof(options));
        _options = options with { Directory = Path.GetFullPath(options.Directory) };
        _clock = clock;
    }

    /// <inheritdoc/>
    public string Description => $"witness directory {_options.Directory}";

    /// <inheritdoc/>
    public TimeSpan RenewInterval => _options.RenewInterval;

    /// <inheritdoc/>
    public async ValueTask<string?> CheckAsync(ArbiterIdentity identity, CancellationToken cancellationToken)
    {
        WitnessResult result = await RunAsync(identity, _options.CallDeadline * 3, token =>
        {
            ChainOf(identity).Probe();
            Observe(ChainOf(identity));
            return Task.FromResult(Succeeded(TimeSpan.Zero));
        }, cancellationToken).ConfigureAwait(false);
        return result.Outcome == WitnessOutcome.Success
            ? null
            : $"The {Description} cannot be used: {result.Detail} It needs a directory on a local file system with hard links that every node's process may write.";
    }

    /// <inheritdoc/>
    public ValueTask<WitnessResult> ArbitrateAsync(ArbiterIdentity identity, CancellationToken cancellationToken)
        => RunAsync(identity, _options.OwnershipPeriod * 3 + _options.CallDeadline, token => ChallengeAsync(identity, token), cancellationToken);

    /// <inheritdoc/>
    public ValueTask<WitnessResult> RenewAsync(ArbiterIdentity identity, CancellationToken cancellationToken)
        => RunAsync(identity, _options.CallDeadline, token => Task.FromResult(Extend(identity, static record => record, token)), cancellationToken);

    /// <inheritdoc/>
    public ValueTask<WitnessResult> WriteSlotAsync(ArbiterIdentity identity, ImmutableArray<ClusterView> slot, CancellationToken cancellationToken)
        => RunAsync(identity, _options.CallDeadline, token => Task.FromResult(Extend(identity, record => record.WithSlot(identity.Node, slot), token)), cancellationToken);

    /// <inheritdoc/>
    public async ValueTask ReleaseAsync(ArbiterIdentity identity, CancellationToken cancellationToken)
        => await RunAsync(identity, _options.CallDeadline, token =>
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
    }

    private static WitnessResult Succeeded(TimeSpan ownedFor, ImmutableArray<ClusterView> views = default)
        => new(WitnessOutcome.Success, ownedFor, views.IsDefault ? [] : views);

    private static WitnessResult Lost(string detail) => new(WitnessOutcome.Lost, TimeSpan.Zero, [], detail);

    private static WitnessResult Unknown(string detail) => new(WitnessOutcome.Unknown, TimeSpan.Zero, [], detail);

    private WitnessOwner OwnerOf(ArbiterIdentity identity) => new(identity.Node, identity.Incarnation, _claimant);

    /// <summary>Runs one piece of work at a time, never longer than the deadline as seen by the caller, whatever the file system does.</summary>
    private async ValueTask<WitnessResult> RunAsync(
        ArbiterIdentity identity, TimeSpan limit, Func<CancellationToken, Task<WitnessResult>> work, CancellationToken cancellationToken)
    {
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
            Task<WitnessResult> running = Task.Run(async () =>
            {
                try
                {
                    return await work(token).ConfigureAwait(false);
                }
                finally
                {
                    _turn.Release();
                }
            }, CancellationToken.None);
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

    private async Task<WitnessResult> ChallengeAsync(ArbiterIdentity identity, CancellationToken token)
    {
        WitnessChain chain = ChainOf(identity);
        MonotonicTime called = _clock.Now;
        WitnessOwner self = OwnerOf(identity);
        WitnessRecord current = Observe(chain);
        while (true)
        {
            token.ThrowIfCancellationRequested();
            TimeSpan wait = current.Owner.IsNobody || current.Owner == self
                ? TimeSpan.Zero
                : _seenSince + current.OwnershipPeriod * (1 + ClockMargin) - _clock.Now;
            if (wait <= TimeSpan.Zero)
            {
                MonotonicTime before = _clock.Now;
                WitnessRecord claim = NextOwnedBy(self, current);
                if (chain.TryAppend(claim, token))
                    return Confirm(claim, before, called, claim.AllViews());
            }
            else
            {
                TimeSpan pause = TimeSpan.FromTicks(Math.Clamp(_options.RenewInterval.Ticks / 8, TimeSpan.TicksPerMillisecond * 5, TimeSpan.TicksPerMillisecond * 100));
                await Task.Delay(wait < pause ? wait : pause, token).ConfigureAwait(false);
            }
            long challenged = current.Generation;
            current = Observe(chain);
            if (current.Generation != challenged && !current.Owner.IsNobody && current.Owner != self)
            {
                _ownedUntil = MonotonicTime.MinValue;
                return Lost($"Node {current.Owner.Node} owns the witness and defends it (generation {current.Generation}).");
            }
        }
    }

    /// <summary>Publishes a changed record as the owner: a renewal, with or without a slot written.</summary>
    private WitnessResult Extend(ArbiterIdentity identity, Func<WitnessRecord, WitnessRecord> change, CancellationToken token)
    {
        MonotonicTime called = _clock.Now;
        if (called >= _ownedUntil) return Lost("The ownership of the witness has run out by this node's own clock.");
        WitnessChain chain = ChainOf(identity);
        WitnessOwner self = OwnerOf(identity);
        WitnessRecord current = Observe(chain);
        WitnessRecord claim = change(NextOwnedBy(self, current));
        if (current.Owner == self && chain.TryAppend(claim, token)) return Confirm(claim, called, called, []);
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
    private WitnessRecord Observe(WitnessChain chain)
    {
        while (true)
        {
            long generation = chain.HighestGeneration();
            if (_seen is { } seen && seen.Generation == generation) return seen;
            WitnessRecord? read = generation == 0 ? WitnessRecord.Blank(chain.ClusterId) : chain.Read(generation);
            if (read is null) continue;
            _seen = read;
            _seenSince = _clock.Now;
            return read;
        }
    }

    private WitnessChain ChainOf(ArbiterIdentity identity)
    {
        lock (_start)
        {
            _chain ??= new WitnessChain(_options.Directory, identity.ClusterId);
            return _chain.ClusterId == identity.ClusterId
                ? _chain
                : throw new ArgumentException($"This arbiter serves cluster '{_chain.ClusterId}' and was asked by '{identity.ClusterId}'.", nameof(identity));
        }
    }

    private void StartObserving(ArbiterIdentity identity)
    {
        WitnessChain chain = ChainOf(identity);
        lock (_start)
        {
            if (_observer != Task.CompletedTask || _stopping.IsCancellationRequested) return;
            _observer = Task.Run(() => ObserveAsync(chain, _stopping.Token), CancellationToken.None);
        }
    }

    /// <summary>Watches the owner all the time, so that a challenge need not begin to count when the owner is long dead.</summary>
    private async Task ObserveAsync(WitnessChain chain, CancellationToken stopping)
    {
        try
        {
            while (true)
            {
                await Task.Delay(_options.RenewInterval / 4, stopping).ConfigureAwait(false);
                if (!await _turn.WaitAsync(TimeSpan.Zero, stopping).ConfigureAwait(false)) continue;
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
