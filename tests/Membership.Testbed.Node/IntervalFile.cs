// A recording of intervals [from, until] that survives kill -9 of its writer at any instruction: a mapped file, to which an
// extension is one store of eight bytes, with no system call and no disk in the way. One writer; readers at any time.
using System.IO.MemoryMappedFiles;

namespace Membership.Testbed.Node;

/// <summary>One recorded interval, in nanoseconds of the host-wide clock, both ends seen for certain.</summary>
/// <param name="Epoch">The epoch it was under.</param>
/// <param name="From">The first instant seen.</param>
/// <param name="Until">The last instant seen.</param>
internal readonly record struct RecordedInterval(long Epoch, long From, long Until);

internal sealed class IntervalFile : IDisposable
{
    /// <summary>More than any run makes; the file is sparse, so that what is not used costs nothing.</summary>
    private const int Capacity = 1 << 16;

    private const int RowSize = 24;

    private readonly MemoryMappedFile _file;
    private readonly MemoryMappedViewAccessor _rows;
    private long _row = -RowSize;

    public IntervalFile(string path)
    {
        _file = MemoryMappedFile.CreateFromFile(path, FileMode.CreateNew, null, (long)Capacity * RowSize);
        _rows = _file.CreateViewAccessor();
    }

    /// <summary>Begins an interval at an instant that was seen to belong to it.</summary>
    public void Begin(long epoch, long at)
    {
        _row += RowSize;
        _rows.Write(_row, epoch);
        _rows.Write(_row + 16, at);
        // Last: a row without it does not exist.
        _rows.Write(_row + 8, at);
    }

    /// <summary>Extends the newest interval to a later instant that was seen to belong to it.</summary>
    public void Extend(long at) => _rows.Write(_row + 16, at);

    public void Dispose()
    {
        _rows.Dispose();
        _file.Dispose();
    }

    public static IReadOnlyList<RecordedInterval> Read(string path)
    {
        using var stream = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
        if (stream.Length == 0) return [];
        using var file = MemoryMappedFile.CreateFromFile(stream, null, 0, MemoryMappedFileAccess.Read, HandleInheritability.None, leaveOpen: true);
        using MemoryMappedViewAccessor rows = file.CreateViewAccessor(0, 0, MemoryMappedFileAccess.Read);
        var found = new List<RecordedInterval>();
        for (long row = 0; row < stream.Length && rows.ReadInt64(row + 8) is > 0 and var from; row += RowSize)
            found.Add(new RecordedInterval(rows.ReadInt64(row), from, rows.ReadInt64(row + 16)));
        return found;
    }
}
