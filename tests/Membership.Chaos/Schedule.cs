// What goes wrong in which round, from a seed and nothing else: the same seed, nodes and witness give the same faults.
using Membership.Testbed;

namespace Membership.Chaos;

/// <param name="seed">Any number.</param>
/// <param name="nodes">How many nodes, 2 or more.</param>
/// <param name="witnessOnNetwork">Whether cuts may also keep nodes from the witness.</param>
internal sealed class Schedule(int seed, int nodes, bool witnessOnNetwork)
{
    /// <summary>The faults of a round, from 1: several at once as often as one alone.</summary>
    public IReadOnlyList<Fault> Round(int round)
    {
        // Of its own for each round: a round can be looked at without those before it.
        var random = new Random(unchecked(seed * 1_000_003 + round));
        int count = random.Next(8) switch { < 4 => 1, < 6 => 2, < 7 => 3, _ => 4 };
        return [.. Enumerable.Range(0, count).Select(_ => Next(random)).OrderBy(static fault => fault.At)];
    }

    private Fault Next(Random random)
    {
        TimeSpan at = Seconds(random.NextDouble() * 1.5);
        TimeSpan lasting = Seconds(LogUniform(random, 0.2, 6));
        return random.Next(witnessOnNetwork ? 14 : 12) switch
        {
            0 or 1 => Split(random, at, lasting),
            2 => OneWay(random, at, lasting),
            3 => Links(random, at, lasting),
            4 => Loss(random, at, lasting),
            5 => Flap(random, at, Seconds(2 + random.NextDouble() * 6)),
            6 or 7 => new KillFault(at, Seconds(random.NextDouble() * 2), Node(random)),
            8 => new StopFault(at, Seconds(LogUniform(random, 0.1, random.Next(4) == 0 ? 30 : 5)), Node(random)),
            10 => new SlowDiskFault(at, Seconds(2 + random.NextDouble() * 6), Node(random), Seconds(LogUniform(random, 0.02, 0.4))),
            11 => new ClockFault(at, lasting, Node(random), TimeSpan.FromMinutes(Math.Round(LogUniform(random, 1, 5_000_000)) * (random.Next(2) == 0 ? 1 : -1))),
            12 or 13 => new WitnessFault(at, lasting * 2, random.Next(2) == 0),
            _ => new LeaveFault(at, Seconds(random.NextDouble() * 2), Node(random)),
        };
    }

    private LinkFault Split(Random random, TimeSpan at, TimeSpan lasting)
    {
        (int[] some, int[] others) = Sides(random);
        return new LinkFault(at, lasting, $"cut {Text(some)} | {Text(others)}", LinkState.Healthy.Split(some, others));
    }

    private LinkFault OneWay(Random random, TimeSpan at, TimeSpan lasting)
    {
        (int[] some, int[] others) = Sides(random);
        return random.Next(2) == 0
            ? new LinkFault(at, lasting, $"one-way cut {Text(some)} -> {Text(others)}", LinkState.Healthy.CutOneWay(some, others))
            : new LinkFault(at, lasting, $"one-way cut {Text(others)} -> {Text(some)}", LinkState.Healthy.CutOneWay(others, some));
    }

    /// <summary>Single links, so that some hear each other and some do not: chains and worse.</summary>
    private LinkFault Links(Random random, TimeSpan at, TimeSpan lasting)
    {
        var cut = new SortedSet<(int, int)>();
        for (int i = random.Next(1, nodes); i > 0; i--)
        {
            int[] two = [.. Shuffled(random).Take(2).Order()];
            cut.Add((two[0], two[1]));
        }
        return new LinkFault(at, lasting, "cut of links " + string.Join(' ', cut.Select(static link => $"{link.Item1}-{link.Item2}")),
            cut.Aggregate(LinkState.Healthy, static (links, link) => links.Split([link.Item1], [link.Item2])));
    }

    private LinkFault Loss(Random random, TimeSpan at, TimeSpan lasting)
    {
        int node = Node(random), percent = random.Next(20, 91);
        return new LinkFault(at, lasting * 2, $"{percent} % of what is sent to node {node} lost", LinkState.Healthy.LoseIngress(node, percent));
    }

    private FlapFault Flap(Random random, TimeSpan at, TimeSpan lasting)
    {
        (int[] some, int[] others) = Sides(random);
        return new FlapFault(at, lasting, $"cut {Text(some)} | {Text(others)}", LinkState.Healthy.Split(some, others), Seconds(LogUniform(random, 0.15, 1.5)));
    }

    /// <summary>Two sides of the nodes, neither empty; a witness on the network falls to one of them, or stays with both.</summary>
    private (int[] These, int[] Those) Sides(Random random)
    {
        int[] order = Shuffled(random);
        int size = random.Next(1, nodes);
        int[] some = [.. order.Take(size).Order()], rest = [.. order.Skip(size).Order()];
        return (witnessOnNetwork ? random.Next(3) : 2) switch
        {
            0 => ([.. some, LinkState.Witness], rest),
            1 => (some, [.. rest, LinkState.Witness]),
            _ => (some, rest),
        };
    }

    private int[] Shuffled(Random random)
    {
        int[] order = [.. Enumerable.Range(1, nodes)];
        random.Shuffle(order);
        return order;
    }

    private int Node(Random random) => random.Next(1, nodes + 1);

    private static string Text(IEnumerable<int> side) => "{" + string.Join(',', side.Select(static port => port == LinkState.Witness ? "witness" : $"{port}")) + "}";

    private static TimeSpan Seconds(double seconds) => TimeSpan.FromMilliseconds(Math.Round(seconds * 1000));

    private static double LogUniform(Random random, double low, double high) => low * Math.Pow(high / low, random.NextDouble());
}
