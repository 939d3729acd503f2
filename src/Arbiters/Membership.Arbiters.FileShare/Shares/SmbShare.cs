// A share reached through libsmbclient, without a mount and without root. Its lock is an open that denies everybody else any access;
// exclusive creation is the server's own. After trouble the connection is dropped, since what it still carries is unknown.
using System.ComponentModel;
using System.Runtime.InteropServices;

namespace Membership.Arbiters.FileShare.Shares;

/// <summary>A directory <c>smb://server[:port]/share/dir</c>. The library is not made for several threads: all calls of the process go one by one.</summary>
internal sealed class SmbShare(FileShareOptions options) : IShare
{
    private const int NoEntry = 2, Denied = 13, Busy = 16, Exists = 17, NoDevice = 19, NotPermitted = 1, TextBusy = 26;
    private const int ReadOnly = 0, WriteOnly = 1, ReadWrite = 2, Create = 0x40, Exclusive = 0x80;
    private const int MaxFile = 17 * 1024 * 1024;

    private static readonly Lock OneAtATime = new();
    private readonly string _address = options.SmbAddress;
    private SmbConnection? _connection;

    public string Address => _address;

    public void CheckPlace() => List();

    public void MakePlace() => Call("make", "", connection => connection.MakeDirectory(_address) == 0 ? true : throw Failure("make", _address));

    public void RemovePlace()
    {
        foreach (string name in List())
            if (name is not ("." or "..")) Delete(name);
        Call("remove", "", connection => connection.RemoveDirectory(_address) == 0 ? true : throw Failure("remove", _address));
    }

    public unsafe IReadOnlyList<string> List() => Call("list", "", connection =>
    {
        nint directory = connection.OpenDirectory(_address);
        if (directory == 0) throw Failure("list", _address);
        var names = new List<string>();
        try
        {
            while (connection.ReadDirectory(directory) is { } name) names.Add(name);
        }
        finally
        {
            _ = connection.CloseDirectory(directory);
        }
        return names;
    });

    public byte[]? Read(string name) => Call<byte[]?>("read", name, connection =>
    {
        nint file = connection.Open(At(name), ReadOnly, SmbConnection.DenyNone);
        if (file == 0) return Marshal.GetLastPInvokeError() is NoEntry ? null : throw Failure("open", At(name));
        try
        {
            using var content = new MemoryStream();
            var buffer = new byte[64 * 1024];
            while (true)
            {
                long count = connection.Read(file, buffer);
                if (count < 0) throw Failure("read", At(name));
                if (count == 0) return content.ToArray();
                content.Write(buffer, 0, (int)count);
                if (content.Length > MaxFile) throw new IOException($"'{At(name)}' is larger than {MaxFile} bytes: it is no witness record.");
            }
        }
        finally
        {
            _ = connection.Close(file);
        }
    });

    public bool TryCreate(string name, ReadOnlySpan<byte> content)
    {
        byte[] bytes = content.ToArray();
        return Call("create", name, connection =>
        {
            nint file = connection.Open(At(name), WriteOnly | Create | Exclusive, SmbConnection.DenyNone);
            if (file == 0) return Marshal.GetLastPInvokeError() == Exists ? false : throw Failure("create", At(name));
            bool closed = false;
            try
            {
                for (int written = 0; written < bytes.Length;)
                {
                    long count = connection.Write(file, bytes.AsSpan(written));
                    if (count <= 0) throw Failure("write", At(name));
                    written += (int)count;
                }
                closed = true;
                return connection.Close(file) == 0 ? true : throw Failure("close", At(name));
            }
            finally
            {
                if (!closed) _ = connection.Close(file);
            }
        });
    }

    public void Delete(string name) => Call("delete", name, connection => connection.Unlink(At(name)) == 0 || Marshal.GetLastPInvokeError() is NoEntry or Busy
        ? true
        : throw Failure("delete", At(name)));

    public IShareLock? TryLock(string name) => Call<IShareLock?>("lock", name, connection =>
    {
        nint file = connection.Open(At(name), ReadWrite | Create, SmbConnection.DenyAll);
        if (file != 0) return new SmbLock(this, connection, file);
        // Denied is what a sharing violation is called where it meets a share mode of another kind.
        return Marshal.GetLastPInvokeError() is Busy or TextBusy or Denied ? null : throw Failure("lock", At(name));
    });

    public void Dispose()
    {
        lock (OneAtATime) Drop();
    }

    private string At(string name) => $"{_address}/{name}";

    private T Call<T>(string what, string name, Func<SmbConnection, T> call)
    {
        lock (OneAtATime)
        {
            try
            {
                _connection ??= new SmbConnection(options.UserName ?? "", options.Password ?? "", options.Domain ?? "", options.CallDeadline);
                return call(_connection);
            }
            catch (IOException)
            {
                Drop();
                throw;
            }
            catch (Exception missing) when (missing is DllNotFoundException or EntryPointNotFoundException)
            {
                throw new IOException($"Could not {what} '{(name.Length == 0 ? _address : At(name))}': libsmbclient is not installed ({missing.Message.Split('\n')[0]}). Install it (Debian: apt-get install libsmbclient), or mount the share and give the mounted path.");
            }
        }
    }

    private void Drop()
    {
        _connection?.Dispose();
        _connection = null;
    }

    private IOException Failure(string what, string address)
    {
        int error = Marshal.GetLastPInvokeError();
        string advice = error switch
        {
            Denied or NotPermitted => $" Check UserName ('{options.UserName ?? "anonymous"}'), Password and Domain, and the user's right to write there.",
            NoEntry => " Make the directory on the share, or correct Path.",
            NoDevice => " Check the name of the share in Path.",
            _ => " Check the server's name and port in Path, and that it is reachable.",
        };
        return new IOException($"Could not {what} '{address}': {new Win32Exception(error).Message} (errno {error}).{advice}");
    }

    private sealed class SmbLock(SmbShare share, SmbConnection connection, nint file) : IShareLock
    {
        private bool _open = true;

        public bool Stands()
        {
            lock (OneAtATime) return _open && ReferenceEquals(connection, share._connection) && connection.IsOpen(file);
        }

        public void Dispose()
        {
            lock (OneAtATime)
            {
                // A connection that was dropped has closed it already.
                if (_open && ReferenceEquals(connection, share._connection)) _ = connection.Close(file);
                _open = false;
            }
        }
    }
}
