// What a member takes of the messages that carry the replicated state (design 6), one by one: from whom, of which epoch, in which order; and
// what it answers. The cluster is nodes 1 (the coordinator), 2 and 3, with two updates carried out.
using Membership.Engine.Protocol;
using Membership.Engine.Replication;
using Membership.Engine.Tests.Seeds;
using Xunit;

namespace Membership.Engine.Tests.Replication;

public sealed class StateMessageTests
{
    private const long S = 2;

    private static readonly ViewId NoView = ViewId.None;

    [Fact]
    public void A_promise_is_made_to_the_coordinator_of_ones_epoch_only_and_said_again_when_asked_again()
    {
        (SteppedCluster cluster, Epoch epoch) = WithTwoUpdates();
        var prepare = new UpdatePrepareMessage(Entry(cluster, 1, 1), S, epoch);
        Assert.Equal(DropReason.StaleActivation, cluster.Say(3, 2, prepare).Dropped);
        Assert.Equal(DropReason.StaleActivation, cluster.Say(1, 2, prepare, NoView).Dropped);
        Assert.Equal(DropReason.StaleActivation, cluster.Say(1, 2, prepare with { Entry = prepare.Entry with { Epoch = epoch.Next } }).Dropped);
        Assert.Equal(DropReason.StaleActivation, cluster.Say(2, 1, prepare).Dropped);
        Assert.Equal(NodeStateReads(cluster, 2), MembershipStatus.Ok);
        for (int i = 0; i < 2; i++)
        {
            (DropReason dropped, var said) = cluster.Say(1, 2, prepare);
            Assert.Equal(DropReason.None, dropped);
            Assert.Equal((1, new UpdatePreparedMessage(S + 1, epoch)), Assert.Single(said));
            // Promised is not carried out, and not to be read past.
            Assert.Equal((S, null), (cluster[2].Core.StateNow.Sequence, NodeStateReads(cluster, 2)));
        }
        // What is carried out already is only confirmed again.
        LogEntry last = cluster[2].Applied[^1];
        Assert.Equal((1, new UpdatePreparedMessage(S, epoch)), Assert.Single(cluster.Say(1, 2, new UpdatePrepareMessage(last, S, epoch)).Said));
        Assert.Equal(S, cluster[2].Core.StateNow.Sequence);
    }

    [Fact]
    public void The_next_promise_says_that_the_one_before_it_counts_if_it_is_the_one_that_was_made()
    {
        (SteppedCluster cluster, Epoch epoch) = WithTwoUpdates();
        LogEntry first = Entry(cluster, 1, 1), second = cluster[1].Core.StateNow.Apply(first).Judge(epoch, [Batch(cluster, 1, 2)]);
        cluster.Say(1, 2, new UpdatePrepareMessage(first, S, epoch));
        // Of another epoch it may be another entry: the gap is asked for.
        cluster.Say(1, 2, new UpdatePrepareMessage(second, S + 1, new Epoch(epoch.Value - 1)));
        Assert.Equal(S, cluster[2].Core.StateNow.Sequence);
        Assert.Equal((1, new UpdatePreparedMessage(S + 2, epoch)), Assert.Single(cluster.Say(1, 2, new UpdatePrepareMessage(second, S + 1, epoch)).Said));
        Assert.Equal(S + 1, cluster[2].Core.StateNow.Sequence);
        Assert.Same(first, cluster[2].Applied[^1]);
    }

    [Fact]
    public void Whoever_lacks_an_entry_promises_nothing_beyond_it_and_asks_for_it()
    {
        (SteppedCluster cluster, Epoch epoch) = WithTwoUpdates();
        LogEntry beyond = Entry(cluster, 1, 1) with { Sequence = S + 2 };
        cluster.Run(1);
        Assert.Equal((1, new StateAskMessage(S, 0)), Assert.Single(cluster.Say(1, 2, new UpdatePrepareMessage(beyond, S + 1, epoch)).Said));
        // Not with every message.
        Assert.Empty(cluster.Say(1, 2, new UpdatePrepareMessage(beyond, S + 1, epoch)).Said);
        cluster.Run(0.05);
        Assert.Equal((1, new StateAskMessage(S, 0)), Assert.Single(cluster.Say(1, 2, new UpdateCommitMessage(S + 1, epoch)).Said));
        Assert.Equal(S, cluster[2].Core.StateNow.Sequence);
    }

    [Fact]
    public void A_commit_counts_from_the_coordinator_only_and_for_the_very_entry_that_was_promised()
    {
        (SteppedCluster cluster, Epoch epoch) = WithTwoUpdates();
        LogEntry entry = Entry(cluster, 1, 1);
        cluster.Say(1, 2, new UpdatePrepareMessage(entry, S, epoch));
        var commit = new UpdateCommitMessage(S + 1, epoch);
        Assert.Equal(DropReason.StaleActivation, cluster.Say(3, 2, commit).Dropped);
        Assert.Equal(DropReason.StaleActivation, cluster.Say(1, 2, commit, NoView).Dropped);
        cluster.Say(1, 2, commit with { Epoch = new Epoch(epoch.Value - 1) });
        cluster.Say(1, 2, commit with { Sequence = S });
        Assert.Equal(S, cluster[2].Core.StateNow.Sequence);
        Assert.Equal(DropReason.None, cluster.Say(1, 2, commit).Dropped);
        Assert.Equal((S + 1, MembershipStatus.Ok), (cluster[2].Core.StateNow.Sequence, NodeStateReads(cluster, 2)));
    }

    [Fact]
    public void The_coordinator_takes_a_batch_of_a_member_under_its_own_name_and_life_once()
    {
        (SteppedCluster cluster, Epoch epoch) = WithTwoUpdates();
        UpdateBatch batch = Batch(cluster, 2, 9);
        var request = new UpdateRequestMessage(batch);
        Assert.Equal(DropReason.StaleActivation, cluster.Say(2, 1, request, NoView).Dropped);
        Assert.Equal(DropReason.StaleActivation, cluster.Say(3, 2, new UpdateRequestMessage(Batch(cluster, 3, 9))).Dropped);
        Assert.Equal(DropReason.NotMember, cluster.Say(3, 1, request).Dropped);
        Assert.Equal(DropReason.NotMember, cluster.Say(2, 1, new UpdateRequestMessage(batch with { Life = batch.Life.Next })).Dropped);
        (DropReason dropped, var said) = cluster.Say(2, 1, request);
        Assert.Equal(DropReason.None, dropped);
        Assert.Equal([2, 3], said.Select(static one => one.To));
        LogEntry entry = Assert.IsType<UpdatePrepareMessage>(said[0].Body).Entry;
        Assert.Equal((S + 1, epoch, 9), (entry.Sequence, entry.Epoch, entry.Batches.Single().Number));
        // Asked for again while it is under way, and after it counts: nothing new. A later number waits for its turn.
        Assert.Empty(cluster.Say(2, 1, request).Said);
        Assert.Empty(cluster.Say(2, 1, new UpdateRequestMessage(Batch(cluster, 2, 8))).Said);
        Assert.Empty(cluster.Say(2, 1, new UpdateRequestMessage(Batch(cluster, 2, 10))).Said);
        Assert.Empty(cluster.Say(3, 1, new UpdateRequestMessage(Batch(cluster, 3, 9))).Said);
        cluster.Run(1);
        Assert.Empty(cluster.Say(2, 1, request).Said);
        Assert.Equal([9, 10, 9], cluster[1].Applied.Skip((int)S).SelectMany(static one => one.Batches).Select(static one => one.Number));
        Assert.Equal((S + 2, S + 2, S + 2), (cluster[1].Core.StateNow.Sequence, cluster[2].Core.StateNow.Sequence, cluster[3].Core.StateNow.Sequence));
    }

    [Fact]
    public void An_entry_counts_when_every_member_has_promised_that_entry_and_then_all_are_told()
    {
        (SteppedCluster cluster, Epoch epoch) = WithTwoUpdates();
        cluster.Say(2, 1, new UpdateRequestMessage(Batch(cluster, 2, 9)));
        var promised = new UpdatePreparedMessage(S + 1, epoch);
        Assert.Equal(DropReason.StaleActivation, cluster.Say(2, 1, promised, NoView).Dropped);
        Assert.Equal(DropReason.StaleActivation, cluster.Say(1, 2, promised).Dropped);
        Assert.Equal(DropReason.StaleActivation, cluster.Say(2, 1, promised with { Epoch = new Epoch(epoch.Value - 1) }).Dropped);
        Assert.Equal(DropReason.StaleActivation, cluster.Say(3, 1, promised with { Epoch = new Epoch(epoch.Value - 1) }).Dropped);
        Assert.Empty(cluster.Say(2, 1, promised).Said);
        Assert.Empty(cluster.Say(2, 1, promised).Said);
        Assert.Empty(cluster.Say(3, 1, promised with { Sequence = S + 2 }).Said);
        Assert.Equal(S, cluster[1].Core.StateNow.Sequence);
        var said = cluster.Say(3, 1, promised).Said;
        Assert.Equal([(2, new UpdateCommitMessage(S + 1, epoch)), (3, new UpdateCommitMessage(S + 1, epoch))], said);
        Assert.Equal(S + 1, cluster[1].Core.StateNow.Sequence);
        // Who promises late has not heard: it is told again. Of what is to come nobody is told.
        Assert.Equal((3, new UpdateCommitMessage(S + 1, epoch)), Assert.Single(cluster.Say(3, 1, promised).Said));
        Assert.Equal((3, new UpdateCommitMessage(S + 1, epoch)), Assert.Single(cluster.Say(3, 1, promised with { Sequence = S }).Said));
        Assert.Empty(cluster.Say(3, 1, promised with { Sequence = S + 2 }).Said);
    }

    [Fact]
    public void Who_asks_gets_just_what_it_lacks_from_the_coordinator_and_the_coordinator_from_everybody()
    {
        (SteppedCluster cluster, Epoch epoch) = WithTwoUpdates();
        ClusterState table = cluster[1].Core.StateNow;
        LogEntry last = cluster[1].Applied[^1];
        Assert.Equal(DropReason.StaleActivation, cluster.Say(2, 1, new StateAskMessage(0, 0), NoView).Dropped);
        Assert.Empty(cluster.Say(3, 2, new StateAskMessage(0, 0)).Said);
        Assert.Equal((2, new StateOfferMessage(S, null, null, null, true)), Assert.Single(cluster.Say(2, 1, new StateAskMessage(S, 0)).Said));
        Assert.Equal((2, new StateOfferMessage(S, null, last, null, true)), Assert.Single(cluster.Say(2, 1, new StateAskMessage(S - 1, 0)).Said));
        Assert.Equal((2, new StateOfferMessage(S, table, null, null, true)), Assert.Single(cluster.Say(2, 1, new StateAskMessage(S - 2, 0)).Said));
        // To the coordinator also what is only promised; but a member never says that it is ready.
        LogEntry entry = Entry(cluster, 1, 1);
        cluster.Say(1, 2, new UpdatePrepareMessage(entry, S, epoch));
        Assert.Equal((1, new StateOfferMessage(S, null, null, entry, false)), Assert.Single(cluster.Say(1, 2, new StateAskMessage(S, 0)).Said));
        Assert.Equal((1, new StateOfferMessage(S, cluster[2].Core.StateNow, null, entry, false)), Assert.Single(cluster.Say(1, 2, new StateAskMessage(0, 0)).Said));
        // A copy that came whole has no last entry to give: then it is given whole, too.
        var joined = new SteppedCluster(3);
        joined[1].Start();
        joined[2].Start();
        joined.UntilInstalled(1, 2);
        foreach (string key in (string[])["a", "b"]) Carry(joined, 1, key);
        joined[3].Start();
        joined.UntilInstalled(1, 2, 3);
        Assert.Equal(S, joined[3].Core.StateNow.Sequence);
        Assert.Equal((1, new StateOfferMessage(S, joined[3].Core.StateNow, null, null, false)), Assert.Single(joined.Say(1, 3, new StateAskMessage(S - 1, 0)).Said));
        Assert.Equal((1, new StateOfferMessage(S, null, null, null, false)), Assert.Single(joined.Say(1, 3, new StateAskMessage(S, 0)).Said));
    }

    [Fact]
    public void An_offer_is_taken_from_the_coordinator_if_it_goes_further()
    {
        (SteppedCluster cluster, Epoch epoch) = WithTwoUpdates();
        ClusterState table = cluster[1].Core.StateNow;
        LogEntry next = Entry(cluster, 1, 1);
        ClusterState further = table.Apply(next), far = further.Apply(further.Judge(epoch, [Batch(cluster, 1, 2)]));
        Assert.Equal(DropReason.StaleActivation, cluster.Say(1, 2, new StateOfferMessage(S, table, null, null, true)).Dropped);
        Assert.Equal(DropReason.StaleActivation, cluster.Say(1, 2, new StateOfferMessage(S + 1, null, next, null, true), NoView).Dropped);
        Assert.Equal(DropReason.NotMember, cluster.Say(3, 2, new StateOfferMessage(S + 1, null, next, null, true)).Dropped);
        // The entry after the next one does not fit yet.
        cluster.Say(1, 2, new StateOfferMessage(S + 2, null, further.Judge(epoch, [Batch(cluster, 1, 2)]), null, true));
        Assert.Equal(S, cluster[2].Core.StateNow.Sequence);
        Assert.Equal(DropReason.None, cluster.Say(1, 2, new StateOfferMessage(S + 1, null, next, null, true)).Dropped);
        Assert.Equal(S + 1, cluster[2].Core.StateNow.Sequence);
        Assert.Same(next, cluster[2].Applied[^1]);
        int replaced = cluster[2].Replaced.Count;
        cluster.Say(1, 2, new StateOfferMessage(S + 2, table, null, null, true));
        Assert.Equal((S + 1, replaced), (cluster[2].Core.StateNow.Sequence, cluster[2].Replaced.Count));
        cluster.Say(1, 2, new StateOfferMessage(S + 2, far, null, null, true));
        Assert.Equal((S + 2, replaced + 1), (cluster[2].Core.StateNow.Sequence, cluster[2].Replaced.Count));
        Assert.Same(far, cluster[2].Replaced[^1]);
    }

    [Fact]
    public void Whose_update_was_judged_in_a_state_that_came_whole_is_told_that_its_verdict_is_not_known()
    {
        (SteppedCluster cluster, Epoch epoch) = WithTwoUpdates();
        cluster.Cut(1, 2);
        long asked = cluster[2].Ask(static (core, id, now) => core.Update(id, Row("mine"), new StateAnswer(), now));
        long read = cluster[2].Ask(static (core, id, now) => core.ReadState(id, new StateAnswer(), now));
        ClusterState table = cluster[1].Core.StateNow, other = table.Apply(table.Judge(epoch, [Batch(cluster, 3, 1)])), mine = other.Apply(other.Judge(epoch, [Batch(cluster, 2, 1)]));
        cluster.Say(1, 2, new StateOfferMessage(S + 1, other, null, null, true));
        Assert.Null(cluster[2].StatusOf(asked));
        cluster.Say(1, 2, new StateOfferMessage(S + 2, mine, null, null, true));
        Assert.Equal((MembershipStatus.Timeout, MembershipStatus.Ok), (cluster[2].StatusOf(asked), cluster[2].StatusOf(read)));
    }

    [Fact]
    public void Updates_go_in_batches_that_fit_in_the_order_in_which_they_were_asked_for()
    {
        (SteppedCluster cluster, _) = WithTwoUpdates();
        var batches = new List<UpdateBatch>();
        cluster[2].Said = (_, body) => { if (body is UpdateRequestMessage request && (batches.Count == 0 || batches[^1].Number != request.Batch.Number)) batches.Add(request.Batch); };
        // The first goes alone, at once; of those that wait two big ones and a small one fill a batch, and the next does not fit any more.
        int half = TableLimits.MaxUpdateBytes / 2 - 300;
        TableUpdate Big(string key) => new("t", [new RowChange(RowChangeKind.Put, key + 1, new byte[Math.Min(half, TableLimits.MaxRowBytes)]), .. Enumerable.Range(2, half / TableLimits.MaxRowBytes).Select(part => new RowChange(RowChangeKind.Put, key + part, new byte[Math.Clamp(half - (part - 1) * TableLimits.MaxRowBytes, 0, TableLimits.MaxRowBytes)]))]);
        long[] asked = [.. ((TableUpdate[])[Row("first"), Big("a"), Big("b"), Row("small"), Big("c")]).Select(update => cluster[2].Ask((core, id, now) => core.Update(id, update, new StateAnswer(), now)))];
        cluster.Until(() => asked.All(one => cluster[2].StatusOf(one) is not null));
        Assert.All(asked, one => Assert.Equal(MembershipStatus.Ok, cluster[2].StatusOf(one)));
        Assert.Equal(["first", "a1 b1 small", "c1"], batches.Select(static batch => string.Join(" ", batch.Updates.Select(static update => update.Changes[0].Key))));
        Assert.All(batches, static batch => Assert.True(batch.Updates.Sum(ClusterState.SizeOf) <= TableLimits.MaxUpdateBytes));
    }

    [Fact]
    public void No_more_updates_may_wait_than_the_limit_and_one_that_can_never_be_is_refused_at_once()
    {
        (SteppedCluster cluster, _) = WithTwoUpdates();
        cluster.Cut(1, 2);
        long[] asked = [.. Enumerable.Range(0, TableLimits.MaxWaiting).Select(number => cluster[2].Ask((core, id, now) => core.Update(id, Row($"{number}"), new StateAnswer(), now)))];
        Assert.All(asked, one => Assert.Null(cluster[2].StatusOf(one)));
        Assert.Equal(MembershipStatus.Again, cluster[2].StatusOf(cluster[2].Ask(static (core, id, now) => core.Update(id, Row("more"), new StateAnswer(), now))));
        Assert.Equal(MembershipStatus.Fault, cluster[2].StatusOf(cluster[2].Ask(static (core, id, now) => core.Update(id, new TableUpdate("", []), new StateAnswer(), now))));
        // Who leaves tells everybody that waits, and starts its next life with nothing.
        cluster[2].Ask(static (core, id, now) => core.Leave(id, now));
        cluster.Heal();
        cluster.Until(() => cluster[2].Core.Phase == NodePhase.Down);
        Assert.All(asked.Skip(1), one => Assert.NotNull(cluster[2].StatusOf(one)));
        Assert.Equal(0, cluster[2].Core.StateNow.Sequence);
    }

    private static TableUpdate Row(string key) => new("t", [new RowChange(RowChangeKind.Put, key, new byte[] { 1 })]);

    private static UpdateBatch Batch(SteppedCluster cluster, int origin, long number) => new(new NodeId(origin), cluster[origin].Core.Incarnation, number, [Row($"{origin}.{number}")]);

    /// <summary>The next entry, with a batch of this node.</summary>
    private static LogEntry Entry(SteppedCluster cluster, int origin, long number) => cluster[1].Core.StateNow.Judge(cluster[1].Core.InForce!.Epoch, [Batch(cluster, origin, number)]);

    private static MembershipStatus? NodeStateReads(SteppedCluster cluster, int number)
        => cluster[number].StatusOf(cluster[number].Ask(static (core, id, now) => core.ReadState(id, new StateAnswer(), now)));

    private static void Carry(SteppedCluster cluster, int number, string key)
    {
        long asked = cluster[number].Ask((core, id, now) => core.Update(id, Row(key), new StateAnswer(), now));
        cluster.Until(() => cluster[number].StatusOf(asked) == MembershipStatus.Ok);
        cluster.Run(0.01);
    }

    private static (SteppedCluster Cluster, Epoch Epoch) WithTwoUpdates()
    {
        SteppedCluster cluster = SteppedCluster.Formed(3);
        Carry(cluster, 1, "a");
        Carry(cluster, 1, "b");
        Assert.All(cluster.Nodes.Values, static node => Assert.Equal(S, node.Core.StateNow.Sequence));
        return (cluster, cluster[1].Core.InForce!.Epoch);
    }
}
