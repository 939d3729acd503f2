// The lease (design 5) against a second account of it, kept from nothing but the messages: the send times of what was acknowledged, the votes,
// and L. And the moments at which it ends, is held, and must not come back.
using Membership.Engine.Protocol;
using Membership.Engine.Tests.Seeds;
using Xunit;

namespace Membership.Engine.Tests.Protocol;

public sealed class LeaseTests
{
    private static readonly TimeSpan L = ClusterTiming.Local.LossPeriod;
    private static readonly TimeSpan T = ClusterTiming.Local.ClockPeriod;

    /// <summary>What one node's lease may be by the messages it sent and got.</summary>
    private sealed class Account
    {
        private readonly Dictionary<(int To, ulong Sequence), (MonotonicTime At, ViewId View)> _sent = [];
        private readonly Dictionary<int, (MonotonicTime At, ViewId View, MonotonicTime Witness)> _acknowledged = [];
        private readonly SteppedCluster _cluster;
        private readonly Stepped _node;
        private readonly int _number;

        public Account(SteppedCluster cluster, int number)
        {
            (_cluster, _number, _node) = (cluster, number, cluster[number]);
            _node.Said = (header, _) => _sent[(header.To.Value, header.Sequence)] = (_cluster.Now, header.InForce);
            _node.Got = header =>
            {
                if (header.Acknowledged == 0 || header.InForce != _node.Core.InForce?.Id || !_sent.TryGetValue((header.From.Value, header.Acknowledged), out var sent) || sent.View != header.InForce) return;
                var known = _acknowledged.GetValueOrDefault(header.From.Value);
                if (known.View != sent.View) known = (MonotonicTime.MinValue, sent.View, MonotonicTime.MinValue);
                if (header.OwnershipRemaining > TimeSpan.Zero) known.Witness = MonotonicTime.Max(known.Witness, sent.At + header.OwnershipRemaining * 0.99);
                _acknowledged[header.From.Value] = (MonotonicTime.Max(known.At, sent.At), sent.View, known.Witness);
            };
        }

        /// <summary>Until when the node, by these messages, may serve.</summary>
        public MonotonicTime Bound(ClusterView view)
        {
            var carried = view.Members.Where(member => _acknowledged.TryGetValue(member.Node.Value, out var known) && known.View == view.Id)
                .Select(member => (member.Node, Until: _acknowledged[member.Node.Value].At + L * 0.99, _acknowledged[member.Node.Value].Witness)).ToList();
            MonotonicTime own = _node.Core.QuorumOwner(_cluster.Now) == new NodeId(_number) ? _node.OwnedUntil : MonotonicTime.MinValue;
            MonotonicTime witness = carried.Select(static one => MonotonicTime.Min(one.Until, one.Witness)).Append(own).Max();
            MonotonicTime best = Holds(view, NodeSet.Of(_number), witnessVote: false) ? _cluster.Now + L * 0.99 : MonotonicTime.MinValue;
            foreach (MonotonicTime until in carried.Select(static one => one.Until).Append(witness))
            {
                if (until <= _cluster.Now) continue;
                NodeSet group = NodeSet.From(carried.Where(one => one.Until >= until).Select(static one => one.Node)).With(new NodeId(_number));
                if (Holds(view, group, witness >= until)) best = MonotonicTime.Max(best, until);
            }
            return best;
        }

        private static bool Holds(ClusterView view, NodeSet group, bool witnessVote) => Quorum.Has(view, group, witnessVote);
    }

    [Theory]
    [InlineData(2, "1,1", QuorumPolicy.NodeMajority, TieBreaker.None)]
    [InlineData(3, "1,1,1", QuorumPolicy.NodeMajority, TieBreaker.None)]
    [InlineData(5, "3,1,1,1,1", QuorumPolicy.NodeMajority, TieBreaker.None)]
    [InlineData(4, "0,1,1,1", QuorumPolicy.NodeMajority, TieBreaker.None)]
    [InlineData(20, "", QuorumPolicy.NodeMajority, TieBreaker.None)]
    [InlineData(40, "", QuorumPolicy.NodeMajority, TieBreaker.None)]
    [InlineData(2, "1,1", QuorumPolicy.NodeMajority, TieBreaker.LowestNode)]
    [InlineData(4, "1,1,1,1", QuorumPolicy.NodeMajority, TieBreaker.LowestNode)]
    [InlineData(6, "1,1,1,1,1,1", QuorumPolicy.NodeMajority, TieBreaker.LowestNode)]
    [InlineData(2, "1,1", QuorumPolicy.NodeAndWitnessMajority, TieBreaker.None)]
    [InlineData(4, "1,1,1,1", QuorumPolicy.NodeAndWitnessMajority, TieBreaker.None)]
    public void The_lease_runs_for_L_from_the_send_times_of_what_a_quorum_acknowledged_and_is_kept_long(int nodes, string votes, QuorumPolicy policy, TieBreaker tieBreaker)
    {
        bool witness = policy != QuorumPolicy.NodeMajority;
        int[] weights = votes.Length == 0 ? [.. Enumerable.Repeat(1, nodes)] : [.. votes.Split(',').Select(int.Parse)];
        var cluster = new SteppedCluster(nodes, options => options with { HasWitness = witness, Rule = new QuorumRule(policy, tieBreaker, false), Nodes = [.. options.Nodes.Select(node => node with { Votes = weights[node.Node.Value - 1] })] });
        // The owner's report comes once: its ownership runs out while the lease is looked at.
        cluster.Ownership = L * 4;
        Account[] accounts = [.. Enumerable.Range(1, nodes).Select(number => new Account(cluster, number))];
        foreach (Stepped node in cluster.Nodes.Values) node.Start();
        ClusterView view = cluster.UntilInstalled([.. cluster.Nodes.Keys]);
        int checks = 0;
        // In the middle somebody is no longer heard: without a vote that is needed, the lease goes on with those who are left.
        for (int phase = 0; phase < 2; phase++)
        {
            MonotonicTime end = cluster.Now + (phase == 0 ? L * 6 : L / 2);
            if (phase == 1)
                for (int other = 1; other < nodes; other++) cluster.CutOneWay(nodes, other);
            cluster.After(L * 6, static () => { });
            while (cluster.Now < end)
            {
                cluster.Step();
                foreach (Stepped node in cluster.Nodes.Values)
                {
                    LeaseState lease = node.Core.Lease;
                    if (node.Core.InForce?.Id != view.Id || node.Core.Stage != RegroupStage.None) continue;
                    MonotonicTime bound = accounts[node.Number - 1].Bound(view);
                    Assert.True(lease.ValidUntil <= bound, $"node {node.Number} at {cluster.Now.Ticks}: its lease runs {(lease.ValidUntil - bound).TotalMilliseconds} ms longer than any quorum acknowledged");
                    // It is worked out again when less than nine tenths are left, in a large cluster when a quarter is left or after some acknowledgements.
                    TimeSpan fresh = nodes >= 16 ? L / 4 : L * 9 / 10;
                    // Who needs nobody renews with what it hears all the same: without that, its silent peer is judged by a regroup first.
                    if (bound - cluster.Now == L * 0.99) continue;
                    Assert.True(lease.ValidUntil == bound || lease.ValidUntil - cluster.Now >= fresh - TimeSpan.FromTicks(1) || !lease.Held && bound <= cluster.Now, $"node {node.Number}: its lease has {(lease.ValidUntil - cluster.Now).TotalMilliseconds} ms left, and might have {(bound - cluster.Now).TotalMilliseconds}");
                    checks++;
                }
            }
        }
        Assert.True(checks > 80, $"{checks} checks");
    }

    [Fact]
    public void In_a_calm_cluster_the_lease_is_never_shorter_than_a_heartbeat_interval_and_two_ticks_below_L()
    {
        SteppedCluster cluster = SteppedCluster.Formed(3);
        cluster.Run(2);
        MonotonicTime end = cluster.Now + L * 10;
        while (cluster.Now < end)
        {
            cluster.Step();
            foreach (Stepped node in cluster.Nodes.Values) Assert.True(node.Core.Lease.ValidUntil - cluster.Now > L * 0.99 - ClusterTiming.Local.HeartbeatInterval - 2 * T);
        }
    }

    [Fact]
    public void A_lease_that_runs_out_is_held_at_that_very_instant_and_a_regroup_begins()
    {
        SteppedCluster cluster = SteppedCluster.Formed(2);
        cluster.Run(1);
        cluster.Cut(1, 2);
        MonotonicTime until = cluster[1].Core.Lease.ValidUntil;
        cluster.Until(() => cluster.Now >= until);
        Assert.Equal(until, cluster.Now);
        Assert.True(cluster[1].Core.Lease.Held);
        Assert.Equal(MonotonicTime.MinValue, cluster[1].Core.Lease.ValidUntil);
        Assert.Equal(RegroupStage.Activate, cluster[1].Core.Stage);
    }

    [Fact]
    public void Who_promised_a_view_that_it_cannot_carry_alone_serves_no_longer_than_its_lease_was_and_never_again_in_that_epoch()
    {
        var cluster = new SteppedCluster(3);
        cluster[1].Ask(static (core, id, now) => core.Start(id, forceForm: true, now));
        cluster.UntilInstalled(1);
        cluster[2].Start();
        cluster.Until(() => cluster.Disk(1).Pending.Length > 0);
        ClusterView alone = cluster[1].Core.InForce!;
        Assert.Single(alone.Members);
        cluster.Cut(1, 2);
        MonotonicTime until = cluster[1].Core.Lease.ValidUntil, latest = MonotonicTime.MinValue;
        MonotonicTime end = cluster.Now + L * 2;
        while (cluster.Now < end)
        {
            cluster.Step();
            if (cluster[1].Core.InForce?.Id != alone.Id) break;
            latest = MonotonicTime.Max(latest, cluster[1].Core.Lease.ValidUntil);
        }
        Assert.True(latest <= cluster.Now && latest <= MonotonicTime.Max(until, end - L), $"the lease of a view that a promised one overtakes was renewed: {(latest - until).TotalMilliseconds} ms");
        Assert.True(cluster[1].Core.Lease.ValidUntil <= cluster.Now);
    }

    [Fact]
    public void A_place_is_held_for_as_long_as_acknowledgements_come_however_long_the_regroup_takes()
    {
        SteppedCluster cluster = SteppedCluster.Formed(3);
        cluster.Run(1);
        cluster[3].HoldCallback = CallbackKind.HoldAllIO;
        ClusterView view = cluster[1].Core.InForce!;
        cluster[1].Ask(static (core, id, now) => core.ForceRegroup(id, now));
        MonotonicTime end = cluster.Now + L * 5;
        while (cluster.Now < end)
        {
            cluster.Step();
            Assert.Equal(view.Id, cluster[1].Core.InForce!.Id);
            Assert.True(cluster[1].Core.Lease.Held);
            Assert.True(cluster[1].Core.Lease.HeldUntil > cluster.Now, "the hold ran out although all acknowledge");
        }
        // Nobody acknowledges any more: it runs out, and does not come back in this epoch.
        cluster.Cut(1, 2);
        cluster.Cut(1, 3);
        MonotonicTime held = cluster[1].Core.Lease.HeldUntil;
        Assert.True(held - cluster.Now <= L * 0.99);
        cluster.Run((held - cluster.Now + 2 * T).TotalSeconds);
        Assert.True(cluster[1].Core.Lease.HeldUntil <= cluster.Now);
        cluster.Heal();
        end = cluster.Now + L;
        while (cluster.Now < end && cluster[1].Halted == HaltCode.None && cluster[1].Core.InForce?.Id == view.Id)
        {
            cluster.Step();
            Assert.True(cluster[1].Core.InForce?.Id != view.Id || cluster[1].Core.Lease.HeldUntil <= cluster.Now, "a place that was lost came back in its epoch");
        }
    }

    [Fact]
    public void While_the_record_that_puts_a_larger_view_in_force_is_written_the_lease_needs_the_acknowledgements_of_both_views()
    {
        var cluster = new SteppedCluster(4);
        foreach (int number in (int[])[1, 2, 3]) cluster[number].Start();
        ClusterView view = cluster.UntilInstalled(1, 2, 3);
        cluster.Run(1);
        bool writing = false;
        cluster[1].Disk = (id, state) =>
        {
            if (state.InForce?.Id == view.Id) cluster[1].Write(id, state);
            else writing = true;
        };
        cluster[4].Start();
        cluster.Until(() => writing);
        Assert.Equal(view.Id, cluster[1].Core.InForce!.Id);
        // Two of three carry the former view, but not the new one, of which two of four are no majority.
        cluster.Cut(1, 3);
        int valid = 0;
        MonotonicTime end = cluster.Now + 2 * L;
        while (cluster.Now < end)
        {
            cluster.Step();
            if (cluster[1].Core.Lease.ValidUntil <= cluster.Now) continue;
            valid++;
            TimeSpan age = cluster[1].Core.TakeSnapshot(cluster.Now).Peers.Single(static peer => peer.Node.Value == 3).Acknowledged;
            Assert.True(cluster[1].Core.Lease.ValidUntil <= cluster.Now - age + L * 0.99, "the lease rests on fewer than the view that is being put in force needs");
        }
        Assert.True(valid > 3);
    }

    [Fact]
    public void While_the_record_that_puts_a_view_without_it_in_force_is_written_a_node_is_not_acknowledged()
    {
        SteppedCluster cluster = SteppedCluster.Formed(3);
        ClusterView view = cluster[1].Core.InForce!;
        bool writing = false;
        cluster[1].Disk = (id, state) =>
        {
            if (state.InForce?.Id == view.Id) cluster[1].Write(id, state);
            else writing = true;
        };
        cluster.Cut(1, 3);
        cluster.Cut(2, 3);
        cluster.Until(() => writing);
        Assert.Equal(view.Id, cluster[1].Core.InForce!.Id);
        int said = 0;
        cluster[1].Said = (header, _) =>
        {
            if (header.To.Value != 3) return;
            said++;
            Assert.Equal(0ul, header.Acknowledged);
        };
        cluster.Heal();
        cluster.Run(0.5);
        Assert.Equal(view.Id, cluster[1].Core.InForce!.Id);
        Assert.True(said > 0, "it never spoke to the node it removes");
    }
}
