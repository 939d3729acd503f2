// A directory in the place of a mounted share: the same file calls, exclusive creation and byte-range locks of a real kernel.
using Membership.Arbiters.Conformance;
using Membership.Engine.Arbitration;

namespace Membership.Arbiters.FileShare.Tests;

public sealed class LocalDirectory : ArbiterBackend
{
    private readonly string _directory = Directory.CreateTempSubdirectory("regroup-share-").FullName;

    public override string[] Arguments => ["mounted", _directory];

    public override TimeSpan OwnershipPeriod => Shares.OwnershipPeriod;

    public override TimeSpan TakeoverBound => OwnershipPeriod * 1.01 + TimeSpan.FromSeconds(0.2);

    /// <summary>A stopped owner still holds the lock, which is respected for a renewal interval.</summary>
    public override TimeSpan FrozenTakeoverBound => TakeoverBound + Shares.RenewInterval;

    /// <summary>A change.</summary>
    public override TimeSpan DisposalLimit => Shares.CallDeadline;

    public override IQuorumArbiter Create(IReadOnlyList<string> arguments) => Shares.Make(arguments);

    public override ValueTask StartAsync() => default;

    public override async ValueTask<IReadOnlyList<UnfitSetup>> PrepareUnfitSetupsAsync()
    {
        string file = Path.Combine(_directory, "a-file"), missing = Path.Combine(_directory, "missing");
        await File.WriteAllTextAsync(file, "not a directory");
        return
        [
            new UnfitSetup("a file in place of the directory", ["mounted", file], file, "make the directory"),
            new UnfitSetup("a missing directory", ["mounted", missing], missing, "mount the share"),
            new UnfitSetup("a file system that cannot be written", ["mounted", "/proc"], "/proc", "create, read, lock and delete"),
            new UnfitSetup("a share that is not mounted", ["strict", _directory], _directory, "not mounted", "AllowLocalDirectory"),
        ];
    }

    public override ValueTask DisposeAsync()
    {
        Directory.Delete(_directory, recursive: true);
        return default;
    }
}
