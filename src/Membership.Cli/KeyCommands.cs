// regroupctl keys: making keys, and changing the keys of running nodes without a restart. All nodes accept the new key first, then all use
// it, and only then is the old one dropped: at no moment does anyone send what another cannot open.
using System.CommandLine;
using System.Security.Cryptography;
using System.Text.Json;
using Membership.Engine;
using Membership.Provider.Control;

namespace Membership.Cli;

internal static class KeyCommands
{
    public static Command Build(Func<ParseResult, NodeTarget> target, Option<bool> json)
    {
        var keys = new Command("keys", "The keys that seal the cluster's datagrams");
        keys.Subcommands.Add(CommandTree.Does("generate", "Prints a new key", (result, _) =>
        {
            string made = Convert.ToBase64String(RandomNumberGenerator.GetBytes(32));
            Console.WriteLine(result.GetValue(json) ? JsonSerializer.Serialize(new KeyDocument(made), CliJsonContext.Default.KeyDocument) : made);
            return Task.FromResult(ExitCode.Good);
        }));
        keys.Subcommands.Add(CommandTree.Does("list", "The ids of the keys a node accepts, the one in use first", async (result, token) =>
        {
            ControlResponse response = await target(result).AskAsync(new ControlRequest { Verb = ControlVerb.Keys, Text = "list" }, token);
            Console.WriteLine(result.GetValue(json) ? Report.Json(response) : response.Keys is { } ids ? string.Join('\n', ids) : response.Message);
            return ExitCode.Of(response.Status);
        }));
        keys.Subcommands.Add(Rotate(target, json));
        return keys;
    }

    private static Command Rotate(Func<ParseResult, NodeTarget> target, Option<bool> json)
    {
        var key = new Option<string?>("--key") { Description = "The new key as base64; '-' reads it from standard input, so that no list of processes shows it" };
        var nodes = new Option<string[]>("--node-socket") { Description = "The control socket of each node, when all are on this machine; may be repeated", DefaultValueFactory = static _ => [] };
        var stage = new Option<string?>("--stage") { Description = "One step on one node, when they are on several machines: accept on every node, then use on every node, then drop on every node" };
        stage.AcceptOnlyFromAmong("accept", "use", "drop");
        Command command = CommandTree.Does("rotate", "Changes the key of running nodes: accept everywhere, use everywhere, drop the old one everywhere", async (result, token) =>
        {
            string text = result.GetValue(key) is "-" or null ? (await Console.In.ReadLineAsync(token))?.Trim() ?? "" : result.GetValue(key)!;
            string[] sockets = result.GetValue(nodes)!;
            if (sockets.Length == 0 && result.GetValue(stage) is null)
                throw new CommandException(ExitCode.Usage, "Name every node with --node-socket, or on several machines do --stage accept, then use, then drop, each on every node before the next.");
            NodeTarget[] targets = sockets.Length > 0 ? [.. sockets.Select(static socket => new NodeTarget(socket, null, []))] : [target(result)];
            var steps = new List<RotationStep>();
            (int Code, string? Error) ended = (ExitCode.Good, null);
            foreach (string step in result.GetValue(stage) is { } one ? [one] : (string[])["accept", "use", "drop"])
                foreach (NodeTarget node in targets)
                {
                    if (ended.Error is not null) continue;
                    ended = await StepAsync(node, step, text, token);
                    if (ended.Error is not null) continue;
                    steps.Add(new RotationStep(node.ToString(), step));
                    if (!result.GetValue(json)) Console.WriteLine($"{node}: {step}: done");
                }
            string? next = ended.Error is null ? "Change Keys in the settings too: a restarted node reads them." : null;
            if (result.GetValue(json)) Console.WriteLine(JsonSerializer.Serialize(new RotationDocument(ended.Error is null, steps, ended.Error, next), CliJsonContext.Default.RotationDocument));
            else if (next is not null) Console.WriteLine(next);
            if (ended.Error is not null) await Console.Error.WriteLineAsync($"regroupctl: {ended.Error}");
            return ended.Code;
        });
        command.Options.Add(key);
        command.Options.Add(nodes);
        command.Options.Add(stage);
        return command;
    }

    /// <summary>Dropping keeps the key in use and lets all others go. No error when it is done.</summary>
    private static async Task<(int Code, string? Error)> StepAsync(NodeTarget node, string step, string key, CancellationToken cancellationToken)
    {
        try
        {
            List<string> orders = [$"{step} {key}"];
            if (step == "drop")
            {
                ControlResponse now = await node.AskAsync(new ControlRequest { Verb = ControlVerb.Keys, Text = "list" }, cancellationToken);
                orders = [.. (now.Keys ?? []).Skip(1).Select(static id => $"drop {id}")];
            }
            foreach (string order in orders)
            {
                ControlResponse response = await node.AskAsync(new ControlRequest { Verb = ControlVerb.Keys, Text = order }, cancellationToken);
                if (response.Status != MembershipStatus.Ok) return (ExitCode.Of(response.Status), $"{node}: {step}: {response.Message} Nothing further was done.");
            }
            return (ExitCode.Good, null);
        }
        catch (CommandException gone)
        {
            return (gone.Code, $"{node}: {step}: {gone.Message} Nothing further was done.");
        }
    }
}
