// One process in a transcript: every effect of its core is written down and handed on. Plain heartbeats, timers and lease extensions are
// counted and told once a step; repeated drops likewise.
using System.Collections.Immutable;
using System.Globalization;
using System.Text;
using Membership.Engine;
using Membership.Engine.Protocol;
using Membership.Engine.Replication;
using Membership.Simulator.World;
using static Membership.Simulator.Transcripts.MessageText;

namespace Membership.Simulator.Transcripts;

internal sealed class TranscribedEffects(Transcript transcript, SimProcess process) : IProtocolEffects
{
    private readonly IProtocolEffects _inner = process;
    private readonly List<(string Text, List<(int Node, string How)> To)> _sends = [];
    private readonly HashSet<(int To, string Text)> _told = [];
    private readonly SortedDictionary<(int To, string Kind), int> _beats = [];
    private readonly SortedDictionary<string, int> _drops = new(StringComparer.Ordinal);
    private readonly SortedDictionary<int, int> _missed = [];
    private StatusMessage? _status, _nextStatus;
    private ActivationId _activation;
    private RegroupCause _cause;
    private string _seen = "";
    private LeaseState _lease = new(Epoch.None, MonotonicTime.MinValue, false, MonotonicTime.MinValue);
    private TimeSpan _shortest = TimeSpan.MaxValue, _longest;
    private int _extensions, _holds, _roundTrips;

    public int Number => process.Number;

    public int Life => process.Life;

    public int Woken { get; set; }

    bool IProtocolEffects.JournalEnabled => _inner.JournalEnabled;

    void IProtocolEffects.Send(in MessageHeader header, int path, MessageBody? body)
    {
        if (body is StatusMessage said && Quiet) _status = said;
        if (Quiet)
        {
            _inner.Send(in header, path, body);
            return;
        }
        string how = How(in header, path);
        if (body is null)
        {
            (int, string) kind = (header.To.Value, how);
            _beats[kind] = _beats.GetValueOrDefault(kind) + 1;
        }
        else
        {
            string text = MessageText.Of(body, _status);
            if (body is StatusMessage status) _nextStatus = status;
            int same = _sends.FindIndex(send => send.Text == text);
            if (same < 0) _sends.Add((text, [(header.To.Value, how)]));
            else _sends[same].To.Add((header.To.Value, how));
        }
        _inner.Send(in header, path, body);
    }

    // What is unusual about a header: a question, a member that is not heard, another cluster met, the witness owned, a receiver whose life is not known, no view in force, not all paths.
    private string How(in MessageHeader header, int path)
    {
        var text = new StringBuilder();
        if ((header.Flags & HeaderFlags.AckRequested) != 0) text.Append("ask ");
        if ((header.Flags & HeaderFlags.Hears) == 0) text.Append("deaf ");
        if ((header.Flags & HeaderFlags.SecondMaster) != 0) text.Append("second-master ");
        if (header.OwnershipRemaining > TimeSpan.Zero) text.Append("owns ");
        if (header.ToIncarnation == Incarnation.None) text.Append("stranger ");
        if (header.InForce == ViewId.None) text.Append("outside ");
        if (header.NamesViews) text.Append("named ");
        if (header.Acknowledged == 0) text.Append("unacknowledged ");
        if (path >= 0 && transcript.World.Options.Paths > 1) text.Append(CultureInfo.InvariantCulture, $"path{path} ");
        return text.ToString().TrimEnd();
    }

    public void FlushSends()
    {
        if (_sends.Count == 0) return;
        foreach ((string text, List<(int Node, string How)> to) in _sends)
        {
            // Said before in this step: counted.
            to.RemoveAll(receiver => !IsNew(receiver.Node, text, receiver.How));
            if (to.Count == 0) continue;
            // "> 1 (ask), 2,3: text": what is unusual for whom.
            string whom = string.Join(", ", to.GroupBy(static receiver => receiver.How).Select(static group => string.Join(",", group.Select(static receiver => receiver.Node)) + (group.Key.Length > 0 ? $" ({group.Key})" : "")));
            transcript.Line(Number, $"> {whom}: {text}");
        }
        _sends.Clear();
        _status = _nextStatus ?? _status;
    }

    private bool IsNew(int to, string text, string how)
    {
        bool status = text.StartsWith("status", StringComparison.Ordinal);
        if (status ? !text.EndsWith(" again", StringComparison.Ordinal) : _told.Add((to, text))) return true;
        // "status (2,1) Prune again": what kind is enough.
        (int, string) kind = (to, $"repeated {text.Split(' ')[0]}{(how.Length > 0 ? " " + how : "")}");
        _beats[kind] = _beats.GetValueOrDefault(kind) + 1;
        return false;
    }

    /// <summary>Writing begins: from here on differences are told.</summary>
    public void Begin()
    {
        if (process.Alive && process.Core is { } core) _seen = Visible(core.TakeSnapshot(process.LocalNow));
        Woken = 0;
    }

    public void AfterInput()
    {
        if (Quiet) return;
        FlushSends();
        string seen = Visible(process.Core.TakeSnapshot(process.LocalNow));
        if (seen == _seen) return;
        _seen = seen;
        transcript.Line(Number, $"shows {(seen.Length > 0 ? seen : "nothing special")}");
    }

    /// <summary>What was only counted since the last time.</summary>
    public void Sum()
    {
        FlushSends();
        var text = new StringBuilder();
        if (process.Alive && !process.Halted && process.Core is { } core)
        {
            TimeSpan left = core.Lease.ValidUntil > process.LocalNow ? core.Lease.ValidUntil - process.LocalNow : TimeSpan.Zero;
            if (left > TimeSpan.Zero && (Woken > 0 || _beats.Count > 0)) text.Append(CultureInfo.InvariantCulture, $", lease {left.TotalMilliseconds:F1} ms");
        }
        if (_holds > 0) text.Append(CultureInfo.InvariantCulture, $", held on {_holds}x");
        if (_extensions > 0) text.Append(CultureInfo.InvariantCulture, $", extended {_extensions}x to {_shortest.TotalMilliseconds:F1}..{_longest.TotalMilliseconds:F1} ms");
        if (Woken > 0) text.Append(CultureInfo.InvariantCulture, $", woken {Woken}x");
        foreach (IGrouping<int, KeyValuePair<(int To, string Kind), int>> to in _beats.GroupBy(static pair => pair.Key.To))
            text.Append(CultureInfo.InvariantCulture, $", beats >{to.Key} {string.Join(" + ", to.Select(static pair => Text($"{pair.Value}{(pair.Key.Kind.Length > 0 ? " " + pair.Key.Kind : "")}")))}");
        if (_missed.Count > 0) text.Append(CultureInfo.InvariantCulture, $", missed {string.Join(" ", _missed.Select(static pair => Text($"{pair.Key}:{pair.Value}x")))}");
        if (_roundTrips > 0) text.Append(CultureInfo.InvariantCulture, $", round trips {_roundTrips}");
        foreach ((string drop, int times) in _drops)
            if (times > 1) text.Append(CultureInfo.InvariantCulture, $", drops {drop} {times}x");
        _told.Clear();
        _beats.Clear();
        _drops.Clear();
        _missed.Clear();
        (_extensions, _holds, _roundTrips, Woken, _shortest, _longest) = (0, 0, 0, 0, TimeSpan.MaxValue, TimeSpan.Zero);
        if (text.Length > 0) transcript.SumLine($"n{Number}{text.ToString()[1..]}");
    }

    void IProtocolEffects.PublishLease(in LeaseState lease)
    {
        MonotonicTime now = process.LocalNow;
        bool valid = lease.ValidUntil > now;
        if (Quiet)
        {
        }
        else if (valid)
        {
            TimeSpan left = lease.ValidUntil == MonotonicTime.MaxValue ? TimeSpan.Zero : lease.ValidUntil - now;
            if (_lease.ValidUntil <= now || _lease.Epoch != lease.Epoch) Line($"lease e{lease.Epoch} for {left.TotalMilliseconds:F1} ms");
            else _extensions++;
            if (left < _shortest) _shortest = left;
            if (left > _longest) _longest = left;
        }
        else if (lease.Held && _lease.Held && _lease.Epoch == lease.Epoch && _lease.ValidUntil == lease.ValidUntil)
        {
            _holds++;
        }
        else if (_lease.ValidUntil != MonotonicTime.MinValue || _lease.Held != lease.Held || _lease.Epoch != lease.Epoch || _lease.HeldUntil != lease.HeldUntil)
        {
            Line($"lease e{lease.Epoch} {(lease.Held ? "held" : "lost")}{(lease.HeldUntil > now ? Text($", nobody in its place for {(lease.HeldUntil - now).TotalMilliseconds:F1} ms") : "")}");
        }
        _lease = lease;
        _inner.PublishLease(in lease);
    }

    void IProtocolEffects.Persist(long id, StoredState state)
    {
        if (!Quiet) Line($"writes {(state.InForce is { } view ? Full(view) : "nothing in force")} pending {Views(state.Pending)} life {state.Incarnation} seen {state.HighestEpochSeen} persisted {state.HighestEpochPersisted}");
        _inner.Persist(id, state);
    }

    void IProtocolEffects.InvokeCallback(in CallbackRequest callback)
    {
        if (!Quiet) Line($"calls {callback.Kind}{(callback.Node.IsValid ? $"({callback.Node})" : callback.Nodes.IsEmpty ? callback.View is { } view ? $"({view})" : "" : $"({callback.Nodes})")}{(callback.Activation == _activation ? "" : $" of {callback.Activation}")}");
        _inner.InvokeCallback(in callback);
    }

    void IProtocolEffects.Arbitrate(long id, TimeSpan timeout)
    {
        if (!Quiet) Line($"challenges for the witness, {timeout.TotalMilliseconds:F0} ms");
        _inner.Arbitrate(id, timeout);
    }

    void IProtocolEffects.WriteWitnessRecord(long id, ImmutableArray<ClusterView> slot)
    {
        if (!Quiet) Line($"writes its slot of the record {Views(slot)}");
        _inner.WriteWitnessRecord(id, slot);
    }

    void IProtocolEffects.ReleaseWitness()
    {
        if (!Quiet) Line("releases the witness");
        _inner.ReleaseWitness();
    }

    void IProtocolEffects.CompleteRequest(RequestId request, MembershipStatus status, string? detail)
    {
        if (!Quiet) Line($"answers {process.NameOf(request)}: {status}{(detail is null ? "" : ", " + detail)}{process.AnswerTo(request)}");
        _inner.CompleteRequest(request, status, detail);
    }

    void IProtocolEffects.StageEntered(ActivationId activation, RegroupStage stage, RegroupCause cause)
    {
        if (!Quiet) Line(stage == RegroupStage.None ? $"regroup {activation} is over" : $"enters {stage} of {activation}{(stage == RegroupStage.Activate || cause != _cause ? $" ({cause})" : "")}");
        (_activation, _cause) = (activation, cause);
        _inner.StageEntered(activation, stage, cause);
    }

    void IProtocolEffects.ViewInForce(ClusterView view, ActivationId activation)
    {
        if (!Quiet) Line($"in force: {Full(view)}");
        _inner.ViewInForce(view, activation);
    }

    void IProtocolEffects.ViewInstalled(ClusterView view, ActivationId activation)
    {
        if (!Quiet) Line($"installed: {view}");
        _inner.ViewInstalled(view, activation);
    }

    void IProtocolEffects.Notify(ClusterChangeNotification change, ViewId view)
    {
        if (!Quiet) Line($"tells {change} of e{view.Epoch}");
        _inner.Notify(change, view);
    }

    void IProtocolEffects.StateApplied(LogEntry entry, ClusterState state)
    {
        if (!Quiet) Line($"carries out {Entry(entry)}: {State(state)}");
        _inner.StateApplied(entry, state);
    }

    void IProtocolEffects.StateReplaced(ClusterState state)
    {
        if (!Quiet) Line($"takes over state {State(state)}");
        _inner.StateReplaced(state);
    }

    void IProtocolEffects.ProbeCrashEvidence(NodeId node, Incarnation incarnation)
    {
        if (!Quiet) Line($"looks whether the port of {node}/{incarnation} is refused");
        _inner.ProbeCrashEvidence(node, incarnation);
    }

    void IProtocolEffects.Halt(HaltCode code, string detail)
    {
        if (!Quiet) Line($"HALTS {code}: {detail}");
        _inner.Halt(code, detail);
    }

    void IProtocolEffects.Dropped(DropReason reason, NodeId from)
    {
        if (Quiet)
        {
            _inner.Dropped(reason, from);
            return;
        }
        string drop = $"{reason} from {from}";
        _drops[drop] = _drops.GetValueOrDefault(drop) + 1;
        if (_drops[drop] == 1 && !Quiet) Line($"drops {drop}");
        _inner.Dropped(reason, from);
    }

    void IProtocolEffects.HeartbeatMissed(NodeId node)
    {
        if (!Quiet) _missed[node.Value] = _missed.GetValueOrDefault(node.Value) + 1;
        _inner.HeartbeatMissed(node);
    }

    void IProtocolEffects.RoundTripMeasured(NodeId node, int path, TimeSpan time)
    {
        if (!Quiet) _roundTrips++;
        _inner.RoundTripMeasured(node, path, time);
    }

    void IProtocolEffects.Quarantined(NodeId node, int removals, MonotonicTime until)
    {
        if (!Quiet) Line(removals == 0 ? $"forgets the removals of {node}" : Text($"keeps {node} out for {(until - process.LocalNow).TotalMilliseconds:F0} ms after {removals} removals"));
        _inner.Quarantined(node, removals, until);
    }

    void IProtocolEffects.KeptOut(NodeId by, string reason)
    {
        if (!Quiet) Line($"is kept out by {by}: {reason}");
        _inner.KeptOut(by, reason);
    }

    void IProtocolEffects.Journal(string line) => _inner.Journal(line);

    private void Line(string text)
    {
        FlushSends();
        transcript.Line(Number, text);
    }

    /// <summary>Nothing is put into words while nobody writes.</summary>
    private bool Quiet => !transcript.Recording;

    /// <summary>What a host can ask for at any time, but for ages.</summary>
    private static string Visible(CoreSnapshot core)
    {
        var text = new StringBuilder();
        if (core.QuorumOwner.IsValid) text.Append(CultureInfo.InvariantCulture, $"owner {core.QuorumOwner} ");
        if (core.DeclaredQuorumOwner.IsValid) text.Append(CultureInfo.InvariantCulture, $"declared {core.DeclaredQuorumOwner} ");
        if (core.SelectedOwner.IsValid) text.Append(CultureInfo.InvariantCulture, $"selected {core.SelectedOwner} ");
        if (core.ArbitrationWinner.IsValid) text.Append(CultureInfo.InvariantCulture, $"winner {core.ArbitrationWinner} ");
        if (core.LastArbitrationWinner.IsValid) text.Append(CultureInfo.InvariantCulture, $"last winner {core.LastArbitrationWinner} ");
        if (!core.RegroupAllowed) text.Append("regroup not allowed ");
        if (!core.Unreachable.IsEmpty) text.Append(CultureInfo.InvariantCulture, $"unreachable {core.Unreachable} ");
        if (core.IsStale) text.Append("stale ");
        foreach (QuarantinedNode node in core.Quarantined) text.Append(CultureInfo.InvariantCulture, $"quarantined {node.Node} after {node.Removals} ");
        if (core.KeptOut is not null) text.Append("kept out ");
        return text.ToString().TrimEnd();
    }

    /// <summary>All of it, at the script's wish.</summary>
    public void Show()
    {
        CoreSnapshot core = process.Core.TakeSnapshot(process.LocalNow);
        if (!Quiet) Line($"snapshot {core.Phase} {core.Stage} {core.Activation} {core.Cause} life {core.Incarnation} in force {core.InForce?.ToString() ?? "nothing"} installed {core.Installed?.ToString() ?? "nothing"} pending {Views(core.Pending)} seen {core.HighestSeen} lease {Age(core.LeaseRemaining)} L {core.Timing.LossPeriod.TotalMilliseconds:F0} {Visible(core)}");
        foreach (RowSnapshot row in core.Rows) Line($"snapshot row {row.Node} heard {row.Heard} of {row.Closed}");
        foreach (PeerSnapshot peer in core.Peers)
            Line($"snapshot peer {peer.Node}/{peer.Incarnation} heard {Age(peer.Heard)} acknowledged {Age(peer.Acknowledged)} heard by {Age(peer.HeardBy)} paths {string.Join(" ", peer.HeardOnPath.Select(Age))} round trips {string.Join(" ", peer.RoundTripOnPath.Select(Age))}{(peer.TripwireLost ? " tripwire lost" : "")}");
    }

    private static string Age(TimeSpan age) => age == TimeSpan.MaxValue ? "never" : Text($"{age.TotalMilliseconds:F1} ms");
}
