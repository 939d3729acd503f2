// The wall clocks of the nodes, each of which can be moved while its process runs, forwards and back: a preloaded library adds what a file
// says. The machine's own clock, and every monotonic one, stay as they are. Needs a C compiler (./test installs gcc).
using System.Diagnostics;
using Microsoft.Win32.SafeHandles;

namespace Membership.Testbed;

internal sealed class WallClocks : IDisposable
{
    /// <summary>Where the preloaded library, and the node's own clock watch, look for the file.</summary>
    public const string OffsetVariable = "REGROUP_CLOCK_OFFSET";

    private readonly Dictionary<int, SafeFileHandle> _offsets = [];
    private readonly string _directory;
    private readonly string _library;

    /// <summary>Builds the library in this directory and sets every clock right.</summary>
    public WallClocks(string directory, int nodes)
    {
        _directory = directory;
        _library = Path.Combine(directory, "clock.so");
        string source = Path.Combine(directory, "clock.c");
        using (Stream resource = typeof(WallClocks).Assembly.GetManifestResourceStream("clock.c")!)
        using (FileStream file = File.Create(source)) resource.CopyTo(file);
        // No C library's headers or start files are needed: what is used is declared, and found when it is loaded.
        SystemTool.Run("cc", ["-shared", "-fPIC", "-O2", "-Wall", "-nostdlib", "-ffreestanding", "-o", _library, source]);
        for (int node = 1; node <= nodes; node++)
        {
            _offsets[node] = File.OpenHandle(FileOf(node), FileMode.Create, FileAccess.ReadWrite, FileShare.ReadWrite);
            Move(node, TimeSpan.Zero);
        }
    }

    /// <summary>From now on the node's wall clock is so far ahead of the machine's (behind, when negative), also in its next lives.</summary>
    public void Move(int node, TimeSpan offset)
    {
        Span<byte> bytes = stackalloc byte[sizeof(long)];
        BitConverter.TryWriteBytes(bytes, checked((long)offset.TotalNanoseconds));
        RandomAccess.Write(_offsets[node], bytes, 0);
    }

    /// <summary>Makes a process that is to be started live by the node's clock.</summary>
    public void Apply(ProcessStartInfo start, int node)
    {
        start.Environment["LD_PRELOAD"] = _library;
        start.Environment[OffsetVariable] = FileOf(node);
    }

    public void Dispose()
    {
        foreach (SafeFileHandle offset in _offsets.Values) offset.Dispose();
    }

    private string FileOf(int node) => Path.Combine(_directory, $"clock{node}");
}
