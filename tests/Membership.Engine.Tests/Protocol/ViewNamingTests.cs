// Which statuses name their views instead of carrying them: as many as possible, and, as long as nothing is lost, none whose receiver does not know the views.
using Membership.Engine.Protocol;
using Membership.Engine.Tests.Seeds;
using Xunit;

namespace Membership.Engine.Tests.Protocol;

public sealed class ViewNamingTests(ITestOutputHelper output)
{
    private readonly Dictionary<int, HashSet<ViewId>> _known = [];
    private readonly List<string> _unknown = [];
    private int _named, _full;

    // At most so many in full, as measured, with what is said to the dead one: what the decider says to all, and each to the four after it.
    [Theory]
    [InlineData(3, 10)]
    [InlineData(7, 42)]
    [InlineData(10, 70)]
    [InlineData(16, 128)]
    public void When_a_node_crashes_the_decider_tells_all_and_everybody_else_the_next_four(int nodes, int most)
    {
        SteppedCluster cluster = SteppedCluster.Formed(nodes);
        cluster.Run(2.013);
        Listen(cluster);
        cluster.Kill(nodes);
        cluster.UntilInstalled([.. Enumerable.Range(1, nodes - 1)]);
        Judge(most);
    }

    [Theory]
    [InlineData(3, 18)]
    [InlineData(9, 146)]
    public void When_the_decider_dies_after_its_decision_nobody_is_named_what_it_was_not_told(int nodes, int most)
    {
        SteppedCluster cluster = SteppedCluster.Formed(nodes);
        cluster.Run(2.013);
        Listen(cluster);
        bool named = false;
        cluster[2].Got = header => named |= header.From.Value == 1 && cluster[1].Core.Stage == RegroupStage.Prune;
        cluster[2].Ask(static (core, id, now) => core.ForceRegroup(id, now));
        cluster.Until(() => named);
        cluster.Kill(1);
        cluster.UntilInstalled([.. Enumerable.Range(2, nodes - 1)]);
        Judge(most);
    }

    [Fact]
    public void When_nodes_form_and_one_restarts_nobody_is_named_what_it_was_not_told()
    {
        var cluster = new SteppedCluster(5);
        Listen(cluster);
        foreach (Stepped node in cluster.Nodes.Values) node.Start();
        cluster.UntilInstalled(1, 2, 3, 4, 5);
        cluster.Run(1);
        cluster.Kill(5);
        Listen(cluster, cluster.Restart(5));
        cluster[5].Start();
        cluster.UntilInstalled(1, 2, 3, 4, 5);
        Judge(50);
    }

    private void Listen(SteppedCluster cluster)
    {
        foreach (Stepped node in cluster.Nodes.Values) Listen(cluster, node);
    }

    private void Listen(SteppedCluster cluster, Stepped node)
    {
        _known[node.Number] = [];
        node.Said = (header, body) =>
        {
            if (body is not StatusMessage status) return;
            int to = header.To.Value;
            bool names = header.NamesViews;
            ViewId[] views = [.. Views(status).Select(static view => view.Id)];
            if (views.Length == 0) return;
            if (names) _named++;
            else _full++;
            // Just before it arrives.
            cluster.After(SteppedCluster.Delay, () =>
            {
                if (names) _unknown.AddRange(views.Where(view => !Knows(cluster, to, view)).Select(view => $"{header.From} to {to}: {view}"));
                else _known[to].UnionWith(views);
            });
        };
    }

    private bool Knows(SteppedCluster cluster, int node, ViewId view)
    {
        StoredState disk = cluster.Disk(node);
        return !cluster[node].Alive || _known[node].Contains(view) || disk.InForceId == view || disk.FindPending(view) is not null || cluster[node].Core.TakeSnapshot(cluster.Now).Pending.Any(pending => pending.Id == view);
    }

    private static IEnumerable<ClusterView> Views(StatusMessage status)
        => status.Pending.Append(status.StoredInForce).Append(status.Decision?.View).OfType<ClusterView>().Distinct();

    private void Judge(int most)
    {
        output.WriteLine($"{_full} in full, {_named} named");
        Assert.Empty(_unknown);
        Assert.InRange(_full, 1, most);
    }
}
