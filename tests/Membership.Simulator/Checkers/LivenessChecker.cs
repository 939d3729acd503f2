// Once the faults have stopped and everything runs again, all nodes are in one installed view with valid leases
// within a bounded virtual time. The bound is generous and fixed by the configuration, not by what was measured.
using Membership.Engine;
using Membership.Engine.Protocol;
using Membership.Simulator.World;

namespace Membership.Simulator.Checkers;

internal static class LivenessChecker
{
    /// <summary>Detection and halting, a forming with arbitration, and a join for every other node, each tried again a few times, after the longest quarantine.</summary>
    public static long Bound(WorldOptions options)
        => 20 * options.L + 3 * options.DiscoveryTime.Ticks + 3 * options.ArbitrationTimeout.Ticks + 2 * options.JoinTimeout.Ticks
            + options.CallbackLimit.Ticks + options.Nodes * 4 * options.L + (options.Quarantine.After == 0 ? 0 : options.Quarantine.Limit.Ticks);

    /// <summary>Every node is a member of one installed view of all nodes, not in a regroup, with a valid lease.</summary>
    public static bool Whole(ClusterWorld world)
    {
        ViewId common = ViewId.None;
        foreach (SimNode node in world.Nodes)
        {
            if (node.Process is not { Halted: false, Frozen: false } process || process.Core is null) return false;
            if (process.Core.Phase != NodePhase.Member || process.Core.Stage != RegroupStage.None) return false;
            if (process.RoleRequestsWaiting > 0 || process.StateRequestsWaiting > 0) return false;
            if (process.Core.Installed is not { IsHandover: false } view || view.Members.Length != world.Options.Nodes) return false;
            if (common == ViewId.None) common = view.Id;
            if (view.Id != common || process.Core.InForce?.Id != common) return false;
            if (process.PublishedLease.ValidUntil <= process.LocalNow || process.PublishedLease.Epoch != view.Epoch) return false;
        }
        return true;
    }

    public static string Describe(ClusterWorld world)
    {
        var text = new System.Text.StringBuilder("the cluster is not whole: ");
        foreach (SimNode node in world.Nodes)
        {
            text.Append(node.Number).Append('=');
            if (node.Process is not { } process || process.Core is null) text.Append("down");
            else if (process.Halted) text.Append(process.HaltedWith);
            else text.Append(process.Core.Phase).Append('/').Append(process.Core.Stage).Append('/').Append(process.Core.Installed?.ToString() ?? "none")
                .Append(process.StateRequestsWaiting > 0 ? "/updates or reads wait" : "")
                .Append(process.RoleRequestsWaiting > 0 ? "/a role request waits" : "")
                .Append(process.PublishedLease.ValidUntil > process.LocalNow ? "/valid" : "/no lease");
            text.Append(' ');
        }
        return text.ToString();
    }
}
