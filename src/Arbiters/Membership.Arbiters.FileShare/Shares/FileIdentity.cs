// Which file a handle or a path means: device and inode number. A lock on a file that was deleted or renamed under its holder locks
// nobody out, because rivals meet another file under the name.
using System.Buffers.Binary;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Membership.Arbiters.FileShare.Shares;

/// <summary>Linux only (statx, whose layout is the same on every architecture); elsewhere nothing is known.</summary>
internal readonly partial record struct FileIdentity(ulong Inode, ulong Device)
{
    private const int CurrentDirectory = -100, EmptyPath = 0x1000, Inode_ = 0x100, Size = 256, InodeAt = 32, DeviceAt = 136;

    /// <summary>Null when it cannot be told.</summary>
    public static FileIdentity? TryOf(SafeFileHandle handle)
    {
        ArgumentNullException.ThrowIfNull(handle);
        return TryStat(handle.DangerousGetHandle().ToInt32(), "", EmptyPath);
    }

    /// <summary>Null when there is no such file, or it cannot be told.</summary>
    public static FileIdentity? TryOf(string path) => TryStat(CurrentDirectory, path, 0);

    private static unsafe FileIdentity? TryStat(int descriptor, string path, int flags)
    {
        if (!OperatingSystem.IsLinux()) return null;
        Span<byte> buffer = stackalloc byte[Size];
        fixed (byte* pointer = buffer)
        {
            if (Stat(descriptor, path, flags, Inode_, pointer) != 0) return null;
        }
        return new FileIdentity(BinaryPrimitives.ReadUInt64LittleEndian(buffer[InodeAt..]), BinaryPrimitives.ReadUInt64LittleEndian(buffer[DeviceAt..]));
    }

    [LibraryImport("libc", EntryPoint = "statx", StringMarshalling = StringMarshalling.Utf8)]
    private static unsafe partial int Stat(int descriptor, string path, int flags, uint mask, byte* buffer);
}
