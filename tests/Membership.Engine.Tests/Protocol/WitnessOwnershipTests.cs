// What a core believes about its own ownership of the witness, stepped by hand.
using System.Collections.Immutable;
using Membership.Engine.Protocol;
using Membership.Engine.Replication;
using Membership.Engine.Tests.Seeds;
using Xunit;

namespace Membership.Engine.Tests.Protocol;

public sealed class WitnessOwnershipTests
{
    [Fact]
    public void A_renewal_report_that_arrives_after_the_witness_was_given_up_does_not_bring_it_back()
    {
        var effects = new Effects();
        var core = new MembershipCore(
            new ProtocolOptions
            {
                Self = new NodeId(1),
                Nodes = [new ConfiguredNode(new NodeId(1), 1), new ConfiguredNode(new NodeId(2), 1)],
                Rule = new QuorumRule(QuorumPolicy.NodeAndWitnessMajority, TieBreaker.None, false),
                HasWitness = true,
            },
            StoredState.Empty(17), effects, new MonotonicTime(0));
        core.Start(new RequestId(1), false, effects.Now);
        effects.Run(core, TimeSpan.FromSeconds(10), () => effects.Arbitration != 0);
        Assert.NotEqual(0, effects.Arbitration);

        // Won, but its record knows a view this node is not in: it cannot decide, so it lets the witness go.
        MonotonicTime owned = effects.Now + TimeSpan.FromSeconds(3);
        ClusterView other = new(new Epoch(7), [new ClusterMember(new NodeId(2), new Incarnation(3), 1, 99)], core.InForce?.Rule ?? default, ClusterTiming.Default);
        core.ArbitrationCompleted(effects.Arbitration, ArbitrationOutcome.Won, owned, [other], effects.Now);
        Assert.Equal(1, effects.Releases);
        Assert.Equal(NodeId.Invalid, core.QuorumOwner(effects.Now));

        // The renewal that was under way reports only now.
        core.WitnessOwnershipChanged(owned + TimeSpan.FromSeconds(1), effects.Now);
        Assert.Equal(NodeId.Invalid, core.QuorumOwner(effects.Now));
        Assert.Equal(1, effects.Releases);
    }

    [Fact]
    public void A_witness_won_at_rest_is_given_back_when_its_record_knows_a_newer_view_than_the_one_in_force()
    {
        var effects = new Effects();
        var core = new MembershipCore(
            new ProtocolOptions
            {
                Self = new NodeId(1),
                Nodes = [new ConfiguredNode(new NodeId(1), 1)],
                Rule = new QuorumRule(QuorumPolicy.NodeAndWitnessMajority, TieBreaker.None, false),
                HasWitness = true,
            },
            StoredState.Empty(17), effects, new MonotonicTime(0));
        core.Start(new RequestId(1), false, effects.Now);
        effects.Run(core, TimeSpan.FromSeconds(10), () => effects.Arbitration != 0);
        long forming = effects.Arbitration;
        core.ArbitrationCompleted(forming, ArbitrationOutcome.Won, effects.Now + TimeSpan.FromSeconds(1), [], effects.Now);
        effects.Run(core, TimeSpan.FromSeconds(20), () => effects.Arbitration != forming);
        Assert.NotNull(core.Installed);
        Assert.NotEqual(forming, effects.Arbitration);

        ClusterView newer = new(new Epoch(100), [new ClusterMember(new NodeId(2), new Incarnation(3), 1, 99)], core.Installed.Rule, ClusterTiming.Default);
        core.ArbitrationCompleted(effects.Arbitration, ArbitrationOutcome.Won, effects.Now + TimeSpan.FromSeconds(9), [newer], effects.Now);
        Assert.Equal(NodeId.Invalid, core.QuorumOwner(effects.Now));
        effects.Run(core, TimeSpan.FromSeconds(1), () => effects.Releases > 0);
        Assert.Equal(1, effects.Releases);
    }

    [Fact]
    public void A_witness_won_in_a_regroup_lengthens_no_hold_of_the_view_that_the_regroup_is_to_end()
    {
        // The equalizer keeps the winner waiting with its vote, longer than those on the other side of the cut wait for it.
        TimeSpan equalizer = TimeSpan.FromSeconds(1);
        var cluster = new SteppedCluster(4, options => options with
        {
            HasWitness = true,
            Rule = new QuorumRule(QuorumPolicy.NodeAndWitnessMajority, TieBreaker.None, false),
            ArbitrationEqualizer = equalizer,
        })
        {
            Ownership = TimeSpan.FromSeconds(3),
        };
        foreach (Stepped node in cluster.Nodes.Values) node.Start();
        cluster.UntilInstalled(1, 2, 3, 4);
        foreach (Stepped node in cluster.Nodes.Values) node.WitnessSays = ArbitrationOutcome.Lost;
        cluster.Run(6);
        Assert.All(cluster.Nodes.Values, node => Assert.Equal(NodeId.Invalid, node.Core.QuorumOwner(cluster.Now)));

        cluster[1].WitnessSays = null;
        cluster.WitnessOwner = 0;
        int before = cluster[1].Arbitrations;
        foreach (int left in (int[])[1, 2])
            foreach (int right in (int[])[3, 4]) cluster.Cut(left, right);
        MonotonicTime over = cluster.Now + ClusterTiming.Local.LossPeriod;
        cluster[1].Do((core, now) => core.TripwireLost(new NodeId(3), cluster[3].Core.Incarnation, now));
        cluster.Until(() => cluster[1].Arbitrations > before && cluster[1].Core.QuorumOwner(cluster.Now) == new NodeId(1));
        Assert.True(cluster.Now < over);
        Assert.True(cluster[1].Core.Lease.HeldUntil > cluster.Now);
        cluster.Until(() => cluster.Now >= over);
        cluster.Run(0.3);
        foreach (int left in (int[])[1, 2])
        {
            Assert.Equal(RegroupStage.Prune, cluster[left].Core.Stage);
            Assert.True(cluster[left].Core.Lease.Held);
            Assert.True(cluster[left].Core.Lease.HeldUntil <= over, $"node {left} is held for another {cluster[left].Core.Lease.HeldUntil - cluster.Now}");
        }
        cluster.UntilInstalled(1, 2);
    }

    [Fact]
    public void A_witness_that_was_lost_while_a_regroup_arbitrated_and_is_won_after_it_is_given_back()
    {
        var cluster = new SteppedCluster(2, static options => options with
        {
            HasWitness = true,
            Rule = new QuorumRule(QuorumPolicy.NodeAndWitnessMajority, TieBreaker.None, false),
        })
        {
            Ownership = TimeSpan.FromSeconds(1),
        };
        foreach (Stepped node in cluster.Nodes.Values) node.Start();
        cluster.UntilInstalled(1, 2);
        cluster.Until(() => cluster[1].Core.QuorumOwner(cluster.Now) == new NodeId(1));

        // Node 2 dies; before the witness answers, the ownership of node 1 is over and node 2 is back.
        cluster[1].HoldArbitrations = true;
        int before = cluster[1].Arbitrations;
        cluster.Kill(2);
        cluster.Until(() => cluster[1].Arbitrations > before);
        Assert.Equal(new NodeId(1), cluster[1].Core.QuorumOwner(cluster.Now));
        cluster.Run(1.5);
        Assert.Equal(NodeId.Invalid, cluster[1].Core.QuorumOwner(cluster.Now));
        ActivationId arbitrated = cluster[1].Core.Activation;
        cluster.Restart(2).Start();
        cluster.Until(() => cluster[1].Core.Activation != arbitrated);

        cluster[1].ReleaseArbitrations();
        cluster.Run(0.002);
        Assert.Equal(NodeId.Invalid, cluster[1].Core.QuorumOwner(cluster.Now));
        Assert.Equal(0, cluster.WitnessOwner);
    }

    /// <summary>Carries the effects out at once: writes are durable, callbacks done, nothing is sent.</summary>
    private sealed class Effects : IProtocolEffects
    {
        private readonly Queue<Action<MembershipCore>> _results = new();

        public MonotonicTime Now { get; private set; } = new(TimeSpan.TicksPerSecond);

        public long Arbitration { get; private set; }

        public int Releases { get; private set; }

        public bool JournalEnabled => false;

        public void Run(MembershipCore core, TimeSpan limit, Func<bool> until)
        {
            MonotonicTime end = Now + limit;
            while (!until() && Now < end)
            {
                if (_results.TryDequeue(out Action<MembershipCore>? result)) result(core);
                else
                {
                    Now = MonotonicTime.Min(end, MonotonicTime.Max(Now, core.NextWakeup));
                    core.Tick(Now);
                }
            }
        }

        public void Send(in MessageHeader header, int path, MessageBody? body)
        {
        }

        public void Persist(long id, StoredState state) => _results.Enqueue(core => core.PersistCompleted(id, true, Now));

        public void InvokeCallback(in CallbackRequest callback)
        {
            long id = callback.Id;
            _results.Enqueue(core => core.CallbackCompleted(id, Now));
        }

        public void Arbitrate(long id, TimeSpan timeout) => Arbitration = id;

        public void WriteWitnessRecord(long id, ImmutableArray<ClusterView> slot)
        {
        }

        public void ReleaseWitness() => Releases++;

        public void CompleteRequest(RequestId request, MembershipStatus status, string? detail)
        {
        }

        public void PublishLease(in LeaseState lease)
        {
        }

        public void StageEntered(ActivationId activation, RegroupStage stage, RegroupCause cause)
        {
        }

        public void ViewInForce(ClusterView view, ActivationId activation)
        {
        }

        public void ViewInstalled(ClusterView view, ActivationId activation)
        {
        }

        public void Notify(ClusterChangeNotification change, ViewId view)
        {
        }

        public void StateApplied(LogEntry entry, ClusterState state)
        {
        }

        public void StateReplaced(ClusterState state)
        {
        }

        public void ProbeCrashEvidence(NodeId node, Incarnation incarnation)
        {
        }

        public void Halt(HaltCode code, string detail)
        {
        }

        public void Dropped(DropReason reason, NodeId from)
        {
        }

        public void Journal(string line)
        {
        }
    }
}
