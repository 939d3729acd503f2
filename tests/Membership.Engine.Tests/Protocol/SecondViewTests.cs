// Two views of one incident, both promised by all: the first one is found to be in force after all, and the second one follows before the first one's
// clean-up is over. What the first one had begun again stops again, and nothing is begun in it that the second one would not know of.
using Membership.Engine.Protocol;
using Membership.Engine.Replication;
using Membership.Engine.Tests.Seeds;
using Xunit;

namespace Membership.Engine.Tests.Protocol;

public sealed class SecondViewTests
{
    [Fact]
    public void The_second_view_holds_the_IO_that_was_resumed_in_the_first_one_until_it_is_cleaned_up_too()
    {
        (SteppedCluster cluster, ViewId second) = InTheFirst();
        Stepped node = cluster[2];
        cluster.Until(() => IO(node)[^1] == CallbackKind.ResumeAllIO);
        cluster.Run(0.001);
        Assert.Equal(RegroupStage.CleanUp1, node.Core.Stage);
        int before = IO(node).Count;
        cluster.Say(1, 2, null, second);
        cluster.Until(() => node.Core.InForce!.Id == second);
        Assert.True(node.Core.Lease.Held);
        Assert.Equal([CallbackKind.HoldAllIO], IO(node).Skip(before));
        cluster[3].ReleaseCallbacks();
        cluster.UntilInstalled(1, 2, 3);
        Assert.Equal([CallbackKind.HoldAllIO, CallbackKind.ResumeAllIO], IO(node).Skip(before));
    }

    [Fact]
    public void The_coordinator_begins_no_update_in_a_view_while_a_newer_one_is_promised()
    {
        (SteppedCluster cluster, ViewId second) = InTheFirst();
        Stepped coordinator = cluster[1];
        cluster.Until(() => IO(coordinator)[^1] == CallbackKind.ResumeAllIO);
        bool proposed = false;
        coordinator.Sent = body => proposed |= body is UpdatePrepareMessage;
        var update = new TableUpdate("t", [new RowChange(RowChangeKind.Put, "k", new byte[] { 1 })]);
        long asked = coordinator.Ask((core, id, now) => core.Update(id, update, new StateAnswer(), now));
        cluster.Run(0.12);
        Assert.Equal((false, RegroupStage.CleanUp1), (proposed, coordinator.Core.Stage));
        cluster.Say(1, 2, null, second);
        cluster[3].ReleaseCallbacks();
        cluster.Until(() => coordinator.StatusOf(asked) == MembershipStatus.Ok);
        Assert.True(coordinator.Core.InForce!.Epoch >= second.Epoch);
    }

    private static List<CallbackKind> IO(Stepped node)
        => [.. node.Callbacks.Select(static call => call.Kind).Where(static kind => kind is CallbackKind.HoldAllIO or CallbackKind.ResumeAllIO)];

    /// <summary>Nodes 1 to 3 are in the first of two promised views, and wait there for node 3, whose clean-up goes on.</summary>
    private static (SteppedCluster Cluster, ViewId Second) InTheFirst()
    {
        SteppedCluster cluster = SteppedCluster.Formed(4);
        cluster.Run(0.5);
        cluster.Kill(4);
        cluster.Until(() => Promised(1));
        ClusterView first = cluster.Disk(1).Pending[0];
        ActivationId activation = cluster[1].Core.Activation;
        cluster.Say(2, 1, SteppedCluster.StatusOf(2, activation with { Attempt = activation.Attempt + 1 }));
        cluster.Until(() => Promised(2));
        ClusterView second = cluster.Disk(1).Pending[1];
        Assert.Equal((first.Nodes, true), (second.Nodes, second.Epoch > first.Epoch));
        cluster[3].HoldCallback = CallbackKind.MsgCleanup1;
        cluster.Say(1, 2, null, first.Id);
        int[] left = [1, 2, 3];
        cluster.Until(() => left.All(each => cluster[each].Core.InForce!.Id == first.Id));
        return (cluster, second.Id);

        bool Promised(int views) => ((int[])[1, 2, 3]).All(each => cluster.Disk(each).Pending.Length == views);
    }
}
