// The options of the embedded witness: a directory shared by the processes of one machine.
namespace Membership.Engine.Arbitration;

/// <summary>Options of <see cref="WitnessFileArbiter"/>. All nodes of a cluster use the same values.</summary>
public sealed record WitnessFileOptions
{
    /// <summary>The witness' own directory, on a local file system with hard links, writable by every node's process; created when missing.</summary>
    public required string Directory { get; init; }

    /// <summary>How long one claim or renewal holds, 100 ms..60 s; default 3 s. A dead owner is replaced this long (plus 1 %) after its last renewal.</summary>
    public TimeSpan OwnershipPeriod { get; init; } = TimeSpan.FromSeconds(3);

    /// <summary>How often the owner renews; at most a half of <see cref="OwnershipPeriod"/>; default 1 s.</summary>
    public TimeSpan RenewInterval { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>How long one read or write of the witness may take before the answer is "unknown", 10 ms..60 s; default 1 s.</summary>
    public TimeSpan CallDeadline { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>Checks the values.</summary>
    /// <returns>Every failure (what, which value, what to do); empty when all is well.</returns>
    public IReadOnlyList<string> Validate()
    {
        var failures = new List<string>();
        if (string.IsNullOrWhiteSpace(Directory))
            failures.Add("WitnessFile.Directory is empty: name the directory that all nodes of this machine share.");
        if (OwnershipPeriod < TimeSpan.FromMilliseconds(100) || OwnershipPeriod > TimeSpan.FromSeconds(60))
            failures.Add($"WitnessFile.OwnershipPeriod is {OwnershipPeriod}: use 0.1 s to 60 s (default 3 s).");
        if (RenewInterval <= TimeSpan.Zero || RenewInterval * 2 > OwnershipPeriod)
            failures.Add($"WitnessFile.RenewInterval is {RenewInterval}: use more than zero and at most half of OwnershipPeriod ({OwnershipPeriod}), or a single late renewal loses the witness.");
        if (CallDeadline < TimeSpan.FromMilliseconds(10) || CallDeadline > TimeSpan.FromSeconds(60))
            failures.Add($"WitnessFile.CallDeadline is {CallDeadline}: use 10 ms to 60 s (default 1 s).");
        return failures;
    }
}
