// The arbiter: whoever holds the blob's lease owns the witness. The service's clock runs the lease, the owner counts its own
// ownership from before it sent its last request, and so always lets go first.
using System.Collections.Immutable;
using Azure;
using Azure.Identity;
using Azure.Storage.Blobs.Models;
using Membership.Engine;
using Membership.Engine.Arbitration;
using Membership.Engine.Runtime;
using Membership.Engine.Storage;

namespace Membership.Arbiters.BlobLease;

/// <summary>A quorum witness that is a lease on a blob of Azure Storage, or of anything that speaks its protocol.</summary>
/// <remarks>
/// Every attempt to own the blob has a lease id of its own, the same for all its requests: a request repeated is harmless, and one that
/// takes effect late cannot touch what a later attempt won. Records are written under the lease and on condition of the version read.
/// </remarks>
public sealed class BlobLeaseArbiter : IQuorumArbiter, IMarkedRecord
{
    /// <summary>The owner's count of a lease is cut by this, for clocks that run at different rates.</summary>
    private const double ClockMargin = 0.01;

    private readonly BlobLeaseOptions _options;
    private readonly WitnessBlob _blob;
    private readonly MonotonicClock _clock = MonotonicClock.System;
    private readonly Guid _claimant = Guid.NewGuid();
    private readonly CancellationTokenSource _stopping = new();
    private Guid _lease = Guid.NewGuid();
    private bool _asked;
    private string? _met;
    private long _highest;
    private MonotonicTime _ownedUntil = MonotonicTime.MinValue;
    private WitnessRecord? _record;
    private ETag _version;

    /// <summary>Makes the arbiter; nothing is sent before the first call.</summary>
    /// <param name="options">Where and how; the same blob and times on every node.</param>
    /// <exception cref="ArgumentException">An option is out of range; the message lists every failure.</exception>
    public BlobLeaseArbiter(BlobLeaseOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        if (options.Validate() is { Count: > 0 } failures) throw new ArgumentException(string.Join(" ", failures), nameof(options));
        _options = options with { };
        _blob = new WitnessBlob(_options);
    }

    /// <inheritdoc/>
    public string Description => $"blob lease {_blob.Address}";

    /// <inheritdoc/>
    public TimeSpan RenewInterval => _options.RenewInterval;

    /// <inheritdoc/>
    public TimeSpan TakeoverTime => _options.LeaseDuration;

    long IMarkedRecord.Mark => Interlocked.Read(ref _highest);

    void IMarkedRecord.Remember(long mark) => Interlocked.Exchange(ref _highest, Math.Max(mark, _highest));

    /// <summary>Makes container and blob if they are missing; tries reading and the right to write.</summary>
    /// <param name="identity">Who asks.</param>
    /// <param name="cancellationToken">The deadline.</param>
    /// <returns>Null when the blob is usable, else what is wrong and what to do.</returns>
    public async ValueTask<string?> CheckAsync(ArbiterIdentity identity, CancellationToken cancellationToken)
    {
        WitnessResult result = await AnswerAsync(async token =>
        {
            await CreateIfMissingAsync(identity, token).ConfigureAwait(false);
            await ReadAsync(identity, token).ConfigureAwait(false);
            await _blob.CheckMayWriteAsync(token).ConfigureAwait(false);
            return new WitnessResult(WitnessOutcome.Success, TimeSpan.Zero, []);
        }, cancellationToken).ConfigureAwait(false);
        return result.Outcome == WitnessOutcome.Success ? null : $"The {Description} cannot be used: {result.Detail}";
    }

    /// <inheritdoc/>
    public ValueTask<WitnessResult> ArbitrateAsync(ArbiterIdentity identity, CancellationToken cancellationToken)
        => AnswerAsync(async token =>
        {
            using var limit = CancellationTokenSource.CreateLinkedTokenSource(token);
            limit.CancelAfter(_options.LeaseDuration * 2 + _options.CallDeadline);
            return await ChallengeAsync(identity, limit.Token).ConfigureAwait(false);
        }, cancellationToken);

    /// <inheritdoc/>
    public ValueTask<WitnessResult> RenewAsync(ArbiterIdentity identity, CancellationToken cancellationToken) => AnswerAsync(async token =>
    {
        MonotonicTime called = _clock.Now;
        if (called >= _ownedUntil) return RanOut();
        await _blob.RenewAsync(_lease, token).ConfigureAwait(false);
        MonotonicTime until = Until(called);
        if (_clock.Now >= until) return RanOut();
        _ownedUntil = until;
        string? trouble = await ShowRenewalAsync(token).ConfigureAwait(false);
        return Owned(called, [], trouble);
    }, cancellationToken);

    /// <inheritdoc/>
    public ValueTask<WitnessResult> WriteSlotAsync(ArbiterIdentity identity, ImmutableArray<ClusterView> slot, CancellationToken cancellationToken) => AnswerAsync(async token =>
    {
        MonotonicTime called = _clock.Now;
        if (called >= _ownedUntil) return RanOut();
        // After an unknown outcome the record may hold that write or not: it is read again before it is changed.
        WitnessRecord current = _record ?? await ReadAsync(identity, token).ConfigureAwait(false);
        await WriteAsync(current.WithSlot(identity.Node, slot), token).ConfigureAwait(false);
        return _clock.Now < _ownedUntil ? Owned(called, [], null) : RanOut();
    }, cancellationToken);

    /// <inheritdoc/>
    public async ValueTask ReleaseAsync(ArbiterIdentity identity, CancellationToken cancellationToken)
    {
        if (!_asked) return;
        Guid lease = _lease;
        GiveUp();
        await AnswerAsync(async token =>
        {
            await _blob.ReleaseAsync(lease, token).ConfigureAwait(false);
            return Lost("released");
        }, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Deletes the blob, as after a contest beside the real one.</summary>
    /// <param name="cancellationToken">The deadline.</param>
    /// <returns>Null when it is gone, else why not.</returns>
    internal async ValueTask<string?> RemoveBlobAsync(CancellationToken cancellationToken) => (await AnswerAsync(async token =>
    {
        await _blob.DeleteAsync(token).ConfigureAwait(false);
        return new WitnessResult(WitnessOutcome.Success, TimeSpan.Zero, []);
    }, cancellationToken).ConfigureAwait(false)).Detail;

    /// <summary>Ends the calls under way and closes the connections. Does not release the lease: what is owned runs out by itself.</summary>
    /// <returns>Completed.</returns>
    public async ValueTask DisposeAsync()
    {
        if (_stopping.IsCancellationRequested) return;
        await _stopping.CancelAsync().ConfigureAwait(false);
        _blob.Dispose();
    }

    private static WitnessResult Lost(string detail) => new(WitnessOutcome.Lost, TimeSpan.Zero, [], detail);

    private static bool IsHeldByAnother(RequestFailedException failure)
        => failure.Status is 409 or 412 && failure.ErrorCode?.StartsWith("Lease", StringComparison.Ordinal) == true;

    private MonotonicTime Until(MonotonicTime sent) => sent + _options.LeaseDuration * (1 - ClockMargin);

    private WitnessResult Owned(MonotonicTime called, ImmutableArray<ClusterView> views, string? detail)
        => new(WitnessOutcome.Success, _ownedUntil - called, views, detail);

    private WitnessResult RanOut()
    {
        GiveUp();
        return Lost("The lease of the witness blob has run out by this node's own clock.");
    }

    /// <summary>From now on nothing is believed; the next attempt has another lease id, which nothing sent so far can touch.</summary>
    private void GiveUp()
    {
        _ownedUntil = MonotonicTime.MinValue;
        _lease = Guid.NewGuid();
        _asked = false;
        _record = null;
    }

    private async Task<WitnessResult> ChallengeAsync(ArbiterIdentity identity, CancellationToken cancellationToken)
    {
        MonotonicTime called = _clock.Now, heldSince = MonotonicTime.MaxValue;
        ETag? seen = null;
        if (called >= _ownedUntil) _ownedUntil = MonotonicTime.MinValue;
        await MeetAsync(identity, cancellationToken).ConfigureAwait(false);
        while (true)
        {
            MonotonicTime sent = _clock.Now;
            try
            {
                (ETag version, bool leased) = seen is null ? (default, false) : await _blob.LookAsync(cancellationToken).ConfigureAwait(false);
                if (seen is { } before && leased && before != version) return Lost($"Another node holds the lease of {_blob.Address} and renews it.");
                if (!leased)
                {
                    _asked = true;
                    await _blob.AcquireAsync(_lease, cancellationToken).ConfigureAwait(false);
                    return await ClaimAsync(identity, sent, called, cancellationToken).ConfigureAwait(false);
                }
            }
            catch (RequestTimedOutException) when (!cancellationToken.IsCancellationRequested)
            {
                // Unknown: asked again under the same id, which is the same request.
                seen = null;
                heldSince = MonotonicTime.MaxValue;
                continue;
            }
            catch (RequestFailedException held) when (IsHeldByAnother(held))
            {
                _ownedUntil = MonotonicTime.MinValue;
                _record = null;
                try
                {
                    seen = (await _blob.LookAsync(cancellationToken).ConfigureAwait(false)).Version;
                }
                catch (RequestTimedOutException) when (!cancellationToken.IsCancellationRequested)
                {
                    // Held by another, that much is known; there is time to look again.
                    seen = null;
                }
            }
            heldSince = MonotonicTime.Min(heldSince, sent);
            if (_clock.Now - heldSince > _options.LeaseDuration * (1 + ClockMargin) + _options.RenewInterval)
                return Lost($"The lease of {_blob.Address} was held for longer than it lasts: somebody renews it without showing it.");
            TimeSpan pause = TimeSpan.FromTicks(Math.Clamp(_options.RenewInterval.Ticks / 4, TimeSpan.TicksPerMillisecond * 20, TimeSpan.TicksPerMillisecond * 500));
            await Task.Delay(pause, cancellationToken).ConfigureAwait(false);
        }
    }

    /// <summary>Has the lease; reads the record and puts this node's name into it.</summary>
    private async Task<WitnessResult> ClaimAsync(ArbiterIdentity identity, MonotonicTime sent, MonotonicTime called, CancellationToken cancellationToken)
    {
        WitnessRecord current = await ReadAsync(identity, cancellationToken).ConfigureAwait(false);
        var self = new WitnessOwner(identity.Node, identity.Incarnation, _claimant);
        await WriteAsync(current with
        {
            Generation = current.Generation + 1,
            Owner = self,
            Renewals = current.Owner == self ? current.Renewals + 1 : 0,
            OwnershipPeriod = _options.LeaseDuration,
        }, cancellationToken).ConfigureAwait(false);
        if (_clock.Now >= Until(sent)) return RanOut();
        _ownedUntil = MonotonicTime.Max(_ownedUntil, Until(sent));
        return Owned(called, current.AllViews(), null);
    }

    private async Task WriteAsync(WitnessRecord record, CancellationToken cancellationToken)
    {
        ETag from = _version;
        _record = null;
        _version = await _blob.CommitAsync(record, new BlobRequestConditions { LeaseId = _lease.ToString(), IfMatch = from }, cancellationToken).ConfigureAwait(false);
        Interlocked.Exchange(ref _highest, record.Generation);
        _record = record;
    }

    /// <summary>The counter is for challengers, who else would wait for the lease to run out; the renewal stands without it.</summary>
    private async Task<string?> ShowRenewalAsync(CancellationToken cancellationToken)
    {
        if (_record is not { } record) return null;
        WitnessRecord renewed = record with { Renewals = record.Renewals + 1 };
        try
        {
            _record = null;
            _version = await _blob.ShowRenewalAsync(renewed, new BlobRequestConditions { LeaseId = _lease.ToString(), IfMatch = _version }, cancellationToken).ConfigureAwait(false);
            _record = renewed;
            return null;
        }
        catch (Exception trouble) when (trouble is RequestTimedOutException or RequestFailedException)
        {
            return $"The lease is renewed, the renewal counter is not: {trouble.Message}";
        }
    }

    /// <summary>A foreign witness is recognised before its lease is touched, and a missing one is made.</summary>
    private async Task MeetAsync(ArbiterIdentity identity, CancellationToken cancellationToken)
    {
        if (_met == identity.ClusterId) return;
        await CreateIfMissingAsync(identity, cancellationToken).ConfigureAwait(false);
        await ReadAsync(identity, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Not in the place of one that this node has known, in this life or in an earlier one.</summary>
    private Task CreateIfMissingAsync(ArbiterIdentity identity, CancellationToken cancellationToken)
        => _highest > 0 ? Task.CompletedTask : _blob.CreateIfMissingAsync(identity.ClusterId, cancellationToken);

    private async Task<WitnessRecord> ReadAsync(ArbiterIdentity identity, CancellationToken cancellationToken)
    {
        (byte[] content, ETag version) = await _blob.ReadAsync(cancellationToken).ConfigureAwait(false);
        WitnessRecord record;
        try
        {
            record = WitnessRecord.Decode(content);
        }
        catch (RecordVersionException newer)
        {
            throw new RecordVersionException($"the blob {_blob.Address} cannot be read: {newer.Message}, and leave the blob as it is: what it records still binds the cluster.");
        }
        catch (RecordFormatException problem)
        {
            throw new RecordFormatException($"the blob {_blob.Address} is no witness record: {problem.Message}. Name another blob, or stop all nodes of the cluster and delete this one.");
        }
        if (record.ClusterId != identity.ClusterId)
            throw new RecordFormatException($"the blob {_blob.Address} belongs to cluster '{record.ClusterId}', and this node to '{identity.ClusterId}'. Give each cluster a blob of its own (option Blob).");
        // Generations only grow: this is not the blob that was there before, and its owner may not know yet.
        if (record.Generation < _highest)
            throw new RecordFormatException($"the blob {_blob.Address} went back from generation {_highest} to {record.Generation}: it was made anew or restored. {IMarkedRecord.Advice}");
        Interlocked.Exchange(ref _highest, record.Generation);
        _record = record;
        _version = version;
        _met = record.ClusterId;
        return record;
    }

    /// <summary>Every kind of trouble as an answer.</summary>
    private async ValueTask<WitnessResult> AnswerAsync(Func<CancellationToken, Task<WitnessResult>> work, CancellationToken cancellationToken)
    {
        ObjectDisposedException.ThrowIf(_stopping.IsCancellationRequested, this);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, _stopping.Token);
        try
        {
            return await work(either.Token).ConfigureAwait(false);
        }
        catch (RequestFailedException refused) when (IsHeldByAnother(refused))
        {
            GiveUp();
            return Lost($"Another node holds the lease of {_blob.Address} ({refused.ErrorCode}).");
        }
        catch (RequestFailedException refused)
        {
            _record = null;
            return new WitnessResult(WitnessOutcome.Unknown, TimeSpan.Zero, [], Explain(refused));
        }
        catch (Exception problem) when (problem is RequestTimedOutException or RecordFormatException or OperationCanceledException or AuthenticationFailedException or IOException)
        {
            _record = null;
            return new WitnessResult(WitnessOutcome.Unknown, TimeSpan.Zero, [], problem is OperationCanceledException ? $"{_blob.Address} was not won in the time given." : problem.Message);
        }
    }

    private string Explain(RequestFailedException refused) => refused.Status switch
    {
        401 or 403 => $"{_blob.Address} refused the credential ({refused.Status} {refused.ErrorCode}). Check the account key, the SAS (read, create and write on container '{_options.Container}', not expired, clock right) or the identity's role (Storage Blob Data Contributor).",
        404 when _met is not null || _highest > 0 => $"{_blob.Address} is gone ({refused.ErrorCode}): it was deleted, and this node knows that it had a record. {IMarkedRecord.Advice}",
        404 => $"{_blob.Address} does not exist and could not be made ({refused.ErrorCode}). Check ServiceUri and Container, or make the container '{_options.Container}'.",
        412 => $"{_blob.Address} was changed by another request of this node meanwhile ({refused.ErrorCode}); it is read again before the next one.",
        0 => $"{_blob.Address} cannot be reached: {refused.Message} Check ServiceUri (or the connection string), the network and the firewall of the account.",
        _ => $"{_blob.Address} answered {refused.Status} {refused.ErrorCode}: {refused.Message.Split('\n')[0]}",
    };
}
