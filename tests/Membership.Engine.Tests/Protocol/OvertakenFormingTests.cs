// Formers learn that a view which some of them have promised is in force elsewhere. Whoever knows it, and is still writing it down, promises nothing that is
// made without it, and says nothing that leaves it out.
using Membership.Engine.Protocol;
using Membership.Engine.Tests.Seeds;
using Xunit;

namespace Membership.Engine.Tests.Protocol;

public sealed class OvertakenFormingTests
{
    private static readonly TimeSpan SlowWrite = TimeSpan.FromMilliseconds(20);

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Who_knows_of_a_view_in_force_promises_nothing_that_is_made_from_none(bool thisLife)
    {
        SteppedCluster cluster = thisLife ? ReportsLost() : WrittenBefore();
        ClusterView view = cluster.Disk(4).InForce!;
        Stepped witness = cluster[2];
        var written = new List<StoredState>();
        var said = new List<StatusMessage>();
        witness.Disk = (id, state) =>
        {
            written.Add(state);
            cluster.After(SlowWrite, () => witness.Write(id, state));
        };
        bool knows = false;
        witness.Sent = body => { if (knows && body is StatusMessage { Activation.IsForming: true, Stage: <= RegroupStage.Prune } status) said.Add(status); };
        cluster.Until(() => witness.Core.Stage == RegroupStage.Prune && witness.Core.Activation.IsForming && NothingSince(witness));
        knows = true;
        cluster.Say(4, 2, null, view.Id);
        Assert.Equal(view.Id, written[^1].InForceId);
        // The decision of the others, who do not know, is on its way to it.
        cluster.Until(() => cluster.Nodes.Values.Any(node => node.Number != 2 && node.Log.Any(line => line.Contains($"accepts decision e{view.Epoch.Value + 1}", StringComparison.Ordinal))));
        cluster.Until(() => cluster.Disk(2).InForceId == view.Id);
        Assert.DoesNotContain(written, state => state.InForceId == view.Id && state.Pending.Any(promised => promised.BaseEpoch == Epoch.None));
        Assert.DoesNotContain(said, status => status.StoredInForce?.Id != view.Id && !status.Pending.Contains(view));

        // It is what brings the others in.
        witness.Disk = null;
        cluster.UntilInstalled(1, 2, 3);
        Assert.True(cluster[1].Core.Installed!.Epoch > view.Epoch);
        Assert.NotEqual(Epoch.None, cluster[1].Core.Installed!.BaseEpoch);
    }

    [Fact]
    public void A_decider_that_learns_of_it_while_the_witness_writes_its_decision_down_drops_the_decision()
    {
        SteppedCluster cluster = ReportsLost(static options => options with { HasWitness = true, WitnessKeepsRecord = true, Rule = new QuorumRule(QuorumPolicy.NodeAndWitnessMajority, TieBreaker.None, false) });
        ClusterView view = cluster.Disk(4).InForce!;
        cluster.Nodes[3].Alive = false;
        Stepped decider = cluster[1];
        var written = new List<StoredState>();
        var confirm = new List<long>();
        decider.Records = confirm.Add;
        cluster.Until(() => confirm.Count > 0);
        Assert.Contains(decider.RecordWrites[^1].Slot, promised => promised.Epoch > view.Epoch && promised.BaseEpoch == Epoch.None);
        decider.Disk = (id, state) =>
        {
            written.Add(state);
            cluster.After(SlowWrite, () => decider.Write(id, state));
        };
        cluster.Say(4, 1, null, view.Id);
        decider.Do((core, now) => core.RecordWritten(confirm[^1], true, now + cluster.Ownership, now));
        cluster.Until(() => cluster.Disk(1).InForceId == view.Id);
        Assert.DoesNotContain(written, static state => state.Pending.Any(static promised => promised.BaseEpoch == Epoch.None));
        decider.Disk = null;
        decider.Records = null;
        cluster.UntilInstalled(1, 2);
    }

    private static bool NothingSince(Stepped node) => !node.Log[^1].Contains("accepts decision", StringComparison.Ordinal);

    /// <summary>A first forming of four: all have promised it, the fourth has heard that all did, and none of the others.</summary>
    private static SteppedCluster ReportsLost(Func<ProtocolOptions, ProtocolOptions>? change = null)
    {
        var cluster = new SteppedCluster(4, change);
        foreach (Stepped node in cluster.Nodes.Values) node.Start();
        cluster.Until(() => cluster.Nodes.Values.All(node => cluster.Disk(node.Number).Pending.Length == 1));
        for (int from = 1; from <= 4; from++)
            for (int to = 1; to <= 3; to++)
                if (from != to) cluster.CutOneWay(from, to);
        cluster.Until(() => cluster[4].Core.InForce is not null);
        cluster.Heal();
        foreach (int other in (int[])[1, 2, 3]) cluster.Cut(4, other);
        return cluster;
    }

    /// <summary>The same from an earlier life: on the disks of 1 and 2 as a promise.</summary>
    private static SteppedCluster WrittenBefore()
    {
        SteppedCluster cluster = ReportsLost();
        foreach (int each in (int[])[1, 2, 3])
        {
            cluster.Nodes[each].Alive = false;
            cluster.Restart(each).Start();
        }
        return cluster;
    }
}
