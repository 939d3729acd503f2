// The blob itself: the few requests the arbiter makes, each within a deadline of its own and never repeated by the SDK. A
// request that ran into its deadline may still take effect; leases and ETags make every late effect harmless.
using System.Net.Sockets;
using Azure;
using Azure.Core.Pipeline;
using Azure.Identity;
using Azure.Storage;
using Azure.Storage.Blobs;
using Azure.Storage.Blobs.Models;
using Azure.Storage.Blobs.Specialized;
using Membership.Engine.Arbitration;

namespace Membership.Arbiters.BlobLease;

/// <summary>A request ran into its deadline: whether it took effect is unknown.</summary>
internal sealed class RequestTimedOutException(string message) : Exception(message);

/// <summary>Requests on one blob. Has no state of its own; one caller at a time.</summary>
internal sealed class WitnessBlob : IDisposable
{
    private readonly BlobLeaseOptions _options;
    private readonly BlobContainerClient _container;
    private readonly BlockBlobClient _blob;
    private readonly HttpClient _http;

    public WitnessBlob(BlobLeaseOptions options)
    {
        _options = options;
        // A connection on which something timed out is closed by the handler; none lives so long that a moved address is missed.
        _http = new HttpClient(new SocketsHttpHandler { ConnectTimeout = options.CallDeadline, PooledConnectionLifetime = TimeSpan.FromMinutes(5) })
        {
            Timeout = Timeout.InfiniteTimeSpan,
        };
        var client = new BlobClientOptions { Transport = new HttpClientTransport(_http) };
        client.Retry.MaxRetries = 0;
        client.Retry.NetworkTimeout = options.CallDeadline * 2;
        BlobServiceClient service = options switch
        {
            { ConnectionString: { } text } => new BlobServiceClient(text, client),
            { AccountKey: { } key } => new BlobServiceClient(options.ServiceUri, new StorageSharedKeyCredential(options.AccountName, key), client),
            { SasToken: { } sas } => new BlobServiceClient(options.ServiceUri, new AzureSasCredential(sas), client),
            _ => new BlobServiceClient(options.ServiceUri, options.Credential ?? new DefaultAzureCredential(), client),
        };
        _container = service.GetBlobContainerClient(options.Container);
        _blob = _container.GetBlockBlobClient(options.Blob);
    }

    /// <summary>Where it is, without any credential.</summary>
    public string Address => _blob.Uri.GetLeftPart(UriPartial.Path);

    /// <summary>Makes container and blob if they are missing, with a blank record.</summary>
    public async Task CreateIfMissingAsync(string clusterId, CancellationToken cancellationToken)
    {
        if (await ExistsAsync(cancellationToken).ConfigureAwait(false)) return;
        try
        {
            await CreateAsync(clusterId, cancellationToken).ConfigureAwait(false);
        }
        catch (RequestFailedException missing) when (missing.Status == 404)
        {
            // Only now: a SAS of a container may make blobs in it and no container.
            await CreateContainerAsync(cancellationToken).ConfigureAwait(false);
            await CreateAsync(clusterId, cancellationToken).ConfigureAwait(false);
        }
    }

    public async Task<bool> ExistsAsync(CancellationToken cancellationToken)
    {
        try
        {
            await LookAsync(cancellationToken).ConfigureAwait(false);
            return true;
        }
        catch (RequestFailedException missing) when (missing.Status == 404)
        {
            return false;
        }
    }

    /// <summary>The blob's ETag, which every change of the record or of the renewal counter changes, and whether somebody holds the lease.</summary>
    public Task<(ETag Version, bool IsLeased)> LookAsync(CancellationToken cancellationToken) => CallAsync("look at the blob", async token =>
    {
        BlobProperties properties = (await _blob.GetPropertiesAsync(cancellationToken: token).ConfigureAwait(false)).Value;
        return (properties.ETag, properties.LeaseState is LeaseState.Leased or LeaseState.Breaking);
    }, cancellationToken);

    public Task<(byte[] Content, ETag Version)> ReadAsync(CancellationToken cancellationToken) => CallAsync("read the record", async token =>
    {
        BlobDownloadResult read = (await _blob.DownloadContentAsync(token).ConfigureAwait(false)).Value;
        return (read.Content.ToArray(), read.Details.ETag);
    }, cancellationToken);

    /// <summary>Replaces the record in one step, only under the conditions.</summary>
    public async Task<ETag> CommitAsync(WitnessRecord record, BlobRequestConditions conditions, CancellationToken cancellationToken)
    {
        string block = Convert.ToBase64String(Guid.NewGuid().ToByteArray());
        using var content = new MemoryStream(record.Encode());
        var stage = new BlockBlobStageBlockOptions { Conditions = new BlobRequestConditions { LeaseId = conditions.LeaseId } };
        await CallAsync("write the record", token => _blob.StageBlockAsync(block, content, stage, token), cancellationToken).ConfigureAwait(false);
        var commit = new CommitBlockListOptions { Conditions = conditions, Metadata = Counter(record) };
        return await CallAsync("commit the record", async token => (await _blob.CommitBlockListAsync([block], commit, token).ConfigureAwait(false)).Value.ETag is var version && version != default
            ? version
            : throw NotTheService("no version of the blob"), cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Shows everybody who watches that the owner renewed.</summary>
    public Task<ETag> ShowRenewalAsync(WitnessRecord record, BlobRequestConditions conditions, CancellationToken cancellationToken) => CallAsync(
        "write the renewal counter", async token => (await _blob.SetMetadataAsync(Counter(record), conditions, token).ConfigureAwait(false)).Value.ETag, cancellationToken);

    /// <summary>Acquires the lease, or extends it if it is held under this very id.</summary>
    public Task AcquireAsync(Guid lease, CancellationToken cancellationToken)
        => CallAsync("acquire the lease", async token => Granted(await Lease(lease).AcquireAsync(_options.LeaseDuration, cancellationToken: token).ConfigureAwait(false), lease), cancellationToken);

    public Task RenewAsync(Guid lease, CancellationToken cancellationToken)
        => CallAsync("renew the lease", async token => Granted(await Lease(lease).RenewAsync(cancellationToken: token).ConfigureAwait(false), lease), cancellationToken);

    public Task ReleaseAsync(Guid lease, CancellationToken cancellationToken)
        => CallAsync("release the lease", token => Lease(lease).ReleaseAsync(cancellationToken: token), cancellationToken);

    /// <summary>Asks for a change that cannot happen, because no blob has this version: refused as such only if the credential may write.</summary>
    public async Task CheckMayWriteAsync(CancellationToken cancellationToken)
    {
        try
        {
            var never = new BlobRequestConditions { IfMatch = new ETag("\"0x0\"") };
            await CallAsync("try a write", token => _blob.SetMetadataAsync(new Dictionary<string, string>(), never, token), cancellationToken).ConfigureAwait(false);
        }
        catch (RequestFailedException refused) when (refused.Status == 412)
        {
            // As it must be.
        }
    }

    /// <summary>Deletes it; it may be gone already. Needs a right that a witness does not need.</summary>
    public Task DeleteAsync(CancellationToken cancellationToken)
        => CallAsync("delete the blob", token => _blob.DeleteIfExistsAsync(cancellationToken: token), cancellationToken);

    public void Dispose() => _http.Dispose();

    /// <summary>A portal or a proxy that answers in the service's place says success too; it does not know the lease.</summary>
    private static bool Granted(Response<Azure.Storage.Blobs.Models.BlobLease> answer, Guid lease)
        => string.Equals(answer.Value.LeaseId, lease.ToString(), StringComparison.OrdinalIgnoreCase) ? true : throw NotTheService("not this lease's id");

    private static RequestFailedException NotTheService(string lacks) => new($"something answered in the service's place (a proxy, a login page): it said success, and {lacks}.");

    private static Dictionary<string, string> Counter(WitnessRecord record) => new()
    {
        ["regroup_generation"] = $"{record.Generation}",
        ["regroup_renewals"] = $"{record.Renewals}",
        ["regroup_owner"] = $"{record.Owner.Node.Value}",
    };

    private async Task CreateAsync(string clusterId, CancellationToken cancellationToken)
    {
        try
        {
            await CommitAsync(WitnessRecord.Blank(clusterId), new BlobRequestConditions { IfNoneMatch = ETag.All }, cancellationToken).ConfigureAwait(false);
        }
        catch (RequestFailedException there) when (there.Status is 409 or 412)
        {
            // Another node was first.
        }
    }

    private Task<bool> CreateContainerAsync(CancellationToken cancellationToken) => CallAsync("create the container", async token =>
    {
        try
        {
            await _container.CreateAsync(cancellationToken: token).ConfigureAwait(false);
        }
        catch (RequestFailedException there) when (there.Status == 409 && there.ErrorCode == BlobErrorCode.ContainerAlreadyExists.ToString())
        {
            // Another node was first.
        }
        return true;
    }, cancellationToken);

    private BlobLeaseClient Lease(Guid id) => _blob.GetBlobLeaseClient(id.ToString());

    private async Task<T> CallAsync<T>(string what, Func<CancellationToken, Task<T>> call, CancellationToken cancellationToken)
    {
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        deadline.CancelAfter(_options.CallDeadline);
        Task<T> running = Task.Run(() => call(deadline.Token), CancellationToken.None);
        try
        {
            return await running.WaitAsync(deadline.Token).ConfigureAwait(false);
        }
        catch (Exception broken) when (broken is SocketException or HttpRequestException or IOException)
        {
            // The SDK translates most of these; a connection reset in its first moment reaches us raw.
            throw new RequestFailedException(broken.Message, broken);
        }
        catch (OperationCanceledException)
        {
            _ = running.ContinueWith(static late => late.Exception, CancellationToken.None, TaskContinuationOptions.OnlyOnFaulted, TaskScheduler.Default);
            throw new RequestTimedOutException(
                $"{Address} did not {what} within {(cancellationToken.IsCancellationRequested ? "the time left" : $"{_options.CallDeadline.TotalSeconds:0.###} s")}; the request may still take effect.");
        }
    }
}
