// The node's health: the loop is asked, so that a loop that does not turn shows.
using Membership.Engine.Protocol;

namespace Membership.Engine.Runtime;

public sealed partial class MembershipNode
{
    /// <summary>The name of the <see cref="System.Diagnostics.Metrics.Meter"/> and of the <see cref="System.Diagnostics.ActivitySource"/> of all nodes: <c>Membership.Engine</c>.</summary>
    public const string TelemetryName = NodeMetrics.Name;

    /// <summary>How this node is.</summary>
    /// <param name="timeout">How long the node's loop may take to answer before it counts as not turning.</param>
    /// <param name="cancellationToken">Ends the waiting.</param>
    /// <returns>Its health.</returns>
    public async Task<NodeHealth> GetHealthAsync(TimeSpan timeout, CancellationToken cancellationToken = default)
    {
        CoreSnapshot? core = null;
        Parts? parts = Volatile.Read(ref _parts);
        if (parts is not null)
        {
            var taken = new TaskCompletionSource<CoreSnapshot>(TaskCreationOptions.RunContinuationsAsynchronously);
            if (parts.Loop.Post((running, now) => taken.TrySetResult(running.TakeSnapshot(now))))
            {
                try
                {
                    await Task.WhenAny(taken.Task, parts.Loop.Ended).WaitAsync(timeout, _clock.Provider, cancellationToken).ConfigureAwait(false);
                }
                catch (TimeoutException)
                {
                    // That is the finding.
                }
                if (taken.Task.IsCompletedSuccessfully) core = taken.Task.Result;
            }
        }
        MembershipLease lease = Lease;
        return new NodeHealth
        {
            LoopTurns = core is not null,
            Halt = _halted.Task.IsCompletedSuccessfully ? _halted.Task.Result : null,
            HasValidLease = lease.IsValid,
            IsHeld = lease.IsHeld,
            IsStale = _isStale,
            WitnessTrouble = parts?.Witness?.Trouble,
            Quarantined = core is null ? [] : [.. core.Quarantined.Select(static kept => new QuarantinedMember(kept.Node, kept.Removals, kept.Remaining, kept.Applies))],
            KeptOut = core?.KeptOut,
            SilentPaths = core is null ? [] : [.. SilentPaths(core)],
        };
    }

    private IEnumerable<SilentPath> SilentPaths(CoreSnapshot core)
    {
        foreach (PeerSnapshot peer in core.Peers)
        {
            if (core.InForce is not { } view || !view.Contains(peer.Node)) continue;
            MembershipNodeAddress? address = _options.Nodes.FirstOrDefault(node => node.Number == peer.Node.Value);
            for (int path = 0; path < peer.HeardOnPath.Length; path++)
                if (peer.HeardOnPath[path] > core.Timing.LossPeriod) yield return new SilentPath(peer.Node, path, address?.Endpoints.ElementAtOrDefault(path) ?? "", peer.HeardOnPath[path]);
        }
    }
}
