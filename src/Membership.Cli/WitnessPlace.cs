// Where a witness is, how its arbiter is made, and where beside it a rehearsal can be held that no running cluster notices.
using Azure.Storage.Blobs;
using Membership.Arbiters.BlobLease;
using Membership.Arbiters.FileShare;
using Membership.Arbiters.Scsi;
using Membership.Engine.Arbitration;

namespace Membership.Cli;

/// <param name="Kind">For people.</param>
/// <param name="Failures">What is wrong with its options.</param>
/// <param name="Make">Makes an arbiter on the real place.</param>
/// <param name="Period">How long one claim holds.</param>
/// <param name="Rehearse">Makes a place of its own beside it: arbiters on that, and how to clear it away; null when there can be none.</param>
/// <param name="Initialize">Makes it this cluster's, whatever it held; null when that is never needed.</param>
internal sealed record WitnessPlace(
    string Kind, IReadOnlyList<string> Failures, Func<IQuorumArbiter> Make, TimeSpan Period, Func<(Func<IQuorumArbiter> Make, Func<Task> Clear)>? Rehearse,
    Func<ArbiterIdentity, bool, CancellationToken, ValueTask<string?>>? Initialize = null)
{
    private static string Name => $"regroupctl-check-{Guid.NewGuid():n}"[..28];

    public static WitnessPlace File(WitnessFileOptions options) => new(
        "witness file", options.Validate(), () => new WitnessFileArbiter(options), options.OwnershipPeriod,
        () => InDirectory(Path.Combine(options.Directory, Name), directory => new WitnessFileArbiter(options with { Directory = directory })));

    public static WitnessPlace Share(FileShareOptions options)
    {
        bool mounted = !options.Path.StartsWith("smb:", StringComparison.OrdinalIgnoreCase) && (OperatingSystem.IsWindows() || !options.Path.StartsWith(@"\\", StringComparison.Ordinal));
        return new WitnessPlace(
            "file share", options.Validate(), () => new FileShareArbiter(options), options.OwnershipPeriod,
            mounted ? () => InDirectory(Path.Combine(options.Path, Name), directory => new FileShareArbiter(options with { Path = directory })) : null);
    }

    public static WitnessPlace Blob(BlobLeaseOptions options) => new("blob lease", options.Validate(), () => new BlobLeaseArbiter(options), options.LeaseDuration, () =>
    {
        BlobLeaseOptions beside = options with { Blob = Name };
        return (() => new BlobLeaseArbiter(beside), async () =>
        {
            if (beside.ConnectionString is { } connection) await new BlobClient(connection, beside.Container, beside.Blob).DeleteIfExistsAsync();
        });
    });

    public static WitnessPlace Disk(ScsiReservationOptions options) => new(
        "SCSI reservation", options.Validate(), () => new ScsiReservationArbiter(options), options.OwnershipPeriod, Rehearse: null, async (identity, clear, token) =>
        {
            await using var arbiter = new ScsiReservationArbiter(options);
            return await arbiter.InitializeAsync(identity, clear, token);
        });

    private static (Func<IQuorumArbiter> Make, Func<Task> Clear) InDirectory(string directory, Func<string, IQuorumArbiter> make)
    {
        Directory.CreateDirectory(directory);
        return (() => make(directory), () =>
        {
            Directory.Delete(directory, recursive: true);
            return Task.CompletedTask;
        });
    }
}
