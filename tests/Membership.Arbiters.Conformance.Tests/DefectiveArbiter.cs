// The embedded witness with one planted defect, each a mistake that a real arbiter could make.
using System.Collections.Immutable;
using Membership.Engine.Arbitration;

namespace Membership.Arbiters.Conformance.Tests;

internal sealed class DefectiveArbiter(string defect, WitnessFileOptions options) : IQuorumArbiter
{
    private static readonly TimeSpan Answer = TimeSpan.FromSeconds(2.5);

    private bool _disposed;
    private ArbiterIdentity? _owner;
    private WitnessFileArbiter _inner = new(options);

    public string Description => _inner.Description;

    public TimeSpan RenewInterval => _inner.RenewInterval;

    public ValueTask<string?> CheckAsync(ArbiterIdentity identity, CancellationToken cancellationToken)
        => defect == "accepts-anything" ? new((string?)null) : _inner.CheckAsync(identity, cancellationToken);

    public async ValueTask<WitnessResult> ArbitrateAsync(ArbiterIdentity identity, CancellationToken cancellationToken)
    {
        if (defect == "no-challenge-wait")
        {
            // A challenger without patience: whatever is there is swept away, and it is the owner of a blank witness.
            foreach (string file in Directory.EnumerateFiles(options.Directory, "witness.*")) File.Delete(file);
            await _inner.DisposeAsync();
            _inner = new WitnessFileArbiter(options);
        }
        if (defect == "ignores-its-token") await Task.Delay(TimeSpan.FromSeconds(6), CancellationToken.None);
        WitnessResult answer = await AnsweredAsync(identity, await _inner.ArbitrateAsync(identity, cancellationToken));
        ObjectDisposedException.ThrowIf(_disposed && defect == "throws-when-disposed", this);
        _owner = identity;
        return answer;
    }

    public async ValueTask<WitnessResult> RenewAsync(ArbiterIdentity identity, CancellationToken cancellationToken)
        => await AnsweredAsync(identity, await _inner.RenewAsync(identity, cancellationToken));

    public async ValueTask<WitnessResult> WriteSlotAsync(ArbiterIdentity identity, ImmutableArray<Membership.Engine.ClusterView> slot, CancellationToken cancellationToken)
    {
        if (defect == "forgets-what-it-wrote") slot = [];
        return await AnsweredAsync(identity, await _inner.WriteSlotAsync(identity, slot, cancellationToken));
    }

    public ValueTask ReleaseAsync(ArbiterIdentity identity, CancellationToken cancellationToken)
        => defect == "never-releases" ? default : _inner.ReleaseAsync(identity, cancellationToken);

    public async ValueTask DisposeAsync()
    {
        _disposed = true;
        if (defect == "lets-go-when-disposed" && _owner is { } owner)
        {
            _owner = null;
            await _inner.ReleaseAsync(owner, CancellationToken.None);
        }
        if (defect == "hangs-when-disposed") await Task.Delay(TimeSpan.FromSeconds(30), CancellationToken.None);
        await _inner.DisposeAsync();
    }

    /// <summary>A backend that takes its time to answer node 1, and an arbiter that counts from the answer instead of from its question.</summary>
    private async Task<WitnessResult> AnsweredAsync(ArbiterIdentity identity, WitnessResult result)
    {
        if (result.Outcome != WitnessOutcome.Success) return result;
        if (defect == "believes-for-ever") return result with { OwnedFor = TimeSpan.FromHours(1) };
        if (defect != "counts-from-after-the-call" || identity.Node.Value != 1) return result;
        await Task.Delay(Answer, CancellationToken.None);
        return result with { OwnedFor = result.OwnedFor + Answer };
    }
}
