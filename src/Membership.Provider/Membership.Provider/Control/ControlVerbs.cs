// What each verb does to a node. The socket and the HTTP actions both come through here, so that they answer alike.
using System.Globalization;
using Membership.Engine;
using Membership.Engine.Wire;
using Membership.Provider.Inspection;

namespace Membership.Provider.Control;

internal static class ControlVerbs
{
    public static readonly TimeSpan DefaultTimeout = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan LongestTimeout = TimeSpan.FromMinutes(10);
    private const int MostLines = 1024;
    private const int DefaultLines = 100;
    private const int LongestLine = 1024;

    /// <summary>Whether it changes anything, and so is written to the log with who asked.</summary>
    public static bool Changes(ControlRequest request) => request.Verb is ControlVerb.Eject or ControlVerb.Leave or ControlVerb.SwitchOver or ControlVerb.Qualify or ControlVerb.ClearQuarantine or ControlVerb.ForceRegroup or ControlVerb.FormByForce
        || request.Verb == ControlVerb.Diagnose && request.Text?.TrimStart().StartsWith("fault", StringComparison.Ordinal) == true
        || request.Verb == ControlVerb.Keys && request.Text is not (null or "" or "list");

    /// <summary>Any request gives an answer; only the caller's own cancellation throws.</summary>
    public static async Task<ControlResponse> DoAsync(ClusterMembership membership, ControlRequest request, CancellationToken cancellationToken)
    {
        TimeSpan timeout = request.Timeout ?? DefaultTimeout;
        if (timeout <= TimeSpan.Zero || timeout > LongestTimeout) return Fault($"timeoutMs is {timeout.TotalMilliseconds}: use more than 0 and at most {LongestTimeout.TotalMilliseconds}.");
        if (request.Lines is < 0 or > MostLines) return Fault($"lines is {request.Lines}: use 0 to {MostLines}.");
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        limit.CancelAfter(timeout);
        try
        {
            return await DoVerbAsync(membership, request, limit.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            return new ControlResponse { Status = MembershipStatus.Timeout, Message = $"Not ended within {timeout.TotalSeconds:0.###} s; it goes on." };
        }
    }

    private static async Task<ControlResponse> DoVerbAsync(ClusterMembership membership, ControlRequest request, CancellationToken cancellationToken)
    {
        switch (request.Verb)
        {
            case ControlVerb.Status or ControlVerb.Nodes or ControlVerb.View or ControlVerb.Matrix or ControlVerb.Journal:
                int lines = request.Lines ?? (request.Verb == ControlVerb.Journal ? DefaultLines : 0);
                return new ControlResponse { Snapshot = await membership.TakeSnapshotAsync(lines, cancellationToken).ConfigureAwait(false) };
            case ControlVerb.Eject when IsConfigured(membership, request.Node):
                return Ended(await membership.EjectAsync(request.Node, cancellationToken).ConfigureAwait(false), membership, $"Node {request.Node} was removed.");
            case ControlVerb.Qualify when IsConfigured(membership, request.Node):
                return Ended(
                    await membership.SetQualificationAsync(request.Node, request.Qualified, cancellationToken).ConfigureAwait(false), membership,
                    $"Node {request.Node} may {(request.Qualified ? "" : "not ")}hold a role.");
            case ControlVerb.ClearQuarantine when IsConfigured(membership, request.Node):
                return Ended(await membership.ClearQuarantineAsync(request.Node, cancellationToken).ConfigureAwait(false), membership, $"The removals of node {request.Node} are forgotten: it is let in when it next asks.");
            case ControlVerb.Eject or ControlVerb.Qualify or ControlVerb.ClearQuarantine:
                return Fault($"node is {request.Node.Value}: use the number of a configured node ({string.Join(", ", membership.Options.Nodes.Select(static node => node.Number).Order())}).");
            case ControlVerb.Leave:
                return Ended(await membership.LeaveAsync(cancellationToken).ConfigureAwait(false), membership, $"Node {membership.Self} has left. Its process goes on; start it anew to come back.");
            case ControlVerb.SwitchOver:
                return Ended(await membership.ReleaseMastershipAsync(cancellationToken).ConfigureAwait(false), membership, "The mastership was handed over.");
            case ControlVerb.ForceRegroup:
                return Ended(await membership.ForceRegroupAsync(cancellationToken).ConfigureAwait(false), membership, "A regroup has ended; the view has a new epoch.");
            case ControlVerb.FormByForce:
                if (string.IsNullOrWhiteSpace(request.Text) || request.Text.Length > LongestLine) return Fault($"text is the reason, who orders it and why: 1 to {LongestLine} characters.");
                return Ended(await membership.FormByForceAsync(request.Text, cancellationToken).ConfigureAwait(false), membership, "This node has formed a cluster. What a majority without it decided is void.");
            case ControlVerb.Diagnose:
                if (request.Text is { Length: > LongestLine }) return Fault($"The line has {request.Text.Length} characters: use at most {LongestLine}.");
                return new ControlResponse { Text = await membership.Node.DiagnoseAsync(request.Text ?? "help", cancellationToken).ConfigureAwait(false) };
            case ControlVerb.Keys:
                return Keys(membership, request.Text ?? "list");
            default:
                return Fault($"'{Shorten(request.Verb)}' is no verb: use one of {string.Join(", ", ControlVerb.All)}.");
        }
    }

    private static ControlResponse Keys(ClusterMembership membership, string order)
    {
        if (membership.Keys is not { } ring) return Fault("This cluster runs in plain text: it has no keys. Set Keys in the options.");
        string[] words = order.Split(' ', StringSplitOptions.RemoveEmptyEntries);
        try
        {
            switch (words)
            {
                case [] or ["list"]:
                    return KeysNow(ring, null);
                case ["accept", var key]:
                    ring.Accept(ClusterKey.FromBase64(key));
                    return KeysNow(ring, "It is accepted now, and not yet used.");
                case ["use", var key]:
                    ring.Use(ClusterKey.FromBase64(key));
                    return KeysNow(ring, "It is used now; the others are still accepted. Change Keys in the options too: a restarted node reads them.");
                case ["drop", var id] when uint.TryParse(id, NumberStyles.HexNumber, CultureInfo.InvariantCulture, out uint number):
                    ring.Drop(number);
                    return KeysNow(ring, "It is not accepted any more.");
                default:
                    return Fault("Use: list, accept KEY, use KEY (a key is 32 bytes as base64), or drop ID (eight hexadecimal digits, as listed).");
            }
        }
        catch (Exception bad) when (bad is ArgumentException or InvalidOperationException or FormatException)
        {
            return Fault(bad.Message);
        }
    }

    private static ControlResponse KeysNow(KeyRing ring, string? message)
        => new() { Message = message, Keys = [.. ring.Accepted.OrderByDescending(key => key.Id == ring.Current.Id).Select(static key => key.Id.ToString("x8", CultureInfo.InvariantCulture))] };

    private static bool IsConfigured(ClusterMembership membership, NodeId node) => membership.Options.Nodes.Any(configured => configured.Number == node.Value);

    private static ControlResponse Ended(MembershipStatus status, ClusterMembership membership, string success) => new()
    {
        Status = status,
        Message = status switch
        {
            MembershipStatus.Ok => success,
            MembershipStatus.Already => "Nothing to do: it is so already.",
            MembershipStatus.NotMember => "This node, or the one it is about, is not a member of the cluster now.",
            MembershipStatus.NotMaster => $"Only the master can do this: ask node {membership.CurrentView?.Master ?? NodeId.Invalid}.",
            MembershipStatus.Transient => "The cluster was changing meanwhile: try again.",
            MembershipStatus.Cancelled => "Nobody can take over: there is no other qualified member.",
            MembershipStatus.Again => "The cluster is stale: ask again when the master is heard.",
            MembershipStatus.Fault => "Not possible: the rest would have no quorum, or it is about the asked node itself.",
            _ => null,
        },
    };

    private static ControlResponse Fault(string message) => new() { Status = MembershipStatus.Fault, Message = message };

    private static string Shorten(string? text) => text is null ? "" : text.Length <= 40 ? text : text[..40] + "...";
}
