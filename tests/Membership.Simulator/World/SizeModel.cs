// How many bytes a message would take on the wire, by a model: fixed header and seal, variable-length numbers,
// node sets as words. Used by --scale only; the simulator itself passes objects.
using System.Collections.Immutable;
using Membership.Engine;
using Membership.Engine.Protocol;

namespace Membership.Simulator.World;

internal static class SizeModel
{
    /// <summary>Header (62) and AES-GCM envelope (key id, nonce, tag: 36).</summary>
    private const int Envelope = 98;

    public static int BytesOf(MessageBody? body) => Envelope + body switch
    {
        null => 0,
        StatusMessage status => 60 + Set(status.Heard) + Set(status.Closed) + Rows(status.Rows) + View(status.StoredInForce) + Views(status.Pending)
            + (status.Decision is { } decision ? 10 + View(decision.View) + Set(decision.Voters) + Set(decision.Removed) : 1) + Set(status.Ejected) + Set(status.Released),
        JoinStartMessage start => 20 + View(start.Current),
        JoinPrepareMessage prepare => 20 + View(prepare.Base) + View(prepare.View),
        _ => 48,
    };

    private static int Set(NodeSet set) => 1 + 8 * set.WordCount;

    private static int View(ClusterView? view) => view is null ? 1 : 40 + view.Members.Length * 18;

    private static int Views(ImmutableArray<ClusterView> views)
    {
        int bytes = 1;
        foreach (ClusterView view in views) bytes += View(view);
        return bytes;
    }

    private static int Rows(ImmutableArray<ConnectivityRow> rows)
    {
        if (rows.IsDefaultOrEmpty) return 1;
        int bytes = 2;
        foreach (ConnectivityRow row in rows) bytes += 10 + Set(row.Heard) + Set(row.Closed);
        return bytes;
    }
}
