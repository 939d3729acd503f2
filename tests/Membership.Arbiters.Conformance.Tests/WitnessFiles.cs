// The embedded witness as a backend of the suite, whole or with a planted defect: the defective ones show that the suite can fail.
using System.Globalization;
using Membership.Engine.Arbitration;

namespace Membership.Arbiters.Conformance.Tests;

/// <summary>Arguments: defect, directory, ownership period ms, renew interval ms.</summary>
public class WitnessFiles : ArbiterBackend
{
    private readonly string _directory = Directory.CreateTempSubdirectory("regroup-witness-").FullName;

    public override string[] Arguments => ArgumentsFor(Path.Combine(_directory, "witness"));

    public override TimeSpan OwnershipPeriod => TimeSpan.FromMilliseconds(600);

    public override TimeSpan TakeoverBound => OwnershipPeriod * 1.01;

    /// <summary>A change.</summary>
    public override TimeSpan DisposalLimit => TimeSpan.FromSeconds(5);

    protected virtual string Defect => "none";

    public static IQuorumArbiter Make(IReadOnlyList<string> arguments)
    {
        double Number(int index) => double.Parse(arguments[index], CultureInfo.InvariantCulture);
        var options = new WitnessFileOptions
        {
            Directory = arguments[1],
            OwnershipPeriod = TimeSpan.FromMilliseconds(Number(2)),
            RenewInterval = TimeSpan.FromMilliseconds(Number(3)),
            CallDeadline = TimeSpan.FromSeconds(5),
        };
        return arguments[0] == "none" ? new WitnessFileArbiter(options) : new DefectiveArbiter(arguments[0], options);
    }

    public override IQuorumArbiter Create(IReadOnlyList<string> arguments) => Make(arguments);

    public override ValueTask StartAsync() => default;

    public override async ValueTask<IReadOnlyList<UnfitSetup>> PrepareUnfitSetupsAsync()
    {
        string file = Path.Combine(_directory, "a-file"), forbidden = "/proc/no-such-witness";
        await File.WriteAllTextAsync(file, "not a directory");
        return
        [
            new UnfitSetup("a file in place of the directory", ArgumentsFor(file), file, "directory on a local file system"),
            new UnfitSetup("a file system without files", ArgumentsFor(forbidden), forbidden, "may write"),
        ];
    }

    public override ValueTask DisposeAsync()
    {
        Directory.Delete(_directory, recursive: true);
        GC.SuppressFinalize(this);
        return default;
    }

    private string[] ArgumentsFor(string path)
        => [Defect, path, OwnershipPeriod.TotalMilliseconds.ToString(CultureInfo.InvariantCulture), "100"];
}
