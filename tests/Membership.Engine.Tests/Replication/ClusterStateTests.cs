// The tables' own rules, on the immutable state alone: conditions, versions, etags, bounds; and that carrying out equals judging.
using System.Text;
using Membership.Engine.Replication;
using Xunit;

namespace Membership.Engine.Tests.Replication;

public sealed class ClusterStateTests
{
    private static readonly NodeId Node = new(1);
    private ClusterState _state = ClusterState.Empty;
    private long _number;

    [Fact]
    public void A_table_that_was_never_updated_is_empty_at_version_0()
    {
        TableSnapshot table = _state.Read("nothing");
        Assert.Equal(0, table.Version);
        Assert.Empty(table.Rows);
    }

    [Fact]
    public void Each_update_raises_the_version_by_one_and_gives_every_written_row_an_etag_of_its_own()
    {
        TableUpdateVerdict verdict = Do(new TableUpdate("t", [Insert("a", "1"), Insert("b", "2")]));
        Assert.Equal((TableUpdateOutcome.Applied, 1L), (verdict.Outcome, verdict.Version));
        Assert.Equal([1L, 2L], verdict.Etags);
        Assert.Equal(2, Do(new TableUpdate("t", [new RowChange(RowChangeKind.Put, "a", Bytes("3"))])).Version);
        Assert.Equal("3", Text("t", "a"));
        Assert.Equal(3, _state.Read("t").Rows["a"].Etag);
    }

    [Fact]
    public void Another_version_than_expected_changes_nothing_and_says_which_it_is()
    {
        Do(new TableUpdate("t", [Insert("a", "1")]));
        TableUpdateVerdict verdict = Do(new TableUpdate("t", [Insert("b", "2")], ExpectedVersion: 0));
        Assert.Equal((TableUpdateOutcome.VersionMismatch, 1L), (verdict.Outcome, verdict.Version));
        Assert.False(_state.Read("t").Rows.ContainsKey("b"));
    }

    [Theory]
    [InlineData(RowChangeKind.Insert, "a", 0, TableUpdateOutcome.RowExists)]
    [InlineData(RowChangeKind.Update, "x", 0, TableUpdateOutcome.RowMissing)]
    [InlineData(RowChangeKind.Update, "a", 9, TableUpdateOutcome.EtagMismatch)]
    [InlineData(RowChangeKind.Put, "a", 9, TableUpdateOutcome.EtagMismatch)]
    [InlineData(RowChangeKind.Put, "x", 9, TableUpdateOutcome.RowMissing)]
    [InlineData(RowChangeKind.Delete, "x", 0, TableUpdateOutcome.RowMissing)]
    [InlineData(RowChangeKind.Delete, "a", 9, TableUpdateOutcome.EtagMismatch)]
    [InlineData(RowChangeKind.Touch, "x", 0, TableUpdateOutcome.RowMissing)]
    public void One_row_that_stands_in_the_way_undoes_the_whole_update_and_is_named(RowChangeKind kind, string key, long etag, TableUpdateOutcome expected)
    {
        Do(new TableUpdate("t", [Insert("a", "1")]));
        TableUpdateVerdict verdict = Do(new TableUpdate("t", [Insert("new", "2"), new RowChange(kind, key, Bytes("3"), etag)]));
        Assert.Equal((expected, key, 1L), (verdict.Outcome, verdict.Key, verdict.Version));
        Assert.Equal(["a"], _state.Read("t").Rows.Keys);
    }

    [Fact]
    public void A_touch_leaves_the_etag_and_keeping_the_version_leaves_the_version()
    {
        Do(new TableUpdate("t", [Insert("a", "1")]));
        TableUpdateVerdict verdict = Do(new TableUpdate("t", [new RowChange(RowChangeKind.Touch, "a", Bytes("now"))], KeepVersion: true));
        Assert.Equal((1L, 1L, "now"), (verdict.Version, _state.Read("t").Rows["a"].Etag, Text("t", "a")));
        Assert.Equal(2, _state.Sequence);
    }

    [Fact]
    public void An_etag_is_never_used_twice_not_even_after_the_row_or_all_rows_were_deleted()
    {
        Do(new TableUpdate("t", [Insert("a", "1")]));
        Do(new TableUpdate("t", [new RowChange(RowChangeKind.Delete, "a", default, 1)]));
        Assert.Equal([2L], Do(new TableUpdate("t", [Insert("a", "1")])).Etags);
        TableUpdateVerdict cleared = Do(new TableUpdate("t", [Insert("b", "1")], Clear: true));
        Assert.Equal((4L, 3L), (cleared.Version, cleared.Etags[0]));
        Assert.Equal(["b"], _state.Read("t").Rows.Keys);
    }

    [Fact]
    public void The_state_never_grows_past_its_bound_and_can_always_shrink()
    {
        var value = new byte[TableLimits.MaxRowBytes - 64];
        int rows = 0;
        while (Do(new TableUpdate("t", [new RowChange(RowChangeKind.Insert, $"row{rows}", value)])).Outcome == TableUpdateOutcome.Applied) rows++;
        Assert.InRange(_state.Bytes, TableLimits.MaxStateBytes - TableLimits.MaxRowBytes, TableLimits.MaxStateBytes);
        Assert.Equal(TableUpdateOutcome.Full, Do(new TableUpdate("other", [new RowChange(RowChangeKind.Put, "x", value)])).Outcome);
        Assert.Equal(TableUpdateOutcome.Applied, Do(new TableUpdate("t", [new RowChange(RowChangeKind.Delete, "row0", default)])).Outcome);
        Assert.Equal(TableUpdateOutcome.Applied, Do(new TableUpdate("t", [new RowChange(RowChangeKind.Insert, "again", value)])).Outcome);
        Do(new TableUpdate("t", [], Clear: true));
        Assert.InRange(_state.Bytes, 1, 64);
    }

    [Fact]
    public void What_was_judged_one_after_another_and_what_is_carried_out_from_the_entry_are_the_same()
    {
        var random = new Random(5);
        ClusterState other = ClusterState.Empty;
        for (int i = 0; i < 2000; i++)
        {
            string key = "k" + random.Next(6);
            var update = new TableUpdate("t" + random.Next(2), [new RowChange((RowChangeKind)random.Next(5), key, Bytes(i.ToString(System.Globalization.CultureInfo.InvariantCulture)), random.Next(3))],
                random.Next(2) == 0 ? null : _state.Read("t0").Version, random.Next(4) == 0, random.Next(50) == 0);
            LogEntry entry = _state.Judge(new Epoch(1), [new UpdateBatch(Node, new Incarnation(1), ++_number, [update, update])]);
            _state = _state.Apply(entry);
            other = other.Apply(entry);
            Assert.Equal(_state.Read("t0").Version, other.Read("t0").Version);
            Assert.Equal(_state.Bytes, _state.Tables.Sum(static table => 32 + table.Key.Length + table.Value.Rows.Sum(static row => row.Key.Length + row.Value.Value.Length + 16)));
        }
    }

    [Fact]
    public void A_batch_that_was_carried_out_is_known_until_its_life_is_out_of_the_view()
    {
        Do(new TableUpdate("t", [Insert("a", "1")]));
        Assert.True(_state.Knows(Node, new Incarnation(1), 1));
        Assert.False(_state.Knows(Node, new Incarnation(1), 2));
        Assert.False(_state.Knows(Node, new Incarnation(2), 1));
        var view = new ClusterView(new Epoch(2), [new ClusterMember(Node, new Incarnation(2), 1, 1)], default, ClusterTiming.Default);
        Assert.False(_state.Forget(view).Knows(Node, new Incarnation(1), 1));
    }

    [Theory]
    [InlineData("", "k", 1, "table name")]
    [InlineData("t", "", 1, "row key")]
    [InlineData("t", "k", TableLimits.MaxRowBytes + 1, "at most")]
    public void An_update_that_can_never_be_carried_out_is_refused_with_the_reason(string table, string key, int size, string reason)
        => Assert.Contains(reason, ClusterState.Refuse(new TableUpdate(table, [new RowChange(RowChangeKind.Put, key, new byte[size])])), StringComparison.Ordinal);

    [Fact]
    public void A_name_that_would_not_arrive_as_it_was_sent_is_refused()
    {
        string Refusal(string table, string key) => ClusterState.Refuse(new TableUpdate(table, [new RowChange(RowChangeKind.Put, key, Bytes("1"))])) ?? "";
        Assert.Contains("table name has half of a surrogate pair (U+D800) at 1", Refusal("t\uD800", "k"), StringComparison.Ordinal);
        Assert.Contains("row key has half of a surrogate pair (U+DC00) at 0", Refusal("t", "\uDC00\uD800"), StringComparison.Ordinal);
        Assert.Contains("name is missing", Refusal(null!, "k"), StringComparison.Ordinal);
        Assert.Contains("row key, is missing", Refusal("t", null!), StringComparison.Ordinal);
        Assert.Equal("", Refusal("t\U0001F600", "\U0001F600"));
    }

    [Fact]
    public void A_row_changed_twice_and_nothing_changed_are_refused()
    {
        Assert.Contains("twice", ClusterState.Refuse(new TableUpdate("t", [Insert("a", "1"), Insert("a", "2")])), StringComparison.Ordinal);
        Assert.Contains("does nothing", ClusterState.Refuse(new TableUpdate("t", [])), StringComparison.Ordinal);
        Assert.Contains("split it", ClusterState.Refuse(new TableUpdate("t", [.. Enumerable.Range(0, 257).Select(static i => Insert("k" + i, "1"))])), StringComparison.Ordinal);
    }

    private TableUpdateVerdict Do(TableUpdate update)
    {
        LogEntry entry = _state.Judge(new Epoch(1), [new UpdateBatch(Node, new Incarnation(1), ++_number, [update])]);
        _state = _state.Apply(entry);
        return entry.Batches[0].Updates[0].Verdict;
    }

    private string Text(string table, string key) => Encoding.UTF8.GetString(_state.Read(table).Rows[key].Value.Span);

    private static RowChange Insert(string key, string value) => new(RowChangeKind.Insert, key, Bytes(value));

    private static byte[] Bytes(string text) => Encoding.UTF8.GetBytes(text);
}
