// Whole nodes in processes of their own: killed, stopped and resumed. Who is removed has served for the last time
// before anybody serves in the view without it.
using System.Globalization;
using Membership.Engine.Runtime;
using Membership.Engine.Wire;
using Xunit;

namespace Membership.Engine.Tests.Runtime;

public sealed class NodeProcessTests : IDisposable
{
    private readonly TestDirectory _directory = new();
    private readonly string _key = KeyRing.Generate().Current.ExportBase64();
    private readonly List<Node> _nodes = [];
    private string _ports = "";
    private string _witness = "-";

    public void Dispose()
    {
        foreach (Node node in _nodes) node.Child.Dispose();
        _directory.Dispose();
    }

    [Fact]
    public async Task A_killed_process_is_replaced_and_comes_back()
    {
        await FormAsync(3);
        _nodes[0].Child.Kill();
        Epoch without = await AllSeeAsync("{2,3}", 2, 3);
        Start(1);
        Epoch with = await AllSeeAsync("{1,2,3}", 1, 2, 3);
        Assert.True(with > without);
        AssertNobodyServedTwice();
    }

    [Fact]
    public async Task A_stopped_process_never_serves_after_it_was_removed()
    {
        await FormAsync(3);
        _nodes[0].Child.Freeze();
        Epoch without = await AllSeeAsync("{2,3}", 2, 3);
        await ThawAsync(without);
        AssertNobodyServedTwice();
    }

    [Fact]
    public async Task Of_two_with_a_witness_the_one_that_is_not_stopped_goes_on_alone()
    {
        _witness = _directory.At("witness");
        await FormAsync(2);
        _nodes[0].Child.Freeze();
        Epoch without = await AllSeeAsync("{2}", 2);
        await ThawAsync(without);
        AssertNobodyServedTwice();
    }

    /// <summary>Lets node 1 go on: it halts, or finds that it is out and joins again.</summary>
    private async Task ThawAsync(Epoch without)
    {
        _nodes[0].Child.Thaw();
        await EventuallyAsync(() => _nodes[0].Lines.Any(static line => line.StartsWith("halt", StringComparison.Ordinal)) || _nodes[0].LastEpoch > without.Value);
    }

    private async Task FormAsync(int count)
    {
        _ports = string.Join(',', Failover.Demo.FreePorts.Find(count));
        for (int number = 1; number <= count; number++) Start(number);
        int[] all = [.. Enumerable.Range(1, count)];
        await AllSeeAsync(NodeSet.Of(all).ToString(), all);
        await EventuallyAsync(() => _nodes.All(static node => node.Lines.Any(static line => line.StartsWith("served", StringComparison.Ordinal))));
    }

    private void Start(int number)
    {
        string text = number.ToString(CultureInfo.InvariantCulture);
        var node = new Node(ChildProcess.Start(typeof(NodeChild), text, _ports, _directory.At("node" + text), _key, _witness));
        if (number <= _nodes.Count) _nodes[number - 1] = node.After(_nodes[number - 1]);
        else _nodes.Add(node);
    }

    private async Task<Epoch> AllSeeAsync(string view, params int[] numbers)
    {
        await EventuallyAsync(() => numbers.All(number => _nodes[number - 1].LastView == view));
        return new Epoch(numbers.Max(number => _nodes[number - 1].LastEpoch));
    }

    /// <summary>In epoch order: the last use by anyone who is not in a view is before the first use in that view.</summary>
    private void AssertNobodyServedTwice()
    {
        List<(int Node, long Epoch, long First, long Last)> uses = [.. _nodes.SelectMany(static (node, index) => node.Lines
            .Select(static line => line.Split(' '))
            .Where(static words => words[0] == "served")
            .Select(words => (index + 1, Number(words[1]), Number(words[2]), Number(words[3]))))];
        Dictionary<long, string> views = _nodes.SelectMany(static node => node.Lines)
            .Select(static line => line.Split(' ')).Where(static words => words[0] == "view" && words[1] != "0")
            .GroupBy(static words => Number(words[1])).ToDictionary(static group => group.Key, static group => group.Select(static words => words[2]).Distinct().Single());
        Assert.NotEmpty(uses);
        foreach ((long epoch, string members) in views)
        {
            long begins = uses.Where(use => use.Epoch == epoch).Select(static use => use.First).DefaultIfEmpty(long.MaxValue).Min();
            foreach (var use in uses.Where(use => use.Epoch < epoch && !members.Trim('{', '}').Split(',').Contains(use.Node.ToString(CultureInfo.InvariantCulture))))
                Assert.True(use.Last < begins, $"Node {use.Node} served in epoch {use.Epoch} until {use.Last}; view {epoch} {members} without it served from {begins}.");
        }
    }

    private static long Number(string word) => long.Parse(word, CultureInfo.InvariantCulture);

    private async Task EventuallyAsync(Func<bool> condition)
    {
        MonotonicTime end = MonotonicClock.System.Now + TimeSpan.FromSeconds(60);
        while (!condition())
        {
            if (MonotonicClock.System.Now >= end)
                Assert.Fail(string.Join(Environment.NewLine, _nodes.Select(static (node, index) => $"{index + 1}: {string.Join(" | ", node.Lines.Where(static line => !line.StartsWith("serv", StringComparison.Ordinal)).TakeLast(12))}")));
            await Task.Delay(10, TestContext.Current.CancellationToken);
        }
    }

    private sealed class Node
    {
        private readonly List<string> _lines = [];

        public Node(ChildProcess child)
        {
            Child = child;
            _ = Task.Run(TakeLinesAsync);
        }

        public ChildProcess Child { get; }

        public string[] Lines
        {
            get
            {
                lock (_lines) return [.. _lines];
            }
        }

        public string LastView => Lines.LastOrDefault(static line => line.StartsWith("view", StringComparison.Ordinal))?.Split(' ')[2] ?? "";

        public long LastEpoch => Number(Lines.Last(static line => line.StartsWith("view", StringComparison.Ordinal)).Split(' ')[1]);

        /// <summary>This is the next life of another process: what that one did is still part of the story.</summary>
        public Node After(Node former)
        {
            lock (_lines) _lines.InsertRange(0, former.Lines);
            lock (_lines) _lines.Insert(former.Lines.Length, "view 0 {}");
            former.Child.Dispose();
            return this;
        }

        private async Task TakeLinesAsync()
        {
            try
            {
                while (true)
                {
                    string line = await Child.ReadLineAsync(600);
                    lock (_lines) _lines.Add(line);
                }
            }
            catch (InvalidOperationException)
            {
                // The child has ended.
            }
        }
    }
}
