// A node's beginning and end: its parts are opened in order, a failed start closes what it opened, and a halt or a
// disposal closes everything, each part within a bound.
using System.Globalization;
using Membership.Engine.Arbitration;
using Membership.Engine.Protocol;
using Membership.Engine.Storage;

namespace Membership.Engine.Runtime;

public sealed partial class MembershipNode
{
    private static readonly TimeSpan WitnessCheckLimit = TimeSpan.FromSeconds(10);

    /// <summary>How often a first start asks a witness that refuses or does not answer: storage that starts together with the nodes is slow at first.</summary>
    private const int WitnessChecks = 3;

    private static readonly TimeSpan WitnessCheckPause = TimeSpan.FromSeconds(0.5);

    /// <summary>Two attempts get half of the arbitration timeout each, with a quarter to spare for the challenge itself.</summary>
    private const double ArbitrationAttempts = 2.5;

    private static readonly TimeSpan PartStopLimit = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan MinimumDiscovery = TimeSpan.FromMilliseconds(500);

    internal void Installed(ClusterView view)
    {
        _currentView = view;
        if (!view.IsHandover) _changes.SetRoles(MemberRoles.Of(view));
        _views.Publish(view);
        lock (_gate) _firstView.TrySetResult(view);
    }

    /// <summary>The cluster information changes before the host is told. Called by the callback runner, which may be late: after the end there is none.</summary>
    private void InfoChanged(ClusterView view)
    {
        lock (_gate)
        {
            if (_shutDown is null && !_halted.Task.IsCompleted) _currentView = view;
        }
    }

    internal void Halt(HaltCode code, string detail)
    {
        _lease.Lose();
        _currentView = null;
        _parts?.Loop.Stop();
        _logger.Halts(Self, code, detail);
        _journal.Add($"halt {code}: {detail}");
        _changes.SetRoles(default);
        lock (_gate)
        {
            if (!_halted.TrySetResult(new NodeHalt(code, detail))) return;
            _currentView = null;
            FailFirstView($"Node {Self} halted with {code}: {detail}");
        }
        _ = Task.Run(async () =>
        {
            try
            {
                await _callbackHost.HaltAsync(code, detail).ConfigureAwait(false);
            }
#pragma warning disable CA1031 // The host's callback may fail in any way; the halt stands.
            catch (Exception failure)
#pragma warning restore CA1031
            {
                _logger.HaltCallbackFailed(Self, failure);
            }
        });
        _ = Task.Run(ShutDownAsync);
    }

    private async Task BeginAsync(string? forceReason, CancellationToken cancellationToken)
    {
        int start;
        await _lifetime.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            lock (_gate)
            {
                if (_halted.Task.IsCompleted) throw new InvalidOperationException($"Node {Self} has halted with {_halted.Task.Result.Code}; start a new process.");
                ObjectDisposedException.ThrowIf(_shutDown is not null, this);
                if (_started) throw new InvalidOperationException($"Node {Self} was started already; leave first.");
                if (_firstView.Task.IsCompleted) _firstView = new TaskCompletionSource<ClusterView>(TaskCreationOptions.RunContinuationsAsynchronously);
            }
            if (_parts is null)
            {
                Parts parts = await OpenAsync(cancellationToken).ConfigureAwait(false);
                Volatile.Write(ref _parts, parts);
                parts.Loop.Start(parts.Core);
            }
            lock (_gate)
            {
                _started = true;
                _startRefused = false;
                start = ++_starts;
            }
        }
        finally
        {
            _lifetime.Release();
        }
        if (forceReason is not null)
        {
            _logger.FormingByForce(Self, forceReason);
            _journal.Add($"forming by force: {forceReason}");
        }
        Task<(MembershipStatus Status, string? Detail)> started = Request("start", (core, id, now) => core.Start(id, forceReason is not null, now));
        _ = FollowStartAsync(started, start);
    }

    /// <summary>The start's end: a joiner may decide and arbitrate from here on; a node that was refused says so to whoever waits.</summary>
    private async Task FollowStartAsync(Task<(MembershipStatus Status, string? Detail)> started, int start)
    {
        (MembershipStatus status, string? detail) = await started.ConfigureAwait(false);
        if (status == MembershipStatus.Ok)
        {
            await SetRegroupAllowedAsync(true).ConfigureAwait(false);
            return;
        }
        lock (_gate)
        {
            // Whoever left meanwhile may have been started again already: then this is old news.
            if (start != _starts) return;
            _startRefused = status == MembershipStatus.Fault;
            _started = false;
            FailFirstView($"Node {Self} did not become a member: {status} {detail}");
        }
        // A halt ends a start with a fault, too, and has its own word for it.
        if (status == MembershipStatus.Fault && await AskForSnapshotAsync(CancellationToken.None).ConfigureAwait(false) is { Phase: NodePhase.Down }) _refused.TrySetResult(detail ?? "");
    }

    /// <summary>The leave's end, also when nobody waits for it any more: from then on the node may be started again.</summary>
    private async Task<MembershipStatus> FollowLeaveAsync()
    {
        int start;
        lock (_gate) start = _starts;
        (MembershipStatus status, _) = await Request("leave", static (core, id, now) => core.Leave(id, now)).ConfigureAwait(false);
        lock (_gate)
        {
            if (status == MembershipStatus.Ok && start == _starts) _started = false;
        }
        return status;
    }

    private async Task<Parts> OpenAsync(CancellationToken cancellationToken)
    {
        ViewStore store = await Task.Run(() => ViewStore.Open(_options.StoreDirectory, _options.ClusterId, Self), cancellationToken).ConfigureAwait(false);
        NodeNetwork? network = null;
        NodeLoop? loop = null;
        string? trouble = null;
        try
        {
            if (_arbiter is not null) trouble = await CheckWitnessAsync(_arbiter, store, cancellationToken).ConfigureAwait(false);
            loop = new NodeLoop(string.Create(CultureInfo.InvariantCulture, $"membership {Self}"), _clock, Stepped, LoopFailed);
            network = new NodeNetwork(_options, Self, loop, _clock, _faults, _logger);
            await network.StartAsync(cancellationToken).ConfigureAwait(false);
        }
        catch
        {
            if (network is not null) await network.DisposeAsync().ConfigureAwait(false);
            loop?.Dispose();
            store.Dispose();
            throw;
        }
        var callbacks = new CallbackRunner(
            _callbackHost, _clock.Provider, _logger, Self, InfoChanged, id => loop.Post((core, now) => core.CallbackCompleted(id, now)));
        var metrics = new NodeMetrics(this, _options);
        var trace = new RegroupTrace(_options.ClusterId, Self, _clock, metrics);
        WitnessRunner? witness = _arbiter is null ? null : new WitnessRunner(_arbiter, new WitnessSeen(store.Directory), trouble, IdentityIn(store), _clock, _logger, Self, loop.Post, metrics.Arbitrated);
        var effects = new NodeEffects(this, _options.ClusterId, Self, loop, store, callbacks, witness, _lease, network, _journal, _history, _counters, metrics, trace, _logger);
        var core = new MembershipCore(ProtocolOptionsFor(), store.Loaded, effects, _clock.Now);
        _logger.Starting(Self, _options.ClusterId, store.Directory, _arbiter?.Description ?? "none");
        if (_arbiter is not null && _arbiter.TakeoverTime * ArbitrationAttempts is var least && _options.ArbitrationTimeout < least)
            _logger.ArbitrationTooShort(Self, _options.ArbitrationTimeout, _arbiter.Description, _arbiter.TakeoverTime, least);
        return new Parts(core, loop, store, network, callbacks, witness, metrics, trace);
    }

    private ArbiterIdentity IdentityIn(ViewStore store) => new(_options.ClusterId, Self, store.Loaded.Incarnation);

    /// <summary>
    /// A node that never was a member does not start without its witness: most of all its settings are wrong. One that was starts all the same, for
    /// the others may go on without the witness; it has no vote from it until it can be used.
    /// </summary>
    /// <returns>Null, or what is wrong with it.</returns>
    private async Task<string?> CheckWitnessAsync(IQuorumArbiter arbiter, ViewStore store, CancellationToken cancellationToken)
    {
        try
        {
            if (arbiter is IMarkedRecord record) record.Remember(new WitnessSeen(store.Directory).Read(arbiter.Description));
        }
        catch (Exception unreadable) when (unreadable is RecordFormatException or IOException or UnauthorizedAccessException)
        {
            throw new InvalidOperationException($"Node {Self} cannot start: {unreadable.Message}", unreadable);
        }
        ArbiterIdentity identity = IdentityIn(store);
        for (int check = 1; ; check++)
        {
            string? trouble = await AskWitnessAsync(arbiter, identity, cancellationToken).ConfigureAwait(false);
            if (trouble is null) return null;
            if (!store.Loaded.IsEmpty)
            {
                _logger.StartsWithoutWitness(Self, trouble);
                _journal.Add($"starts without its witness: {trouble}");
                return trouble;
            }
            if (check == WitnessChecks) throw new InvalidOperationException($"Node {Self} cannot start: {trouble}");
            _journal.Add($"asks its witness again: {trouble}");
            await Task.Delay(WitnessCheckPause, _clock.Provider, cancellationToken).ConfigureAwait(false);
        }
    }

    private async Task<string?> AskWitnessAsync(IQuorumArbiter arbiter, ArbiterIdentity identity, CancellationToken cancellationToken)
    {
        using var limit = new CancellationTokenSource(WitnessCheckLimit, _clock.Provider);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, cancellationToken);
        try
        {
            string? trouble = await arbiter.CheckAsync(identity, either.Token).AsTask().WaitAsync(either.Token).ConfigureAwait(false);
            // An arbiter may report its caller's own cancellation as trouble.
            cancellationToken.ThrowIfCancellationRequested();
            return trouble;
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            return $"{arbiter.Description} did not answer within {WitnessCheckLimit.TotalSeconds} s.";
        }
    }

    private ProtocolOptions ProtocolOptionsFor()
    {
        ClusterTiming timing = _options.EffectiveTiming;
        TimeSpan discovery = timing.LossPeriod * 1.25;
        return new ProtocolOptions
        {
            Self = Self,
            Nodes = [.. _options.Nodes.Select(static node => new ConfiguredNode(new NodeId(node.Number), node.Votes)).OrderBy(static node => node.Node)],
            Timing = timing,
            Rule = new QuorumRule(
                _options.Policy ?? (_arbiter is null ? QuorumPolicy.NodeMajority : QuorumPolicy.NodeAndWitnessMajority), _options.TieBreaker, _options.WitnessPinned),
            ClockRateBound = _options.ClockRateBound,
            Paths = _options.Nodes[0].Endpoints.Count,
            ArbitrationTimeout = _options.ArbitrationTimeout,
            ArbitrationEqualizer = _options.ArbitrationEqualizer,
            DiscoveryTime = _options.DiscoveryTime ?? (discovery > MinimumDiscovery ? discovery : MinimumDiscovery),
            JoinTimeout = _options.JoinTimeout,
            CallbackLimit = _options.CallbackLimit,
            Bootstrap = _options.Bootstrap,
            HasWitness = _arbiter is not null,
            WitnessKeepsRecord = _arbiter?.KeepsRecord ?? true,
            AdmitOnRequest = _options.AdmitOnRequest,
            Quarantine = _options.Quarantine,
            Qualified = _options.Qualified,
            MembershipFrameInterval = _options.MembershipFrameInterval,
            StaleAfter = _options.StaleAfter,
            TrustConnectionRefused = _options.CrashEvidence == CrashEvidence.ConnectionRefused,
            WitnessPeriod = _arbiter?.TakeoverTime ?? TimeSpan.Zero,
            StoreLocked = true,
        };
    }

    private void Stepped(MembershipCore core)
    {
        _isStale = core.IsStale;
        if (_currentView is null || core.InForce is not null) return;
        _currentView = null;
        _changes.SetRoles(default);
        _views.Forget();
        _states.Forget();
    }

    private void LoopFailed(Exception failure)
    {
        _logger.LoopFailed(Self, failure);
        Halt(HaltCode.InternalFault, $"{failure.GetType().Name}: {failure.Message}");
    }

    private Task ShutDownAsync()
    {
        lock (_gate) return _shutDown ??= Task.Run(CloseAsync);
    }

    private async Task CloseAsync()
    {
        await _lifetime.WaitAsync().ConfigureAwait(false);
        try
        {
            if (_parts is { } parts)
            {
                parts.Loop.Stop();
                if (!parts.Loop.IsLoopThread) await parts.Loop.Ended.ConfigureAwait(false);
                _lease.Lose();
                lock (_gate) _currentView = null;
                _changes.SetRoles(default);
                foreach (long request in _requests.Keys) CompleteRequest(new RequestId(request), MembershipStatus.NotMember, "the node has stopped");
                parts.Callbacks.Stop();
                parts.Trace.Stop("stopped");
                await StopPartAsync("the network", parts.Network.DisposeAsync().AsTask()).ConfigureAwait(false);
                if (parts.Witness is { } witness) await StopPartAsync("the witness", witness.DisposeAsync().AsTask()).ConfigureAwait(false);
                await StopPartAsync("the view store", Task.Run(parts.Store.Dispose)).ConfigureAwait(false);
                parts.Loop.Dispose();
                parts.Metrics.Dispose();
            }
            if (_arbiter is not null) await StopPartAsync("the arbiter", _arbiter.DisposeAsync().AsTask()).ConfigureAwait(false);
            _views.End();
            _states.End();
            _changes.End();
            lock (_gate) FailFirstView($"Node {Self} has stopped.");
            _logger.Stopped(Self);
        }
        finally
        {
            _lifetime.Release();
        }
    }

    private async Task StopPartAsync(string part, Task stop)
    {
        try
        {
            await stop.WaitAsync(PartStopLimit).ConfigureAwait(false);
        }
        catch (TimeoutException)
        {
            _logger.StopTookTooLong(Self, part);
        }
    }

    private void FailFirstView(string why)
    {
        // Nobody may be waiting: an unobserved failure is not an error of its own.
        if (_firstView.TrySetException(new InvalidOperationException(why))) _ = _firstView.Task.Exception;
    }

    private sealed record Parts(
        MembershipCore Core, NodeLoop Loop, ViewStore Store, NodeNetwork Network, CallbackRunner Callbacks, WitnessRunner? Witness,
        NodeMetrics Metrics, RegroupTrace Trace);
}
