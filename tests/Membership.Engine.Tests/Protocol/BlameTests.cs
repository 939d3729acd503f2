// Who keeps an incident waiting is blamed for it, in that incident only; blamed again and again it is left out in the end, and whoever leaves it out
// although it hears it says so.
using Membership.Engine.Protocol;
using Membership.Engine.Tests.Seeds;
using Xunit;

namespace Membership.Engine.Tests.Protocol;

public sealed class BlameTests
{
    private const string Blamed = "keeps this incident waiting";

    [Fact]
    public void Blame_counts_in_its_own_incident_only()
    {
        SteppedCluster cluster = SteppedCluster.Formed(4);
        for (int incident = 0; incident < 4; incident++)
        {
            Stepped late = cluster[3];
            // One write takes longer than a stage.
            late.Disk = (id, state) =>
            {
                late.Disk = null;
                cluster.After(TimeSpan.FromMilliseconds(250), () => late.Write(id, state));
            };
            long asked = cluster[1].Ask(static (core, id, now) => core.ForceRegroup(id, now));
            cluster.Until(() => cluster[1].StatusOf(asked) is not null);
            cluster.UntilInstalled(1, 2, 3, 4);
        }
        string[] blames = [.. cluster[1].Log.Where(static line => line.Contains(Blamed, StringComparison.Ordinal))];
        Assert.Equal(4, blames.Length);
        Assert.All(blames, static line => Assert.EndsWith($"node 3 {Blamed} (1)", line));
    }

    [Fact]
    public void Who_is_heard_and_keeps_every_attempt_waiting_is_left_out_and_the_others_say_that_they_do_so()
    {
        SteppedCluster cluster = SteppedCluster.Formed(4);
        Stepped late = cluster[3];
        // Each write takes longer than a stage.
        late.Disk = (id, state) => cluster.After(TimeSpan.FromMilliseconds(250), () => late.Write(id, state));
        List<StatusMessage> closed = [];
        cluster[1].Sent = body =>
        {
            if (body is StatusMessage { Stage: RegroupStage.Close } status) closed.Add(status);
        };
        cluster[1].Ask(static (core, id, now) => core.ForceRegroup(id, now));
        cluster.UntilInstalled(1, 2, 4);
        Assert.Contains(closed, static status => status.Heard.Contains(new NodeId(3)));
        StatusMessage last = closed[^1];
        Assert.True(last.Activation.Attempt > 3 && !last.Heard.Contains(new NodeId(3)));
        Assert.True(last.Has(StatusFlags.LeavesOut));
        Assert.DoesNotContain(closed, static status => status.Activation.Attempt <= 3 && status.Has(StatusFlags.LeavesOut));
        // Whoever's patience ended first, all of them had waited for it in each of the three.
        foreach (int each in (int[])[1, 2, 4]) Assert.Equal(["(1)", "(2)", "(3)"], cluster[each].Log.Where(static line => line.Contains(Blamed, StringComparison.Ordinal)).Select(static line => line[^3..]));
    }

    [Fact]
    public void Who_was_heard_and_falls_silent_before_it_agrees_is_blamed_by_whoever_waits_for_it()
    {
        SteppedCluster cluster = SteppedCluster.Formed(3);
        cluster[1].Sent = body =>
        {
            if (body is StatusMessage { Stage: RegroupStage.Close }) cluster.CutOneWay(3, 1);
        };
        cluster[1].Ask(static (core, id, now) => core.ForceRegroup(id, now));
        cluster.Until(() => cluster[1].Core.Activation.Attempt > 1);
        Assert.EndsWith($"node 3 {Blamed} (1)", Assert.Single(cluster[1].Log, static line => line.Contains(Blamed, StringComparison.Ordinal)));
        Assert.DoesNotContain(cluster[2].Log, static line => line.Contains(Blamed, StringComparison.Ordinal));
    }

    [Fact]
    public void Who_does_not_agree_is_blamed_by_all_that_wait_for_it_whoevers_patience_ends_first()
    {
        SteppedCluster cluster = SteppedCluster.Formed(3);
        // It hears of the incident from node 1, and nothing after that: it closes with node 1 alone.
        cluster.CutOneWay(2, 3);
        cluster[3].Got = header =>
        {
            if (header.From.Value == 1 && cluster[1].Core.Stage != RegroupStage.None) cluster.CutOneWay(1, 3);
        };
        cluster[1].Ask(static (core, id, now) => core.ForceRegroup(id, now));
        cluster.Until(() => cluster[1].Core.Activation.Attempt > 1 && cluster[2].Core.Activation.Attempt > 1);
        foreach (int each in (int[])[1, 2]) Assert.EndsWith($"node 3 {Blamed} (1)", Assert.Single(cluster[each].Log, static line => line.Contains(Blamed, StringComparison.Ordinal)));
    }

    [Fact]
    public void The_row_of_one_that_is_not_heard_any_more_is_taken_from_whoever_relays_it()
    {
        SteppedCluster cluster = SteppedCluster.Formed(4);
        // Node 3 waits for node 4, whom it does not hear; so its row will be relayed. Node 1 heard it before that.
        cluster.CutOneWay(4, 3);
        cluster[1].Ask(static (core, id, now) => core.ForceRegroup(id, now));
        cluster.Run(0.07);
        Assert.Equal((RegroupStage.Close, RegroupStage.Activate), (cluster[1].Core.Stage, cluster[3].Core.Stage));
        cluster.CutOneWay(3, 1);
        cluster.Until(() => cluster[1].Core.Stage == RegroupStage.Prune || cluster[1].Core.Activation.Attempt > 1);
        Assert.Equal((RegroupStage.Prune, 1), (cluster[1].Core.Stage, cluster[1].Core.Activation.Attempt));
    }
}
