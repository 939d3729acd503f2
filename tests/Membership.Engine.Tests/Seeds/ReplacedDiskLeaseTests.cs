// A life that has left is not waited for. A replaced disk counts lives from the start again, so the next node of that number may be let in
// under the number of the life that left, by members that never knew that one (seed 128872): its lease is waited for all the same.
using Membership.Engine.Protocol;
using Xunit;

namespace Membership.Engine.Tests.Seeds;

public sealed class ReplacedDiskLeaseTests
{
    [Fact]
    public void A_life_that_has_left_on_another_disk_does_not_end_the_lease_of_one_with_the_same_number()
    {
        SteppedCluster cluster = SteppedCluster.Formed(5, static options => options with { StoreLocked = true });
        cluster.Run(1);
        Incarnation life = cluster[1].Core.Incarnation;
        cluster[1].Ask(static (core, id, now) => core.Leave(id, now));
        cluster.UntilInstalled(2, 3, 4, 5);
        cluster.Run(1);
        cluster.Kill(1);
        // All but node 5 restart and know nothing of who has left.
        foreach (int each in (int[])[2, 3, 4])
        {
            cluster.Kill(each);
            cluster.Restart(each).Start();
            cluster.Until(() => Enumerable.Range(2, 4).All(node => cluster[node].Core is { Stage: RegroupStage.None, Installed.Members.Length: 4 } core && core.Installed.Contains(new NodeId(each), cluster[each].Core.Incarnation)));
        }

        cluster.Write(1, StoredState.Empty(9001));
        // Node 5 would say that another store has used this number.
        cluster.Cut(1, 5);
        cluster.Restart(1).Start();
        cluster.Until(() => cluster[1].Core.Phase == NodePhase.Joining);
        cluster.Heal();
        cluster.UntilInstalled(1, 2, 3, 4, 5);
        Assert.Equal(life, cluster[1].Core.Incarnation);
        cluster.Run(1);

        foreach (int other in (int[])[2, 3, 4, 5]) cluster.Cut(1, other);
        cluster[2].Do(static (core, now) => core.NodeUnreachable(new NodeId(1), now));
        cluster[2].Ask(static (core, id, now) => core.ForceRegroup(id, now));
        cluster.Until(() => Enumerable.Range(2, 4).Any(each => !cluster[each].Core.InForce!.Nodes.Contains(new NodeId(1))));
        Assert.True(cluster[1].Core.Lease.ValidUntil <= cluster.Now, $"node 1 may serve for another {(cluster[1].Core.Lease.ValidUntil - cluster.Now).TotalMilliseconds:F0} ms, though a view without it is in force");
    }
}
