// The expectations of a script: what must hold now, or within a time.
using System.Globalization;
using Membership.Engine;
using Membership.Engine.Protocol;
using Membership.Simulator.Checkers;
using Membership.Simulator.World;

namespace Membership.Simulator.Scenarios;

internal sealed partial class ScenarioRunner
{
    private void Expect(ScenarioStep step)
    {
        string[] words = step.Words;
        if (words[1] == "no-violation") return; // any violation ends the script as a failure anyway
        int within = Array.IndexOf(words, "within");
        long deadline = _world.Now + (within > 0 ? Time(words[within + 1]) : 0);
        string[] what = within > 0 ? words[1..within] : words[1..];
        Func<string?> check = Condition(what);
        string? wrong = check();
        while (wrong is not null && _world.Now < deadline && _world.Violation is null)
        {
            _world.RunUntil(Math.Min(deadline, _world.Now + Ticks.Millisecond));
            wrong = check();
        }
        if (wrong is null || _world.Violation is not null) return;
        if (_world.Trace.On) _world.Trace.Line(_world.Now, 0, $"FAILED {step.Text}: {wrong}");
        _failures.Add($"{_scenario.Name}.txt line {step.Line}: {step.Text}: {wrong}");
    }

    // Null from the condition = it holds; else what is the case instead.
    private Func<string?> Condition(string[] words)
    {
        switch (words[0])
        {
            case "view": // expect view 1,2 {1,2}: installed there, I/O going on, nothing under way
                int[] who = NodesOf(words[1]);
                NodeSet members = NodeSet.Of(NodesOf(words[2]));
                return () => First(who, node => node.Process is { Halted: false } process && process.Core.Installed is { } view
                    && view.Nodes == members && process.Core.InForce?.Id == view.Id && process.Core.Stage == RegroupStage.None ? null : State(node));
            case "lease": // expect lease 3 valid|invalid
                int[] holders = NodesOf(words[1]);
                bool valid = words[2] == "valid" || (words[2] == "invalid" ? false : throw new FormatException(words[2]));
                return () => First(holders, node => LeaseValid(node) == valid ? null : $"lease of node {node.Number} is {(valid ? "invalid" : "valid")}");
            case "halted": // expect halted 3 [NoQuorum]; a process that ended after its halt still counts
                int[] halted = NodesOf(words[1]);
                HaltCode code = words.Length > 2 ? Enum.Parse<HaltCode>(words[2]) : HaltCode.None;
                return () => First(halted, node => node.LastHalt != HaltCode.None && (code == HaltCode.None || node.LastHalt == code) ? null : $"node {node.Number}: last halt {node.LastHalt}; {State(node)}");
            case "down":
                return () => First(NodesOf(words[1]), node => node.Process is null ? null : State(node));
            case "serving": // expect serving 1: exactly these have a valid lease
                NodeSet serving = words[1] == "none" ? default : NodeSet.Of(NodesOf(words[1]));
                return () =>
                {
                    NodeSet now = default;
                    foreach (SimNode node in _world.Nodes)
                        if (LeaseValid(node)) now = now.With(new NodeId(node.Number));
                    return now == serving ? null : $"valid leases at {now}";
                };
            case "pending": // expect pending 2 some|none
                return () => First(NodesOf(words[1]), node => node.Disk.Content.Pending.IsEmpty == (words[2] == "none") ? null : node.Describe());
            case "epoch": // expect epoch 1,2 3: in force there, 3 or later
                long epoch = long.Parse(words[2], CultureInfo.InvariantCulture);
                return () => First(NodesOf(words[1]), node => node.Process?.Core.InForce is { } current && current.Epoch.Value >= epoch ? null : State(node));
            case "owner": // expect owner 1 | expect owner none
                return () => _world.Witness.OwnerNode == (words[1] == "none" ? 0 : Number(words[1])) ? null : $"the witness' owner is {_world.Witness.OwnerNode}";
            case "roles": // expect roles all 1 2: master 1, vice-master 2 (0 = none)
                (NodeId master, NodeId vice) = (new NodeId(Number(words[2])), new NodeId(Number(words[3])));
                return () => First(NodesOf(words[1]), node => node.Process?.Core.Installed is { IsHandover: false } view && view.Master == master && view.ViceMaster == vice
                    ? null : $"{State(node)}, master {node.Process?.Core.Installed?.Master}, vice-master {node.Process?.Core.Installed?.ViceMaster}");
            case "told": // expect told 1,2 MasterElected(2) MemberLeft(1): since "mark", these in this order
                string told = string.Join(' ', words[2..]);
                return () => First(NodesOf(words[1]), node => string.Join(' ', node.Newest?.Told ?? []) is var said && said == told ? null : $"node {node.Number} was told: {said}");
            case "once": // expect once 1,2 InvalidCluster(0): since "mark", among whatever else; also of a process that has ended
                return () => First(NodesOf(words[1]), node => node.Newest?.Told.Count(change => change.ToString() == words[2]) is 1 ? null : $"node {node.Number} was told: {string.Join(' ', node.Newest?.Told ?? [])}");
            case "answer": // expect answer 1 Ok: of the last switchover, qualify or disqualify
                return () => First(NodesOf(words[1]), node => node.Process?.LastRoleAnswer?.ToString() is var answer && answer == words[2] ? null : $"node {node.Number} was answered {answer ?? "nothing yet"}");
            case "stale" or "fresh":
                return () => First(NodesOf(words[1]), node => node.Process?.Core.IsStale == (words[0] == "stale") ? null : $"{State(node)} is {(node.Process?.Core.IsStale == true ? "" : "not ")}stale");
            case "kept-out": // expect kept-out 3: it petitions, and was told that it is quarantined
                return () => First(NodesOf(words[1]), node => node.Process is { Halted: false } process && process.Core.TakeSnapshot(process.LocalNow).KeptOut is not null ? null : $"{State(node)}, and nobody said that it is kept out");
            case "quarantined": // expect quarantined 1,2 3|none: what these say who is kept out
                return () => First(NodesOf(words[1]), node => (node.Process is { Halted: false } process ? string.Join(',', process.Core.TakeSnapshot(process.LocalNow).Quarantined.Select(static kept => kept.Node)) : "") is var kept
                    && kept == (words[2] == "none" ? "" : words[2]) ? null : $"node {node.Number} says that '{kept}' is kept out");
            case "whole":
                return () => LivenessChecker.Whole(_world) ? null : LivenessChecker.Describe(_world);
            default:
                throw new FormatException($"'{words[0]}' cannot be expected.");
        }
    }

    private static bool LeaseValid(SimNode node) => node.Process is { } process && process.PublishedLease.ValidUntil > process.LocalNow;

    private string? First(int[] numbers, Func<SimNode, string?> wrong)
    {
        foreach (int number in numbers)
            if (wrong(_world.Node(number)) is { } text) return text;
        return null;
    }

    private static string State(SimNode node) => node.Process is not { } process || process.Core is null
        ? $"node {node.Number} is down"
        : $"node {node.Number} is {process.Core.Phase}, stage {process.Core.Stage}, in force {process.Core.InForce?.ToString() ?? "nothing"}, installed {process.Core.Installed?.ToString() ?? "nothing"}";
}
