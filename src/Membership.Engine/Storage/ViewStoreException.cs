// What can be wrong with a node's store when it starts: always told, with the file and the way out, never papered over.
namespace Membership.Engine.Storage;

/// <summary>Why a view store cannot be used.</summary>
public enum ViewStoreProblem
{
    /// <summary>Another process (an earlier life of this node, or another node) holds the exclusive lock of the directory.</summary>
    Locked,

    /// <summary>The file is torn, truncated, altered or missing although an earlier generation is there.</summary>
    Corrupt,

    /// <summary>The file belongs to another cluster or another node.</summary>
    Foreign,

    /// <summary>A newer program wrote the file.</summary>
    NewerFormat,

    /// <summary>The operating system refused: no permission, no space, not a directory, no locks.</summary>
    Inaccessible,
}

/// <summary>A node's view store cannot be used; the message names the file, what is wrong and the way out.</summary>
public sealed class ViewStoreException : Exception
{
    /// <summary>Makes the exception.</summary>
    /// <param name="problem">The kind of problem.</param>
    /// <param name="path">The file or directory concerned.</param>
    /// <param name="message">What is wrong, with the value, and what to do.</param>
    /// <param name="innerException">What the operating system said, if anything.</param>
    public ViewStoreException(ViewStoreProblem problem, string path, string message, Exception? innerException = null)
        : base(message, innerException)
    {
        Problem = problem;
        Path = path;
    }

    /// <summary>The kind of problem.</summary>
    public ViewStoreProblem Problem { get; }

    /// <summary>The file or directory concerned.</summary>
    public string Path { get; }
}
