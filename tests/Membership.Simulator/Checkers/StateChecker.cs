// Replicated state (design 6): at one version all processes hold the same; what was answered stays; and answers respect real time: whoever
// asks after an answer was given sees at least that. Order by (generation, version); a cluster that forms anew begins a generation.
using System.Collections.Immutable;
using Membership.Engine;
using Membership.Engine.Protocol;
using Membership.Engine.Replication;
using Membership.Simulator.World;

namespace Membership.Simulator.Checkers;

/// <summary>A request of a simulated client: null update = a read; the newest state that anybody had been shown when it was made.</summary>
internal readonly record struct StateRequest(TableUpdate? Update, StateAnswer Answer, StateMark Floor);

internal readonly record struct StateMark(Epoch Generation, long Version);

internal sealed class StateChecker(ClusterWorld world)
{
    private readonly Dictionary<StateMark, ulong> _fingerprints = [];
    private readonly List<(StateMark Mark, string Key)> _kept = [];
    private Epoch _newest;

    /// <summary>The newest state that an answer was given from.</summary>
    public StateMark Floor { get; private set; }

    /// <summary>Answers given, for showing that something was tried.</summary>
    public int Answers { get; private set; }

    public void StateIs(SimProcess process, ClusterState state)
    {
        _newest = Epoch.Max(_newest, state.Generation);
        var mark = new StateMark(state.Generation, state.Sequence);
        ulong fingerprint = Fingerprint(state);
        if (!_fingerprints.TryAdd(mark, fingerprint) && _fingerprints[mark] != fingerprint)
            world.Violate("state", $"node {process.Number} holds another state {state.Sequence} of generation {state.Generation} than others do.");
        foreach ((StateMark kept, string key) in _kept)
        {
            if (kept.Generation == state.Generation && kept.Version <= state.Sequence && !state.Read("clients").Rows.ContainsKey(key))
                world.Violate("state", $"row {key} was answered for in state {kept.Version} and is not in state {state.Sequence} of node {process.Number}.");
        }
    }

    public void Answered(SimProcess process, in StateRequest request)
    {
        StateMark mark;
        if (request.Update is { } update)
        {
            TableUpdateVerdict? verdict = request.Answer.Verdict;
            if (verdict is null)
            {
                world.Violate("state", $"node {process.Number}: an update was answered without a verdict.");
                return;
            }
            mark = new StateMark(process.Core.StateNow.Generation, verdict.StateVersion);
            if (mark.Generation < _newest) return; // the cluster was formed anew meanwhile
            if (!After(mark, request.Floor)) world.Violate("state", $"node {process.Number}: an update became part of state {mark.Version} though state {request.Floor.Version} had been answered from before it was asked for.");
            if (verdict.Outcome == TableUpdateOutcome.Applied && update.Table == "clients")
                foreach (RowChange change in update.Changes)
                    if (change.Kind == RowChangeKind.Insert) _kept.Add((mark, change.Key));
        }
        else
        {
            ClusterState state = request.Answer.State!;
            mark = new StateMark(state.Generation, state.Sequence);
            if (mark.Generation < _newest && After(request.Floor, mark)) return;
            if (After(request.Floor, mark)) world.Violate("state", $"node {process.Number} reads state {mark.Version} though state {request.Floor.Version} had been answered from before it asked.");
        }
        Answers++;
        if (After(mark, Floor)) Floor = mark;
    }

    private static bool After(StateMark left, StateMark right)
        => left.Generation != right.Generation ? left.Generation > right.Generation : left.Version > right.Version;

    private static ulong Fingerprint(ClusterState state)
    {
        ulong hash = 14695981039346656037UL;
        void Mix(long word) => hash = (hash ^ (ulong)word) * 1099511628211UL + (hash >> 29);
        foreach ((string name, TableState table) in state.Tables)
        {
            foreach (char letter in name) Mix(letter);
            Mix(table.Version);
            Mix(table.LastEtag);
            foreach ((string key, TableRow row) in table.Rows)
            {
                foreach (char letter in key) Mix(letter);
                Mix(row.Etag);
                foreach (byte value in row.Value.Span) Mix(value);
            }
        }
        return hash;
    }
}
