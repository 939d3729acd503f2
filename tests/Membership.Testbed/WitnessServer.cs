// The server behind a witness: a real one, a process in the witness' own namespace, so that cuts on the bridge can keep any
// node from it. It can be killed, frozen and started again; what it keeps on disk outlives it.
using System.Diagnostics;
using System.Globalization;
using System.Text.Json.Nodes;

namespace Membership.Testbed;

/// <summary>A witness' server.</summary>
public abstract class WitnessServer : IAsyncDisposable
{
    private readonly BridgedNetwork _network;
    private NamespacedProcess? _process;

    private protected WitnessServer(BridgedNetwork network, string directory)
    {
        _network = network;
        Directory = directory;
    }

    /// <summary>Whether its process runs, frozen or not.</summary>
    public bool IsRunning => _process is { HasExited: false };

    /// <summary>How long one claim of an owner holds.</summary>
    public abstract TimeSpan OwnershipPeriod { get; }

    private protected string Directory { get; }

    /// <summary>The server for a kind of witness; null for those without one.</summary>
    internal static WitnessServer? For(WitnessBackend backend, BridgedNetwork network, string directory) => backend switch
    {
        WitnessBackend.Scsi => new ScsiWitness(network, directory),
        WitnessBackend.Blob => new BlobWitness(network, directory),
        WitnessBackend.Share => new ShareWitness(network, directory),
        _ => null,
    };

    /// <summary>Starts it, for the first time or again, and waits until it serves.</summary>
    public async Task StartAsync(CancellationToken cancellationToken)
    {
        await KillAsync();
        var ready = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        NamespacedProcess process = _process = new NamespacedProcess(
            _network.NamespaceOf(LinkState.Witness), Program(), Path.Combine(Directory, "witness.log"),
            line =>
            {
                if (SaysReady(line)) ready.TrySetResult();
            },
            () => ready.TrySetException(new TestbedException($"The witness' server ended: see witness.log in {Directory}.")));
        await PrepareAsync(process, ready.Task, cancellationToken).WaitAsync(TimeSpan.FromSeconds(60), cancellationToken);
    }

    /// <summary>Sends a signal to its processes: whatever runs in the witness' namespace.</summary>
    public void Send(Signal signal)
    {
        if (_process is not { HasExited: false } main) return;
        // First the one that makes the others, so that none is missed.
        main.Send(signal);
        foreach (int id in _network.ProcessesIn(LinkState.Witness)) Signals.TrySend(id, signal);
    }

    /// <summary>Kills it and waits until it is gone.</summary>
    public async Task KillAsync()
    {
        if (_process is null) return;
        Send(Signal.Stop);
        // The children of one that has ended by itself too.
        foreach (int id in _network.ProcessesIn(LinkState.Witness)) Signals.TrySend(id, Signal.Kill);
        await _process.DisposeAsync();
        _process = null;
    }

    /// <summary>Tells the nodes where it is.</summary>
    internal abstract void Configure(JsonObject configuration);

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await KillAsync();
        GC.SuppressFinalize(this);
    }

    private protected abstract ProcessStartInfo Program();

    private protected virtual bool SaysReady(string line) => false;

    private protected abstract Task PrepareAsync(NamespacedProcess process, Task ready, CancellationToken cancellationToken);
}

/// <summary>tgtd with one LUN, whose bytes are a file; reservations do not outlive it.</summary>
internal sealed class ScsiWitness(BridgedNetwork network, string directory) : WitnessServer(network, directory)
{
    /// <summary>Half of the default, so that tests are quick.</summary>
    public static readonly TimeSpan Period = TimeSpan.FromSeconds(3);

    private const string Target = "iqn.2026-11.org.regroup:testbed";

    public override TimeSpan OwnershipPeriod => Period;

    private static string Portal => $"{BridgedNetwork.AddressOf(LinkState.Witness)}:3260";

    // In the file system, not in a network namespace: so it is at hand from here.
    private (string, string) Socket => ("TGT_IPC_SOCKET", Path.Combine(Directory, "tgtd.ipc"));

    internal override void Configure(JsonObject configuration)
    {
        configuration["Arbiter"] = "Scsi";
        configuration["ScsiReservation"] = new JsonObject
        {
            [nameof(Portal)] = Portal, [nameof(Target)] = Target, ["Lun"] = 1,
            [nameof(OwnershipPeriod)] = Period.ToString("c"), ["RenewInterval"] = (Period / 3).ToString("c"), ["CommandTimeout"] = (Period / 4).ToString("c"),
        };
    }

    private protected override ProcessStartInfo Program()
    {
        foreach (string left in System.IO.Directory.GetFiles(Directory, "tgtd.ipc*")) File.Delete(left);
        var start = new ProcessStartInfo("tgtd", ["-f", "-C", "7", "--iscsi", $"portal={Portal}"]) { WorkingDirectory = Directory };
        start.Environment[Socket.Item1] = Socket.Item2;
        return start;
    }

    private protected override async Task PrepareAsync(NamespacedProcess process, Task ready, CancellationToken cancellationToken)
    {
        string disk = Path.Combine(Directory, "witness.disk");
        if (!File.Exists(disk))
        {
            await using FileStream blank = File.Create(disk);
            blank.SetLength(8 << 20);
        }
        while (!Answers())
        {
            if (process.HasExited) await ready;
            await Task.Delay(20, cancellationToken);
        }
        Admin($"--op new --mode target --tid 1 -T {Target}");
        Admin($"--op new --mode logicalunit --tid 1 --lun 1 -b {disk}");
        Admin("--op bind --mode target --tid 1 -I ALL");
    }

    private bool Answers()
    {
        try
        {
            Admin("--op show --mode system");
            return true;
        }
        catch (TestbedException)
        {
            return false;
        }
    }

    private void Admin(string arguments) => SystemTool.Run("tgtadm", ["-C", "7", "--lld", "iscsi", .. arguments.Split(' ')], "", Socket);
}

/// <summary>Azurite, Microsoft's own blob service for tests, as npm has it.</summary>
internal sealed class BlobWitness(BridgedNetwork network, string directory) : WitnessServer(network, directory)
{
    /// <summary>The service's shortest lease.</summary>
    public static readonly TimeSpan Period = TimeSpan.FromSeconds(15);

    /// <summary>Azurite's well-known account; it is no secret.</summary>
    private const string Account = "devstoreaccount1", Key = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==";

    private const int Port = 10000;

    public override TimeSpan OwnershipPeriod => Period;

    private static string Address => BridgedNetwork.AddressOf(LinkState.Witness);

    internal override void Configure(JsonObject configuration)
    {
        configuration["Arbiter"] = "Blob";
        configuration["BlobLease"] = new JsonObject
        {
            ["ServiceUri"] = string.Create(CultureInfo.InvariantCulture, $"http://{Address}:{Port}/{Account}"), ["AccountName"] = Account, ["AccountKey"] = Key, ["CallDeadline"] = "00:00:02",
        };
    }

    private protected override ProcessStartInfo Program()
    {
        DirectoryInfo? root = new(AppContext.BaseDirectory);
        while (root is not null && !File.Exists(Path.Combine(root.FullName, "global.json"))) root = root.Parent;
        string program = Path.Combine(root?.FullName ?? "", ".cache", "azurite", "node_modules", ".bin", "azurite-blob");
        if (!File.Exists(program)) throw new TestbedException($"{program} is missing: run eng/backends azurite (./test does).");
        string port = Port.ToString(CultureInfo.InvariantCulture);
        return new ProcessStartInfo(program, ["--blobHost", Address, "--blobPort", port, "--location", Path.Combine(Directory, "azurite"), "--disableTelemetry", "--skipApiVersionCheck"]) { WorkingDirectory = Directory };
    }

    private protected override bool SaysReady(string line) => line.Contains("successfully listen", StringComparison.OrdinalIgnoreCase);

    private protected override Task PrepareAsync(NamespacedProcess process, Task ready, CancellationToken cancellationToken) => ready;
}
