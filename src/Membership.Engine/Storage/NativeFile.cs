// The few file calls that .NET does not offer: flushing a directory, an exclusive hard link, and a whole-file
// kernel lock whose failure is told apart from "held by another". Unix by P/Invoke; Windows by its own equivalents.
using System.ComponentModel;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Membership.Engine.Storage;

/// <summary>Durable and exclusive file operations. Stateless; safe from any thread.</summary>
internal static partial class NativeFile
{
    private const int OpenReadOnly = 0;
    private const int OpenReadWrite = 2;
    private const int LockExclusiveNonBlocking = 2 | 4;
    private const int Unlock = 8;
    private const int ErrorInterrupted = 4;
    private const int ErrorExists = 17;
    private const int ErrorInvalid = 22;
    private static readonly int CloseOnExec = OperatingSystem.IsLinux() ? 0x80000 : 0x1000000;
    private static readonly int ErrorWouldBlock = OperatingSystem.IsLinux() ? 11 : 35;

    /// <summary>Makes the names in a directory survive a power loss. Windows journals them itself: nothing to do.</summary>
    /// <exception cref="IOException">The directory could not be opened or flushed.</exception>
    public static void FlushDirectory(string directory)
    {
        if (OperatingSystem.IsWindows()) return;
        int descriptor = Open(directory, OpenReadOnly | CloseOnExec);
        if (descriptor < 0) throw Failure("open", directory);
        try
        {
            // EINVAL: a file system that has nothing to flush for a directory.
            while (Flush(descriptor) != 0)
            {
                int error = Marshal.GetLastPInvokeError();
                if (error == ErrorInvalid) return;
                if (error != ErrorInterrupted) throw Failure("flush", directory);
            }
        }
        finally
        {
            _ = Close(descriptor);
        }
    }

    /// <summary>Gives a complete file a second name, which must not exist yet: of several callers exactly one succeeds.</summary>
    /// <returns>False when <paramref name="target"/> exists already.</returns>
    /// <exception cref="IOException">Anything else that went wrong.</exception>
    /// <remarks>Windows has no need of the first name afterwards, so there it is a rename that never replaces.</remarks>
    public static bool TryPublish(string source, string target)
    {
        if (OperatingSystem.IsWindows())
        {
            try
            {
                File.Move(source, target, overwrite: false);
                return true;
            }
            catch (IOException) when (File.Exists(target))
            {
                return false;
            }
        }
        if (Link(source, target) == 0) return true;
        return Marshal.GetLastPInvokeError() == ErrorExists ? false : throw Failure("link", target);
    }

    /// <summary>Puts <paramref name="temporary"/> in the place of <paramref name="current"/>, keeping what was there as <paramref name="previous"/>.</summary>
    /// <remarks>At every instant <paramref name="current"/> names a complete file, if it did before.</remarks>
    /// <exception cref="IOException">A rename or link failed.</exception>
    public static void ReplaceKeepingPrevious(string temporary, string current, string previous)
    {
        if (!File.Exists(current))
        {
            File.Move(temporary, current, overwrite: false);
            return;
        }
        if (OperatingSystem.IsWindows())
        {
            File.Replace(temporary, current, previous);
            return;
        }
        File.Delete(previous);
        if (Link(current, previous) != 0) throw Failure("link", previous);
        File.Move(temporary, current, overwrite: true);
    }

    /// <summary>Opens a file, creating it empty if need be, and takes the exclusive kernel lock on it without waiting.</summary>
    /// <returns>The handle that holds the lock until it is closed or the process ends, however that happens; null when another one holds it.</returns>
    /// <exception cref="IOException">The file cannot be opened, or its file system cannot lock.</exception>
    /// <remarks>Not .NET's share modes on Unix: those are taken for granted where the file system refuses to lock.</remarks>
    public static SafeFileHandle? TryOpenLocked(string path)
    {
        if (OperatingSystem.IsWindows())
        {
            const int SharingViolation = unchecked((int)0x80070020);
            try
            {
                return File.OpenHandle(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
            }
            catch (IOException held) when (held.HResult == SharingViolation)
            {
                return null;
            }
        }
        if (!File.Exists(path)) File.WriteAllBytes(path, []);
        int descriptor = Open(path, OpenReadWrite | CloseOnExec);
        if (descriptor < 0) throw Failure("open", path);
        var handle = new SafeFileHandle(descriptor, ownsHandle: true);
        while (LockFile(handle, LockExclusiveNonBlocking) != 0)
        {
            int error = Marshal.GetLastPInvokeError();
            if (error == ErrorInterrupted) continue;
            handle.Dispose();
            return error == ErrorWouldBlock ? null : throw Failure("lock", path, error);
        }
        return handle;
    }

    /// <summary>Gives back what <see cref="TryOpenLocked"/> took.</summary>
    /// <remarks>
    /// Closing alone would leave the lock to a child that this process is just starting: until that runs its own program it has a copy of every
    /// open file, and the lock goes with the last copy.
    /// </remarks>
    public static void CloseLocked(SafeFileHandle handle)
    {
        if (!OperatingSystem.IsWindows() && !handle.IsClosed)
        {
            while (LockFile(handle, Unlock) != 0 && Marshal.GetLastPInvokeError() == ErrorInterrupted)
            {
            }
        }
        handle.Dispose();
    }

    private static IOException Failure(string what, string path) => Failure(what, path, Marshal.GetLastPInvokeError());

    private static IOException Failure(string what, string path, int error)
        => new IOException($"Could not {what} '{path}': {new Win32Exception(error).Message} (errno {error}).");

    [LibraryImport("libc", EntryPoint = "open", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Open(string path, int flags);

    [LibraryImport("libc", EntryPoint = "close", SetLastError = true)]
    private static partial int Close(int descriptor);

    [LibraryImport("libc", EntryPoint = "fsync", SetLastError = true)]
    private static partial int Flush(int descriptor);

    [LibraryImport("libc", EntryPoint = "link", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Link(string source, string target);

    [LibraryImport("libc", EntryPoint = "flock", SetLastError = true)]
    private static partial int LockFile(SafeFileHandle handle, int operation);
}
