// What a process of this software can be reached by, as the kernel lists it: the one port of its options, its control socket for its own
// user, and nothing that nobody asked for.
using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using System.Runtime.Versioning;
using Failover.Demo;
using Membership.Provider.Control;
using Xunit;

namespace Membership.Provider.Tests;

[SupportedOSPlatform("linux")]
public sealed partial class ListeningTests
{
    private const int NobodyElse = 65534;

    public static bool IsLinux => OperatingSystem.IsLinux();

    public static bool IsLinuxRoot => OperatingSystem.IsLinux() && Environment.IsPrivilegedProcess;

    [Theory(SkipUnless = nameof(IsLinux), Skip = "Reads the kernel's lists of sockets, /proc, which only Linux has.")]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_node_listens_on_its_own_port_and_its_control_socket_and_nowhere_else(bool control)
    {
        string directory = Directory.CreateTempSubdirectory("regroup-listening-tests-").FullName;
        int[] ports = FreePorts.Find(3);
        ProcessStartInfo start = SamplesTests.Start("Failover", "--node", "1", "--exit-with-parent", "true", "--Resource:File", Path.Combine(directory, "served.log"));
        start.RedirectStandardInput = true;
        void Set(string name, object value) => start.Environment["RegroupMembership__" + name] = $"{value}";
        Set("ClusterId", "listening");
        Set("Preset", "Local");
        Set("AllowPlainText", true);
        Set("Bootstrap", true);
        Set("StoreDirectory", Path.Combine(directory, "node"));
        Set("ControlSocket__Enabled", control);
        for (int other = 1; other <= 3; other++)
        {
            Set($"Nodes__{other - 1}__Number", other);
            Set($"Nodes__{other - 1}__Endpoints__0", $"127.0.0.1:{ports[other - 1]}");
        }
        using Process process = Process.Start(start)!;
        try
        {
            process.OutputDataReceived += static (_, _) => { };
            process.ErrorDataReceived += static (_, _) => { };
            process.BeginOutputReadLine();
            process.BeginErrorReadLine();
            string own = $"127.0.0.1:{ports[0]}", socket = ControlAddress.Default(Path.Combine(directory, "node.1"));
            string[] expected = control ? [$"tcp {own}", $"udp {own}", $"unix {socket}"] : [$"tcp {own}", $"udp {own}"];
            // All it opens it opens at its start; once the last of them is there, the list is whole.
            await TestHosts.UntilAsync("the node listens", () => !process.HasExited && expected.All(Sockets(process.Id).Contains));
            await TestHosts.UntilAsync("the node has looked for others", () => Sockets(process.Id).Order().SequenceEqual(expected.Order()));
        }
        finally
        {
            process.Kill();
            await process.WaitForExitAsync(CancellationToken.None);
            Directory.Delete(directory, recursive: true);
        }
    }

    [Fact(SkipUnless = nameof(IsLinuxRoot), Skip = "Takes on another user's rights, which only root on Linux may.")]
    public async Task Another_user_of_the_machine_is_refused_by_the_control_socket()
    {
        string directory = Directory.CreateTempSubdirectory("regroup-control-tests-").FullName, path = Path.Combine(directory, "control");
        // The directory is open, so that only the socket's own mode stands in the way.
        File.SetUnixFileMode(directory, (UnixFileMode)0b111_101_101);
        try
        {
            await using var hosts = new TestHosts(1);
            await hosts.StartAsync(options => options.ControlSocket.Path = path);
            Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(path));
            Assert.Equal(SocketError.AccessDenied, ConnectAsAnother(path));
            // It is the mode that did it: opened to all, the same user gets in.
            File.SetUnixFileMode(path, (UnixFileMode)0b110_110_110);
            Assert.Equal(SocketError.Success, ConnectAsAnother(path));
            File.SetUnixFileMode(path, UnixFileMode.UserRead | UnixFileMode.UserWrite);
            Assert.Equal(SocketError.AccessDenied, ConnectAsAnother(path));
            // The default path lies in the store directory: what is in there is the node's own, too.
            Assert.All(Directory.GetFiles(hosts.Store(1)), static file => Assert.Equal((UnixFileMode)0, File.GetUnixFileMode(file) & (UnixFileMode.OtherWrite | UnixFileMode.GroupWrite)));
        }
        finally
        {
            Directory.Delete(directory, recursive: true);
        }
    }

    // On Linux the user that files are opened as belongs to the thread.
    private static SocketError ConnectAsAnother(string path)
    {
        var result = SocketError.SocketError;
        var thread = new Thread(() =>
        {
            _ = SetFileUser(NobodyElse);
            using var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
            try
            {
                socket.Connect(new UnixDomainSocketEndPoint(path));
                result = SocketError.Success;
            }
            catch (SocketException refused)
            {
                result = refused.SocketErrorCode;
            }
        });
        thread.Start();
        thread.Join();
        return result;
    }

    /// <summary>What can be reached from outside the process: bound UDP ports, listening TCP ports and listening Unix sockets.</summary>
    private static HashSet<string> Sockets(int process)
    {
        HashSet<string> inodes = [];
        foreach (string descriptor in Directory.GetFiles($"/proc/{process}/fd"))
            if (new FileInfo(descriptor).LinkTarget is { } target && target.StartsWith("socket:[", StringComparison.Ordinal)) inodes.Add(target["socket:[".Length..^1]);
        HashSet<string> found = [];
        foreach ((string protocol, string file, string state) in (ReadOnlySpan<(string, string, string)>)[("tcp", "tcp", "0A"), ("tcp", "tcp6", "0A"), ("udp", "udp", "07"), ("udp", "udp6", "07")])
        {
            foreach (string line in File.ReadLines($"/proc/{process}/net/{file}").Skip(1))
            {
                string[] fields = line.Split(' ', StringSplitOptions.RemoveEmptyEntries);
                if (fields[3] == state && inodes.Contains(fields[9])) found.Add($"{protocol} {Address(fields[1])}");
            }
        }
        foreach (string line in File.ReadLines($"/proc/{process}/net/unix").Skip(1))
        {
            // Num RefCount Protocol Flags Type St Inode Path; the flag 00010000 is a listening one.
            string[] fields = line.Split(' ', 8, StringSplitOptions.RemoveEmptyEntries);
            if (fields.Length < 8 || fields[3] != "00010000" || !inodes.Contains(fields[6])) continue;
            // The runtime's own, for debuggers of the same user (DOTNET_EnableDiagnostics=0 takes it away).
            if (!Path.GetFileName(fields[7]).StartsWith("dotnet-diagnostic-", StringComparison.Ordinal)) found.Add($"unix {fields[7]}");
        }
        return found;
    }

    // Eight hexadecimal digits for every four bytes of the address, as the machine has them in memory.
    private static string Address(string hex)
    {
        string[] parts = hex.Split(':');
        byte[] bytes = [.. Enumerable.Range(0, parts[0].Length / 8).SelectMany(word => BitConverter.GetBytes(uint.Parse(parts[0].AsSpan(word * 8, 8), NumberStyles.HexNumber, CultureInfo.InvariantCulture)))];
        return new IPEndPoint(new IPAddress(bytes), int.Parse(parts[1], NumberStyles.HexNumber, CultureInfo.InvariantCulture)).ToString();
    }

    [LibraryImport("libc", EntryPoint = "setfsuid")]
    private static partial int SetFileUser(int user);
}
