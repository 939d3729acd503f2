// Failures that are neither up nor down: the ones of the Rapid paper (Suresh et al., ATC 2018), and two that strike one link or
// one connection again and again. Each knows which nodes are at fault; everybody else is healthy and must stay.
using Membership.Engine;
using Membership.Engine.Protocol;
using Membership.Simulator.World;

namespace Membership.Simulator.Gray;

internal enum GrayFault
{
    /// <summary>One node loses 80 % of what is sent to it.</summary>
    IngressLoss,

    /// <summary>One node of a hundred is sent to in vain: it hears nobody, everybody hears it.</summary>
    OneWayCut,

    /// <summary>What is sent to one node is lost for 20 s, arrives for 20 s, and so on.</summary>
    FlipFlop,

    /// <summary>A tenth of the nodes crash at the same instant and stay down.</summary>
    Crashes,

    /// <summary>One link between two nodes fails for a little less or more than L, again and again.</summary>
    LinkFlap,

    /// <summary>One link fails again and again for just so long that its silence is noticed, and is back when the regroup looks.</summary>
    Blinks,

    /// <summary>Something on the way closes the tripwire connection of two nodes every second; datagrams pass.</summary>
    TripwireResets,
}

internal static class GrayFaults
{
    private const long Half = 20 * Ticks.Second;

    /// <summary>The nodes that the fault is about: losing one of them is right, losing anybody else is not. The seed says which.</summary>
    public static NodeSet At(GrayFault fault, WorldOptions options)
    {
        int nodes = options.Nodes, first = (int)(options.Seed % (ulong)nodes);
        int count = fault switch
        {
            GrayFault.Crashes => Math.Max(1, nodes / 10),
            GrayFault.LinkFlap or GrayFault.Blinks or GrayFault.TripwireResets => 2,
            _ => 1,
        };
        int apart = count == 2 ? nodes / 2 : 1;
        return NodeSet.From(Enumerable.Range(0, count).Select(i => new NodeId((first + i * apart) % nodes + 1)));
    }

    /// <summary>Begins the fault; it goes on until <see cref="End"/>.</summary>
    public static void Begin(GrayFault fault, ClusterWorld world)
    {
        NodeSet at = At(fault, world.Options);
        switch (fault)
        {
            case GrayFault.IngressLoss:
                foreach (SimNode node in world.Nodes)
                    if (node.Number != at.Lowest.Value)
                        for (int path = 0; path < world.Options.Paths; path++) world.Network.At(path, node.Number, at.Lowest.Value).LossPerMille = 800;
                break;
            case GrayFault.OneWayCut:
                Ingress(world, at.Lowest.Value, cut: true);
                break;
            case GrayFault.FlipFlop:
                Flip(world, at.Lowest.Value, cut: true);
                break;
            case GrayFault.Crashes:
                foreach (NodeId node in at)
                {
                    world.Node(node.Value).StayDown = true;
                    world.Node(node.Value).Kill("one of many crashes", power: false);
                }
                break;
            case GrayFault.LinkFlap:
                var rng = Rng.For(world.Options.Seed, "link flap");
                FlapLink(world, rng, at.First().Value, at.Last().Value);
                break;
            case GrayFault.Blinks:
                Blink(world, at.First().Value, at.Last().Value);
                break;
            case GrayFault.TripwireResets:
                ResetTripwire(world, at.First().Value, at.Last().Value);
                break;
        }
    }

    public static void End(ClusterWorld world)
    {
        world.QuietPhase = true;
        world.Network.HealAll();
    }

    private static void Ingress(ClusterWorld world, int to, bool cut)
    {
        foreach (SimNode node in world.Nodes)
        {
            if (node.Number == to) continue;
            if (cut) world.Network.Cut(node.Number, to);
            else world.Network.Mend(node.Number, to);
        }
    }

    private static void Flip(ClusterWorld world, int node, bool cut)
    {
        if (world.QuietPhase) return;
        Ingress(world, node, cut);
        world.After(Half, () => Flip(world, node, !cut));
    }

    private static void FlapLink(ClusterWorld world, Rng rng, int a, int b)
    {
        if (world.QuietPhase) return;
        world.Network.Cut(a, b);
        world.Network.Cut(b, a);
        // Mostly too short to be noticed, now and then just long enough.
        world.After(world.Options.L / 2 + rng.Span(0, world.Options.L * 6 / 10), () =>
        {
            if (world.QuietPhase) return;
            world.Network.Mend(a, b);
            world.Network.Mend(b, a);
            world.After(world.Options.L / 2 + rng.Span(0, world.Options.L), () => FlapLink(world, rng, a, b));
        });
    }

    // The link comes back at the moment at which one end begins a regroup because of it.
    private static void Blink(ClusterWorld world, int a, int b)
    {
        if (world.QuietPhase) return;
        world.Network.Cut(a, b);
        world.Network.Cut(b, a);
        Restore(world.Now);

        void Restore(long since)
        {
            if (world.QuietPhase) return;
            bool noticed = world.Node(a).Process?.Core?.Stage is RegroupStage.Activate or RegroupStage.Close || world.Node(b).Process?.Core?.Stage is RegroupStage.Activate or RegroupStage.Close;
            if (!noticed && world.Now - since < world.Options.L)
            {
                world.After(Ticks.Microsecond * 20, () => Restore(since));
                return;
            }
            world.Network.Mend(a, b);
            world.Network.Mend(b, a);
            world.After(world.Options.L, () => Blink(world, a, b));
        }
    }

    private static void ResetTripwire(ClusterWorld world, int a, int b)
    {
        if (world.QuietPhase) return;
        foreach ((int observer, int peer) in new[] { (a, b), (b, a) })
            if (world.Node(observer).Process is { } process && world.Node(peer).Process is { } other) world.LoseTripwire(process, peer, other.Incarnation);
        world.After(Ticks.Second, () => ResetTripwire(world, a, b));
    }
}
