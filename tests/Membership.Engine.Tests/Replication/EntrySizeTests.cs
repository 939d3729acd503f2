// How much goes into one batch of a node and into one entry of the log: as much as fits, to the byte; and what an entry is not made of: batches
// that were carried out, are under way, or come from a life that is no member.
using Membership.Engine.Protocol;
using Membership.Engine.Replication;
using Membership.Engine.Tests.Seeds;
using Xunit;

namespace Membership.Engine.Tests.Replication;

public sealed class EntrySizeTests
{
    [Theory]
    [InlineData(0, 2, 3)]
    [InlineData(1, 3, 3)]
    public void A_batch_takes_the_updates_that_fit_into_one_update_together(int tooMuch, int batches, int updates)
    {
        SteppedCluster cluster = SteppedCluster.Formed(2);
        Ask(cluster, 2, Update("first", 1));
        // Meanwhile two more: exactly what an update may take, or one byte more.
        int half = TableLimits.MaxUpdateBytes / 2;
        Ask(cluster, 2, Update("second", half));
        Ask(cluster, 2, Update("third", half + tooMuch));
        cluster.Until(() => cluster[2].Applied.Sum(static entry => entry.Batches.Sum(static batch => batch.Updates.Length)) == updates);
        Assert.Equal(batches, cluster[2].Applied.Sum(static entry => entry.Batches.Length));
        Assert.Equal([1, .. Enumerable.Repeat(tooMuch == 0 ? 2 : 1, batches - 1)], cluster[2].Applied.SelectMany(static entry => entry.Batches).Select(static batch => batch.Updates.Length));
    }

    [Theory]
    [InlineData(0, 3)]
    [InlineData(1, 2)]
    public void An_entry_takes_the_batches_that_fit_into_two_updates_together(int tooMuch, int inTheSecond)
    {
        SteppedCluster cluster = SteppedCluster.Formed(4);
        // The first entry is under way while the others' batches come in.
        cluster.Lose = static () => true;
        Ask(cluster, 1, Update("first", 1));
        cluster.Lose = null;
        Ask(cluster, 2, Twice("a", TableLimits.MaxUpdateBytes));
        Ask(cluster, 3, Twice("b", TableLimits.MaxUpdateBytes - 100));
        Ask(cluster, 4, Update("c", 100 + tooMuch));
        cluster.Until(() => cluster[1].Applied.Sum(static entry => entry.Batches.Length) == 4);
        int[] sizes = [.. cluster[1].Applied.Select(static entry => entry.Batches.Length)];
        Assert.Equal(inTheSecond == 3 ? [1, 3] : [1, 2, 1], sizes);
        Assert.Equal([1, 2, 3, 4], cluster[1].Applied.SelectMany(static entry => entry.Batches).Select(static batch => batch.Origin.Value));
    }

    [Fact]
    public void A_batch_that_is_larger_than_what_is_left_waits_and_is_not_left_out()
    {
        SteppedCluster cluster = SteppedCluster.Formed(4);
        cluster.Lose = static () => true;
        Ask(cluster, 1, Update("first", 1));
        cluster.Lose = null;
        Ask(cluster, 2, Update("a", 1000));
        Ask(cluster, 3, Twice("b", TableLimits.MaxUpdateBytes));
        Ask(cluster, 4, Twice("c", TableLimits.MaxUpdateBytes));
        cluster.Until(() => cluster[1].Applied.Sum(static entry => entry.Batches.Length) == 4);
        Assert.Equal([1, 2, 1], cluster[1].Applied.Select(static entry => entry.Batches.Length));
        Assert.Equal([1, 2, 3, 4], cluster[1].Applied.SelectMany(static entry => entry.Batches).Select(static batch => batch.Origin.Value));
    }

    [Fact]
    public void A_batch_that_is_under_way_or_carried_out_or_of_no_members_life_makes_no_entry()
    {
        SteppedCluster cluster = SteppedCluster.Formed(3);
        cluster.Lose = static () => true;
        Ask(cluster, 2, Update("a", 10));
        cluster.Lose = null;
        UpdateBatch? batch = null;
        cluster[2].Sent = body => batch = (body as UpdateRequestMessage)?.Batch ?? batch;
        cluster.Until(() => batch is not null);
        // Under way: the same one, and one with a lower number, are known.
        cluster.Until(() => cluster[1].Applied.Count == 1);
        Assert.DoesNotContain(cluster.Say(2, 1, new UpdateRequestMessage(batch!)).Said, static said => said.Body is UpdatePrepareMessage);
        Assert.Equal(DropReason.NotMember, cluster.Say(2, 1, new UpdateRequestMessage(batch! with { Origin = new NodeId(3) })).Dropped);
        Assert.Equal(DropReason.NotMember, cluster.Say(2, 1, new UpdateRequestMessage(batch! with { Life = batch!.Life.Next })).Dropped);
        cluster.Run(0.5);
        Assert.Single(cluster[1].Applied);
        // The next number makes the next entry; said again while that is under way it makes none.
        UpdateBatch next = batch! with { Number = batch!.Number + 1 };
        Assert.Equal(2, cluster.Say(2, 1, new UpdateRequestMessage(next)).Said.Count(static said => said.Body is UpdatePrepareMessage));
        Assert.Empty(cluster.Say(2, 1, new UpdateRequestMessage(next)).Said);
        Assert.Empty(cluster.Say(2, 1, new UpdateRequestMessage(batch!)).Said);
        cluster.Run(0.5);
        Assert.Equal([1, 1], cluster[1].Applied.Select(static entry => entry.Batches.Length));
    }

    private static void Ask(SteppedCluster cluster, int node, TableUpdate update) => cluster[node].Ask((core, id, now) => core.Update(id, update, new StateAnswer(), now));

    /// <summary>One row that takes so many bytes with all that is counted (or as few as it can).</summary>
    private static TableUpdate Update(string key, int size)
    {
        int bare = ClusterState.SizeOf(new TableUpdate("t", [new RowChange(RowChangeKind.Put, key, default)]));
        return new TableUpdate("t", [new RowChange(RowChangeKind.Put, key, new byte[Math.Clamp(size - bare, 1, TableLimits.MaxRowBytes)])]);
    }

    /// <summary>The same with several rows, for more than one can take.</summary>
    private static TableUpdate Twice(string key, int size)
    {
        TableUpdate two = new("t", [new RowChange(RowChangeKind.Put, key + 1, new byte[60_000]), new RowChange(RowChangeKind.Put, key + 2, new byte[60_000]), new RowChange(RowChangeKind.Put, key + 3, default)]);
        int rest = size - ClusterState.SizeOf(two);
        return two with { Changes = two.Changes.SetItem(2, new RowChange(RowChangeKind.Put, key + 3, new byte[rest])) };
    }
}
