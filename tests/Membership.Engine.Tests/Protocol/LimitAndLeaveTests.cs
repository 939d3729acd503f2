// What a node does about a disk or a host that hangs, what of a life is left after a leave (nothing), and what its snapshot shows.
using Membership.Engine.Protocol;
using Membership.Engine.Tests.Seeds;
using Xunit;

namespace Membership.Engine.Tests.Protocol;

public sealed class LimitAndLeaveTests
{
    private static readonly TimeSpan T = ClusterTiming.Local.ClockPeriod;

    [Fact]
    public void A_write_that_takes_longer_than_its_limit_halts_the_node_within_a_tick()
    {
        // Alone, and before the deadline of the regroup itself: others would leave it out.
        SteppedCluster cluster = SteppedCluster.Formed(1, static options => options with { PersistLimit = TimeSpan.FromSeconds(0.3) });
        MonotonicTime started = MonotonicTime.MinValue;
        cluster[1].Disk = (_, _) => started = cluster.Now;
        cluster[1].Ask(static (core, id, now) => core.ForceRegroup(id, now));
        cluster.Until(() => cluster[1].Halted != HaltCode.None, seconds: 15);
        Assert.Equal(HaltCode.StoreFailed, cluster[1].Halted);
        Assert.InRange((cluster.Now - started).TotalSeconds, 0.3, 0.3 + 2 * T.TotalSeconds);
    }

    [Fact]
    public void A_callback_that_takes_longer_than_its_limit_halts_the_node_within_a_tick()
    {
        SteppedCluster cluster = SteppedCluster.Formed(3);
        cluster[3].HoldCallback = CallbackKind.HoldAllIO;
        cluster[3].Ask(static (core, id, now) => core.ForceRegroup(id, now));
        MonotonicTime started = cluster.Now;
        cluster.Until(() => cluster[3].Halted != HaltCode.None, seconds: 40);
        Assert.Equal(HaltCode.CallbackTimeout, cluster[3].Halted);
        Assert.InRange((cluster.Now - started).TotalSeconds, 30, 30 + 2 * T.TotalSeconds);
    }

    [Fact]
    public void A_failed_write_halts_and_a_report_of_another_write_or_callback_is_ignored()
    {
        SteppedCluster cluster = SteppedCluster.Formed(2);
        long writing = 0;
        cluster[2].Disk = (id, _) => writing = id;
        cluster[1].Ask(static (core, id, now) => core.ForceRegroup(id, now));
        cluster.Until(() => writing != 0);
        long first = writing;
        cluster[2].Do((core, now) => core.PersistCompleted(first + 1, true, now));
        cluster[2].Do((core, now) => core.PersistCompleted(first - 1, false, now));
        cluster[2].Do(static (core, now) => core.CallbackCompleted(-5, now));
        cluster.Run(0.1);
        Assert.Equal((HaltCode.None, RegroupStage.Prune), (cluster[2].Halted, cluster[2].Core.Stage));
        Assert.Equal(first, writing);
        cluster[2].Do((core, now) => core.PersistCompleted(writing, false, now));
        Assert.Equal(HaltCode.StoreFailed, cluster[2].Halted);
    }

    [Fact]
    public void A_report_of_another_callback_does_not_end_the_one_that_runs()
    {
        SteppedCluster cluster = SteppedCluster.Formed(2);
        cluster[2].HoldCallback = CallbackKind.HoldAllIO;
        cluster[1].Ask(static (core, id, now) => core.ForceRegroup(id, now));
        cluster.Until(() => cluster[2].Core.Stage == RegroupStage.Activate);
        int before = cluster[2].Callbacks.Count;
        cluster[2].Do(static (core, now) => core.CallbackCompleted(1, now));
        cluster.Run(1);
        Assert.Equal(before, cluster[2].Callbacks.Count);
        Assert.Equal(CallbackKind.HoldAllIO, cluster[2].Callbacks[^1].Kind);
        cluster[2].ReleaseCallbacks();
        cluster.UntilInstalled(1, 2);
    }

    [Fact]
    public void A_second_regroup_before_the_resume_of_the_first_holds_once_and_resumes_once()
    {
        SteppedCluster cluster = SteppedCluster.Formed(3);
        cluster[2].HoldCallback = CallbackKind.MsgCleanup1;
        int from = cluster[2].Callbacks.Count;
        cluster.Kill(3);
        cluster.Until(() => cluster[2].Callbacks.Count > from && cluster[2].Callbacks[^1].Kind == CallbackKind.MsgCleanup1);
        // The resume stands behind the clean-up; the next regroup comes before either is done.
        cluster[1].Ask(static (core, id, now) => core.ForceRegroup(id, now));
        cluster.Run(0.3);
        cluster[2].ReleaseCallbacks();
        cluster.UntilInstalled(1, 2);
        cluster.Run(0.1);
        CallbackKind[] io = [.. cluster[2].Callbacks.Skip(from).Select(static call => call.Kind).Where(static kind => kind is CallbackKind.HoldAllIO or CallbackKind.ResumeAllIO)];
        Assert.Equal([CallbackKind.HoldAllIO, CallbackKind.ResumeAllIO], io);
        Assert.Single(cluster[2].Callbacks.Skip(from), static call => call.Kind == CallbackKind.MsgCleanup1);
        Assert.Single(cluster[2].Callbacks.Skip(from), static call => call.Kind == CallbackKind.NodeDown);
    }

    [Fact]
    public void Of_a_life_that_left_nothing_is_left_and_the_next_one_is_like_any_other()
    {
        SteppedCluster cluster = SteppedCluster.Formed(3);
        cluster[3].Do(static (core, now) => core.NodeUnreachable(new NodeId(2), now));
        cluster[3].Ask(static (core, id, now) => core.SetRegroupAllowed(id, false, now));
        Incarnation life = cluster[3].Core.Incarnation;
        cluster[3].Ask(static (core, id, now) => core.Leave(id, now));
        cluster.Until(() => cluster[3].Core.Phase == NodePhase.Down);
        CoreSnapshot down = cluster[3].Core.TakeSnapshot(cluster.Now);
        Assert.Equal((null, null, RegroupStage.None, TimeSpan.Zero, true), (down.InForce, down.Installed, down.Stage, down.LeaseRemaining, down.RegroupAllowed));
        Assert.True(down.Unreachable.IsEmpty);
        Assert.Null(down.KeptOut);
        Assert.Equal(MonotonicTime.MaxValue, cluster[3].Core.NextWakeup);
        cluster[3].Said = static (_, _) => Assert.Fail("who left sends nothing");
        cluster.Run(2);
        cluster[3].Said = null;

        int from = cluster[3].Callbacks.Count;
        MonotonicTime started = cluster.Now;
        cluster[3].Start();
        cluster.UntilInstalled(1, 2, 3);
        Assert.InRange((cluster.Now - started).TotalMilliseconds, 1, 100);
        Assert.True(cluster[3].Core.Incarnation > life);
        string[] again = [.. cluster[3].CallbackNames.Skip(from)];

        var fresh = new SteppedCluster(3);
        fresh[1].Start();
        fresh[2].Start();
        fresh.UntilInstalled(1, 2);
        fresh[3].Start();
        fresh.UntilInstalled(1, 2, 3);
        Assert.Equal(fresh[3].CallbackNames, again);
    }

    [Fact]
    public void A_restarted_life_that_leaves_while_it_votes_does_not_vote_when_it_starts_again()
    {
        SteppedCluster cluster = SteppedCluster.Formed(3);
        cluster[3].HoldCallback = CallbackKind.HoldAllIO;
        cluster.Kill(2);
        cluster.Until(() => cluster[1].Core.Stage == RegroupStage.Activate);
        cluster.Restart(2).Start();
        cluster.Until(() => cluster[2].Log.Exists(static line => line.Contains("votes in", StringComparison.Ordinal)));
        cluster[2].Ask(static (core, id, now) => core.Leave(id, now));
        Assert.Equal(NodePhase.Down, cluster[2].Core.Phase);
        cluster.Cut(1, 2);
        cluster.Cut(3, 2);
        StatusMessage? said = null;
        cluster[2].Sent = body => said ??= body as StatusMessage;
        cluster[2].Start();
        cluster.Until(() => said is not null);
        Assert.False(said!.Has(StatusFlags.Restarted));
        Assert.True(said.Activation.IsForming);
        cluster.Heal();
        cluster[3].ReleaseCallbacks();
        cluster.UntilInstalled(1, 2, 3);
    }

    [Fact]
    public void Of_a_joined_view_whose_callbacks_run_when_the_node_is_put_out_nothing_is_finished_afterwards()
    {
        var cluster = new SteppedCluster(3);
        cluster[1].Start();
        cluster[2].Start();
        cluster.UntilInstalled(1, 2);
        cluster[3].HoldCallback = CallbackKind.ClusterInfoChanged;
        cluster[3].Start();
        cluster.Until(() => cluster[3].Callbacks.Exists(static call => call.Kind == CallbackKind.ClusterInfoChanged));
        cluster[3].Ask(static (core, id, now) => core.Leave(id, now));
        ClusterView view = cluster[3].Core.InForce!;
        cluster.Say(1, 3, new PoisonMessage(cluster[3].Core.Incarnation, view.Epoch.Next));
        Assert.Equal(NodePhase.Down, cluster[3].Core.Phase);
        cluster[3].ReleaseCallbacks();
        Assert.Null(cluster[3].Core.Installed);
        cluster.UntilInstalled(1, 2);
        cluster[3].Start();
        cluster.UntilInstalled(1, 2, 3);
    }

    [Fact]
    public void A_snapshot_shows_ages_paths_rows_and_what_is_left_of_the_lease()
    {
        var cluster = new SteppedCluster(4);
        foreach (int number in (int[])[1, 2, 3]) cluster[number].Start();
        cluster.UntilInstalled(1, 2, 3);
        cluster.Run(1);
        cluster.Cut(1, 3);
        cluster.Run(0.1);
        CoreSnapshot snapshot = cluster[1].Core.TakeSnapshot(cluster.Now);
        Assert.Equal(cluster[1].Core.Lease.ValidUntil - cluster.Now, snapshot.LeaseRemaining);
        Assert.Equal([2, 3, 4], snapshot.Peers.Select(static peer => peer.Node.Value));
        foreach (PeerSnapshot peer in snapshot.Peers)
        {
            // Node 4 never said anything.
            bool known = peer.Node.Value != 4;
            Assert.Equal(known, peer.Heard < TimeSpan.FromSeconds(1));
            Assert.Equal(known, peer.HeardBy < TimeSpan.FromSeconds(1));
            Assert.Equal(known, peer.Acknowledged < TimeSpan.FromSeconds(1));
            Assert.Equal(known, peer.HeardOnPath[0] < TimeSpan.FromSeconds(1));
            Assert.Equal(known ? 2 * SteppedCluster.Delay : TimeSpan.Zero, peer.RoundTripOnPath[0]);
            if (!known) Assert.Equal((TimeSpan.MaxValue, TimeSpan.MaxValue, TimeSpan.MaxValue), (peer.Heard, peer.Acknowledged, peer.HeardBy));
            if (!known) Assert.Equal(TimeSpan.MaxValue, peer.HeardOnPath[0]);
        }
        Assert.True(snapshot.Peers[1].Heard >= TimeSpan.FromMilliseconds(100));

        // After a regroup: everybody's row, in order of the numbers.
        cluster.Heal();
        cluster[2].Ask(static (core, id, now) => core.ForceRegroup(id, now));
        cluster.UntilInstalled(1, 2, 3);
        RowSnapshot[] rows = [.. cluster[1].Core.TakeSnapshot(cluster.Now).Rows];
        Assert.Equal([1, 2, 3], rows.Select(static row => row.Node.Value));
        Assert.All(rows, static row => Assert.Equal((NodeSet.Of(1, 2, 3), NodeSet.Of(1, 2, 3)), (row.Heard, row.Closed)));
        // Without a lease nothing is left of it.
        cluster.Kill(2);
        cluster.Until(() => cluster[1].Core.Lease.Held);
        Assert.Equal(TimeSpan.Zero, cluster[1].Core.TakeSnapshot(cluster.Now).LeaseRemaining);
    }

    [Fact]
    public void A_store_is_empty_only_if_no_view_was_ever_written()
    {
        StoredState empty = StoredState.Empty(5);
        Assert.True(empty.IsEmpty);
        Assert.Equal(ViewId.None, empty.InForceId);
        ClusterView view = QuorumTests.View(default, [1, 1]), later = new(new Epoch(6), view.Members, view.Rule, view.Timing);
        StoredState pending = empty.WithPending(view);
        Assert.False(pending.IsEmpty);
        Assert.False((pending with { Pending = [] }).IsEmpty);
        StoredState inForce = pending.WithInForce(view);
        Assert.False(inForce.IsEmpty);
        Assert.False((inForce with { HighestEpochPersisted = Epoch.None }).IsEmpty);
        Assert.Equal((view.Id, 0), (inForce.InForceId, inForce.Pending.Length));
        // A set, ascending, each once; what is overtaken goes.
        StoredState both = empty.WithPending(later).WithPending(view).WithPending(view);
        Assert.Equal([view.Id, later.Id], both.Pending.Select(static one => one.Id));
        Assert.Equal(new Epoch(6), both.HighestEpochPersisted);
        Assert.Equal(later.Id, both.FindPending(later.Id)!.Id);
        Assert.Equal([later.Id], both.WithInForce(view).Pending.Select(static one => one.Id));
        Assert.Empty(both.WithInForce(later).Pending);
    }

    [Fact]
    public void Who_left_says_farewell_on_every_tick_to_whoever_has_not_answered_and_is_down_after_a_stages_bound()
    {
        SteppedCluster cluster = SteppedCluster.Formed(3);
        cluster.Run(1);
        cluster[3].Ask(static (core, id, now) => core.Leave(id, now));
        cluster.Until(() => cluster[3].Core.InForce is { } view && !view.Contains(new NodeId(3)));
        MonotonicTime left = cluster.Now;
        // Node 1 answers, node 2 is not heard any more.
        cluster.CutOneWay(2, 3);
        var said = new List<int>();
        cluster[3].Said = (header, _) => said.Add(header.To.Value);
        cluster.Until(() => cluster[3].Core.Phase == NodePhase.Down);
        Assert.InRange((cluster.Now - left) / T, 3, 5);
        Assert.InRange(said.Count(static to => to == 2), 3, 12);
        Assert.True(said.Count(static to => to == 1) < said.Count(static to => to == 2));
        // When all have answered, it is down at once.
        SteppedCluster calm = SteppedCluster.Formed(3);
        calm.Run(1);
        calm[3].Ask(static (core, id, now) => core.Leave(id, now));
        calm.Until(() => calm[3].Core.InForce is { } view && !view.Contains(new NodeId(3)));
        left = calm.Now;
        calm.Until(() => calm[3].Core.Phase == NodePhase.Down);
        Assert.True(calm.Now - left < T);
    }
}
