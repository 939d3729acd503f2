// What the witness needs of a directory on a share, and nothing more. Two ways to reach one: a mount, and libsmbclient.
namespace Membership.Arbiters.FileShare.Shares;

/// <summary>A directory on a share. Blocking, as long as the share hangs; one caller at a time.</summary>
/// <remarks>All trouble is an <see cref="IOException"/> or an <see cref="UnauthorizedAccessException"/>.</remarks>
internal interface IShare : IDisposable
{
    /// <summary>For people.</summary>
    string Address { get; }

    /// <summary>Refuses a place that is not there, or is not what it should be.</summary>
    void CheckPlace();

    /// <summary>Makes this directory in the one above, which must be there.</summary>
    void MakePlace();

    /// <summary>Removes this directory, with the files in it.</summary>
    void RemovePlace();

    /// <summary>The names of the files in it.</summary>
    IReadOnlyList<string> List();

    /// <summary>The content of a file, as far as it is written; null when there is none of that name.</summary>
    byte[]? Read(string name);

    /// <summary>Creates a file that must not exist, on the server in one step, then writes and flushes it.</summary>
    /// <returns>False when it exists.</returns>
    bool TryCreate(string name, ReadOnlySpan<byte> content);

    /// <summary>Deletes a file; it may be gone already.</summary>
    void Delete(string name);

    /// <summary>Takes the exclusive lock on a file, which is made if it is missing.</summary>
    /// <returns>Null when another holds it.</returns>
    IShareLock? TryLock(string name);
}

/// <summary>A lock; disposing of it lets go.</summary>
internal interface IShareLock : IDisposable
{
    /// <summary>Whether, as far as this client can know, it is still held and still on the file that the path names.</summary>
    bool Stands();
}
