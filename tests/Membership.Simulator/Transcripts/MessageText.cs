// Messages, views and states in words for a transcript: what matters of each, and of a repeated status only what is new in it. No hash, no
// random number and no culture gets in, so that a transcript is the same on every machine.
using System.Collections.Immutable;
using System.Globalization;
using System.Text;
using Membership.Engine;
using Membership.Engine.Protocol;
using Membership.Engine.Replication;

namespace Membership.Simulator.Transcripts;

internal static class MessageText
{
    /// <param name="body">What is sent.</param>
    /// <param name="before">The sender's status before, if this is one: only what differs is said.</param>
    public static string Of(MessageBody body, StatusMessage? before) => body switch
    {
        StatusMessage status => Status(status, before),
        PetitionMessage petition => Text($"petition v{petition.ProtocolVersion} stored {View(petition.StoredInForce)} seen {petition.HighestEpochSeen}{If(petition.StoreLocked, " locked")}{If(petition.StoreEmpty, " empty")}{If(petition.Disqualified, " disqualified")}"),
        PetitionReplyMessage reply => Text($"petition-reply {reply.Outcome}: coordinator {reply.Coordinator}, floor {reply.IncarnationFloor}{(reply.Reason.Length > 0 ? ", " + reply.Reason : "")}"),
        JoinStartMessage start => Text($"join-start {start.Joiner}/{start.JoinerIncarnation} into {start.Current}"),
        JoinReadyMessage ready => Text($"join-ready seen {ready.HighestEpochSeen}{If(ready.HoldsNewerPending, " holds a newer pending view")}"),
        JoinPrepareMessage prepare => Text($"prepare {Full(prepare.View)} on {prepare.Base}{(prepare.State is { } state ? " with state " + State(state) : "")}"),
        JoinPreparedMessage prepared => Text($"prepared {View(prepared.View)}"),
        JoinFailedMessage failed => Text($"join-failed {failed.Reason}"),
        PoisonMessage poison => Text($"poison for life {poison.Target} under e{poison.Epoch}"),
        PoisonAcknowledgedMessage obeyed => Text($"poison-obeyed by life {obeyed.Target} under e{obeyed.Epoch}{If(obeyed.SecondMaster, ", of another cluster")}"),
        RoleChangeMessage role => Text($"role-change {role.Change} {role.Node}"),
        UpdateRequestMessage request => Text($"update-request {Batch(request.Batch)}"),
        UpdatePrepareMessage prepare => Text($"update-prepare {Entry(prepare.Entry)}, carried out {prepare.Committed}@e{prepare.CommittedEpoch}"),
        UpdatePreparedMessage prepared => Text($"update-prepared {prepared.Sequence}@e{prepared.Epoch}"),
        UpdateCommitMessage commit => Text($"update-commit {commit.Sequence}@e{commit.Epoch}"),
        StateAskMessage ask => Text($"state-ask applied {ask.Applied} promised {ask.Promised}"),
        StateOfferMessage offer => Text($"state-offer {offer.Sequence}{(offer.Whole is { } whole ? " whole " + State(whole) : "")}{(offer.Last is { } last ? " last " + Entry(last) : "")}{(offer.Promised is { } promised ? " promised " + Entry(promised) : "")}{If(offer.Ready, " ready")}"),
        _ => body.Kind.ToString(),
    };

    /// <summary>With lives, weights where they are not one, roles and where it comes from.</summary>
    public static string Full(ClusterView view)
    {
        var text = new StringBuilder();
        text.Append(CultureInfo.InvariantCulture, $"e{view.Epoch}{{{string.Join(",", view.Members.Select(static member => Text($"{member.Node}/{member.Incarnation}{(member.Votes == 1 ? "" : Text($"*{member.Votes}"))}")))}}}");
        if (view.BaseEpoch != Epoch.None) text.Append(CultureInfo.InvariantCulture, $" from e{view.BaseEpoch}");
        if (view.Master.IsValid) text.Append(CultureInfo.InvariantCulture, $" master {view.Master}");
        if (view.ViceMaster.IsValid) text.Append(CultureInfo.InvariantCulture, $" vice {view.ViceMaster}");
        if (view.FormerMaster.IsValid) text.Append(CultureInfo.InvariantCulture, $" hands over {view.FormerMaster}");
        if (view.QuorumOwner.IsValid) text.Append(CultureInfo.InvariantCulture, $" owner {view.QuorumOwner}");
        if (!view.Disqualified.IsEmpty) text.Append(CultureInfo.InvariantCulture, $" disqualified {view.Disqualified}");
        return text.ToString();
    }

    public static string Views(ImmutableArray<ClusterView> views) => $"[{string.Join(" ", views)}]";

    public static string Entry(LogEntry entry) => Text($"{entry.Sequence}@e{entry.Epoch} ({string.Join(" ", entry.Batches.Select(static batch => Text($"{batch.Origin}/{batch.Life}#{batch.Number}:{string.Join(",", batch.Updates.Select(static update => Text($"{update.Table} {update.Verdict.Outcome}")))}")))})");

    public static string State(ClusterState state)
        => Text($"{state.Generation}/{state.Sequence}@e{state.LastEpoch} ({string.Join(" ", state.Tables.Select(static table => Text($"{table.Key}:{table.Value.Version}/{table.Value.LastEtag} {string.Join(",", table.Value.Rows.Select(static row => Text($"{row.Key}={Encoding.UTF8.GetString(row.Value.Value.Span)}@{row.Value.Etag}")))}")))})")
            + (state.Origins.IsEmpty ? "" : Text($" of {string.Join(" ", state.Origins.Select(static origin => Text($"{origin.Key}/{origin.Value.Life}#{origin.Value.Number}")))}"));

    public static string Text(FormattableString text) => FormattableString.Invariant(text);

    private static string Batch(UpdateBatch batch) => Text($"{batch.Origin}/{batch.Life}#{batch.Number} ({string.Join(", ", batch.Updates.Select(static update => update.Table))})");

    private static string View(ViewId id) => id == ViewId.None ? "nothing" : Text($"e{id.Epoch}");

    private static string If(bool condition, string text) => condition ? text : "";

    private static string Status(StatusMessage now, StatusMessage? before)
    {
        if (ReferenceEquals(now, before)) return Text($"status {now.Activation} {now.Stage} again");
        if (before is not null && before.Activation != now.Activation) before = null;
        var text = new StringBuilder(Text($"status {now.Activation} {now.Stage}"));
        int bare = text.Length;
        void Say(bool isNew, FormattableString what)
        {
            if (isNew) text.Append(' ').Append(Text(what));
        }

        if (before is null)
        {
            text.Append(" [").Append(Flags(now.Flags)).Append(']');
        }
        else
        {
            Say((now.Flags & ~before.Flags) != 0, $"+{Flags(now.Flags & ~before.Flags)}");
            Say((before.Flags & ~now.Flags) != 0, $"-{Flags(before.Flags & ~now.Flags)}");
        }
        Say(now.Heard != (before?.Heard ?? default), $"heard {now.Heard}");
        Say(now.Closed != (before?.Closed ?? default), $"closed {now.Closed}");
        foreach (ConnectivityRow row in now.Rows.OrderBy(static row => row.Node))
            Say(before is null || !before.Rows.Contains(row), $"row {row.Node}/{row.Incarnation}: {row.Heard} of {row.Closed} [{Flags(row.Flags)}]");
        if (before is not null)
            foreach (ConnectivityRow row in before.Rows)
                Say(now.Rows.All(each => each.Node != row.Node), $"no row {row.Node}");
        Say(before is null ? now.StoredInForce is not null : before.StoredInForce != now.StoredInForce, $"stored {now.StoredInForce?.ToString() ?? "nothing"}");
        Say(before is null ? !now.Pending.IsEmpty : !before.Pending.SequenceEqual(now.Pending), $"pending {Views(now.Pending)}");
        Say(before?.HighestEpochSeen != now.HighestEpochSeen, $"seen {now.HighestEpochSeen}");
        Say(before?.HighestEpochPersisted != now.HighestEpochPersisted, $"persisted {now.HighestEpochPersisted}");
        Say((before?.Decision, now.Decision) is var (old, made) && old != made, $"{(now.Decision is { } decision ? Decision(decision) : "no decision")}");
        Say(now.ArbitrationFailures != (before?.ArbitrationFailures ?? 0), $"failures {now.ArbitrationFailures}");
        Say(now.Ejected != (before?.Ejected ?? default), $"ejected {now.Ejected}");
        Say(now.Released != (before?.Released ?? default), $"released {now.Released}");
        Say(now.Tip != (before?.Tip ?? default), $"log {now.Tip.Applied}, {now.Tip.Pending}@e{now.Tip.PendingEpoch}");
        return text.Length == bare && now.Stage == before?.Stage ? text.Append(" again").ToString() : text.ToString();
    }

    public static string Decision(Decision decision)
        => Text($"decision of {decision.Decider}/{decision.DeciderIncarnation}: {Full(decision.View)}{(decision.Voters.IsEmpty ? "" : Text($" voters {decision.Voters}"))}{(decision.Removed.IsEmpty ? "" : Text($" without {decision.Removed}"))}");

    private static string Flags(StatusFlags flags) => flags == StatusFlags.None ? "" : flags.ToString().Replace(", ", " ", StringComparison.Ordinal);
}
