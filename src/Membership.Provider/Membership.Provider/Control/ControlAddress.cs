// Where the control socket is: in the view store's directory unless told otherwise. On Windows the name of a pipe made from that path.
using System.Security.Cryptography;
using System.Text;

namespace Membership.Provider.Control;

/// <summary>Addresses of control sockets.</summary>
public static class ControlAddress
{
    /// <summary>The name of the socket in the store directory.</summary>
    public const string FileName = "control.sock";

    /// <summary>Most bytes of a Unix socket's path.</summary>
    internal const int LongestPath = 107;

    /// <summary>The address of the node with this store, unless its options name another.</summary>
    /// <param name="storeDirectory">The store directory.</param>
    /// <returns>A path; on Windows the name of a pipe.</returns>
    public static string Default(string storeDirectory)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(storeDirectory);
        string path = Path.Combine(Path.GetFullPath(storeDirectory), FileName);
        return OperatingSystem.IsWindows() ? "regroup-" + Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(path.ToUpperInvariant())).AsSpan(0, 12)) : path;
    }

    internal static string For(RegroupMembershipOptions options) => options.ControlSocket.Path ?? Default(options.StoreDirectory);
}
