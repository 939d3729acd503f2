// A directory of its own beside a witness, on the same share and with the same rights: where a contest can be held that no running
// cluster notices.
using Membership.Arbiters.FileShare.Shares;

namespace Membership.Arbiters.FileShare;

internal sealed class SideDirectory : IDisposable
{
    private readonly IShare _share;

    private SideDirectory(FileShareOptions options, IShare share)
    {
        Options = options;
        _share = share;
    }

    /// <summary>The options of a witness in it.</summary>
    public FileShareOptions Options { get; }

    /// <summary>Makes one. Blocking, as long as the share hangs.</summary>
    /// <param name="witness">The witness beside which it is made, in its own directory.</param>
    /// <param name="name">Its name.</param>
    /// <exception cref="IOException">It could not be made; with the address and what to do.</exception>
    /// <exception cref="UnauthorizedAccessException">The same.</exception>
    public static SideDirectory Make(FileShareOptions witness, string name)
    {
        FileShareOptions options = witness with { Path = witness.IsSmb ? $"{witness.SmbAddress}/{name}" : Path.Combine(witness.Path, name) };
        IShare share = options.IsSmb ? new SmbShare(options) : new MountedShare(options.Path, options.AllowLocalDirectory);
        try
        {
            if (!options.IsSmb) new MountedShare(witness.Path, witness.AllowLocalDirectory).CheckPlace();
            share.MakePlace();
            return new SideDirectory(options, share);
        }
        catch
        {
            share.Dispose();
            throw;
        }
    }

    /// <summary>Removes it, with all that is in it.</summary>
    /// <exception cref="IOException">It could not be removed.</exception>
    /// <exception cref="UnauthorizedAccessException">The same.</exception>
    public void Remove() => _share.RemovePlace();

    public void Dispose() => _share.Dispose();
}
