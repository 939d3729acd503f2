// The view store against real files and real processes: what is written is read back, and whatever is not intact and
// ours is refused in words.
using System.Collections.Immutable;
using System.Globalization;
using System.Runtime.InteropServices;
using FsCheck;
using FsCheck.Fluent;
using Membership.Engine.Protocol;
using Membership.Engine.Storage;
using Xunit;

namespace Membership.Engine.Tests.Storage;

public sealed partial class ViewStoreTests : IDisposable
{
    private static readonly NodeId Node = new(2);
    private readonly TestDirectory _directory = new();

    private string Store => _directory.At("node2");

    public void Dispose() => _directory.Dispose();

    [Fact]
    public void A_missing_directory_becomes_an_empty_store_with_an_id_that_stays()
    {
        long id;
        using (ViewStore store = ViewStore.Open(Store, "c", Node))
        {
            Assert.True(store.Loaded.IsEmpty);
            Assert.NotEqual(0, id = store.Loaded.StoreId);
        }
        using ViewStore again = ViewStore.Open(Store, "c", Node);
        Assert.Equal(id, again.Loaded.StoreId);
        Assert.True(again.Loaded.IsEmpty);
    }

    [Fact]
    public void A_closed_store_can_be_opened_at_once_though_a_child_that_is_just_being_started_still_has_a_copy_of_the_lock_file()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "reads /proc");
        int copy;
        using (ViewStore.Open(Store, "c", Node))
        {
            string file = Path.Combine(Store, "lock");
            string held = Directory.EnumerateFileSystemEntries("/proc/self/fd").Single(open => new FileInfo(open).LinkTarget == file);
            copy = Duplicate(int.Parse(Path.GetFileName(held), CultureInfo.InvariantCulture));
        }
        try
        {
            ViewStore.Open(Store, "c", Node).Dispose();
        }
        finally
        {
            _ = Close(copy);
        }
    }

    [LibraryImport("libc", EntryPoint = "dup", SetLastError = true)]
    private static partial int Duplicate(int descriptor);

    [LibraryImport("libc", EntryPoint = "close", SetLastError = true)]
    private static partial int Close(int descriptor);

    [Fact]
    public void Two_new_stores_have_different_ids()
    {
        using ViewStore one = ViewStore.Open(_directory.At("a"), "c", Node);
        using ViewStore other = ViewStore.Open(_directory.At("b"), "c", Node);
        Assert.NotEqual(one.Loaded.StoreId, other.Loaded.StoreId);
    }

    [Fact]
    public async Task What_was_written_last_is_read_back_after_reopening()
    {
        foreach (StoredState state in StatesGenerator.Sample(40))
        {
            using (ViewStore store = ViewStore.Open(Store, "cluster-é", Node)) await WriteAsync(store, state);
            using ViewStore again = ViewStore.Open(Store, "cluster-é", Node);
            AssertSame(state, again.Loaded);
        }
    }

    [Fact]
    public void Every_state_survives_encoding()
        => Prop.ForAll(StatesGenerator.ToArbitrary(), state =>
        {
            (string cluster, NodeId node, long generation, StoredState decoded) = ViewStoreFormat.Decode(ViewStoreFormat.Encode("x", Node, 7, state));
            Assert.Equal(("x", Node, 7L), (cluster, node, generation));
            AssertSame(state, decoded);
        }).QuickCheckThrowOnFailure();

    [Fact]
    public async Task Every_truncation_is_refused_and_named()
    {
        byte[] intact = await WriteTwoGenerationsAsync();
        for (int length = 0; length < intact.Length; length++)
        {
            File.WriteAllBytes(Path.Combine(Store, "view"), intact[..length]);
            ViewStoreException refused = Assert.Throws<ViewStoreException>(() => ViewStore.Open(Store, "c", Node));
            Assert.Equal(ViewStoreProblem.Corrupt, refused.Problem);
            Assert.Contains(Path.Combine(Store, "view"), refused.Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task Every_flipped_bit_is_refused()
    {
        byte[] intact = await WriteTwoGenerationsAsync();
        for (int bit = 0; bit < intact.Length * 8; bit++)
        {
            byte[] flipped = [.. intact];
            flipped[bit / 8] ^= (byte)(1 << bit % 8);
            Assert.ThrowsAny<RecordFormatException>(() => ViewStoreFormat.Decode(flipped));
        }
        intact[^1] ^= 1;
        File.WriteAllBytes(Path.Combine(Store, "view"), intact);
        Assert.Throws<ViewStoreException>(() => ViewStore.Open(Store, "c", Node));
    }

    [Fact]
    public async Task Appended_bytes_are_refused()
    {
        byte[] intact = await WriteTwoGenerationsAsync();
        File.WriteAllBytes(Path.Combine(Store, "view"), [.. intact, 0]);
        Assert.Throws<ViewStoreException>(() => ViewStore.Open(Store, "c", Node));
    }

    [Fact]
    public async Task A_torn_newest_generation_is_an_error_although_the_previous_one_is_intact()
    {
        byte[] intact = await WriteTwoGenerationsAsync();
        Assert.Equal(1, ViewStoreFormat.Decode(File.ReadAllBytes(Path.Combine(Store, "view.prev"))).Generation - 1);
        File.WriteAllBytes(Path.Combine(Store, "view"), intact[..(intact.Length / 2)]);
        ViewStoreException refused = Assert.Throws<ViewStoreException>(() => ViewStore.Open(Store, "c", Node));
        Assert.Contains("move the directory", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_removed_newest_generation_is_an_error_not_a_fresh_start()
    {
        await WriteTwoGenerationsAsync();
        File.Delete(Path.Combine(Store, "view"));
        Assert.Equal(ViewStoreProblem.Corrupt, Assert.Throws<ViewStoreException>(() => ViewStore.Open(Store, "c", Node)).Problem);
    }

    [Fact]
    public async Task A_leftover_of_an_unfinished_write_is_ignored_and_removed()
    {
        await WriteTwoGenerationsAsync();
        File.WriteAllBytes(Path.Combine(Store, "view.tmp"), [1, 2, 3]);
        using ViewStore store = ViewStore.Open(Store, "c", Node);
        Assert.Equal(5, store.Loaded.InForce!.Epoch.Value);
        Assert.False(File.Exists(Path.Combine(Store, "view.tmp")));
    }

    [Fact]
    public async Task A_store_of_another_cluster_or_node_is_refused_with_both_names()
    {
        await WriteTwoGenerationsAsync();
        ViewStoreException cluster = Assert.Throws<ViewStoreException>(() => ViewStore.Open(Store, "other", Node));
        Assert.Equal(ViewStoreProblem.Foreign, cluster.Problem);
        Assert.Contains("'c'", cluster.Message, StringComparison.Ordinal);
        Assert.Contains("'other'", cluster.Message, StringComparison.Ordinal);
        ViewStoreException node = Assert.Throws<ViewStoreException>(() => ViewStore.Open(Store, "c", new NodeId(3)));
        Assert.Equal(ViewStoreProblem.Foreign, node.Problem);
        Assert.Contains("node 2", node.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_newer_format_is_refused_as_such()
    {
        await WriteTwoGenerationsAsync();
        byte[] newer = RecordFile.Frame(ViewStoreFormat.Magic, ViewStoreFormat.Version + 1, [1, 2, 3]);
        File.WriteAllBytes(Path.Combine(Store, "view"), newer);
        ViewStoreException refused = Assert.Throws<ViewStoreException>(() => ViewStore.Open(Store, "c", Node));
        Assert.Equal(ViewStoreProblem.NewerFormat, refused.Problem);
        Assert.Contains(Path.Combine(Store, "view"), refused.Message, StringComparison.Ordinal);
        Assert.Contains($"format version {ViewStoreFormat.Version + 1} and this program reads version {ViewStoreFormat.Version}. Start this node with the program version that wrote it", refused.Message, StringComparison.Ordinal);
        Assert.Equal(newer, File.ReadAllBytes(Path.Combine(Store, "view")));
    }

    [Fact]
    public void A_directory_that_cannot_be_made_is_named()
    {
        File.WriteAllText(_directory.At("file"), "");
        ViewStoreException refused = Assert.Throws<ViewStoreException>(() => ViewStore.Open(_directory.At("file"), "c", Node));
        Assert.Equal(ViewStoreProblem.Inaccessible, refused.Problem);
        Assert.Contains(_directory.At("file"), refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void One_directory_opens_once_per_process_too()
    {
        using ViewStore store = ViewStore.Open(Store, "c", Node);
        Assert.Equal(ViewStoreProblem.Locked, Assert.Throws<ViewStoreException>(() => ViewStore.Open(Store, "c", Node)).Problem);
    }

    [Fact]
    public async Task A_store_held_by_another_process_is_refused_until_that_process_is_killed()
    {
        using ChildProcess holder = ChildProcess.Start(typeof(StoreHolder), Store, "c", "2");
        Assert.Equal("held", await holder.ReadLineAsync());
        ViewStoreException refused = Assert.Throws<ViewStoreException>(() => ViewStore.Open(Store, "c", Node));
        Assert.Equal(ViewStoreProblem.Locked, refused.Problem);
        Assert.Contains(Store, refused.Message, StringComparison.Ordinal);
        holder.Freeze();
        Assert.Throws<ViewStoreException>(() => ViewStore.Open(Store, "c", Node));
        holder.Kill();
        await holder.WaitForExitAsync();
        ViewStore.Open(Store, "c", Node).Dispose();
    }

    [Fact]
    public async Task A_second_write_while_one_is_in_flight_is_refused()
    {
        using ViewStore store = ViewStore.Open(Store, "c", Node);
        store.BeginWrite(store.Loaded with { Incarnation = new Incarnation(1) }, _ => { });
        // The store's thread is busy or done: keep offering until one offer meets a busy store or many were accepted.
        bool refused = false;
        for (int i = 0; i < 1000 && !refused; i++)
        {
            try
            {
                store.BeginWrite(store.Loaded with { Incarnation = new Incarnation(i) }, _ => { });
            }
            catch (InvalidOperationException)
            {
                refused = true;
            }
        }
        Assert.True(refused);
        await Task.CompletedTask;
    }

    [Fact]
    public async Task A_write_that_fails_says_why_and_leaves_the_old_generation()
    {
        byte[] intact = await WriteTwoGenerationsAsync();
        using (ViewStore store = ViewStore.Open(Store, "c", Node))
        {
            Directory.CreateDirectory(Path.Combine(Store, "view.tmp"));
            Exception? failure = await BeginAsync(store, store.Loaded with { Incarnation = new Incarnation(99) });
            Assert.NotNull(failure);
        }
        Assert.Equal(intact, File.ReadAllBytes(Path.Combine(Store, "view")));
    }

    internal static Gen<ClusterView> ViewGenerator(long epoch) =>
        from count in Gen.Choose(1, 6)
        from numbers in Gen.Choose(1, NodeId.MaxValue).ListOf(count)
        from votes in Gen.Choose(0, 3)
        from seed in Gen.Choose(1, int.MaxValue)
        from policy in Gen.Choose(0, 3)
        let members = numbers.Distinct().Select(number => new ClusterMember(new NodeId(number), new Incarnation(seed + number), votes, seed * 7L))
        select new ClusterView(new Epoch(epoch), members, new QuorumRule((QuorumPolicy)policy, TieBreaker.LowestNode, votes == 1), ClusterTiming.Default, new NodeId(numbers[0]));

    private static Gen<StoredState> StatesGenerator =>
        from epoch in Gen.Choose(1, 1_000_000)
        from hasView in Gen.Choose(0, 3)
        from inForce in ViewGenerator(epoch)
        from pendingCount in Gen.Choose(0, 3)
        from pending in Gen.CollectToArray(Enumerable.Range(1, pendingCount).Select(above => ViewGenerator(epoch + above)))
        from id in Gen.Choose(1, int.MaxValue)
        select new StoredState(
            -id, new Incarnation(id), hasView == 0 ? null : inForce, [.. pending], new Epoch(epoch + 10), new Epoch(epoch + 3));

    private static void AssertSame(StoredState expected, StoredState actual)
    {
        Assert.Equal(expected with { Pending = [] }, actual with { Pending = [] });
        Assert.Equal(expected.InForce?.Members.AsEnumerable(), actual.InForce?.Members.AsEnumerable());
        Assert.Equal(expected.Pending.AsEnumerable(), actual.Pending.AsEnumerable());
        Assert.Equal(expected.InForce?.ToString(), actual.InForce?.ToString());
    }

    private static async Task WriteAsync(ViewStore store, StoredState state) => Assert.Null(await BeginAsync(store, state));

    private static Task<Exception?> BeginAsync(ViewStore store, StoredState state)
    {
        var done = new TaskCompletionSource<Exception?>(TaskCreationOptions.RunContinuationsAsynchronously);
        store.BeginWrite(state, done.SetResult);
        return done.Task.WaitAsync(TimeSpan.FromSeconds(30));
    }

    private async Task<byte[]> WriteTwoGenerationsAsync()
    {
        using ViewStore store = ViewStore.Open(Store, "c", Node);
        StoredState first = store.Loaded.WithInForce(View(4));
        await WriteAsync(store, first);
        await WriteAsync(store, first.WithInForce(View(5)).WithPending(View(6)));
        return File.ReadAllBytes(Path.Combine(Store, "view"));
    }

    private static ClusterView View(long epoch) => new(
        new Epoch(epoch), [new ClusterMember(new NodeId(1), new Incarnation(3), 1, 11), new ClusterMember(Node, new Incarnation(4), 1, 12)],
        new QuorumRule(QuorumPolicy.NodeAndWitnessMajority, TieBreaker.None, false), ClusterTiming.Default);
}
