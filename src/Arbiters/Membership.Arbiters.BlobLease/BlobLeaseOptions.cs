// The options of the blob-lease arbiter: where the blob is, who may touch it, and the times.
using Azure.Core;
using Azure.Storage;
using Azure.Storage.Blobs;
using Microsoft.Extensions.Options;

namespace Membership.Arbiters.BlobLease;

/// <summary>Options of <see cref="BlobLeaseArbiter"/>. Every node of a cluster uses the same blob and the same times.</summary>
/// <remarks>Credentials, exactly one of: <see cref="ConnectionString"/>, or <see cref="ServiceUri"/> with an account key, a SAS, a token credential or the default one.</remarks>
public sealed record BlobLeaseOptions
{
    /// <summary>The section that settings files put these options in: <c>BlobLease</c>.</summary>
    public const string SectionName = "BlobLease";

    /// <summary>A storage connection string, with an account key or a SAS in it.</summary>
    public string? ConnectionString { get; set; }

    /// <summary>The blob service, e.g. <c>https://account.blob.core.windows.net</c>; instead of <see cref="ConnectionString"/>.</summary>
    public Uri? ServiceUri { get; set; }

    /// <summary>The account's name, with <see cref="AccountKey"/>.</summary>
    public string? AccountName { get; set; }

    /// <summary>The account's key as base64, with <see cref="AccountName"/>.</summary>
    public string? AccountKey { get; set; }

    /// <summary>A shared access signature that allows read, create and write on the container, with or without a leading question mark.</summary>
    public string? SasToken { get; set; }

    /// <summary>A token credential, e.g. one of Azure.Identity. Its identity needs the role <c>Storage Blob Data Contributor</c>. Not from configuration.</summary>
    public TokenCredential? Credential { get; set; }

    /// <summary>Uses Azure.Identity's <c>DefaultAzureCredential</c> (environment, managed identity, ...); default false.</summary>
    public bool UseDefaultCredential { get; set; }

    /// <summary>The container; made when it is missing and the credential may; default <c>regroup-witness</c>.</summary>
    public string Container { get; set; } = "regroup-witness";

    /// <summary>The blob, one per cluster; made when it is missing; default <c>witness</c>.</summary>
    public string Blob { get; set; } = "witness";

    /// <summary>How long one acquisition or renewal holds, whole seconds, 15 s..60 s (the service's limits); default 15 s.</summary>
    public TimeSpan LeaseDuration { get; set; } = TimeSpan.FromSeconds(15);

    /// <summary>How often the owner renews, 50 ms or more and at most a half of <see cref="LeaseDuration"/>; default 5 s, a third of it.</summary>
    public TimeSpan RenewInterval { get; set; } = TimeSpan.FromSeconds(5);

    /// <summary>How long one request may take before its outcome is unknown, 100 ms..30 s and below <see cref="LeaseDuration"/>; default 3 s. The SDK never repeats a request by itself.</summary>
    public TimeSpan CallDeadline { get; set; } = TimeSpan.FromSeconds(3);

    /// <summary>The parts of an address in which no credential is.</summary>
    private const UriComponents Harmless = UriComponents.SchemeAndServer | UriComponents.Path;

    /// <summary>Checks the values.</summary>
    /// <returns>Every failure (what, which value, what to do); empty when all is well.</returns>
    public IReadOnlyList<string> Validate()
    {
        var failures = new List<string>();
        ValidateCredentials(failures);
        if (Container is not { Length: >= 3 and <= 63 } || !Container.All(static c => char.IsAsciiLetterLower(c) || char.IsAsciiDigit(c) || c == '-') || Container.StartsWith('-') || Container.EndsWith('-') || Container.Contains("--", StringComparison.Ordinal))
            failures.Add($"BlobLease.Container is '{Container}': use 3 to 63 lower-case letters, digits and single dashes (default 'regroup-witness').");
        if (string.IsNullOrWhiteSpace(Blob) || Blob.Length > 1024)
            failures.Add($"BlobLease.Blob is '{Blob}': use a blob name of 1 to 1024 characters (default 'witness').");
        if (LeaseDuration < TimeSpan.FromSeconds(15) || LeaseDuration > TimeSpan.FromSeconds(60) || LeaseDuration.Ticks % TimeSpan.TicksPerSecond != 0)
            failures.Add($"BlobLease.LeaseDuration is {LeaseDuration}: the service takes whole seconds from 15 s to 60 s (default 15 s).");
        if (RenewInterval < TimeSpan.FromMilliseconds(50) || RenewInterval * 2 > LeaseDuration)
            failures.Add($"BlobLease.RenewInterval is {RenewInterval}: use 50 ms or more and at most half of LeaseDuration ({LeaseDuration}), or a single late renewal loses the witness.");
        if (CallDeadline < TimeSpan.FromMilliseconds(100) || CallDeadline > TimeSpan.FromSeconds(30) || CallDeadline >= LeaseDuration)
            failures.Add($"BlobLease.CallDeadline is {CallDeadline}: use 100 ms to 30 s, and less than LeaseDuration ({LeaseDuration}), or a single request without an answer loses the witness (default 3 s).");
        return failures;
    }

    private void ValidateCredentials(List<string> failures)
    {
        bool key = AccountKey is not null || AccountName is not null;
        int ways = (SasToken is not null ? 1 : 0) + (Credential is not null ? 1 : 0) + (UseDefaultCredential ? 1 : 0) + (key ? 1 : 0);
        if (ConnectionString is not null)
        {
            if (ways > 0 || ServiceUri is not null)
                failures.Add("BlobLease.ConnectionString is set together with ServiceUri or another credential: use the connection string alone, or ServiceUri and one credential.");
            try
            {
                Uri service = new BlobServiceClient(ConnectionString).Uri;
                if (service.Scheme is not ("https" or "http"))
                    failures.Add($"BlobLease.ConnectionString names the service {service.GetLeftPart(UriPartial.Path)}: use a BlobEndpoint with https.");
            }
            catch (Exception bad) when (bad is FormatException or ArgumentException or InvalidOperationException)
            {
                // The text may hold a key: it is not repeated.
                failures.Add($"BlobLease.ConnectionString is not a storage connection string ({bad.Message}): copy it from the account's access keys.");
            }
            return;
        }
        if (ServiceUri is null)
            failures.Add("BlobLease.ServiceUri is not set: set it (https://ACCOUNT.blob.core.windows.net) with one credential, or set ConnectionString.");
        else if (!ServiceUri.IsAbsoluteUri || ServiceUri.Scheme is not ("https" or "http"))
            failures.Add($"BlobLease.ServiceUri is '{(ServiceUri.IsAbsoluteUri ? ServiceUri.GetComponents(UriComponents.SchemeAndServer, UriFormat.UriEscaped) : ServiceUri.ToString().Split('?')[0])}': use an absolute https address; a SAS goes into SasToken.");
        else if (ServiceUri.Query.Length > 0 || ServiceUri.Fragment.Length > 0 || ServiceUri.UserInfo.Length > 0)
            failures.Add($"BlobLease.ServiceUri is '{ServiceUri.GetComponents(Harmless, UriFormat.UriEscaped)}' and more, which may be a credential and is not repeated here: use the address alone; a SAS goes into SasToken.");
        else if (ServiceUri.Scheme == "http" && (Credential is not null || UseDefaultCredential))
            failures.Add($"BlobLease.ServiceUri is '{ServiceUri}': a token credential is sent over https only.");
        if (ways != 1)
            failures.Add($"BlobLease has {ways} credentials beside ServiceUri: set exactly one of AccountName with AccountKey, SasToken, Credential and UseDefaultCredential.");
        if (!key) return;
        if (string.IsNullOrWhiteSpace(AccountName) || string.IsNullOrWhiteSpace(AccountKey))
            failures.Add($"BlobLease.AccountName is '{AccountName}' and AccountKey is {(string.IsNullOrWhiteSpace(AccountKey) ? "not set" : "set")}: a shared key needs both.");
        else if (!Convert.TryFromBase64String(AccountKey, new byte[AccountKey.Length], out _))
            failures.Add("BlobLease.AccountKey is not base64: copy it from the account's access keys.");
        else
            _ = new StorageSharedKeyCredential(AccountName, AccountKey);
    }
}

internal sealed class BlobLeaseOptionsValidator : IValidateOptions<BlobLeaseOptions>
{
    public ValidateOptionsResult Validate(string? name, BlobLeaseOptions options)
        => options.Validate() is { Count: > 0 } failures ? ValidateOptionsResult.Fail(failures) : ValidateOptionsResult.Success;
}
