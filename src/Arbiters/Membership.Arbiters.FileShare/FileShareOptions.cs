// The options of the file-share witness: where the share is, who may touch it, and the times.
using Microsoft.Extensions.Options;

namespace Membership.Arbiters.FileShare;

/// <summary>Options of <see cref="FileShareArbiter"/>. Every node of a cluster uses the same directory of the same share and the same times.</summary>
public sealed record FileShareOptions
{
    /// <summary>The section that settings files put these options in: <c>FileShareWitness</c>.</summary>
    public const string SectionName = "FileShareWitness";

    /// <summary>
    /// The witness' own directory, which must exist: a mounted share (<c>/mnt/witness/cluster1</c>), a UNC path (<c>\\server\share\cluster1</c>), or
    /// <c>smb://server[:port]/share/cluster1</c>, which on Linux needs no mount (Debian: libsmbclient). UNC means smb:// where there is no Windows.
    /// </summary>
    public string Path { get; set; } = "";

    /// <summary>For smb://: the user; null = the anonymous user.</summary>
    public string? UserName { get; set; }

    /// <summary>For smb://: the user's password.</summary>
    public string? Password { get; set; }

    /// <summary>For smb://: the user's domain or workgroup; default none.</summary>
    public string? Domain { get; set; }

    /// <summary>
    /// Accepts a mounted path that is on a local disk, or on a file system not known to be a network's; default false, because a share that is
    /// not mounted looks just like an empty local directory, a different one on every machine.
    /// </summary>
    public bool AllowLocalDirectory { get; set; }

    /// <summary>How long one claim or renewal holds, 0.5 s..120 s; default 6 s. A dead owner is replaced this long (plus 1 %) after its last renewal.</summary>
    public TimeSpan OwnershipPeriod { get; set; } = TimeSpan.FromSeconds(6);

    /// <summary>How often the owner renews, 50 ms or more and at most a half of <see cref="OwnershipPeriod"/>; default 2 s.</summary>
    public TimeSpan RenewInterval { get; set; } = TimeSpan.FromSeconds(2);

    /// <summary>How long one change of the witness may take before its outcome is unknown, 100 ms..60 s; default 2 s.</summary>
    public TimeSpan CallDeadline { get; set; } = TimeSpan.FromSeconds(2);

    /// <summary>Whether the path is reached through libsmbclient.</summary>
    internal bool IsSmb => Path.StartsWith("smb://", StringComparison.OrdinalIgnoreCase) || (IsUnc && !OperatingSystem.IsWindows());

    private bool IsUnc => Path.StartsWith(@"\\", StringComparison.Ordinal);

    /// <summary>For smb://: the address without a slash at its end.</summary>
    internal string SmbAddress => (IsUnc ? "smb:" + Path.Replace('\\', '/') : Path).TrimEnd('/');

    /// <summary>Checks the values.</summary>
    /// <returns>Every failure (what, which value, what to do); empty when all is well.</returns>
    public IReadOnlyList<string> Validate()
    {
        var failures = new List<string>();
        if (string.IsNullOrWhiteSpace(Path))
            failures.Add("FileShare.Path is empty: name the directory on the share, e.g. /mnt/witness/cluster1, \\\\server\\share\\cluster1 or smb://server/share/cluster1.");
        else if (IsSmb && (!Uri.TryCreate(SmbAddress, UriKind.Absolute, out Uri? address) || address.Host.Length == 0 || address.Segments.Length < 2 || address.UserInfo.Length > 0 || address.Query.Length > 0))
            // What is before an @ or behind a question mark may be a credential: it is not repeated.
            failures.Add($"FileShare.Path is '{(Path.LastIndexOf('@') is >= 0 and var at ? "smb://..." + Path[at..] : Path).Split('?')[0]}': use smb://server[:port]/share/directory, with the user in UserName and Password.");
        else if (!IsSmb && !System.IO.Path.IsPathFullyQualified(Path))
            failures.Add($"FileShare.Path is '{Path}': use a full path, or every node may mean another directory.");
        if (!IsSmb && (UserName is not null || Password is not null || Domain is not null))
            failures.Add("FileShare.UserName, Password and Domain are for smb:// paths: a mounted share is reached with the rights it was mounted with.");
        if (UserName is null && (Password is not null || Domain is not null))
            failures.Add("FileShare.Password or Domain is set without UserName: set UserName too.");
        if (OwnershipPeriod < TimeSpan.FromMilliseconds(500) || OwnershipPeriod > TimeSpan.FromSeconds(120))
            failures.Add($"FileShare.OwnershipPeriod is {OwnershipPeriod}: use 0.5 s to 120 s (default 6 s).");
        if (RenewInterval < TimeSpan.FromMilliseconds(50) || RenewInterval * 2 > OwnershipPeriod)
            failures.Add($"FileShare.RenewInterval is {RenewInterval}: use 50 ms or more and at most half of OwnershipPeriod ({OwnershipPeriod}), or a single late renewal loses the witness.");
        if (CallDeadline < TimeSpan.FromMilliseconds(100) || CallDeadline > TimeSpan.FromSeconds(60))
            failures.Add($"FileShare.CallDeadline is {CallDeadline}: use 100 ms to 60 s (default 2 s).");
        return failures;
    }
}

internal sealed class FileShareOptionsValidator : IValidateOptions<FileShareOptions>
{
    public ValidateOptionsResult Validate(string? name, FileShareOptions options)
        => options.Validate() is { Count: > 0 } failures ? ValidateOptionsResult.Fail(failures) : ValidateOptionsResult.Success;
}
