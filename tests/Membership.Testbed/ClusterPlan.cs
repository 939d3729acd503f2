// What a cluster of the testbed looks like: how many nodes, on which clock, with which witness.
using System.Text.Json.Nodes;

namespace Membership.Testbed;

/// <summary>The plan of a cluster.</summary>
public sealed record ClusterPlan
{
    /// <summary>How many nodes.</summary>
    public required int Nodes { get; init; }

    /// <summary>The tick T; with S = 4 and R = 2, L is eight of it. Default 125 ms, so that L is 1 s: well above the pauses of a loaded machine.</summary>
    public TimeSpan ClockPeriod { get; init; } = TimeSpan.FromMilliseconds(125);

    /// <summary>The loss period and length of a lease.</summary>
    public TimeSpan LossPeriod => ClockPeriod * 8;

    /// <summary>How long a regroup tries to win the witness; also part of the time after which a side without quorum halts. Default 3 s, or so much that each of two candidates can outwait a former owner.</summary>
    public TimeSpan ArbitrationTimeout => Witness switch
    {
        WitnessBackend.Scsi => ScsiWitness.Period * 2.5,
        WitnessBackend.Blob => BlobWitness.Period * 2.5,
        WitnessBackend.Share => (ShareWitness.Period + ShareWitness.RenewInterval) * 2.5,
        _ => TimeSpan.FromSeconds(3),
    };

    /// <summary>How long a challenger may have to wait for a former owner's period to end, and a little for the challenge; zero without a witness.</summary>
    public TimeSpan Takeover => Witness switch
    {
        WitnessBackend.File => FilePeriod * 1.25,
        WitnessBackend.Scsi => ScsiWitness.Period * 1.25,
        WitnessBackend.Blob => BlobWitness.Period * 1.25,
        // A lock that the server still holds for a silent owner is respected for a renewal interval, and its server takes a second to refuse it.
        WitnessBackend.Share => ShareWitness.Period * 1.25 + ShareWitness.RenewInterval + TimeSpan.FromSeconds(1),
        _ => TimeSpan.Zero,
    };

    /// <summary>The witness; default none.</summary>
    public WitnessBackend Witness { get; init; } = WitnessBackend.None;

    /// <summary>How long a claim to the witness of files holds; it is renewed three times in that. Default 1.5 s, above the pauses of a loaded machine.</summary>
    public TimeSpan FilePeriod { get; init; } = TimeSpan.FromSeconds(1.5);

    /// <summary>Whether nodes serve and work as densely as a host would and record it; default true. Without it there is nothing to judge, only membership.</summary>
    public bool Recorded { get; init; } = true;

    /// <summary>Whether the nodes' wall clocks can be moved; needs a C compiler. Default false.</summary>
    public bool MovableClocks { get; init; }

    /// <summary>Removals after which a node is kept out; default 0, never.</summary>
    public int QuarantineAfter { get; init; }

    /// <summary>Whether a refused connection is taken for proof of a crash; default false.</summary>
    public bool CrashEvidence { get; init; }

    /// <summary>Whether nodes tell when they entered which stage of a regroup; default false.</summary>
    public bool Traced { get; init; }

    /// <summary>The node's program; null = as it was built beside the harness.</summary>
    public string? Program { get; init; }

    /// <summary>The configuration of every node.</summary>
    /// <param name="directory">Where nodes keep their stores.</param>
    internal JsonObject ToConfiguration(string directory)
    {
        var membership = new JsonObject
        {
            ["ClusterId"] = "testbed",
            ["AllowPlainText"] = false,
            ["Keys"] = new JsonArray("dGVzdGJlZC10ZXN0YmVkLXRlc3RiZWQtdGVzdGJlZCE="),
            ["StoreDirectory"] = Path.Combine(directory, "node"),
            ["Bootstrap"] = Witness == WitnessBackend.None,
            ["AllowTwoNodesWithoutTieBreaker"] = Nodes == 2,
            [nameof(ArbitrationTimeout)] = ArbitrationTimeout.ToString("c"),
            [nameof(CrashEvidence)] = CrashEvidence ? "ConnectionRefused" : "None",
            ["LeaveTimeout"] = "00:00:03",
            // Nodes are killed and cut off again and again here: that they come back at once is what is looked at.
            ["Quarantine"] = new JsonObject { ["After"] = QuarantineAfter },
            ["JoinTimeout"] = "00:00:10",
            ["Timing"] = new JsonObject { [nameof(ClockPeriod)] = ClockPeriod.ToString("c"), ["SendRate"] = 4, ["ReceiveRate"] = 2 },
            [nameof(Nodes)] = new JsonArray([.. Enumerable.Range(1, Nodes).Select(static node => new JsonObject { ["Number"] = node, ["Endpoints"] = new JsonArray($"{BridgedNetwork.AddressOf(node)}:7400") })]),
        };
        if (Witness == WitnessBackend.File)
            membership["WitnessFile"] = new JsonObject { ["Directory"] = Path.Combine(directory, "witness"), ["OwnershipPeriod"] = FilePeriod.ToString("c"), ["RenewInterval"] = (FilePeriod / 3).ToString("c"), ["AllowSeveralAddresses"] = true };
        return new JsonObject
        {
            ["RegroupMembership"] = membership,
            ["Trace"] = Traced,
            ["Logging"] = new JsonObject { ["LogLevel"] = new JsonObject { ["Default"] = "Warning", ["Membership"] = "Information" } },
        };
    }
}

/// <summary>What breaks ties.</summary>
public enum WitnessBackend
{
    /// <summary>Nothing: an even split stops both halves.</summary>
    None,

    /// <summary>Files in a directory that all nodes of the machine share: no cut of the network gets in the way.</summary>
    File,

    /// <summary>SCSI-3 persistent reservations on a LUN of tgtd, in the witness' namespace.</summary>
    Scsi,

    /// <summary>A blob lease at Azurite, in the witness' namespace.</summary>
    Blob,

    /// <summary>A directory on a file share of smbd, in the witness' namespace.</summary>
    Share,
}
