// Why a node stands alone among others that do send: what it dropped says so. Datagrams are never answered, so this is the only place
// where a wrong version, key or cluster id shows.
using Membership.Engine.Runtime;
using Membership.Engine.Wire;

namespace Membership.Provider;

internal static class DroppedDatagrams
{
    private static readonly (DatagramDropReason Reason, string Advice)[] Known =
    [
        (DatagramDropReason.OtherMajorVersion, "are of another major version of the protocol: install the same major version of this software on every node"),
        (DatagramDropReason.BadVersion, "are of another version of the datagram format: install the same major version of this software on every node"),
        (DatagramDropReason.ForeignCluster, "are of another cluster: compare ClusterId on every node"),
        (DatagramDropReason.UnknownKey, "are sealed with a key that this node does not accept: compare Keys on every node"),
        (DatagramDropReason.AuthenticationFailed, "were changed on the way or forged: compare Keys on every node, and look at the network"),
        (DatagramDropReason.WrongProtection, "are sealed where this node expects plain text, or the other way round: compare Keys and AllowPlainText on every node"),
        (DatagramDropReason.UnknownSender, "are from node numbers that are not in this node's list: compare Nodes on every node"),
        (DatagramDropReason.WrongReceiver, "are for another node number: compare the addresses in Nodes on every node"),
    ];

    /// <summary>One sentence part for each reason that stands for a wrong option or version; null when nothing of the kind was dropped.</summary>
    public static string? Explain(MembershipCounters counters)
    {
        string[] parts = [.. Known.Where(known => counters.DatagramsDropped.ContainsKey(known.Reason)).Select(known => $"{counters.DatagramsDropped[known.Reason]} datagrams {known.Advice}")];
        return parts.Length == 0 ? null : string.Join("; ", parts);
    }
}
