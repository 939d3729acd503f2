// What each kind of incident costs, stepped without any randomness: how long it takes, how long nobody may serve, how many messages and
// regroups it is. A protocol that got slower or chattier is safe all the same; it is noticed here. Who changes it on purpose changes the row.
using System.Globalization;
using Membership.Engine.Protocol;
using Membership.Engine.Replication;
using Membership.Engine.Tests.Seeds;
using Xunit;

namespace Membership.Engine.Tests.Protocol;

public sealed class IncidentCostTests(ITestOutputHelper output)
{
    private static readonly QuorumRule Witnessed = new(QuorumPolicy.NodeAndWitnessMajority, TieBreaker.None, false);

    /// <summary>Milliseconds until the view that is expected is installed at all of its nodes, the longest that one of them may not serve, messages until 3 s after the fault, regroups of nodes.</summary>
    private sealed record Cost(double Until, double Gap, long Messages, int Regroups);

    [Theory]
    [InlineData("forming", 1, 0, 3.1, 2.0, 0, 0)]
    [InlineData("forming", 3, 0, 5.2, 3.2, 179, 0)]
    [InlineData("forming", 5, 0, 5.3, 3.2, 590, 0)]
    [InlineData("forming", 3, 5, 154.4, 104.4, 277, 0)]
    [InlineData("forming with a witness", 2, 0, 5.5, 4.0, 59, 0)]
    [InlineData("rest", 3, 0, 31.8, 0.0, 135, 0)]
    [InlineData("rest", 5, 0, 31.7, 0.0, 450, 0)]
    [InlineData("rest", 3, 4, 31.6, 0.0, 202, 0)]
    [InlineData("rest with a witness", 2, 0, 31.4, 0.0, 45, 0)]
    [InlineData("kill 3", 3, 0, 384.9, 383.6, 79, 2)]
    [InlineData("kill 1", 3, 0, 385.1, 383.8, 79, 2)]
    [InlineData("kill 5", 5, 0, 384.8, 383.5, 385, 4)]
    [InlineData("kill 1", 5, 0, 384.9, 383.7, 385, 4)]
    [InlineData("kill 3", 5, 4, 460.1, 408.5, 527, 4)]
    [InlineData("kill 2 with a witness", 2, 0, 383.1, 382.7, 11, 1)]
    [InlineData("kill 1 with a witness", 2, 0, 383.4, 382.9, 11, 1)]
    [InlineData("isolate 3", 3, 0, 386.4, 3.2, 116, 3)]
    [InlineData("isolate 1", 3, 0, 386.5, 3.2, 118, 3)]
    [InlineData("isolate 5", 5, 0, 386.6, 3.4, 455, 5)]
    [InlineData("deafen 3", 3, 0, 1080.8, 701.6, 183, 5)]
    [InlineData("deafen 1", 4, 0, 1080.7, 701.6, 377, 7)]
    [InlineData("mute 3", 3, 0, 386.4, 3.2, 130, 4)]
    [InlineData("cut one link", 3, 0, 785.9, 402.6, 133, 3)]
    [InlineData("cut one link", 5, 0, 785.8, 402.6, 536, 5)]
    [InlineData("false alarm", 3, 0, 4.3, 3.4, 174, 3)]
    [InlineData("false alarm", 5, 3, 2630.1, 579.6, 1369, 40)]
    [InlineData("regroup", 2, 0, 3.8, 3.2, 60, 2)]
    [InlineData("regroup", 3, 0, 4.3, 3.4, 174, 3)]
    [InlineData("regroup", 7, 0, 4.3, 3.4, 1170, 7)]
    [InlineData("regroup", 5, 4, 232.1, 156.8, 912, 10)]
    [InlineData("regroup with slow callbacks", 3, 0, 734.0, 733.0, 187, 3)]
    [InlineData("leave 3", 3, 0, 4.5, 3.2, 76, 3)]
    [InlineData("leave 1", 3, 0, 4.5, 3.2, 76, 3)]
    [InlineData("leave 2", 2, 0, 3.3, 2.9, 9, 2)]
    [InlineData("leave 1", 4, 4, 240.4, 214.2, 321, 4)]
    [InlineData("eject 3", 3, 0, 4.1, 3.2, 72, 2)]
    [InlineData("eject 2", 5, 4, 459.3, 408.1, 629, 8)]
    [InlineData("restart 3", 3, 0, 59.0, 58.8, 203, 5)]
    [InlineData("restart 1", 3, 0, 59.0, 58.8, 203, 5)]
    [InlineData("restart 2", 5, 5, 400.6, 354.0, 862, 7)]
    [InlineData("restart 2", 5, 7, 155.8, 155.6, 723, 7)]
    [InlineData("join 3", 3, 0, 6.0, 5.0, 159, 1)]
    [InlineData("join 5", 5, 0, 6.0, 5.0, 507, 1)]
    [InlineData("join 5", 5, 4, 2337.3, 2335.2, 805, 5)]
    [InlineData("switchover", 3, 0, 7.9, 1.4, 162, 0)]
    [InlineData("switchover", 4, 4, 257.4, 47.8, 481, 0)]
    [InlineData("disqualify 2", 3, 0, 4.0, 1.4, 146, 0)]
    [InlineData("updates", 3, 0, 1.0, 0.0, 149, 0)]
    [InlineData("updates", 5, 4, 182.1, 0.0, 728, 0)]
    [InlineData("unreachable 3", 3, 0, 403.2, 402.1, 115, 3)]
    [InlineData("halves with a witness", 4, 0, 387.4, 5.2, 721, 4)]
    public void It_costs_what_it_did(string incident, int nodes, int loseEvery, double until, double gap, long messages, int regroups)
    {
        Cost cost = Play(incident, nodes, loseEvery);
        string row = string.Create(CultureInfo.InvariantCulture, $"[InlineData(\"{incident}\", {nodes}, {loseEvery}, {cost.Until:F1}, {cost.Gap:F1}, {cost.Messages}, {cost.Regroups})]");
        output.WriteLine(row);
        // With losses one message more or less moves everything after it: only a change for the worse counts, and only a large one.
        bool lossy = loseEvery > 0;
        bool Near(double now, double then, double slack) => now <= then * (lossy ? 1.3 : 1.02) + slack * (lossy ? 100 : 1) && (lossy || now >= then * 0.98 - slack);
        Assert.True(
            Near(cost.Until, until, 0.5) && Near(cost.Gap, gap, 0.5) && Near(cost.Messages, messages, 1) && (lossy || cost.Regroups == regroups),
            $"it cost {until} ms, {gap} ms without a lease, {messages} messages and {regroups} regroups. Is the change wanted? Then this is its row: {row}");
    }

    private static Cost Play(string incident, int nodes, int loseEvery)
    {
        bool witness = incident.EndsWith("with a witness", StringComparison.Ordinal);
        string[] words = incident.Split(' ');
        int subject = words.Length > 1 && int.TryParse(words[1], CultureInfo.InvariantCulture, out int number) ? number : 0;
        var cluster = new SteppedCluster(nodes, options => witness ? options with { HasWitness = true, Rule = Witnessed, Bootstrap = false } : options) { Ownership = TimeSpan.FromSeconds(2) };
        long messages = 0, offered = 0;
        // One of so many is lost, and the one after the next of those, so that no pair of nodes is always the one.
        cluster.Lose = () => loseEvery > 0 && offered++ * 7919 % (loseEvery * 13) < 13;
        foreach (Stepped node in cluster.Nodes.Values) node.Said = (_, _) => messages++;

        foreach ((int each, Stepped node) in cluster.Nodes)
            if (words[0] != "join" || each != subject) node.Start();
        int[] all = [.. cluster.Nodes.Keys.Where(each => words[0] != "join" || each != subject)];
        if (words[0] != "forming")
        {
            cluster.UntilInstalled(all);
            cluster.Run(2.013);
        }
        // What follows is counted from here.
        MonotonicTime fault = cluster.Now;
        messages = 0;
        foreach (Stepped node in cluster.Nodes.Values) node.Stages.Clear();
        List<(Stepped Node, long Request)> asked = [];
        ViewId before = cluster[all[0]].Core.Installed?.Id ?? default;
        int[] left = all;
        switch (words[0])
        {
            case "kill":
                cluster.Kill(subject);
                left = [.. all.Where(each => each != subject)];
                break;
            case "isolate":
                foreach (int other in all)
                    if (other != subject) cluster.Cut(subject, other);
                left = [.. all.Where(each => each != subject)];
                break;
            case "deafen" or "mute":
                foreach (int other in all)
                    if (other != subject) cluster.CutOneWay(words[0] == "mute" ? subject : other, words[0] == "mute" ? other : subject);
                left = [.. all.Where(each => each != subject)];
                break;
            case "cut":
                cluster.Cut(nodes - 1, nodes);
                left = all[..^1];
                break;
            case "unreachable":
                cluster[1].Do((core, now) => core.NodeUnreachable(new NodeId(subject), now));
                cluster[1].Ask(static (core, id, now) => core.ForceRegroup(id, now));
                left = all[..^1];
                break;
            case "false":
                cluster[1].Do((core, now) => core.TripwireLost(new NodeId(2), cluster[2].Core.Incarnation, now));
                break;
            case "regroup":
                if (words.Length > 1)
                {
                    cluster[2].HoldCallback = CallbackKind.HoldAllIO;
                    cluster.After(TimeSpan.FromMilliseconds(730), cluster[2].ReleaseCallbacks);
                }
                asked.Add((cluster[1], cluster[1].Ask(static (core, id, now) => core.ForceRegroup(id, now))));
                break;
            case "leave":
                asked.Add((cluster[subject], cluster[subject].Ask(static (core, id, now) => core.Leave(id, now))));
                left = [.. all.Where(each => each != subject)];
                break;
            case "eject":
                asked.Add((cluster[1], cluster[1].Ask((core, id, now) => core.Eject(id, new NodeId(subject), now))));
                left = [.. all.Where(each => each != subject)];
                break;
            case "restart":
                cluster.Kill(subject);
                cluster.Restart(subject).Start();
                cluster[subject].Said = (_, _) => messages++;
                break;
            case "join":
                cluster[subject].Start();
                left = [.. all, subject];
                break;
            case "switchover":
                asked.Add((cluster[1], cluster[1].Ask(static (core, id, now) => core.ReleaseMastership(id, now))));
                break;
            case "disqualify":
                asked.Add((cluster[1], cluster[1].Ask((core, id, now) => core.SetQualification(id, new NodeId(subject), qualified: false, now))));
                break;
            case "updates":
                foreach (Stepped node in cluster.Nodes.Values)
                    asked.Add((node, node.Ask((core, id, now) => core.Update(id, new TableUpdate("t", [new RowChange(RowChangeKind.Insert, $"{node.Number}", new byte[] { 1 })]), new StateAnswer(), now))));
                break;
            case "halves":
                foreach (int low in (int[])[1, 2])
                    foreach (int high in (int[])[3, 4]) cluster.Cut(low, high);
                left = [1, 2];
                break;
            default:
                break;
        }

        NodeSet expected = NodeSet.Of(left);
        bool changes = words[0] is not ("rest" or "updates" or "false");
        bool Done(int each) => cluster[each].Core is { Stage: RegroupStage.None, Installed: { } view } core && view.Nodes == expected && (!changes || view.Id != before) && core.Lease.ValidUntil > cluster.Now && core.InForce?.Id == view.Id;
        var stopped = new Dictionary<int, MonotonicTime>();
        MonotonicTime done = MonotonicTime.MinValue, end = fault + TimeSpan.FromSeconds(3);
        TimeSpan gap = TimeSpan.Zero;
        cluster.After(TimeSpan.FromSeconds(3), static () => { });
        while (cluster.Now < end)
        {
            cluster.Step();
            foreach (int each in left)
            {
                bool serves = cluster[each].Core.Lease.ValidUntil > cluster.Now;
                if (!serves) stopped.TryAdd(each, cluster.Now);
                else if (stopped.Remove(each, out MonotonicTime since) && cluster.Now - since > gap) gap = cluster.Now - since;
            }
            if (!left.All(Done) || asked.Exists(static one => one.Node.StatusOf(one.Request) is null)) done = MonotonicTime.MinValue;
            else if (done == MonotonicTime.MinValue) done = cluster.Now;
        }
        Assert.True(done > MonotonicTime.MinValue, $"{incident}: after 3 s nodes {expected} are not in one view: {string.Join(" ", left.Select(each => cluster[each].Core.Installed?.ToString() ?? cluster[each].Core.Stage.ToString()))}");
        Assert.All(asked, static one => Assert.Equal(MembershipStatus.Ok, one.Node.StatusOf(one.Request)));
        return new Cost((done - fault).TotalMilliseconds, gap.TotalMilliseconds, messages, cluster.Nodes.Values.Sum(static node => node.Stages.Count(static stage => stage == RegroupStage.Activate)));
    }
}
