// What a node does in the state it is in when it hears what it should not hear there: every message that was said so far, late and changed.
using Membership.Engine;
using Membership.Engine.Protocol;
using Membership.Simulator.World;

namespace Membership.Simulator.Scenarios;

internal sealed partial class ScenarioRunner
{
    private static readonly string[] HeaderChanges =
        ["", "life=-1", "life=+1", "to-life=-1", "to-life=+1", "in-force=none", "in-force=-1", "in-force=+1", "in-force=+2", "hash=1", "acknowledged=+1000", "sequence=1", "flags=Hears", "flags=AckRequested", "flags=SecondMaster"];

    /// <summary>After these a node is another one: the next message is said to one that was played anew. An answer or a drop leaves it as it was, or nearly.</summary>
    private static readonly string[] Deeds = ["enters ", "writes ", "HALTS ", "lease ", "calls ", "shows ", "is over", "status ("];

    private static readonly string[] Outcomes = ["enters ", "in force", "HALTS ", "installed", "regroup ", "answers ", "lease ", "tells ", "process "];

    private static readonly string[] StatusChanges =
    [
        "", "in-force=none", "in-force=-1", "in-force=+1", "attempt=-1", "attempt=+1", "epoch=-1", "epoch=+1", "stage=None", "stage=Activate", "stage=Close", "stage=Prune", "stage=CleanUp1", "stage=CleanUp2", "stage=Stabilised",
        .. Enum.GetValues<StatusFlags>().Where(static flag => flag != StatusFlags.None).Select(static flag => $"flag={flag}"),
        "heard=1", "heard=2,3", "closed=1", "closed=2,3", "rows=0", "pending=0", "stored=0", "seen=+5", "persisted=+5", "persisted=0", "decision=0", "decider=+1", "decider-life=+1", "removed=1", "removed=3", "ejected=1", "ejected=3",
        "released=1", "released=3", "failures=+1", "configuration=1", "applied=+1",
    ];

    private static string[] ChangesOf(MessageKind kind) => kind switch
    {
        MessageKind.Heartbeat => HeaderChanges,
        MessageKind.Status => StatusChanges,
        MessageKind.Petition => ["", "version=+1", "configuration=1", "locked=off", "locked=on", "empty=on", "empty=off", "seen=+9", "life=+1", "in-force=1"],
        MessageKind.PetitionReply => ["", "outcome=Fault", "outcome=Already", "outcome=Transient", "outcome=Ok", "coordinator=+1", "floor=+9", "life=+1"],
        MessageKind.JoinStart => ["", "join=+1", "join=-1", "joiner-life=+1", "in-force=+1", "in-force=none"],
        MessageKind.JoinReady => ["", "join=+1", "join=-1", "newer=on", "in-force=none"],
        MessageKind.JoinPrepare => ["", "join=+1", "join=-1", "in-force=+1", "in-force=none"],
        MessageKind.JoinPrepared => ["", "join=+1", "join=-1", "in-force=none"],
        MessageKind.JoinFailed => ["", "join=+1", "in-force=none"],
        MessageKind.Poison => ["", "target=+1", "target=-1", "target=1", "target=2", "epoch=+1", "epoch=-1", "epoch=+5"],
        MessageKind.PoisonAcknowledged => ["", "target=+1", "target=2", "epoch=+1", "epoch=-1", "second=on"],
        MessageKind.RoleChange => ["", "change=Release", "change=Disqualify", "change=Qualify", "change=HandedOver", "change=ClearQuarantine", "node=1", "node=3", "node=9", "in-force=-1", "in-force=+1"],
        MessageKind.UpdateRequest => ["", "number=+1", "number=+5", "number=-1", "origin-life=+1", "origin-life=-1", "in-force=-1"],
        MessageKind.UpdatePrepare => ["", "sequence-of=+1", "sequence-of=+2", "sequence-of=-1", "epoch=+1", "epoch=-1", "committed=+1", "committed=+5", "in-force=-1"],
        MessageKind.UpdatePrepared => ["", "sequence-of=+1", "sequence-of=-1", "epoch=+1", "epoch=-1"],
        MessageKind.UpdateCommit => ["", "sequence-of=+1", "sequence-of=+2", "sequence-of=-1", "epoch=+1", "epoch=-1", "in-force=-1"],
        MessageKind.StateAsk => ["", "applied=+1", "applied=-1", "promised=+1"],
        _ => ["", "in-force=-1", "in-force=+1", "life=+1"],
    };

    private void Until(string[] words)
    {
        bool reached = false;
        _stops.Add((_world.Node(Number(words[1])), words[3], () => reached = true));
        long deadline = _world.Now + (words.Length > 4 ? Time(words[5]) : Time("5s"));
        while (!reached && _world.Now < deadline && _world.Violation is null) _world.RunUntil(_world.Now + 10 * Ticks.Microsecond);
        _stops.Clear();
        if (!reached) _failures.Add($"{_scenario.Name}.txt: never: {string.Join(' ', words)}");
    }

    // Each message in a world that was played anew to this step; what was taken no notice of changes nothing, so the next one is said there, too.
    private void Probe(int target, MessageKind[] kinds)
    {
        var does = new SortedDictionary<string, List<string>>(StringComparer.Ordinal);
        ScenarioRunner? probed = null;
        // Two of each kind: what a third one says is nothing else.
        foreach ((int from, MessageKind kind) in _said.Keys.Where(key => key.From != target && kinds.Contains(key.Kind)).GroupBy(static key => key.Kind).OrderBy(static kind => kind.Key).SelectMany(static kind => kind.OrderBy(static key => key.From).Take(2)))
        {
            foreach (string change in ChangesOf(kind))
            {
                if (change.StartsWith("deci", StringComparison.Ordinal) || change.StartsWith("removed", StringComparison.Ordinal))
                    if (_said[(from, kind)].Body is StatusMessage { Decision: null }) continue;
                probed ??= PlayedAnew();
                string did = probed.Hear(from, target, kind, change);
                bool isAnother = Array.Exists(Deeds, deed => did.Contains(deed, StringComparison.Ordinal));
                if (isAnother) did += probed.Outcome(target);
                if (!does.TryGetValue(did, out List<string>? those)) does.Add(did, those = []);
                those.Add($"{from} {kind}{(change.Length > 0 ? " " + change : "")}");
                if (isAnother) probed = null;
            }
        }
        if (probed is not null) _world.Transcript?.Line(target, $"who was told the last of these goes on{probed.Outcome(target)}");
        foreach ((string did, List<string> those) in does) _world.Transcript?.Line(target, $"{did}  <-  {string.Join(", ", those)}");
    }

    private ScenarioRunner PlayedAnew()
    {
        var again = new ScenarioRunner(_scenario with { Steps = [.. _scenario.Steps.TakeWhile(step => !ReferenceEquals(step, _step))] }, _defects, happened: []);
        again.Run();
        return again;
    }

    // What comes of it within three ticks, in brief.
    private string Outcome(int target)
    {
        Transcripts.Transcript transcript = _world.Transcript!;
        transcript.BeginStep();
        _world.RunUntil(_world.Now + 3 * _world.Options.T);
        string who = $" n{target} ";
        string[] came =
        [
            .. transcript.EndStep().Where(line => line.Contains(who, StringComparison.Ordinal)).SelectMany(line => line[(line.IndexOf(who, StringComparison.Ordinal) + who.Length)..].Split("; "))
                .Where(static deed => Array.Exists(Outcomes, outcome => deed.StartsWith(outcome, StringComparison.Ordinal))),
        ];
        return came.Length == 0 ? "" : "; then " + string.Join("; ", came);
    }

    private string Hear(int from, int target, MessageKind kind, string change)
    {
        Transcripts.Transcript transcript = _world.Transcript!;
        transcript.Recording = true;
        transcript.BeginStep();
        Say(from, target, kind, change.Length > 0 ? [change] : []);
        // "  +0.000 n1 ": of no interest.
        string[] did = [.. transcript.EndStep().Select(static line => line[(line.IndexOf(' ', 4) + 1)..]).Select(static line => line[(line.IndexOf(' ', StringComparison.Ordinal) + 1)..])];
        return did.Length == 0 ? "nothing" : string.Join("; ", did);
    }
}
