// A real witness for two silos: a directory, or the server that the arbiter's own tests run against. How silos reach it, and how long
// its documentation says that it takes to replace an owner that died.
using System.Globalization;
using Membership.Arbiters.BlobLease.Tests;
using Membership.Arbiters.FileShare.Tests;
using Membership.Arbiters.Scsi.Tests;

namespace Membership.Provider.Orleans.Tests.Live;

internal sealed class LiveWitness : IAsyncDisposable
{
    private readonly Func<ValueTask> _stop;

    private LiveWitness(TimeSpan takeover, Func<ValueTask> stop, params string[] arbiter)
    {
        TakeoverBound = takeover;
        Argument = $"--arbiter={string.Join(',', arbiter)}";
        _stop = stop;
    }

    /// <summary>What a silo is started with.</summary>
    public string Argument { get; }

    /// <summary>With the default times: docs/arbiters-*.md, docs/quorum.md.</summary>
    public TimeSpan TakeoverBound { get; }

    public static async Task<LiveWitness> StartAsync(string kind)
    {
        switch (kind)
        {
            case "file":
                string directory = Directory.CreateTempSubdirectory("regroup-orleans-witness-").FullName;
                return new LiveWitness(TimeSpan.FromSeconds(3.1), () => { Directory.Delete(directory, recursive: true); return default; }, "file", directory);
            case "share":
                var share = new Samba();
                await share.StartAsync();
                return new LiveWitness(TimeSpan.FromSeconds(6.2), share.DisposeAsync, ["share", .. share.Arguments[1..4]]);
            case "scsi":
                TgtServer disk = TgtServer.Start();
                return new LiveWitness(TimeSpan.FromSeconds(7), () => { disk.Dispose(); return default; }, "scsi", disk.EndPoint.ToString(), TgtServer.Target, 1.ToString(CultureInfo.InvariantCulture));
            case "blob":
                var blob = new Azurite();
                await blob.StartAsync();
                return new LiveWitness(TimeSpan.FromSeconds(16), blob.DisposeAsync, "blob", Azurite.Service(blob.EndPoint), Azurite.Account, Azurite.Key);
            default:
                throw new ArgumentException($"'{kind}' is no witness: file, share, scsi or blob.", nameof(kind));
        }
    }

    public ValueTask DisposeAsync() => _stop();
}
