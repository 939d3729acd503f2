// Where a witness is, how its arbiter is made, and where a contest can be held on it: beside it if there is room, on it if nobody uses it.
using Membership.Arbiters.BlobLease;
using Membership.Arbiters.FileShare;
using Membership.Engine.Arbitration;

namespace Membership.Cli;

/// <summary>Where two parties contend.</summary>
/// <param name="Where">For people.</param>
/// <param name="One">Makes the first party's arbiter.</param>
/// <param name="Two">Makes the second party's arbiter.</param>
/// <param name="Record">What the contest may do with the record.</param>
/// <param name="CloseAsync">Leaves it as it was found; null, or what was left behind.</param>
internal sealed record Arena(string Where, Func<IQuorumArbiter> One, Func<IQuorumArbiter> Two, TrialRecord Record, Func<Task<string?>> CloseAsync);

/// <summary>There is no place for a contest now; the message says why, and how to get one.</summary>
internal sealed class NoArenaException(string message) : Exception(message);

internal abstract class WitnessPlace(string kind, IReadOnlyList<string> failures, TimeSpan period)
{
    /// <summary>For people.</summary>
    public string Kind => kind;

    /// <summary>What is wrong with its options.</summary>
    public IReadOnlyList<string> Failures => failures;

    /// <summary>How long one claim holds.</summary>
    public TimeSpan Period => period;

    /// <summary>Whether a contest has a place of its own beside the witness, for which it does not matter whose the witness is.</summary>
    public virtual bool HasRoomBeside => true;

    /// <summary>A name that nobody else uses.</summary>
    protected static string OwnName => $"regroupctl-check-{Guid.NewGuid():n}"[..28];

    /// <summary>Makes an arbiter on the real place that disturbs no node there.</summary>
    public abstract IQuorumArbiter Make();

    /// <summary>Finds a place for a contest.</summary>
    /// <param name="clusterId">The cluster that the parties belong to.</param>
    /// <param name="inPlace">On the witness itself, whoever seems to use it: the user says that all nodes are stopped.</param>
    /// <param name="cancellationToken">Ends the looking.</param>
    /// <exception cref="NoArenaException">There is none now.</exception>
    public abstract Task<Arena> OpenAsync(string clusterId, bool inPlace, CancellationToken cancellationToken);

    /// <summary>Makes it this cluster's, whatever it held.</summary>
    /// <returns>Null when it is done, else why not.</returns>
    public virtual Task<string?> InitializeAsync(ArbiterIdentity identity, CancellationToken cancellationToken) => Task.FromResult<string?>(null);

    protected Arena InPlace() => new("on the witness itself", Make, Make, TrialRecord.Kept, static () => Task.FromResult<string?>(null));
}

/// <summary>The embedded witness: a local directory.</summary>
internal sealed class FilePlace(WitnessFileOptions options) : WitnessPlace("witness file", options.Validate(), options.OwnershipPeriod)
{
    public override IQuorumArbiter Make() => new WitnessFileArbiter(options);

    public override Task<Arena> OpenAsync(string clusterId, bool inPlace, CancellationToken cancellationToken)
    {
        if (inPlace) return Task.FromResult(InPlace());
        string directory = Path.Combine(options.Directory, OwnName);
        try
        {
            Directory.CreateDirectory(directory);
        }
        catch (Exception refused) when (refused is IOException or UnauthorizedAccessException)
        {
            throw new NoArenaException($"no directory can be made beside the witness ({refused.Message}).");
        }
        IQuorumArbiter Contender() => new WitnessFileArbiter(options with { Directory = directory });
        return Task.FromResult(new Arena(directory, Contender, Contender, TrialRecord.Written, () =>
        {
            Directory.Delete(directory, recursive: true);
            return Task.FromResult<string?>(null);
        }));
    }
}

/// <summary>A share: a directory beside the real one, with the same rights and over the same way.</summary>
internal sealed class SharePlace(FileShareOptions options) : WitnessPlace("file share", options.Validate(), options.OwnershipPeriod)
{
    private const int RemovalTries = 4;

    public override IQuorumArbiter Make() => new FileShareArbiter(options);

    public override async Task<Arena> OpenAsync(string clusterId, bool inPlace, CancellationToken cancellationToken)
    {
        if (inPlace) return InPlace();
        SideDirectory side;
        try
        {
            side = await Task.Run(() => SideDirectory.Make(options, OwnName), cancellationToken).WaitAsync(options.CallDeadline * 10, cancellationToken);
        }
        catch (Exception refused) when (refused is IOException or UnauthorizedAccessException or TimeoutException)
        {
            throw new NoArenaException($"no directory can be made beside the witness ({refused.Message}).");
        }
        IQuorumArbiter Contender() => new FileShareArbiter(side.Options);
        return new Arena(side.Options.Path, Contender, Contender, TrialRecord.Written, async () =>
        {
            for (int tries = 1; ; tries++)
            {
                try
                {
                    await Task.Run(side.Remove, CancellationToken.None).WaitAsync(options.CallDeadline * 10, CancellationToken.None);
                    side.Dispose();
                    return null;
                }
                catch (IOException) when (tries < RemovalTries)
                {
                    // The server may still be closing what the last parties of the contest had open.
                    await Task.Delay(options.CallDeadline / 4, CancellationToken.None);
                }
                catch (Exception refused) when (refused is IOException or UnauthorizedAccessException or TimeoutException)
                {
                    return $"{side.Options.Path} was left behind; remove it ({refused.Message}).";
                }
            }
        });
    }
}

/// <summary>A blob: another one in the same container, with the same credential.</summary>
internal sealed class BlobPlace(BlobLeaseOptions options) : WitnessPlace("blob lease", options.Validate(), options.LeaseDuration)
{
    public override IQuorumArbiter Make() => new BlobLeaseArbiter(options);

    public override Task<Arena> OpenAsync(string clusterId, bool inPlace, CancellationToken cancellationToken)
    {
        if (inPlace) return Task.FromResult(InPlace());
        BlobLeaseOptions beside = options with { Blob = OwnName };
        IQuorumArbiter Contender() => new BlobLeaseArbiter(beside);
        return Task.FromResult(new Arena($"blob {beside.Container}/{beside.Blob}", Contender, Contender, TrialRecord.Written, async () =>
        {
            await using var broom = new BlobLeaseArbiter(beside);
            return await broom.RemoveBlobAsync(CancellationToken.None) is { } trouble ? $"the blob {beside.Container}/{beside.Blob} was left behind; delete it ({trouble})." : null;
        }));
    }
}
