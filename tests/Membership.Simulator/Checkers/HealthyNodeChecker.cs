// Nobody healthy is removed. Healthy means: the life that is being removed runs, is a member, and for longer than a
// whole incident can take no fault touched its process, disk or callbacks, nor any message to or from it (an unused
// link that is cut counts from its first lost message, and keeps counting with every heartbeat). Such a node is heard
// by everyone and hears everyone, so it is in every heaviest clique; only a view that lacks quorum could do without it.
// Not healthy by this definition, and so not judged: a node that talks to someone behind a cut (either end may go).
using Membership.Engine;
using Membership.Simulator.World;

namespace Membership.Simulator.Checkers;

internal sealed class HealthyNodeChecker(ClusterWorld world)
{
    public void NewViewInForce(ClusterView view, ClusterView? before)
    {
        if (before is null) return;
        long window = 3 * world.Options.L + world.Options.ArbitrationTimeout.Ticks + world.Options.CallbackLimit.Ticks;
        foreach (ClusterMember member in before.Members)
        {
            if (view.Contains(member.Node, member.Incarnation)) continue;
            if (world.Node(member.Node.Value).Process is not { } process || process.Halted || process.Incarnation != member.Incarnation) continue;
            if (world.Health.UntouchedSince(member.Node.Value, world.Now - window))
                world.Violate("healthy", $"{view} removes node {member.Node} of {before}, which no fault had touched for {window / 1e7:F1} s.");
        }
    }
}
