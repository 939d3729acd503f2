// A share that the operating system has mounted (or, on Windows, a UNC path): ordinary files, created exclusively, with a byte-range
// lock, which unlike share modes excludes across Linux cifs and NFS mounts too.
using Membership.Engine.Storage;

namespace Membership.Arbiters.FileShare.Shares;

internal sealed class MountedShare(string directory, bool allowLocal) : IShare
{
    public string Address => directory;

    public void CheckPlace()
    {
        if (!Directory.Exists(directory))
            throw new IOException($"The directory '{directory}' does not exist, or may not be seen: mount the share and make the directory.");
        if (allowLocal || (OperatingSystem.IsWindows() && directory.StartsWith(@"\\", StringComparison.Ordinal))) return;
        var place = new DriveInfo(directory);
        if (place.DriveType != DriveType.Network)
            throw new IOException($"The directory '{directory}' is on a {place.DriveFormat} file system of this machine ({place.DriveType}): the share is not mounted there. Mount it, or set AllowLocalDirectory if every node really sees this same directory.");
    }

    public void MakePlace() => Directory.CreateDirectory(directory);

    public void RemovePlace() => Directory.Delete(directory, recursive: true);

    public IReadOnlyList<string> List() => [.. Directory.EnumerateFiles(directory).Select(static path => Path.GetFileName(path))];

    public byte[]? Read(string name)
    {
        try
        {
            using var file = new FileStream(At(name), FileMode.Open, FileAccess.Read, System.IO.FileShare.ReadWrite | System.IO.FileShare.Delete);
            var content = new byte[file.Length];
            return content[..file.ReadAtLeast(content, content.Length, throwOnEndOfStream: false)];
        }
        catch (FileNotFoundException)
        {
            return null;
        }
    }

    public bool TryCreate(string name, ReadOnlySpan<byte> content)
    {
        FileStream file;
        try
        {
            file = new FileStream(At(name), FileMode.CreateNew, FileAccess.Write, System.IO.FileShare.ReadWrite | System.IO.FileShare.Delete);
        }
        catch (IOException) when (File.Exists(At(name)))
        {
            return false;
        }
        using (file)
        {
            file.Write(content);
            file.Flush(flushToDisk: true);
        }
        NativeFile.FlushDirectory(directory);
        return true;
    }

    public void Delete(string name) => File.Delete(At(name));

    public IShareLock? TryLock(string name)
    {
        var file = new FileStream(At(name), FileMode.OpenOrCreate, FileAccess.ReadWrite, System.IO.FileShare.ReadWrite);
        try
        {
            // Not macOS: it has no byte-range locks in .NET; there the generation alone decides.
            if (!OperatingSystem.IsMacOS()) file.Lock(0, 1);
            return new MountedLock(file);
        }
        catch (Exception held) when (held is IOException or UnauthorizedAccessException)
        {
            // A cifs mount says that access is denied where it means that another holds it.
            file.Dispose();
            return null;
        }
    }

    public void Dispose()
    {
    }

    private string At(string name) => Path.Combine(directory, name);

    private sealed class MountedLock(FileStream file) : IShareLock
    {
        public bool Stands()
        {
            // On Windows nobody can delete or rename the file while this handle is open.
            if (OperatingSystem.IsWindows()) return true;
            return FileIdentity.TryOf(file.SafeFileHandle) is { } mine && FileIdentity.TryOf(file.Name) is { } there && mine == there;
        }

        public void Dispose() => file.Dispose();
    }
}
