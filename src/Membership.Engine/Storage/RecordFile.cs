// The frame of every file this engine writes: magic, format version, length, content, SHA-256 over all of it.
// Any truncation, flipped bit or foreign file is told apart from a good one, and says so in words.
using System.Buffers.Binary;
using System.Security.Cryptography;

namespace Membership.Engine.Storage;

/// <summary>A file that is not what it should be; the message says how.</summary>
internal class RecordFormatException(string message) : Exception(message);

/// <summary>An intact file of another format version: a later version of this program wrote it. Never a reason to delete it.</summary>
internal sealed class RecordVersionException(string message) : RecordFormatException(message);

/// <summary>Frames content and checks frames. Stateless; safe from any thread.</summary>
internal static class RecordFile
{
    private const int HeaderLength = 8 + 2 + 2 + 4;

    /// <summary>Content larger than this is refused on both sides (16 MB).</summary>
    public const int MaxContent = 16 * 1024 * 1024;

    public static byte[] Frame(ReadOnlySpan<byte> magic, ushort version, ReadOnlySpan<byte> content)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(content.Length, MaxContent);
        var file = new byte[HeaderLength + content.Length + SHA256.HashSizeInBytes];
        magic.CopyTo(file);
        BinaryPrimitives.WriteUInt16LittleEndian(file.AsSpan(8), version);
        BinaryPrimitives.WriteInt32LittleEndian(file.AsSpan(12), content.Length);
        content.CopyTo(file.AsSpan(HeaderLength));
        SHA256.HashData(file.AsSpan(0, HeaderLength + content.Length), file.AsSpan(HeaderLength + content.Length));
        return file;
    }

    /// <summary>The content of a frame.</summary>
    /// <exception cref="RecordFormatException">It is not an intact frame of this kind and version.</exception>
    public static ReadOnlyMemory<byte> Open(ReadOnlySpan<byte> magic, ushort version, ReadOnlyMemory<byte> file)
    {
        ReadOnlySpan<byte> bytes = file.Span;
        if (bytes.Length < HeaderLength + SHA256.HashSizeInBytes)
            throw new RecordFormatException($"it is cut short ({bytes.Length} bytes)");
        if (!bytes[..8].SequenceEqual(magic))
            throw new RecordFormatException("it does not begin with the mark of such a file");
        int length = BinaryPrimitives.ReadInt32LittleEndian(bytes[12..]);
        if (length < 0 || length > MaxContent || bytes.Length != HeaderLength + length + SHA256.HashSizeInBytes)
            throw new RecordFormatException($"it is torn: {bytes.Length} bytes long where its header asks for {(long)HeaderLength + length + SHA256.HashSizeInBytes}");
        Span<byte> sum = stackalloc byte[SHA256.HashSizeInBytes];
        SHA256.HashData(bytes[..(HeaderLength + length)], sum);
        if (!sum.SequenceEqual(bytes[(HeaderLength + length)..]))
            throw new RecordFormatException("its checksum does not match its content");
        ushort found = BinaryPrimitives.ReadUInt16LittleEndian(bytes[8..]);
        if (found != version)
            throw new RecordVersionException($"it has format version {found} and this program reads version {version}. Start this node with the program version that wrote it, or a later one");
        return file.Slice(HeaderLength, length);
    }

    /// <summary>Writes a new file completely and flushes it to the disk (not its directory).</summary>
    /// <exception cref="IOException">It could not be written or flushed.</exception>
    public static void WriteThrough(string path, ReadOnlySpan<byte> bytes)
    {
        using Microsoft.Win32.SafeHandles.SafeFileHandle handle = File.OpenHandle(path, FileMode.Create, FileAccess.Write, FileShare.Read);
        RandomAccess.Write(handle, bytes, 0);
        RandomAccess.FlushToDisk(handle);
    }
}
