// The one task that talks to the arbiter: challenges, record writes, releases, and the renewal loop after a win. Every
// call has a deadline, whatever the arbiter does with its token, and trouble of any kind is "unknown".
using System.Collections.Immutable;
using System.Threading.Channels;
using Membership.Engine.Arbitration;
using Membership.Engine.Protocol;
using Membership.Engine.Storage;
using Microsoft.Extensions.Logging;

namespace Membership.Engine.Runtime;

internal sealed class WitnessRunner : IAsyncDisposable
{
    /// <summary>How much longer than its deadline an arbiter may take to come back before it is given up on.</summary>
    private static readonly TimeSpan Grace = TimeSpan.FromMilliseconds(100);

    /// <summary>How often a witness in trouble is looked at again while nothing is owned and nothing is asked of it.</summary>
    private static readonly TimeSpan LookAgain = TimeSpan.FromSeconds(2);

    /// <summary>How often what was seen of the record is written down while nothing happens but renewals.</summary>
    private static readonly TimeSpan SaveInterval = TimeSpan.FromSeconds(30);

    private readonly IQuorumArbiter _arbiter;
    private readonly WitnessSeen _seen;
    private readonly MonotonicClock _clock;
    private readonly ILogger _logger;
    private readonly NodeId _self;
    private readonly Func<LoopInput, bool> _post;
    private readonly Action<ArbitrationOutcome, TimeSpan> _arbitrated;
    private volatile string? _trouble;
    private readonly Channel<Func<Task>> _commands = Channel.CreateUnbounded<Func<Task>>(new UnboundedChannelOptions { SingleReader = true });
    private readonly CancellationTokenSource _stopping = new();
    private readonly Task _running;
    private Task _stuck = Task.CompletedTask;
    private volatile WitnessCall? _lastCall;
    private ArbiterIdentity _identity;
    private MonotonicTime _ownedUntil = MonotonicTime.MinValue;

    private long _saved;
    private MonotonicTime _savedAt = MonotonicTime.MinValue;
    private Task _saving = Task.CompletedTask;

    /// <param name="arbiter">The arbiter.</param>
    /// <param name="seen">Where the mark of its record is kept.</param>
    /// <param name="trouble">Why it could not be used when the node started; null when it could.</param>
    /// <param name="identity">As whom it is looked at until then.</param>
    /// <param name="clock">The node's clock.</param>
    /// <param name="logger">The node's log.</param>
    /// <param name="self">The node.</param>
    /// <param name="post">To the node's loop.</param>
    /// <param name="arbitrated">Told of every challenge.</param>
    public WitnessRunner(
        IQuorumArbiter arbiter, WitnessSeen seen, string? trouble, ArbiterIdentity identity, MonotonicClock clock, ILogger logger, NodeId self, Func<LoopInput, bool> post, Action<ArbitrationOutcome, TimeSpan> arbitrated)
    {
        _arbitrated = arbitrated;
        _arbiter = arbiter;
        _seen = seen;
        _trouble = trouble;
        _identity = identity;
        _clock = clock;
        _logger = logger;
        _self = self;
        _post = post;
        _running = Task.Run(RunAsync);
    }

    /// <summary>What was wrong with the last call, or with the ownership since; null when all is well, or when nothing was tried yet.</summary>
    public string? Trouble => _trouble;

    /// <summary>How the latest call ended; null before the first. Any thread.</summary>
    public WitnessCall? LastCall
    {
        get => _lastCall;
        private set => _lastCall = value;
    }

    public void Arbitrate(long id, ArbiterIdentity identity, TimeSpan timeout) => _commands.Writer.TryWrite(async () =>
    {
        MonotonicTime began = _clock.Now;
        (WitnessResult result, MonotonicTime until) = await CallAsync("arbitrate", token => _arbiter.ArbitrateAsync(identity, token), timeout).ConfigureAwait(false);
        _identity = identity;
        _ownedUntil = until;
        ArbitrationOutcome outcome = result.Outcome switch
        {
            WitnessOutcome.Success => ArbitrationOutcome.Won,
            WitnessOutcome.Lost => ArbitrationOutcome.Lost,
            _ => ArbitrationOutcome.Unknown,
        };
        _arbitrated(outcome, _clock.Now - began);
        _logger.Arbitrated(_self, outcome, result.Detail ?? "");
        _post((core, now) => core.ArbitrationCompleted(id, outcome, until, result.Views, now));
    });

    public void WriteRecord(long id, ArbiterIdentity identity, ImmutableArray<ClusterView> slot) => _commands.Writer.TryWrite(async () =>
    {
        (WitnessResult result, MonotonicTime until) = await CallAsync(
            "write the record", token => _arbiter.WriteSlotAsync(identity, slot, token), _ownedUntil - _clock.Now).ConfigureAwait(false);
        bool confirmed = result.Outcome == WitnessOutcome.Success;
        if (confirmed) _ownedUntil = until;
        else if (result.Outcome == WitnessOutcome.Lost) _ownedUntil = MonotonicTime.MinValue;
        MonotonicTime owned = _ownedUntil;
        _post((core, now) => core.RecordWritten(id, confirmed, owned, now));
    });

    public void Release(ArbiterIdentity identity) => _commands.Writer.TryWrite(async () =>
    {
        _ownedUntil = MonotonicTime.MinValue;
        await CallAsync("release", async token =>
        {
            await _arbiter.ReleaseAsync(identity, token).ConfigureAwait(false);
            return new WitnessResult(WitnessOutcome.Lost, TimeSpan.Zero, []);
        }, _arbiter.RenewInterval * 2, evenWhenStopping: true).ConfigureAwait(false);
    });

    /// <summary>Cancels what is under way, lets a release already asked for happen, and renews no more.</summary>
    public async ValueTask DisposeAsync()
    {
        _commands.Writer.TryComplete();
        await _stopping.CancelAsync().ConfigureAwait(false);
        await _running.ConfigureAwait(false);
        await SaveAsync().ConfigureAwait(false);
        _stopping.Dispose();
    }

    private async Task RunAsync()
    {
        while (true)
        {
            if (_commands.Reader.TryRead(out Func<Task>? command))
            {
                await command().ConfigureAwait(false);
                continue;
            }
            if (_stopping.IsCancellationRequested || _commands.Reader.Completion.IsCompleted) return;
            MonotonicTime now = _clock.Now;
            if (_ownedUntil <= now)
            {
                if (_ownedUntil != MonotonicTime.MinValue) ReportLost("could not be renewed in time");
                if (!await WaitForCommandAsync(_trouble is not null || !_looked ? LookAgain : SaveInterval).ConfigureAwait(false) && !_stopping.IsCancellationRequested) await LookAsync().ConfigureAwait(false);
            }
            else if (!await WaitForCommandAsync(NextRenewal(now)).ConfigureAwait(false) && !_stopping.IsCancellationRequested)
            {
                await RenewAsync().ConfigureAwait(false);
            }
        }
    }

    /// <summary>A renewal interval after a call that succeeded; sooner while the last one failed.</summary>
    private TimeSpan NextRenewal(MonotonicTime now)
    {
        TimeSpan left = _ownedUntil - now;
        return _renewalFailed ? Min(_arbiter.RenewInterval / 4, left) : Min(_arbiter.RenewInterval, left / 2);
    }

    private bool _looked;

    /// <summary>
    /// Nothing is owned and nothing is asked for: is a witness in trouble well again, and what has it seen meanwhile. In the first forming a
    /// node starts before there is a record: it looks again until it has seen one.
    /// </summary>
    private async Task LookAsync()
    {
        _looked = true;
        if (_trouble is null && _arbiter is not IMarkedRecord { Mark: 0 })
        {
            await SaveAsync().ConfigureAwait(false);
            return;
        }
        ArbiterIdentity identity = _identity;
        await CallAsync("be used", async token =>
        {
            string? trouble = await _arbiter.CheckAsync(identity, token).ConfigureAwait(false);
            return new WitnessResult(trouble is null ? WitnessOutcome.Lost : WitnessOutcome.Unknown, TimeSpan.Zero, [], trouble);
        }, _arbiter.RenewInterval > LookAgain ? _arbiter.RenewInterval : LookAgain).ConfigureAwait(false);
    }

    /// <summary>Writes down how far the record was seen to have come. A disk that is slow is not waited for.</summary>
    private async Task SaveAsync()
    {
        if (_saving.IsCompleted && _arbiter is IMarkedRecord { Mark: var mark } && mark > _saved)
        {
            (_saved, _savedAt) = (mark, _clock.Now);
            _saving = Task.Run(() =>
            {
                try
                {
                    _seen.Write(_arbiter.Description, mark);
                }
                catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
                {
                    _logger.WitnessMarkNotKept(_self, failure);
                }
            });
        }
        await Task.WhenAny(_saving, Task.Delay(Grace)).ConfigureAwait(false);
    }

    private bool _renewalFailed;

    private async Task RenewAsync()
    {
        ArbiterIdentity identity = _identity;
        (WitnessResult result, MonotonicTime until) = await CallAsync("renew", token => _arbiter.RenewAsync(identity, token), _ownedUntil - _clock.Now).ConfigureAwait(false);
        _renewalFailed = result.Outcome == WitnessOutcome.Unknown;
        switch (result.Outcome)
        {
            case WitnessOutcome.Success:
                _ownedUntil = until;
                _post((core, now) => core.WitnessOwnershipChanged(until, now));
                break;
            case WitnessOutcome.Lost:
                ReportLost(result.Detail ?? "");
                break;
            default:
                _logger.WitnessTrouble(_self, _arbiter.Description, "renew", result.Detail ?? "");
                break;
        }
    }

    private void ReportLost(string detail)
    {
        _trouble = $"the ownership was lost: {detail}";
        _ownedUntil = MonotonicTime.MinValue;
        _logger.WitnessLost(_self, detail);
        _post(static (core, now) => core.WitnessOwnershipChanged(MonotonicTime.MinValue, now));
    }

    /// <summary>One call, within its deadline. Ownership counts from before the call.</summary>
    private async Task<(WitnessResult Result, MonotonicTime Until)> CallAsync(
        string what, Func<CancellationToken, ValueTask<WitnessResult>> call, TimeSpan deadline, bool evenWhenStopping = false)
    {
        MonotonicTime asked = _clock.Now;
        (WitnessResult, MonotonicTime) Note(WitnessResult result, MonotonicTime until)
        {
            LastCall = new WitnessCall(what, result.Outcome, result.Detail, _clock.Provider.GetUtcNow(), _clock.Now - asked);
            return (result, until);
        }

        (WitnessResult, MonotonicTime) Unknown(string detail)
        {
            _trouble = detail;
            return Note(new WitnessResult(WitnessOutcome.Unknown, TimeSpan.Zero, [], detail), MonotonicTime.MinValue);
        }

        if (deadline <= TimeSpan.Zero) return Unknown("the ownership ran out before the call");
        using var time = new CancellationTokenSource(deadline, _clock.Provider);
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(time.Token, evenWhenStopping ? CancellationToken.None : _stopping.Token);
        try
        {
            await _stuck.WaitAsync(limit.Token).ConfigureAwait(false);
            using var givenUp = new CancellationTokenSource();
            MonotonicTime before = _clock.Now;
            Task<WitnessResult> called = Task.Run(() => call(limit.Token).AsTask(), CancellationToken.None);
            _stuck = called.ContinueWith(static ended => _ = ended.Exception, CancellationToken.None, TaskContinuationOptions.None, TaskScheduler.Default);
            using CancellationTokenRegistration patience = limit.Token.Register(static late => ((CancellationTokenSource)late!).CancelAfter(Grace), givenUp);
            WitnessResult result = await called.WaitAsync(givenUp.Token).ConfigureAwait(false);
            if (result.Outcome != WitnessOutcome.Unknown)
            {
                if (what != "renew" || _clock.Now - _savedAt > SaveInterval) await SaveAsync().ConfigureAwait(false);
            }
            _trouble = result.Outcome == WitnessOutcome.Unknown ? result.Detail ?? $"{_arbiter.Description} could not say whether it did {what}" : null;
            return Note(result, result.Outcome == WitnessOutcome.Success ? before + result.OwnedFor : MonotonicTime.MinValue);
        }
        catch (OperationCanceledException)
        {
            return Unknown($"{_arbiter.Description} did not {what} within {deadline.TotalSeconds:0.###} s");
        }
#pragma warning disable CA1031 // An arbiter may fail in any way; for the protocol that is a lost vote.
        catch (Exception failure)
#pragma warning restore CA1031
        {
            _logger.WitnessFailed(_self, _arbiter.Description, what, failure);
            return Unknown(failure.Message);
        }
    }

    /// <returns>False when the time was up without a command.</returns>
    private async Task<bool> WaitForCommandAsync(TimeSpan limit)
    {
        using var limited = new CancellationTokenSource(limit, _clock.Provider);
        using var waiting = CancellationTokenSource.CreateLinkedTokenSource(_stopping.Token, limited.Token);
        try
        {
            await _commands.Reader.WaitToReadAsync(waiting.Token).ConfigureAwait(false);
            return true;
        }
        catch (OperationCanceledException)
        {
            return false;
        }
    }

    private static TimeSpan Min(TimeSpan left, TimeSpan right) => left < right ? left : right;
}
