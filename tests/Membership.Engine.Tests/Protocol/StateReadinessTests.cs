// When a member counts as having what all have (design 6): told so by a coordinator that is ready itself, about just as much as it has; what it
// promised and what it carried out last mean nothing beside a whole state that came later; and whose batch an entry carries.
using Membership.Engine.Protocol;
using Membership.Engine.Replication;
using Membership.Engine.Tests.Seeds;
using Xunit;

namespace Membership.Engine.Tests.Protocol;

public sealed class StateReadinessTests
{
    /// <param name="alone">Whether the other survivor has promised nothing: then it is enough to drop the promise.</param>
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void A_survivor_is_ready_when_a_coordinator_that_is_ready_has_no_more_than_it_has(bool alone)
    {
        SteppedCluster cluster = SteppedCluster.Formed(3);
        Carry(cluster, 1, "a");
        var promise = new UpdatePrepareMessage(Entry(cluster, 2, cluster[2].Core.Incarnation, 1), 1, cluster[1].Core.InForce!.Epoch);
        cluster.Say(1, 3, promise);
        if (!alone) cluster.Say(1, 2, promise);
        cluster.Kill(1);
        cluster.Until(() => cluster[3].Core.Stage == RegroupStage.CleanUp1);
        cluster.Cut(2, 3);
        cluster.Say(2, 3, null, cluster[3].Core.InForce!.Id);
        Assert.False(IsReady());
        var offer = new StateOfferMessage(1, null, null, null, Ready: true);
        foreach (StateOfferMessage wrong in (StateOfferMessage[])[offer with { Ready = false }, offer with { Sequence = 2 }, offer with { Sequence = 0 }])
        {
            Assert.Equal(DropReason.None, cluster.Say(2, 3, wrong, cluster[3].Core.InForce!.Id).Dropped);
            Assert.False(IsReady());
        }
        cluster.Say(2, 3, offer, cluster[3].Core.InForce!.Id);
        Assert.True(IsReady());
        // What it had promised under another epoch is not under way any more.
        var answer = cluster.Say(2, 3, new StateAskMessage(1, 0), cluster[3].Core.InForce!.Id).Said;
        Assert.Null(Assert.IsType<StateOfferMessage>(Assert.Single(answer).Body).Promised);

        bool IsReady() => cluster[3].Log.Exists(line => line.Contains($"ready in epoch {cluster[3].Core.InForce!.Epoch}", StringComparison.Ordinal));
    }

    [Fact]
    public void After_a_whole_state_neither_the_promise_nor_the_last_entry_from_before_it_is_in_the_way()
    {
        SteppedCluster cluster = SteppedCluster.Formed(3);
        Carry(cluster, 1, "a");
        Epoch epoch = cluster[1].Core.InForce!.Epoch;
        LogEntry second = Entry(cluster, 3, cluster[3].Core.Incarnation, 1);
        ClusterState far = cluster[1].Core.StateNow.Apply(second);
        far = far.Apply(far.Judge(epoch, [Batch(3, cluster[3].Core.Incarnation, 2)]));
        cluster.Cut(1, 2);
        cluster.Say(1, 2, new UpdatePrepareMessage(second, 1, epoch));
        long read = cluster[2].Ask(static (core, id, now) => core.ReadState(id, new StateAnswer(), now));
        Assert.Null(cluster[2].StatusOf(read));
        cluster.Say(1, 2, new StateOfferMessage(3, far, null, null, Ready: true));
        Assert.Equal(MembershipStatus.Ok, cluster[2].StatusOf(read));
        // Who lacks the last step gets the whole, for the step itself is not known here.
        Assert.Same(far, Assert.IsType<StateOfferMessage>(Assert.Single(cluster.Say(1, 2, new StateAskMessage(2, 0)).Said).Body).Whole);
    }

    [Fact]
    public void A_batch_of_a_former_life_with_the_same_number_is_no_answer_to_what_this_life_asked_for()
    {
        SteppedCluster cluster = SteppedCluster.Formed(3);
        Epoch epoch = cluster[1].Core.InForce!.Epoch;
        cluster.Cut(1, 2);
        long asked = cluster[2].Ask(static (core, id, now) => core.Update(id, Row("mine"), new StateAnswer(), now));
        Incarnation life = cluster[2].Core.Incarnation;
        LogEntry former = Entry(cluster, 2, new Incarnation(life.Value - 1), 1);
        cluster.Say(1, 2, new UpdatePrepareMessage(former, 0, epoch));
        cluster.Say(1, 2, new UpdateCommitMessage(1, epoch));
        Assert.Equal((1, null), (cluster[2].Core.StateNow.Sequence, cluster[2].StatusOf(asked)));
        LogEntry mine = cluster[2].Core.StateNow.Judge(epoch, [Batch(2, life, 1)]);
        cluster.Say(1, 2, new UpdatePrepareMessage(mine, 1, epoch));
        cluster.Say(1, 2, new UpdateCommitMessage(2, epoch));
        Assert.Equal((2, MembershipStatus.Ok), (cluster[2].Core.StateNow.Sequence, cluster[2].StatusOf(asked)));
    }

    [Fact]
    public void What_a_life_asked_for_last_is_not_kept_when_it_is_out()
    {
        SteppedCluster cluster = SteppedCluster.Formed(3);
        Carry(cluster, 3, "a");
        Incarnation life = cluster[3].Core.Incarnation;
        Assert.True(cluster[1].Core.StateNow.Knows(new NodeId(3), life, 1));
        cluster.Kill(3);
        cluster.UntilInstalled(1, 2);
        foreach (int each in (int[])[1, 2]) Assert.False(cluster[each].Core.StateNow.Knows(new NodeId(3), life, 1));
    }

    private static TableUpdate Row(string key) => new("t", [new RowChange(RowChangeKind.Put, key, new byte[] { 1 })]);

    private static UpdateBatch Batch(int origin, Incarnation life, long number) => new(new NodeId(origin), life, number, [Row($"{origin}.{number}")]);

    private static LogEntry Entry(SteppedCluster cluster, int origin, Incarnation life, long number)
        => cluster[1].Core.StateNow.Judge(cluster[1].Core.InForce!.Epoch, [Batch(origin, life, number)]);

    private static void Carry(SteppedCluster cluster, int number, string key)
    {
        long asked = cluster[number].Ask((core, id, now) => core.Update(id, Row(key), new StateAnswer(), now));
        cluster.Until(() => cluster[number].StatusOf(asked) == MembershipStatus.Ok);
        cluster.Run(0.01);
    }
}
