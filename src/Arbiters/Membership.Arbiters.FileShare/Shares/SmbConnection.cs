// One context of libsmbclient: its connections, and the calls made over them through the context's function table.
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Text;

namespace Membership.Arbiters.FileShare.Shares;

/// <summary>Thin: every call returns what the library returns, with its errno in <see cref="Marshal.GetLastPInvokeError"/>. Not thread-safe.</summary>
internal sealed unsafe partial class SmbConnection : IDisposable
{
    /// <summary>How an open file is shared: with everybody, or with nobody.</summary>
    public const int DenyNone = 4, DenyAll = 1;

    private const string Library = "libsmbclient.so.0";

    private readonly nint _context;
    private readonly GCHandle _credentials;

    /// <param name="user">The user; empty for anonymous.</param>
    /// <param name="password">The password.</param>
    /// <param name="domain">The domain; may be empty.</param>
    /// <param name="timeout">How long one request may wait for its answer; connecting may take up to 20 s.</param>
    public SmbConnection(string user, string password, string domain, TimeSpan timeout)
    {
        _context = NewContext();
        if (_context == 0) throw new IOException("libsmbclient could not make a context: out of memory.");
        _credentials = GCHandle.Alloc(new Credentials(user, password, domain));
        SetDebug(_context, 0);
        SetTimeout(_context, (int)timeout.TotalMilliseconds);
        SetUserData(_context, GCHandle.ToIntPtr(_credentials));
        SetAuthentication(_context, &Authenticate);
        SetNoAutoAnonymousLogin(_context, user.Length == 0 ? 0 : 1);
        if (InitContext(_context) == 0)
        {
            int error = Marshal.GetLastPInvokeError();
            Dispose();
            throw new IOException($"libsmbclient could not start (errno {error}): is /etc/samba/smb.conf readable and valid?");
        }
    }

    public nint Open(string address, int flags, int shareMode)
    {
        SetShareMode(_context, shareMode);
        var open = (delegate* unmanaged<nint, byte*, int, uint, nint>)GetOpen(_context);
        fixed (byte* text = Text(address)) return Told(open(_context, text, flags, 0x1B6));
    }

    public int Close(nint file) => (int)Told(((delegate* unmanaged<nint, nint, int>)GetClose(_context))(_context, file));

    public long Read(nint file, Span<byte> buffer)
    {
        fixed (byte* bytes = buffer) return Told(((delegate* unmanaged<nint, nint, byte*, nuint, nint>)GetRead(_context))(_context, file, bytes, (nuint)buffer.Length));
    }

    public long Write(nint file, ReadOnlySpan<byte> content)
    {
        fixed (byte* bytes = content) return Told(((delegate* unmanaged<nint, nint, byte*, nuint, nint>)GetWrite(_context))(_context, file, bytes, (nuint)content.Length));
    }

    /// <summary>Asks the server about an open file; an open that it no longer knows fails.</summary>
    public bool IsOpen(nint file)
    {
        byte* status = stackalloc byte[256];
        return ((delegate* unmanaged<nint, nint, byte*, int>)GetStatus(_context))(_context, file, status) == 0;
    }

    public int Unlink(string address)
    {
        fixed (byte* text = Text(address)) return (int)Told(((delegate* unmanaged<nint, byte*, int>)GetUnlink(_context))(_context, text));
    }

    public nint OpenDirectory(string address)
    {
        fixed (byte* text = Text(address)) return Told(((delegate* unmanaged<nint, byte*, nint>)GetOpenDirectory(_context))(_context, text));
    }

    /// <summary>The next name, or null at the end.</summary>
    public string? ReadDirectory(nint directory)
    {
        var entry = (DirectoryEntry*)((delegate* unmanaged<nint, nint, nint>)GetReadDirectory(_context))(_context, directory);
        return entry is null ? null : Encoding.UTF8.GetString(entry->Name, (int)entry->NameLength).TrimEnd('\0');
    }

    public int CloseDirectory(nint directory) => ((delegate* unmanaged<nint, nint, int>)GetCloseDirectory(_context))(_context, directory);

    public int MakeDirectory(string address)
    {
        fixed (byte* text = Text(address)) return (int)Told(((delegate* unmanaged<nint, byte*, uint, int>)GetMakeDirectory(_context))(_context, text, 0x1FF));
    }

    public int RemoveDirectory(string address)
    {
        fixed (byte* text = Text(address)) return (int)Told(((delegate* unmanaged<nint, byte*, int>)GetRemoveDirectory(_context))(_context, text));
    }

    /// <summary>Closes everything, answered or not.</summary>
    public void Dispose()
    {
        _ = FreeContext(_context, 1);
        _credentials.Free();
    }

    private static byte[] Text(string text) => Encoding.UTF8.GetBytes(text + "\0");

    /// <summary>Keeps the errno of the call just made, before anything else can change it.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static nint Told(nint result)
    {
        Marshal.SetLastPInvokeError(Marshal.GetLastSystemError());
        return result;
    }

    [UnmanagedCallersOnly]
    private static void Authenticate(nint context, byte* server, byte* share, byte* domain, int domainLength, byte* user, int userLength, byte* password, int passwordLength)
    {
        var credentials = (Credentials)GCHandle.FromIntPtr(GetUserData(context)).Target!;
        if (credentials.Domain.Length > 0) Fill(credentials.Domain, domain, domainLength);
        Fill(credentials.User, user, userLength);
        Fill(credentials.Password, password, passwordLength);
    }

    private static void Fill(string text, byte* to, int length)
    {
        var space = new Span<byte>(to, length);
        byte[] bytes = Encoding.UTF8.GetBytes(text);
        if (bytes.Length >= length) bytes = [];
        bytes.CopyTo(space);
        space[bytes.Length] = 0;
    }

    [LibraryImport(Library, EntryPoint = "smbc_new_context", SetLastError = true)]
    private static partial nint NewContext();

    [LibraryImport(Library, EntryPoint = "smbc_init_context", SetLastError = true)]
    private static partial nint InitContext(nint context);

    [LibraryImport(Library, EntryPoint = "smbc_free_context")]
    private static partial int FreeContext(nint context, int shutDown);

    [LibraryImport(Library, EntryPoint = "smbc_setDebug")]
    private static partial void SetDebug(nint context, int level);

    [LibraryImport(Library, EntryPoint = "smbc_setTimeout")]
    private static partial void SetTimeout(nint context, int milliseconds);

    [LibraryImport(Library, EntryPoint = "smbc_setOptionUserData")]
    private static partial void SetUserData(nint context, nint data);

    [LibraryImport(Library, EntryPoint = "smbc_getOptionUserData")]
    private static partial nint GetUserData(nint context);

    [LibraryImport(Library, EntryPoint = "smbc_setOptionNoAutoAnonymousLogin")]
    private static partial void SetNoAutoAnonymousLogin(nint context, int value);

    [LibraryImport(Library, EntryPoint = "smbc_setOptionOpenShareMode")]
    private static partial void SetShareMode(nint context, int mode);

    [LibraryImport(Library, EntryPoint = "smbc_setFunctionAuthDataWithContext")]
    private static partial void SetAuthentication(nint context, delegate* unmanaged<nint, byte*, byte*, byte*, int, byte*, int, byte*, int, void> function);

    [LibraryImport(Library, EntryPoint = "smbc_getFunctionOpen")]
    private static partial nint GetOpen(nint context);

    [LibraryImport(Library, EntryPoint = "smbc_getFunctionClose")]
    private static partial nint GetClose(nint context);

    [LibraryImport(Library, EntryPoint = "smbc_getFunctionRead")]
    private static partial nint GetRead(nint context);

    [LibraryImport(Library, EntryPoint = "smbc_getFunctionWrite")]
    private static partial nint GetWrite(nint context);

    [LibraryImport(Library, EntryPoint = "smbc_getFunctionFstat")]
    private static partial nint GetStatus(nint context);

    [LibraryImport(Library, EntryPoint = "smbc_getFunctionUnlink")]
    private static partial nint GetUnlink(nint context);

    [LibraryImport(Library, EntryPoint = "smbc_getFunctionOpendir")]
    private static partial nint GetOpenDirectory(nint context);

    [LibraryImport(Library, EntryPoint = "smbc_getFunctionReaddir")]
    private static partial nint GetReadDirectory(nint context);

    [LibraryImport(Library, EntryPoint = "smbc_getFunctionClosedir")]
    private static partial nint GetCloseDirectory(nint context);

    [LibraryImport(Library, EntryPoint = "smbc_getFunctionMkdir")]
    private static partial nint GetMakeDirectory(nint context);

    [LibraryImport(Library, EntryPoint = "smbc_getFunctionRmdir")]
    private static partial nint GetRemoveDirectory(nint context);

    private sealed record Credentials(string User, string Password, string Domain);

    /// <summary>The library's directory entry; the name is written on behind it.</summary>
    [StructLayout(LayoutKind.Sequential)]
    private struct DirectoryEntry
    {
        public uint Type;
        public uint EntryLength;
        public uint CommentLength;
        public byte* Comment;
        public uint NameLength;
        public fixed byte Name[1];
    }
}
