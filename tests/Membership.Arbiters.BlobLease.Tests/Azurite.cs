// A real blob service of the test's own: Azurite on a free loopback port, its data in a directory that outlives its restarts.
using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;
using Azure.Storage;
using Azure.Storage.Blobs;
using Azure.Storage.Sas;
using Membership.Arbiters.Conformance;
using Membership.Engine.Arbitration;
using Membership.Tests;

namespace Membership.Arbiters.BlobLease.Tests;

/// <summary>Arguments of an arbiter: "key", service, key, container[, "patient"]; or "sas", service, token, container.</summary>
public sealed class Azurite : NetworkBackend
{
    /// <summary>Azurite's well-known account; it is no secret.</summary>
    public const string Account = "devstoreaccount1";

    public const string Key = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==";

    private readonly string _directory = Directory.CreateTempSubdirectory("regroup-azurite-").FullName;
    private Process? _process;

    public override IPEndPoint EndPoint { get; } = ServerStart.FreeEndPoint();

    public override string[] Arguments => ArgumentsVia(EndPoint);

    public override TimeSpan OwnershipPeriod => TimeSpan.FromSeconds(15);

    /// <summary>The lease, the challenger's pause between two looks, and its requests.</summary>
    public override TimeSpan TakeoverBound => OwnershipPeriod + TimeSpan.FromSeconds(1);

    /// <summary>Nothing is waited for.</summary>
    public override TimeSpan DisposalLimit => TimeSpan.Zero;

    public override TimeSpan ContentionTime => TimeSpan.FromSeconds(45);

    public override byte[] ErrorAnswer => Encoding.ASCII.GetBytes(
        "HTTP/1.1 503 Server Busy\r\nx-ms-error-code: ServerBusy\r\nContent-Length: 0\r\n\r\n");

    public static IQuorumArbiter Make(IReadOnlyList<string> arguments)
    {
        var options = new BlobLeaseOptions
        {
            ServiceUri = new Uri(arguments[1]),
            Container = arguments[3],
            RenewInterval = TimeSpan.FromMilliseconds(400),
            CallDeadline = TimeSpan.FromSeconds(2),
        };
        if (arguments[^1] == "patient") (options.LeaseDuration, options.CallDeadline) = (TimeSpan.FromSeconds(60), TimeSpan.FromSeconds(30));
        if (arguments[0] == "sas") options.SasToken = arguments[2];
        else (options.AccountName, options.AccountKey) = (Account, arguments[2]);
        return new BlobLeaseArbiter(options);
    }

    public override string[] PatientArguments => [.. Arguments, "patient"];

    /// <summary>The first request's.</summary>
    public override TimeSpan OwnCallLimit => TimeSpan.FromSeconds(2);

    public override IQuorumArbiter Create(IReadOnlyList<string> arguments) => Make(arguments);

    public override string[] ArgumentsVia(IPEndPoint proxy) => ["key", Service(proxy), Key, "regroup-witness"];

    public override async ValueTask StartAsync()
    {
        string program = Path.Combine(RepositoryRoot.Path, ".cache/azurite/node_modules/.bin/azurite-blob");
        if (!File.Exists(program)) throw new InvalidOperationException($"{program} is missing: run eng/backends (./test does).");
        // One silently refuses a port that is taken, so it is asked who answers, not only whether.
        _process = Process.Start(new ProcessStartInfo(program)
        {
            ArgumentList =
            {
                "--blobHost", "127.0.0.1", "--blobPort", EndPoint.Port.ToString(CultureInfo.InvariantCulture),
                "--location", _directory, "--disableTelemetry", "--silent", "--skipApiVersionCheck",
            },
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        })!;
        await _process.ListeningAsync("Azurite", EndPoint);
    }

    public override async ValueTask StopAsync()
    {
        ProcessSignal.Send(_process!.Id, ProcessSignal.Terminate);
        await _process.WaitForExitAsync().WaitAsync(TimeSpan.FromSeconds(30));
        _process.Dispose();
        _process = null;
    }

    public override ValueTask RestartAsync() => StartAsync();

    public override ValueTask HangAsync()
    {
        ProcessSignal.Send(_process!.Id, ProcessSignal.Stop);
        return default;
    }

    public override ValueTask ResumeAsync()
    {
        ProcessSignal.Send(_process!.Id, ProcessSignal.Continue);
        return default;
    }

    public override async ValueTask<IReadOnlyList<UnfitSetup>> PrepareUnfitSetupsAsync()
    {
        string service = Service(EndPoint), noService = Service(ServerStart.FreeEndPoint());
        var container = new BlobContainerClient(new Uri($"{service}/read-only"), new StorageSharedKeyCredential(Account, Key));
        await container.CreateAsync();
        string wrongKey = Convert.ToBase64String(new byte[64]);
        await using (IQuorumArbiter whole = Create(["key", service, Key, "read-only"]))
            await whole.CheckAsync(new ArbiterIdentity(ClusterId, new Engine.NodeId(1), new Engine.Incarnation(1)), CancellationToken.None);
        return
        [
            new UnfitSetup("a wrong account key", ["key", service, wrongKey, "regroup-witness"], $"{service}/regroup-witness/witness", "403", "account key"),
            new UnfitSetup("a SAS that only reads", ["sas", service, Sas("read-only", BlobContainerSasPermissions.Read), "read-only"], "403", "read, create and write", "read-only"),
            new UnfitSetup("a SAS of another container", ["sas", service, Sas("read-only", BlobContainerSasPermissions.All), "elsewhere"], "elsewhere", "403"),
            new UnfitSetup("a SAS that has expired", ["sas", service, Sas("read-only", BlobContainerSasPermissions.All, -5), "read-only"], "not expired"),
            new UnfitSetup("a service that is not there", ["key", noService, Key, "regroup-witness"], noService, "Check ServiceUri"),
        ];
    }

    /// <summary>A SAS for one container.</summary>
    public static string Sas(string container, BlobContainerSasPermissions permissions, int minutes = 30)
    {
        var sas = new BlobSasBuilder(permissions, DateTimeOffset.UtcNow.AddMinutes(minutes)) { BlobContainerName = container, Resource = "c", StartsOn = DateTimeOffset.UtcNow.AddHours(-1) };
        return sas.ToSasQueryParameters(new StorageSharedKeyCredential(Account, Key)).ToString();
    }

    public static string Service(IPEndPoint at) => $"http://{at}/{Account}";

    public override async ValueTask DisposeAsync()
    {
        if (_process is { } process)
        {
            process.Kill();
            await process.WaitForExitAsync();
            process.Dispose();
        }
        Directory.Delete(_directory, recursive: true);
    }
}
