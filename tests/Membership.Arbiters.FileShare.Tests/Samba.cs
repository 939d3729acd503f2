// A real file server of the test's own: smbd on a free loopback port, in the foreground, with its own configuration, user and state.
using System.ComponentModel;
using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using Membership.Arbiters.Conformance;
using Membership.Engine.Arbitration;

namespace Membership.Arbiters.FileShare.Tests;

public sealed class Samba : NetworkBackend
{
    private const string Password = "witness-1";

    private static readonly string User = Environment.UserName;
    private readonly string _directory = Directory.CreateTempSubdirectory("regroup-samba-").FullName;
    private Process? _process;

    public override IPEndPoint EndPoint { get; } = ServerStart.FreeEndPoint();

    public override string[] Arguments => ArgumentsVia(EndPoint);

    public override TimeSpan OwnershipPeriod => Shares.OwnershipPeriod;

    public override TimeSpan TakeoverBound => OwnershipPeriod * 1.01 + TimeSpan.FromSeconds(0.5);

    /// <summary>The server keeps the lock of a stopped or cut-off owner; it is respected for a renewal interval.</summary>
    public override TimeSpan FrozenTakeoverBound => TakeoverBound + Shares.RenewInterval;

    /// <summary>A change.</summary>
    public override TimeSpan DisposalLimit => Shares.CallDeadline;

    public override TimeSpan ContentionTime => TimeSpan.FromSeconds(20);

    public override string[] PatientArguments => [.. Arguments, "patient"];

    /// <summary>Three changes' time for the check.</summary>
    public override TimeSpan OwnCallLimit => Shares.CallDeadline * 3;

    public override IQuorumArbiter Create(IReadOnlyList<string> arguments) => Shares.Make(arguments);

    public override string[] ArgumentsVia(IPEndPoint proxy) => At(proxy, "witness/cluster1");

    /// <summary>What is in a directory of the share, as its server sees it.</summary>
    public IReadOnlyList<string> Files(string directory) => [.. Directory.EnumerateFileSystemEntries(Path.Combine(_directory, "share", directory)).Select(static path => Path.GetFileName(path))];

    public override async ValueTask StartAsync()
    {
        foreach (string name in (string[])["share/cluster1", "read-only/cluster1", "state"]) Directory.CreateDirectory(Path.Combine(_directory, name));
        await File.WriteAllTextAsync(Configuration, $"""
            [global]
            server role = standalone
            workgroup = REGROUP
            smb ports = {EndPoint.Port}
            interfaces = lo
            bind interfaces only = yes
            disable netbios = yes
            disable spoolss = yes
            load printers = no
            map to guest = never
            server min protocol = SMB2
            passdb backend = tdbsam:{_directory}/state/passdb.tdb
            private dir = {_directory}/state
            lock directory = {_directory}/state
            state directory = {_directory}/state
            cache directory = {_directory}/state
            pid directory = {_directory}/state
            ncalrpc dir = {_directory}/state/ncalrpc
            log file = {_directory}/state/log
            [witness]
            path = {_directory}/share
            read only = no
            [frozen]
            path = {_directory}/read-only
            read only = yes
            """);
        await RunAsync("pdbedit", ["-s", Configuration, "-a", "-u", User, "-t"], $"{Password}\n{Password}\n");
        await RestartAsync();
    }

    /// <summary>Every process of the server is killed, as by a crash of its machine.</summary>
    public override async ValueTask StopAsync()
    {
        foreach (int process in Family()) Signal(process, ProcessSignal.Kill);
        await _process!.WaitForExitAsync().WaitAsync(TimeSpan.FromSeconds(30));
        _process.Dispose();
        _process = null;
    }

    public override async ValueTask RestartAsync()
    {
        _process = Process.Start(new ProcessStartInfo(Program("smbd"))
        {
            ArgumentList = { "--foreground", "--no-process-group", "-s", Configuration, "-l", Path.Combine(_directory, "state") },
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        })!;
        await _process.ListeningAsync("smbd", EndPoint);
    }

    public override ValueTask HangAsync()
    {
        // The parent first, so that it makes no child that is missed.
        Signal(_process!.Id, ProcessSignal.Stop);
        foreach (int process in Family()) Signal(process, ProcessSignal.Stop);
        return default;
    }

    public override ValueTask ResumeAsync()
    {
        foreach (int process in Family()) Signal(process, ProcessSignal.Continue);
        return default;
    }

    public override ValueTask<IReadOnlyList<UnfitSetup>> PrepareUnfitSetupsAsync() => new((IReadOnlyList<UnfitSetup>)
    [
        new UnfitSetup("a wrong password", [.. At(EndPoint, "witness/cluster1")[..3], "wrong"], "witness/cluster1", $"'{User}'", "Password"),
        new UnfitSetup("an unknown user", [.. At(EndPoint, "witness/cluster1")[..2], "nobody-knows", Password], "'nobody-knows'", "Check UserName"),
        new UnfitSetup("a share that does not exist", At(EndPoint, "other/cluster1"), "/other/cluster1", "Path"),
        new UnfitSetup("a directory that does not exist", At(EndPoint, "witness/cluster2"), "witness/cluster2", "Make the directory"),
        new UnfitSetup("a share that cannot be written", At(EndPoint, "frozen/cluster1"), "frozen/cluster1", "right to write"),
        new UnfitSetup("a server that is not there", At(ServerStart.FreeEndPoint(), "witness/cluster1"), "witness/cluster1", "Check the server's name and port"),
    ]);

    public override async ValueTask DisposeAsync()
    {
        if (_process is not null) await StopAsync();
        Directory.Delete(_directory, recursive: true);
    }

    private string Configuration => Path.Combine(_directory, "smb.conf");

    private static string[] At(IPEndPoint server, string path) => ["smb", $"smb://{server}/{path}", User, Password];

    /// <summary>The server's process and its descendants; nobody else's.</summary>
    private List<int> Family()
    {
        var family = new List<int> { _process!.Id };
        for (int i = 0; i < family.Count; i++)
        {
            try
            {
                foreach (string word in File.ReadAllText($"/proc/{family[i]}/task/{family[i]}/children").Split(' ', StringSplitOptions.RemoveEmptyEntries))
                    family.Add(int.Parse(word, CultureInfo.InvariantCulture));
            }
            catch (Exception gone) when (gone is IOException or UnauthorizedAccessException)
            {
                // It ended meanwhile.
            }
        }
        return family;
    }

    private static void Signal(int process, int signal)
    {
        try
        {
            ProcessSignal.Send(process, signal);
        }
        catch (InvalidOperationException)
        {
            // It ended meanwhile.
        }
    }

    private static string Program(string name)
        => ((string[])["/usr/sbin", "/usr/bin", "/usr/local/sbin", "/usr/local/bin"]).Select(directory => Path.Combine(directory, name)).FirstOrDefault(File.Exists)
        ?? throw new Win32Exception($"{name} is not installed: run eng/backends samba (./test does).");

    private static async Task RunAsync(string program, string[] arguments, string input)
    {
        using Process run = Process.Start(new ProcessStartInfo(Program(program), arguments)
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        })!;
        await run.StandardInput.WriteAsync(input);
        run.StandardInput.Close();
        Task<string> said = run.StandardError.ReadToEndAsync(), told = run.StandardOutput.ReadToEndAsync();
        await run.WaitForExitAsync().WaitAsync(TimeSpan.FromSeconds(30));
        if (run.ExitCode != 0) throw new InvalidOperationException($"{program} failed: {await said}{await told}");
    }
}
