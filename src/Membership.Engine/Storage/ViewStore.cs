// A node's memory across restarts: one directory, one exclusive kernel lock, one file replaced atomically and
// durably at every change. Writes run on the store's own thread, one at a time, and report when they are on disk.
using System.Security.Cryptography;
using Membership.Engine.Protocol;
using Microsoft.Win32.SafeHandles;

namespace Membership.Engine.Storage;

/// <summary>The view store of one node: <see cref="StoredState"/> in a directory of its own (design 3.5).</summary>
/// <remarks>
/// Files: <c>lock</c> (held while open), <c>view</c> (the newest generation), <c>view.prev</c> (the one before, for people; it is never
/// read back, because going back one generation would forget a promise), <c>view.tmp</c> (a write that never finished; removed at open).
/// </remarks>
internal sealed class ViewStore : IDisposable
{
    private static readonly DateTime LivesBegan = new(2025, 1, 1, 0, 0, 0, DateTimeKind.Utc);

    private readonly string _clusterId;
    private readonly NodeId _node;
    private readonly SafeFileHandle _lock;
    private readonly Thread _writer;
    private readonly object _gate = new();
    private (StoredState State, Action<Exception?> Completed)? _next;
    private bool _writing;
    private bool _closing;
    private long _generation;

    private ViewStore(string directory, string clusterId, NodeId node, SafeFileHandle lockFile, StoredState loaded, long generation)
    {
        Directory = directory;
        _clusterId = clusterId;
        _node = node;
        _lock = lockFile;
        Loaded = loaded;
        _generation = generation;
        _writer = new Thread(RunWriter) { IsBackground = true, Name = $"membership store {node}" };
    }

    /// <summary>The full path of the directory.</summary>
    public string Directory { get; }

    /// <summary>What was on disk when the store was opened.</summary>
    public StoredState Loaded { get; }

    /// <summary>Counts the writes of this store over all lives; 1 = the write that created it.</summary>
    public long Generation => Interlocked.Read(ref _generation);

    private string ViewPath => Path.Combine(Directory, "view");

    private string PreviousPath => Path.Combine(Directory, "view.prev");

    private string TemporaryPath => Path.Combine(Directory, "view.tmp");

    /// <summary>Locks and reads the store of a node, creating an empty one (with a fresh random id) where there is none.</summary>
    /// <param name="directory">The node's own directory; created when missing.</param>
    /// <param name="clusterId">The cluster the store must belong to.</param>
    /// <param name="node">The node the store must belong to.</param>
    /// <exception cref="ViewStoreException">It is locked, corrupt, foreign, of a newer format or inaccessible.</exception>
    public static ViewStore Open(string directory, string clusterId, NodeId node)
    {
        directory = Path.GetFullPath(directory);
        SafeFileHandle? lockFile = null;
        try
        {
            if (!System.IO.Directory.Exists(directory))
            {
                System.IO.Directory.CreateDirectory(directory);
                if (Path.GetDirectoryName(directory) is { } parent) NativeFile.FlushDirectory(parent);
            }
            lockFile = TakeLock(directory);
            File.Delete(Path.Combine(directory, "view.tmp"));
            (StoredState state, long generation) = Load(directory, clusterId, node);
            var store = new ViewStore(directory, clusterId, node, lockFile, state, generation);
            // The fresh id of a new store must outlive this process even if nothing else is ever written.
            if (generation == 0) store.WriteNow(state);
            store._writer.Start();
            return store;
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            if (lockFile is not null) NativeFile.CloseLocked(lockFile);
            throw new ViewStoreException(
                ViewStoreProblem.Inaccessible, directory,
                $"The store directory '{directory}' of node {node} cannot be used: {failure.Message} Give this process its own writable directory on a local disk.",
                failure);
        }
        catch
        {
            if (lockFile is not null) NativeFile.CloseLocked(lockFile);
            throw;
        }
    }

    /// <summary>Begins a durable write. One at a time: the next may begin only after <paramref name="completed"/> ran.</summary>
    /// <param name="state">What to write.</param>
    /// <param name="completed">Called on the store's thread: null when the state is on disk, else why not.</param>
    /// <exception cref="InvalidOperationException">A write is in flight.</exception>
    /// <exception cref="ObjectDisposedException">The store is closed.</exception>
    public void BeginWrite(StoredState state, Action<Exception?> completed)
    {
        lock (_gate)
        {
            ObjectDisposedException.ThrowIf(_closing, this);
            if (_writing) throw new InvalidOperationException($"A write to '{ViewPath}' is in flight already.");
            _writing = true;
            _next = (state, completed);
            Monitor.PulseAll(_gate);
        }
    }

    /// <summary>Lets a write in flight finish, then gives the lock back. May block as long as the disk does.</summary>
    public void Dispose()
    {
        lock (_gate)
        {
            if (_closing) return;
            _closing = true;
            Monitor.PulseAll(_gate);
        }
        _writer.Join();
        NativeFile.CloseLocked(_lock);
    }

    private static SafeFileHandle TakeLock(string directory)
        => NativeFile.TryOpenLocked(Path.Combine(directory, "lock")) ?? throw new ViewStoreException(
            ViewStoreProblem.Locked, directory,
            $"The store directory '{directory}' is in use by another running process. Stop the earlier process of this node, or give each node a directory of its own.");

    private static (StoredState State, long Generation) Load(string directory, string clusterId, NodeId node)
    {
        string path = Path.Combine(directory, "view");
        if (!File.Exists(path))
        {
            string previous = Path.Combine(directory, "view.prev");
            if (!File.Exists(previous)) return (StoredState.Empty(FreshStoreId()) with { Incarnation = FreshLife() }, 0);
            throw Corrupt(path, $"it is missing although '{previous}' is there");
        }
        (string ClusterId, NodeId Node, long Generation, StoredState State) found;
        try
        {
            found = ViewStoreFormat.Decode(File.ReadAllBytes(path));
        }
        catch (RecordVersionException newer)
        {
            throw new ViewStoreException(
                ViewStoreProblem.NewerFormat, path,
                $"The view file '{path}' cannot be read: {newer.Message}.", newer);
        }
        catch (RecordFormatException problem)
        {
            throw Corrupt(path, problem.Message);
        }
        if (found.ClusterId != clusterId)
            throw Foreign(path, $"cluster '{found.ClusterId}', and this node belongs to cluster '{clusterId}'");
        if (found.Node != node)
            throw Foreign(path, $"node {found.Node}, and this is node {node}");
        return (found.State, found.Generation);
    }

    private static ViewStoreException Corrupt(string path, string what) => new(
        ViewStoreProblem.Corrupt, path,
        $"The view file '{path}' is damaged: {what}. Do not put an older generation in its place: it would forget what this node promised. "
        + $"While a majority of the other nodes runs, move the directory '{Path.GetDirectoryName(path)}' away and start this node again: it joins with an empty store.");

    private static ViewStoreException Foreign(string path, string whose) => new(
        ViewStoreProblem.Foreign, path,
        $"The view file '{path}' belongs to {whose}. Correct the store directory, the cluster id or the node number in the options.");

    private static long FreshStoreId()
    {
        Span<byte> random = stackalloc byte[8];
        long id;
        do
        {
            RandomNumberGenerator.Fill(random);
            id = BitConverter.ToInt64(random);
        }
        while (id == 0);
        return id;
    }

    /// <summary>
    /// Where a new store begins to count lives: by the wall clock above those of a disk that was lost, so that what was said to, or by, one of them is not
    /// of this one. Where the clock is wrong the others tell of the former lives; nothing else depends on it.
    /// </summary>
    private static Incarnation FreshLife() => new(Math.Max(0, (long)(DateTime.UtcNow - LivesBegan).TotalSeconds));

    private void WriteNow(StoredState state)
    {
        long generation = _generation + 1;
        RecordFile.WriteThrough(TemporaryPath, ViewStoreFormat.Encode(_clusterId, _node, generation, state));
        NativeFile.ReplaceKeepingPrevious(TemporaryPath, ViewPath, PreviousPath);
        NativeFile.FlushDirectory(Directory);
        Interlocked.Exchange(ref _generation, generation);
    }

    private void RunWriter()
    {
        while (true)
        {
            (StoredState State, Action<Exception?> Completed) write;
            lock (_gate)
            {
                while (_next is null)
                {
                    if (_closing) return;
                    Monitor.Wait(_gate);
                }
                write = _next.Value;
                _next = null;
            }
            Exception? failure = null;
            try
            {
                WriteNow(write.State);
            }
            catch (Exception problem) when (problem is IOException or UnauthorizedAccessException or ArgumentException)
            {
                failure = problem;
            }
            lock (_gate) _writing = false;
            write.Completed(failure);
        }
    }
}
