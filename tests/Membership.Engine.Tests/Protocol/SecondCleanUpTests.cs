// A second view follows before the clean-up of the first one has been called for everybody: whom it brings back is not cleaned up, and who is still out is, once.
using Membership.Engine.Protocol;
using Membership.Engine.Tests.Seeds;
using Xunit;

namespace Membership.Engine.Tests.Protocol;

public sealed class SecondCleanUpTests
{
    [Fact]
    public void Whom_the_second_view_brings_back_is_not_cleaned_up_and_the_others_are_each_once()
    {
        SteppedCluster cluster = SteppedCluster.Formed(7);
        cluster.Run(0.5);
        int[] left = [1, 2, 3, 7];
        // Two die, and one is not heard by the others for a while.
        foreach (int each in left) cluster.Cut(each, 5);
        cluster.Kill(4);
        cluster.Kill(6);
        bool Promised(int views) => left.All(each => cluster.Disk(each).Pending.Length == views);
        cluster.Until(() => Promised(1));
        ClusterView first = cluster.Disk(1).Pending[0];
        Assert.Equal(NodeSet.Of(left), first.Nodes);
        cluster.Heal();
        ActivationId activation = cluster[1].Core.Activation;
        cluster.Say(2, 1, SteppedCluster.StatusOf(2, activation with { Attempt = activation.Attempt + 1 }));
        cluster.Until(() => Promised(2));
        ClusterView second = cluster.Disk(1).Pending[1];
        Assert.Equal(NodeSet.Of(1, 2, 3, 5, 7), second.Nodes);

        // Node 2 alone learns that the first one is in force after all, and then that the second one is.
        foreach (int other in (int[])[1, 3, 5, 7]) cluster.Cut(2, other);
        int from = cluster[2].Callbacks.Count;
        cluster[2].HoldCallback = CallbackKind.MsgCleanup1;
        cluster.Say(1, 2, null, first.Id);
        cluster.Until(() => cluster[2].Core.InForce!.Id == first.Id);
        cluster.Say(1, 2, null, second.Id);
        cluster.Until(() => cluster[2].Core.InForce!.Id == second.Id);
        cluster.Heal();
        cluster[2].ReleaseCallbacks();
        cluster.UntilInstalled(1, 2, 3, 5, 7);
        string[] calls = [.. cluster[2].CallbackNames.Skip(from)];
        Assert.Equal(["MsgCleanup1 4", "MsgCleanup1 6"], calls.Where(static call => call.StartsWith("MsgCleanup1", StringComparison.Ordinal)));
        Assert.Single(calls, "MsgCleanup2 {4,6}");
        Assert.Equal(["NodeDown 4", "NodeDown 6"], calls.Where(static call => call.StartsWith("NodeDown ", StringComparison.Ordinal)));
    }
}
