// Joins among everything else: they get their turn while updates never cease, hold nobody's I/O whatever went before, and neither lengthen the
// lease that a member had nor begin with what is left of a former life's.
using Membership.Engine.Protocol;
using Membership.Engine.Replication;
using Membership.Engine.Tests.Seeds;
using Xunit;

namespace Membership.Engine.Tests.Protocol;

public sealed class JoinTurnTests
{
    private static readonly TimeSpan L = ClusterTiming.Local.LossPeriod;

    [Fact]
    public void A_joiner_is_let_in_while_there_is_always_another_update_under_way()
    {
        var cluster = new SteppedCluster(3);
        cluster[1].Start();
        cluster[2].Start();
        cluster.UntilInstalled(1, 2);
        List<long> asked = [];
        int number = 0;
        bool Joined()
        {
            while (asked.Count(one => cluster[1].StatusOf(one) is null) < 3)
            {
                var update = new TableUpdate("t", [new RowChange(RowChangeKind.Put, $"{++number % 10}", new byte[] { 1 })]);
                asked.RemoveAll(one => cluster[1].StatusOf(one) is not null);
                asked.Add(cluster[1].Ask((core, id, now) => core.Update(id, update, new StateAnswer(), now)));
            }
            return cluster[3].Core.Installed is not null;
        }

        cluster.Until(() => Joined() || number > 100);
        (MonotonicTime started, int before) = (cluster.Now, number);
        cluster[3].Start();
        cluster.Until(Joined);
        Assert.InRange(cluster.Now - started, TimeSpan.Zero, 2 * L);
        Assert.True(number > before + 3);
        Assert.All(cluster[1].Completed.Values, static ended => Assert.Equal(MembershipStatus.Ok, ended.Status));
    }

    [Fact]
    public void A_join_holds_nobodys_IO_after_an_incident_whose_view_a_member_took_over_from_the_others()
    {
        SteppedCluster cluster = SteppedCluster.Formed(4);
        cluster.Run(1);
        Epoch former = cluster[3].Core.InForce!.Epoch;
        // Once it has reported it is heard, and hears nothing: the others go on with its report, and it begins another attempt.
        cluster[3].Said = (_, body) =>
        {
            if (body is not StatusMessage { Stage: RegroupStage.Prune } status || !status.Has(StatusFlags.LeasesExpired)) return;
            cluster.CutOneWay(1, 3);
            cluster.CutOneWay(2, 3);
            cluster[3].Said = null;
        };
        cluster.Kill(4);
        cluster.Until(() => cluster[3].Core.Activation.Attempt > 1 && cluster[1].Core.InForce!.Epoch > former);
        cluster.Heal();
        cluster.UntilInstalled(1, 2, 3);
        int[] holds = [.. Holds()];
        cluster.Restart(4).Start();
        cluster.UntilInstalled(1, 2, 3, 4);
        Assert.Equal(holds, Holds());

        IEnumerable<int> Holds() => ((int[])[1, 2, 3]).Select(each => cluster[each].Callbacks.Count(static call => call.Kind == CallbackKind.HoldAllIO));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public void A_member_that_nobody_acknowledges_in_joined_views_goes_on_for_as_long_as_its_lease_would_have_lasted(int joins)
    {
        SteppedCluster cluster = SteppedCluster.Formed(3);
        cluster.Run(1);
        Stepped node = cluster[2];
        ClusterView view = node.Core.InForce!;
        cluster.Cut(1, 2);
        cluster.Cut(2, 3);
        MonotonicTime valid = node.Core.Lease.ValidUntil;
        for (int join = 0; join < joins; join++)
        {
            ClusterView next = SteppedCluster.After(view, 1);
            Assert.Equal(DropReason.None, cluster.Say(1, 2, new JoinPrepareMessage(7 + join, view, next, null), view.Id).Dropped);
            cluster.Run(0.005);
            cluster.Say(1, 2, null, next.Id);
            cluster.Run(0.005);
            Assert.Equal((next.Id, RegroupStage.None), (node.Core.InForce!.Id, node.Core.Stage));
            view = next;
        }
        Assert.True(valid > cluster.Now);
        cluster.Until(() => node.Core.Stage != RegroupStage.None);
        Assert.InRange((cluster.Now - valid).TotalMilliseconds, 0, 1);
    }

    [Fact]
    public void A_life_after_one_that_left_in_the_middle_of_a_join_begins_without_what_was_left_of_the_former_lease()
    {
        var cluster = new SteppedCluster(4);
        foreach (int each in (int[])[1, 2, 3]) cluster[each].Start();
        cluster.UntilInstalled(1, 2, 3);
        cluster.Run(1);
        cluster[4].Start();
        cluster.Until(() => cluster[2].Core.InForce!.Nodes.Count == 4);
        Assert.True(cluster[2].Core.Lease.Held);
        cluster[2].Ask(static (core, id, now) => core.Leave(id, now));
        cluster.Until(() => cluster[2].Core.Phase == NodePhase.Down);
        cluster.UntilInstalled(1, 3, 4);
        cluster.Run(2);
        cluster[2].Log.Clear();
        cluster[2].Start();
        cluster.UntilInstalled(1, 2, 3, 4);
        cluster.Run(1);
        Assert.DoesNotContain(cluster[2].Log, static line => line.Contains("lease ran out", StringComparison.Ordinal));
    }
}
