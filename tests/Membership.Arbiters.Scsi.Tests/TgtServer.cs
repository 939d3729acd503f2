// A real iSCSI target of this test's own: tgtd on a free loopback port, with a control socket in its own directory,
// ended by its id. It keeps its disks in files, so what was written survives a restart; reservations do not.
using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using Membership.Arbiters.Conformance;

namespace Membership.Arbiters.Scsi.Tests;

internal sealed partial class TgtServer : IDisposable
{
    public const string Target = "iqn.2026-11.test:witness";
    public const string GuardedTarget = "iqn.2026-11.test:guarded";
    public const string User = "someone";
    public const string Password = "a-secret-of-16-b";

    private const int SignalStop = 19, SignalContinue = 18;
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);
    private readonly string _directory = Directory.CreateTempSubdirectory("regroup-tgt-").FullName;
    private readonly List<(int Target, int Lun, string[] Parameters)> _units = [];
    private Process? _daemon;

    public int Port { get; private set; }

    public IPEndPoint EndPoint => new(IPAddress.Loopback, Port);

    /// <summary>Starts it with one blank 8 MB unit, LUN 1 of <see cref="Target"/>.</summary>
    public static TgtServer Start()
    {
        var server = new TgtServer();
        server.AddUnit(1, 1, 8);
        server.Run();
        return server;
    }

    /// <summary>A disk as a file; its bytes can be looked at and changed behind the target's back.</summary>
    public string FileOf(int target, int lun) => Path.Combine(_directory, $"disk-{target}-{lun}");

    public void AddUnit(int target, int lun, int megabytes, params string[] parameters)
    {
        using (FileStream file = File.Create(FileOf(target, lun))) file.SetLength(megabytes * 1024L * 1024);
        _units.Add((target, lun, parameters));
        if (_daemon is not null) Export(target, lun, parameters);
    }

    /// <summary>A second target, which wants a password.</summary>
    public void AddGuardedTarget()
    {
        Admin("--op new --mode target --tid 2 -T " + GuardedTarget);
        AddUnit(2, 1, 8);
        Admin($"--op new --mode account --user {User} --password {Password}");
        Admin($"--op bind --mode account --tid 2 --user {User}");
        Admin("--op bind --mode target --tid 2 -I ALL");
    }

    public void Run()
    {
        if (Port == 0) Port = ServerStart.FreeEndPoint().Port;
        // -C picks the control socket; its directory is this server's own.
        var start = new ProcessStartInfo("/usr/sbin/tgtd") { RedirectStandardError = true, RedirectStandardOutput = true };
        foreach (string argument in new[] { "-f", "-C", "7", "--iscsi", string.Create(CultureInfo.InvariantCulture, $"portal=127.0.0.1:{Port}") }) start.ArgumentList.Add(argument);
        start.Environment["TGT_IPC_SOCKET"] = Path.Combine(_directory, "ipc");
        _daemon = Process.Start(start)!;
        _daemon.OutputDataReceived += static (_, _) => { };
        _daemon.ErrorDataReceived += static (_, _) => { };
        _daemon.BeginOutputReadLine();
        _daemon.BeginErrorReadLine();
        Until(() => TryAdmin("--op show --mode system", out _), "tgtd does not answer its control socket");
        Admin("--op new --mode target --tid 1 -T " + Target);
        foreach ((int target, int lun, string[] parameters) in _units.Where(static unit => unit.Target == 1)) Export(target, lun, parameters);
        Admin("--op bind --mode target --tid 1 -I ALL");
        Until(CanConnect, $"tgtd does not listen on port {Port}");
    }

    /// <summary>It ignores SIGTERM.</summary>
    public void Kill()
    {
        if (_daemon is null) return;
        _daemon.Kill();
        _daemon.WaitForExit();
        _daemon.Dispose();
        _daemon = null;
        foreach (string left in Directory.GetFiles(_directory, "ipc*")) File.Delete(left);
    }

    public void Freeze() => Signal(SignalStop);

    public void Thaw() => Signal(SignalContinue);

    public void Dispose()
    {
        Kill();
        Directory.Delete(_directory, recursive: true);
    }

    private static void Until(Func<bool> condition, string trouble)
    {
        long started = Stopwatch.GetTimestamp();
        while (!condition())
        {
            if (Stopwatch.GetElapsedTime(started) > Patience) throw new InvalidOperationException($"{trouble} (for {Patience}).");
            Thread.Yield();
        }
    }

    private void Export(int target, int lun, string[] parameters)
    {
        Admin($"--op new --mode logicalunit --tid {target} --lun {lun} -b {FileOf(target, lun)}");
        if (parameters.Length > 0) Admin($"--op update --mode logicalunit --tid {target} --lun {lun} --params {string.Join(',', parameters)}");
    }

    private bool CanConnect()
    {
        using var probe = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        try
        {
            probe.Connect(EndPoint);
            return true;
        }
        catch (SocketException)
        {
            return false;
        }
    }

    private void Admin(string arguments)
    {
        if (!TryAdmin(arguments, out string output)) throw new InvalidOperationException($"tgtadm {arguments}: {output}");
    }

    private bool TryAdmin(string arguments, out string output)
    {
        var start = new ProcessStartInfo("/usr/sbin/tgtadm", "-C 7 --lld iscsi " + arguments) { RedirectStandardError = true, RedirectStandardOutput = true };
        start.Environment["TGT_IPC_SOCKET"] = Path.Combine(_directory, "ipc");
        using Process admin = Process.Start(start)!;
        output = admin.StandardError.ReadToEnd() + admin.StandardOutput.ReadToEnd();
        admin.WaitForExit();
        return admin.ExitCode == 0;
    }

    private void Signal(int number)
    {
        if (_daemon is null || SendSignal(_daemon.Id, number) != 0) throw new InvalidOperationException($"Signal {number} could not be sent to tgtd.");
    }

    [LibraryImport("libc", EntryPoint = "kill", SetLastError = true)]
    private static partial int SendSignal(int process, int signal);
}
