// What is fuzzed: a parser with its contract. It takes any bytes, says whether it took them for good, and lets only the exceptions
// out that its own contract names (they count as a refusal).
using Membership.Fuzz.Targets;

namespace Membership.Fuzz;

/// <param name="Name">As on the command line, and the name of its corpus file.</param>
/// <param name="Parse">Takes an input; true when it was accepted.</param>
/// <param name="Repair">Makes lengths and checksums of a mutated input good, so that what is behind them is reached.</param>
/// <param name="FixedBytes">Memory an input may take whatever its length: buffers that the contract bounds.</param>
internal sealed record FuzzTarget(string Name, Func<byte[], bool> Parse, Func<byte[], byte[]> Repair, long FixedBytes = 16 * 1024)
{
    /// <summary>Bytes of memory per byte of input: a row of a table of one byte costs a node of a tree.</summary>
    public const int BytesPerByte = 64;

    public static readonly IReadOnlyList<FuzzTarget> All =
    [
        new("message", WireTargets.Message, WireTargets.RepairMessage),
        new("datagram", WireTargets.Datagram, WireTargets.RepairDatagram, 64 * 1024),
        new("view", WireTargets.View, WireTargets.RepairView),
        new("store", FileTargets.Store, static bytes => FileTargets.Reframe(bytes, FileTargets.StoreMagic)),
        new("witness", FileTargets.Witness, static bytes => FileTargets.Reframe(bytes, FileTargets.WitnessMagic)),
        new("scsi", ScsiTargets.Answer, static bytes => bytes),
        new("disk", ScsiTargets.Disk, ScsiTargets.RepairDisk, 64 * 1024),
        new("control", ControlTargets.Request, ControlTargets.Repair, 256 * 1024),
    ];

    public static FuzzTarget? Find(string name) => All.FirstOrDefault(target => target.Name == name);

    /// <summary>Inputs that are good, or nearly so: lines of hexadecimal digits.</summary>
    public List<byte[]> ReadCorpus()
        => [.. File.ReadLines(Path.Combine(AppContext.BaseDirectory, "corpus", Name + ".hex")).Where(static line => line.Length > 0 && line[0] != '#').Select(Convert.FromHexString)];
}
