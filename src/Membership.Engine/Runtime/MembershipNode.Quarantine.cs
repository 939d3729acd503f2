// Who is kept out because it keeps losing its place: what this node knows of it, and the operator's word that ends it.
using System.Collections.Concurrent;

namespace Membership.Engine.Runtime;

/// <summary>A node that is kept out because it lost its place again and again.</summary>
/// <param name="Node">The node.</param>
/// <param name="Removals">How often it lost its place in a row.</param>
/// <param name="Remaining">How long it is still kept out.</param>
/// <param name="Applies">False while the members are too few to do without it: then it is let in all the same.</param>
public readonly record struct QuarantinedMember(NodeId Node, int Removals, TimeSpan Remaining, bool Applies);

public sealed partial class MembershipNode
{
    private readonly ConcurrentDictionary<NodeId, MonotonicTime> _quarantines = [];

    /// <summary>How many quarantines this node knows of that have not run out.</summary>
    internal int QuarantineCount
    {
        get
        {
            MonotonicTime now = _clock.Now;
            return _quarantines.Count(quarantine => quarantine.Value > now && !IsNodeUp(quarantine.Key));
        }
    }

    /// <summary>The operator's word that a node is well again: its removals are forgotten at every member that is heard, and it is let in when it next asks.</summary>
    /// <param name="node">The node.</param>
    /// <param name="cancellationToken">Stops waiting.</param>
    /// <returns>Ok, also when nobody kept it out; NotMember when this node is none; Fault for this node itself or a number that is not configured.</returns>
    public Task<MembershipStatus> ClearQuarantineAsync(NodeId node, CancellationToken cancellationToken = default)
        => RequestAsync($"clear quarantine of {node}", (core, id, now) => core.ClearQuarantine(id, node, now), cancellationToken);

    internal void Quarantine(NodeId node, int removals, MonotonicTime until)
    {
        if (removals == 0)
        {
            _quarantines.TryRemove(node, out _);
            _logger.QuarantineCleared(Self, node);
            return;
        }
        _quarantines[node] = until;
        _logger.Quarantined(Self, node, removals, (until - _clock.Now).TotalSeconds);
    }
}
