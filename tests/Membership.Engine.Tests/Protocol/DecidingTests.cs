// Stage 3 until there is a decision: who decides, what interrupts it and what does not, and which decisions are none.
using Membership.Engine.Protocol;
using Membership.Engine.Tests.Seeds;
using Xunit;

namespace Membership.Engine.Tests.Protocol;

public sealed class DecidingTests
{
    private static readonly TimeSpan L = ClusterTiming.Local.LossPeriod, T = ClusterTiming.Local.ClockPeriod;

    [Fact]
    public void The_owner_of_the_witness_decides_and_not_the_lowest_number()
    {
        SteppedCluster cluster = Witnessed(4);
        Own(cluster, 3);
        Decision? decided = null;
        cluster[2].Sent = body => decided ??= (body as StatusMessage)?.Decision;
        cluster.Kill(4);
        cluster.UntilInstalled(1, 2, 3);
        Assert.Equal(new NodeId(3), decided!.Decider);
    }

    [Fact]
    public void A_link_that_comes_back_while_the_witness_is_asked_costs_nobody_its_place()
    {
        SteppedCluster cluster = Witnessed(4);
        Own(cluster, 0);
        cluster[1].HoldArbitrations = true;
        int before = cluster[1].Arbitrations;
        cluster.Cut(1, 3);
        cluster.Kill(4);
        cluster.Until(() => cluster[1].Arbitrations > before);
        // Half of the votes: 1 and 2 would need the witness to go on without 3, whom 2 hears all the time.
        Assert.Equal(RegroupStage.Prune, cluster[1].Core.Stage);
        cluster.Heal();
        cluster.UntilInstalled(1, 2, 3);
    }

    [Fact]
    public void A_restarted_life_goes_on_voting_however_long_the_witness_takes()
    {
        SteppedCluster cluster = Witnessed(4);
        Own(cluster, 0);
        cluster[1].HoldArbitrations = true;
        int before = cluster[1].Arbitrations;
        cluster.Kill(3);
        cluster.Kill(4);
        cluster.Until(() => cluster[1].Arbitrations > before);
        cluster.Kill(2);
        cluster.Restart(2).Start();
        cluster.Until(() => cluster[2].Log.Exists(static line => line.Contains("votes in", StringComparison.Ordinal)));
        cluster.Run(1);
        Assert.False(cluster[2].Core.Activation.IsForming);
        cluster[1].ReleaseArbitrations();
        // Two of four votes and the witness': without the voter it would be too few.
        cluster.Until(() => cluster[1].Core.InForce!.Nodes == NodeSet.Of(1), seconds: 2);
        cluster.UntilInstalled(1, 2);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Who_comes_late_does_not_interrupt_an_arbitration_or_a_write_of_the_record(bool record)
    {
        SteppedCluster cluster = Witnessed(4);
        Own(cluster, 0);
        // The second of the two may not decide, so that the first one asks again.
        cluster[2].Ask(static (core, id, now) => core.SetRegroupAllowed(id, false, now));
        cluster[1].WitnessSays = ArbitrationOutcome.Lost;
        foreach (int left in (int[])[1, 2])
            foreach (int right in (int[])[3, 4]) cluster.Cut(left, right);
        cluster[1].Do((core, now) => core.TripwireLost(new NodeId(3), cluster[3].Core.Incarnation, now));
        cluster[1].Do((core, now) => core.TripwireLost(new NodeId(4), cluster[4].Core.Incarnation, now));
        cluster.Until(() => cluster[1].Log.Any(static line => line.Contains("arbitration Lost", StringComparison.Ordinal)));
        cluster[1].WitnessSays = null;
        int before = cluster[1].Arbitrations, writes = cluster[1].RecordWrites.Count;
        if (record) cluster[1].Records = static _ => { };
        else cluster[1].HoldArbitrations = true;
        cluster.Until(() => record ? cluster[1].RecordWrites.Count > writes : cluster[1].Arbitrations > before);
        MonotonicTime asked = cluster.Now;
        ActivationId activation = cluster[1].Core.Activation;
        Assert.Equal(RegroupStage.Prune, cluster[1].Core.Stage);
        cluster.Heal();
        cluster.Run(1.5 * T.TotalSeconds);
        Assert.True(cluster.Now - asked < 3 * T);
        Assert.Equal((activation, RegroupStage.Prune), (cluster[1].Core.Activation, cluster[1].Core.Stage));
        if (!record) cluster[1].ReleaseArbitrations();
        else cluster[1].Do((core, now) => core.RecordWritten(cluster[1].RecordWrites[^1].Id, true, now + L, now));
        cluster.Until(() => cluster[2].Log.Exists(static line => line.Contains("accepts decision e2{1,2}", StringComparison.Ordinal)), seconds: 0.2);
    }

    [Fact]
    public void A_second_decision_in_one_activation_raises_the_attempt_at_once()
    {
        SteppedCluster cluster = SteppedCluster.Formed(3);
        cluster[2].Disk = static (_, _) => { };
        cluster[1].Ask(static (core, id, now) => core.ForceRegroup(id, now));
        (MessageHeader Header, StatusMessage Status)? last = null;
        cluster[3].Said = (header, body) =>
        {
            if (header.To.Value == 2 && body is StatusMessage { Decision: not null } status) last = (header, status);
        };
        cluster.Until(() => last is not null && cluster[2].Core.Stage == RegroupStage.Prune && cluster[2].Log.Exists(static line => line.Contains("accepts decision", StringComparison.Ordinal)));
        ActivationId activation = cluster[2].Core.Activation;
        (MessageHeader told, StatusMessage status) = last!.Value;
        ClusterView view = status.Decision!.View;
        var other = new ClusterView(view.Epoch.Next, view.Members, view.Rule, view.Timing, baseEpoch: view.BaseEpoch);
        told.Sequence += 100;
        cluster[2].Do((core, now) => core.Receive(in told, 0, status with { Decision = status.Decision with { View = other } }, now));
        Assert.True(cluster[2].Core.Activation > activation);
    }

    [Fact]
    public void A_decision_of_an_epoch_that_was_promised_already_is_refused()
    {
        SteppedCluster cluster = SteppedCluster.Formed(3);
        ClusterView formed = cluster[2].Core.InForce!;
        bool lied = false;
        cluster[1].Said = (header, body) =>
        {
            if (lied || header.To.Value != 2 || body is not StatusMessage { Decision: { } decision } status) return;
            lied = true;
            var same = new ClusterView(formed.Epoch, [.. formed.Members.Take(2)], formed.Rule, formed.Timing, baseEpoch: formed.BaseEpoch);
            // The true one, with the same number, comes after it, and is a repetition then.
            cluster.Deliver(in header, 0, status with { Decision = decision with { View = same }, Pending = [] });
        };
        cluster[1].Ask(static (core, id, now) => core.ForceRegroup(id, now));
        cluster.Until(() => lied);
        cluster.Run(0.001);
        Assert.Contains(cluster[2].Log, line => line.Contains($"not above epoch {formed.Epoch}", StringComparison.Ordinal));
        Assert.True(cluster.UntilInstalled(1, 2, 3).Epoch > formed.Epoch);
    }

    [Fact]
    public void A_decision_whose_witness_was_lost_meanwhile_is_not_made_and_the_witness_is_asked_again_after_a_tick()
    {
        SteppedCluster cluster = Witnessed(2, static options => options with { ArbitrationEqualizer = TimeSpan.FromMilliseconds(300) });
        Own(cluster, 0);
        cluster.Ownership = TimeSpan.FromMilliseconds(100);
        int before = cluster[1].Arbitrations, writes = cluster[1].RecordWrites.Count;
        cluster.Kill(2);
        bool Lost() => cluster[1].Log.Exists(static line => line.Contains("the witness was lost before the decision was made", StringComparison.Ordinal));
        cluster.Until(Lost, seconds: 2);
        Assert.Equal((before + 1, writes), (cluster[1].Arbitrations, cluster[1].RecordWrites.Count));
        MonotonicTime lost = cluster.Now;
        cluster.Ownership = TimeSpan.FromMinutes(5);
        cluster.Until(() => cluster[1].Arbitrations > before + 1, seconds: 2);
        Assert.InRange((cluster.Now - lost) / T, 1, 3);
        cluster.UntilInstalled(1);
        Assert.Equal(before + 2, cluster[1].Arbitrations);
    }

    [Fact]
    public void A_win_whose_ownership_is_over_when_it_is_told_is_none()
    {
        SteppedCluster cluster = Witnessed(2);
        Own(cluster, 0);
        cluster.Ownership = TimeSpan.Zero;
        int writes = cluster[1].RecordWrites.Count, wins = Wins();
        int Wins() => cluster[1].Log.Count(static line => line.Contains("won the witness", StringComparison.Ordinal));
        cluster.Kill(2);
        cluster.Until(() => cluster[1].Log.Exists(static line => line.Contains("arbitration Won", StringComparison.Ordinal)), seconds: 2);
        Assert.Equal((writes, wins), (cluster[1].RecordWrites.Count, Wins()));
        cluster.Ownership = TimeSpan.FromMinutes(5);
        cluster.UntilInstalled(1);
    }

    [Fact]
    public void A_late_win_leaves_the_witness_with_whoever_owned_it_all_along()
    {
        SteppedCluster cluster = Witnessed(2);
        int releases = cluster[1].Releases;
        AnswerToTheAttemptBefore(cluster);
        Assert.Equal((new NodeId(1), releases), (cluster[1].Core.QuorumOwner(cluster.Now), cluster[1].Releases));
        cluster.UntilInstalled(1, 2);
        Assert.Equal((new NodeId(1), releases), (cluster[1].Core.QuorumOwner(cluster.Now), cluster[1].Releases));
    }

    [Fact]
    public void A_late_defeat_gives_nothing_up_that_is_not_owned()
    {
        SteppedCluster cluster = Witnessed(2);
        Own(cluster, 0);
        cluster[1].WitnessSays = ArbitrationOutcome.Lost;
        int releases = cluster[1].Releases;
        AnswerToTheAttemptBefore(cluster);
        Assert.Equal(releases, cluster[1].Releases);
    }

    /// <summary>The other node dies, and is back before the witness has answered: the answer is to an attempt that is over.</summary>
    private static void AnswerToTheAttemptBefore(SteppedCluster cluster)
    {
        cluster[1].HoldArbitrations = true;
        int before = cluster[1].Arbitrations;
        cluster.Kill(2);
        cluster.Until(() => cluster[1].Arbitrations > before);
        ActivationId arbitrated = cluster[1].Core.Activation;
        cluster.Run(0.5);
        cluster.Restart(2).Start();
        cluster.Until(() => cluster[1].Core.Activation != arbitrated);
        cluster[1].ReleaseArbitrations();
        cluster.Run(0.002);
    }

    [Fact]
    public void Who_decided_by_the_witness_keeps_it_although_the_record_knows_the_view_it_went_on_from()
    {
        SteppedCluster cluster = Witnessed(2);
        cluster.Record = [cluster[1].Core.InForce!];
        int releases = cluster[1].Releases;
        cluster.Kill(2);
        cluster.UntilInstalled(1);
        cluster.Run(1);
        Assert.Equal((new NodeId(1), releases), (cluster[1].Core.QuorumOwner(cluster.Now), cluster[1].Releases));
    }

    [Fact]
    public void A_witness_whose_record_knows_more_is_given_up_once_and_not_again_with_the_next_view()
    {
        SteppedCluster cluster = Witnessed(2);
        Own(cluster, 0);
        ClusterView view = cluster[1].Core.InForce!;
        ClusterView Newer(long above) => new(new Epoch(view.Epoch.Value + above), [new ClusterMember(new NodeId(2), new Incarnation(3), 1, 99)], view.Rule, view.Timing);
        cluster.Record = [Newer(50), Newer(60)];
        int GivenUp() => cluster[1].Log.Count(static line => line.Contains("gives the witness up", StringComparison.Ordinal));
        cluster[1].Ask(static (core, id, now) => core.SetQuorumOwner(id, new NodeId(1), false, new NodeAnswer(), now));
        cluster.Until(() => GivenUp() > 0, seconds: 5);
        cluster[1].HoldArbitrations = true;
        Assert.Equal((1, NodeId.Invalid), (GivenUp(), cluster[1].Core.QuorumOwner(cluster.Now)));
        cluster[2].Ask(static (core, id, now) => core.ForceRegroup(id, now));
        cluster.Until(() => cluster[1].Core.Installed!.Id != view.Id);
        cluster.Run(1);
        Assert.Equal(1, GivenUp());
    }

    [Fact]
    public void The_owner_at_rest_writes_what_is_promised_beyond_the_view_in_force_into_the_record_as_well()
    {
        SteppedCluster cluster = Witnessed(3);
        cluster[1].Records = static _ => { };
        cluster.Kill(3);
        cluster.UntilInstalled(1, 2);
        cluster[2].Disk = static (_, _) => { };
        cluster.Restart(3).Start();
        cluster.Until(() => !cluster[1].Core.TakeSnapshot(cluster.Now).Pending.IsEmpty);
        ClusterView view = cluster[1].Core.InForce!, promised = cluster[1].Core.TakeSnapshot(cluster.Now).Pending[0];
        Assert.Equal(RegroupStage.None, cluster[1].Core.Stage);
        int before = cluster[1].RecordWrites.Count;
        cluster.Until(() => cluster[1].RecordWrites.Count > before, seconds: 3);
        Assert.Equal([view.Id, promised.Id], cluster[1].RecordWrites[^1].Slot.Select(static one => one.Id));
        // What it has promised itself is no reason to give the witness up that it wins anew.
        cluster.Record = [view, promised];
        cluster.WitnessOwner = 0;
        int won = cluster[1].Arbitrations;
        cluster[1].Do(static (core, now) => core.WitnessOwnershipChanged(MonotonicTime.MinValue, now));
        cluster.Until(() => cluster[1].Arbitrations > won, seconds: 2);
        cluster.Run(0.002);
        Assert.Equal((new NodeId(1), RegroupStage.None), (cluster[1].Core.QuorumOwner(cluster.Now), cluster[1].Core.Stage));
        Assert.Equal(cluster[1].RecordWrites.Count, cluster[1].RecordWrites.Select(static write => write.Id).Distinct().Count());
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Every_survivor_says_who_won_an_arbitration_that_only_a_promised_view_made_necessary_and_nobody_where_none_was(bool needed)
    {
        SteppedCluster cluster = Witnessed(4);
        cluster.Kill(4);
        cluster.UntilInstalled(1, 2, 3);
        Assert.All((int[])[1, 2, 3], each => Assert.Equal(NodeId.Invalid, cluster[each].Core.ArbitrationWinner));
        // The joiner's disk hangs: its view is promised by the others, and not in force.
        cluster.Restart(4).Disk = (id, state) =>
        {
            if (state.Pending.IsEmpty) cluster[4].Write(id, state);
        };
        cluster[4].Start();
        int[] all = [1, 2, 3];
        cluster.Until(() => all.All(each => !cluster.Disk(each).Pending.IsEmpty));
        // Two of the three are enough, but of the four they need the witness; three need it of neither.
        int[] left = needed ? [1, 2] : all;
        Epoch before = cluster[1].Core.InForce!.Epoch;
        if (needed) cluster.Kill(3);
        cluster.Kill(4);
        cluster[1].Ask(static (core, id, now) => core.ForceRegroup(id, now));
        cluster.Until(() => left.All(each => cluster[each].Core.InForce!.Epoch > before));
        cluster.UntilInstalled(left);
        Assert.All(left, each => Assert.Equal(needed ? new NodeId(1) : NodeId.Invalid, cluster[each].Core.ArbitrationWinner));
    }

    private static SteppedCluster Witnessed(int nodes, Func<ProtocolOptions, ProtocolOptions>? change = null)
    {
        SteppedCluster cluster = SteppedCluster.Formed(nodes, options =>
        {
            options = options with { HasWitness = true, Rule = new QuorumRule(QuorumPolicy.NodeAndWitnessMajority, TieBreaker.None, false) };
            return change?.Invoke(options) ?? options;
        });
        cluster.Until(() => cluster.Nodes.Values.All(node => node.Core.QuorumOwner(cluster.Now) == new NodeId(1)), seconds: 10);
        return cluster;
    }

    /// <summary>From now on this node owns the witness, or nobody does (0).</summary>
    private static void Own(SteppedCluster cluster, int owner)
    {
        cluster[1].Ask(static (core, id, now) => core.SetQuorumOwner(id, NodeId.Invalid, false, new NodeAnswer(), now));
        cluster.WitnessOwner = 0;
        // Nobody counts on the former owner's claims any more.
        cluster.Run(0.5);
        Assert.All(cluster.Nodes.Values, node => Assert.Equal(NodeId.Invalid, node.Core.QuorumOwner(cluster.Now)));
        if (owner == 0) return;
        cluster[owner].Ask((core, id, now) => core.SetQuorumOwner(id, new NodeId(owner), false, new NodeAnswer(), now));
        cluster.Until(() => cluster.Nodes.Values.All(node => node.Core.QuorumOwner(cluster.Now) == new NodeId(owner)), seconds: 5);
    }
}
