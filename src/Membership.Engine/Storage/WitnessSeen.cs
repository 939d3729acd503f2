// The highest mark of the witness' record that this node ever saw, in a file of its own beside the view store. Under the store's lock;
// deleting the file is how an operator says that the record is lost for good.
namespace Membership.Engine.Storage;

/// <summary>Reads and writes <c>witness.seen</c>. One caller at a time.</summary>
internal sealed class WitnessSeen(string directory)
{
    private const ushort Version = 1;

    private readonly string _path = Path.Combine(directory, "witness.seen");

    private static ReadOnlySpan<byte> Magic => "RGWSEEN\n"u8;

    /// <param name="witness">What and where the witness is: another one has a record of its own.</param>
    /// <returns>0 when nothing is known of this witness.</returns>
    /// <exception cref="RecordFormatException">The file is damaged; with its path and what to do.</exception>
    /// <exception cref="IOException">It could not be read.</exception>
    public long Read(string witness)
    {
        if (!File.Exists(_path)) return 0;
        try
        {
            (string known, long mark) = Decode(File.ReadAllBytes(_path));
            return known == witness ? mark : 0;
        }
        catch (RecordVersionException newer)
        {
            throw new RecordVersionException($"The file '{_path}' cannot be read: {newer.Message}.");
        }
        catch (RecordFormatException damaged)
        {
            throw new RecordFormatException($"The file '{_path}' is damaged: {damaged.Message}. If the witness and the other nodes are well, delete it; it will be made anew.");
        }
    }

    /// <exception cref="IOException">It could not be written.</exception>
    /// <exception cref="UnauthorizedAccessException">It may not be written.</exception>
    public void Write(string witness, long mark)
    {
        string temporary = _path + ".tmp";
        RecordFile.WriteThrough(temporary, Encode(witness, mark));
        File.Move(temporary, _path, overwrite: true);
        NativeFile.FlushDirectory(directory);
    }

    public static byte[] Encode(string witness, long mark)
    {
        var content = new ContentWriter();
        content.Write(witness);
        content.Write(mark);
        return RecordFile.Frame(Magic, Version, content.Written);
    }

    /// <exception cref="RecordFormatException">Not an intact file of this kind and version.</exception>
    public static (string Witness, long Mark) Decode(ReadOnlyMemory<byte> file)
    {
        var content = new ContentReader(RecordFile.Open(Magic, Version, file).Span);
        return (content.ReadString(), content.ReadInt64());
    }
}
