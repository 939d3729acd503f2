// The server behind a file-share witness: smbd with one share, whose files outlive it; locks and opens do not. It is a process
// with children, one per connection, all in the witness' namespace.
using System.Diagnostics;
using System.Globalization;
using System.Text.Json.Nodes;

namespace Membership.Testbed;

/// <summary>smbd, reached through libsmbclient.</summary>
internal sealed class ShareWitness(BridgedNetwork network, string directory) : WitnessServer(network, directory)
{
    /// <summary>Half of the defaults, so that tests are quick.</summary>
    public static readonly TimeSpan Period = TimeSpan.FromSeconds(3), RenewInterval = TimeSpan.FromSeconds(1);

    private const int Port = 445;
    private const string Password = "witness-1";

    private static readonly string User = Environment.UserName;

    public override TimeSpan OwnershipPeriod => Period;

    private static string Address => BridgedNetwork.AddressOf(LinkState.Witness);

    private string Home => Path.Combine(Directory, "samba");

    private string Configuration => Path.Combine(Home, "smb.conf");

    internal override void Configure(JsonObject configuration)
    {
        configuration["Arbiter"] = "Share";
        configuration["FileShareWitness"] = new JsonObject
        {
            ["Path"] = $"smb://{Address}/witness/cluster1", ["UserName"] = User, [nameof(Password)] = Password,
            [nameof(OwnershipPeriod)] = Period.ToString("c"), [nameof(RenewInterval)] = RenewInterval.ToString("c"), ["CallDeadline"] = "00:00:01",
        };
    }

    private protected override ProcessStartInfo Program()
    {
        if (!File.Exists(Configuration)) Install();
        return new ProcessStartInfo("smbd", ["--foreground", "--no-process-group", "-s", Configuration, "-l", Path.Combine(Home, "state")]) { WorkingDirectory = Directory };
    }

    private protected override async Task PrepareAsync(NamespacedProcess process, Task ready, CancellationToken cancellationToken)
    {
        string address = string.Concat(Address.Split('.').Reverse().Select(static part => byte.Parse(part, CultureInfo.InvariantCulture).ToString("X2", CultureInfo.InvariantCulture)));
        string listening = string.Create(CultureInfo.InvariantCulture, $"{address}:{Port:X4} 00000000:0000 0A");
        // The kernel's list of the sockets in the namespace of that process.
        while (!File.ReadAllText($"/proc/{process.Id}/net/tcp").Contains(listening, StringComparison.Ordinal))
        {
            if (process.HasExited) await ready;
            await Task.Delay(20, cancellationToken);
        }
    }

    private void Install()
    {
        foreach (string name in (string[])["share/cluster1", "state"]) System.IO.Directory.CreateDirectory(Path.Combine(Home, name));
        string state = Path.Combine(Home, "state");
        File.WriteAllText(Configuration, $"""
            [global]
            server role = standalone
            workgroup = REGROUP
            smb ports = {Port}
            interfaces = {Address}/24
            bind interfaces only = yes
            disable netbios = yes
            disable spoolss = yes
            load printers = no
            map to guest = never
            server min protocol = SMB2
            passdb backend = tdbsam:{state}/passdb.tdb
            private dir = {state}
            lock directory = {state}
            state directory = {state}
            cache directory = {state}
            pid directory = {state}
            ncalrpc dir = {state}/ncalrpc
            log file = {state}/log
            [witness]
            path = {Home}/share
            read only = no
            """);
        SystemTool.Run("pdbedit", ["-s", Configuration, "-a", "-u", User, "-t"], $"{Password}\n{Password}\n");
    }
}
