// Files: the view store and the witness record (the same bytes on a disk, a share and in a blob).
using Membership.Engine.Arbitration;
using Membership.Engine.Storage;

namespace Membership.Fuzz.Targets;

internal static class FileTargets
{
    public static readonly byte[] StoreMagic = "RGVIEWS\n"u8.ToArray(), WitnessMagic = "RGWITNS\n"u8.ToArray();

    public static bool Store(byte[] input) => Accepts(static bytes =>
    {
        (string cluster, var node, long generation, var state) = ViewStoreFormat.Decode(bytes);
        ViewStoreFormat.Decode(ViewStoreFormat.Encode(cluster, node, generation, state));
    }, input);

    public static bool Witness(byte[] input) => Accepts(static bytes =>
    {
        WitnessRecord record = WitnessRecord.Decode(bytes);
        record.AllViews();
        WitnessRecord.Decode(record.Encode());
    }, input);

    /// <summary>The content (after the 16 bytes of a frame's head, before its checksum) in a good frame.</summary>
    public static byte[] Reframe(byte[] input, byte[] magic)
        => input.Length < 48 ? input : RecordFile.Frame(magic, 1, input.AsSpan(16, input.Length - 48));

    private static bool Accepts(Action<byte[]> parse, byte[] input)
    {
        try
        {
            parse(input);
            return true;
        }
        catch (RecordFormatException)
        {
            return false;
        }
    }
}
