// All commands: their options, their help, and which of the other files does them.
using System.CommandLine;
using System.CommandLine.Parsing;
using System.Globalization;
using Membership.Engine;
using Membership.Provider;
using Membership.Provider.Control;
using Membership.Provider.Inspection;
using Microsoft.Extensions.Configuration;

namespace Membership.Cli;

internal static class CommandTree
{
    private static readonly Option<string?> Socket = new("--socket") { Description = "The node's control socket (default: REGROUP_SOCKET)", Recursive = true };
    private static readonly Option<string?> Store = new("--store") { Description = "The node's store directory, which has the control socket in it", Recursive = true };
    private static readonly Option<string?> Url = new("--url") { Description = "The node's live page, e.g. http://host:8080/membership (default: REGROUP_URL)", Recursive = true };
    private static readonly Option<string[]> Header = new("--header") { Description = "With --url: a header such as 'Authorization: Bearer ...'; may be repeated", DefaultValueFactory = static _ => [], Recursive = true };
    private static readonly Option<string?> Settings = new("--settings") { Description = "The deployment's settings file, e.g. appsettings.json", Recursive = true };
    private static readonly Option<string> Section = new("--section") { Description = "The section of it", DefaultValueFactory = static _ => RegroupMembershipOptions.SectionName, Recursive = true };
    private static readonly Option<bool> Json = new("--json") { Description = "Print JSON", Recursive = true };
    private static readonly Option<double> Wait = new("--timeout") { Description = "Seconds until an answer is given up on", DefaultValueFactory = static _ => 30, Recursive = true };

    public static RootCommand Build()
    {
        var root = new RootCommand("Looks at and acts on a Regroup membership cluster, and checks a deployment before its first start. Exit codes: 0 good, 1 bad or refused, 2 usage, 3 no contact, 4 try again, 130 interrupted.");
        foreach (Option option in (Option[])[Socket, Store, Url, Header, Settings, Section, Json, Wait]) root.Options.Add(option);
        Wait.Validators.Add(static result =>
        {
            if (IsNumber(result) && result.GetValueOrDefault<double>() is not (> 0 and <= 600)) result.AddError("--timeout is out of range: use more than 0 and at most 600 seconds.");
        });
        root.Subcommands.Add(Show("status", "What the node is, its view, its lease; exit code 1 unless it is a member that may serve", Report.Status, static s => Report.IsHealthy(s) ? ExitCode.Good : ExitCode.Bad));
        root.Subcommands.Add(Show("nodes", "The configured nodes", Report.Nodes));
        root.Subcommands.Add(Show("view", "The installed view, and pending ones", Report.View));
        root.Subcommands.Add(Show("matrix", "Who hears whom, with round trips", Report.Matrix));
        root.Subcommands.Add(Journal());
        root.Subcommands.Add(Does("watch", "Shows all of it, live, until Ctrl-C", static (result, token) => Watch.RunAsync(Target(result), result.GetValue(Json), token)));
        root.Subcommands.Add(About("eject", "Removes another node: it halts; the others go on without it", static (node, _) => new ControlRequest { Verb = ControlVerb.Eject, Node = node }));
        Command qualify = About("qualify", "Lets a node hold roles, or with --not keeps it from them", static (node, not) => new ControlRequest { Verb = ControlVerb.Qualify, Node = node, Qualified = !not }, withNot: true);
        root.Subcommands.Add(qualify);
        root.Subcommands.Add(Quarantine());
        root.Subcommands.Add(Orders("leave", "The node leaves the cluster; its process goes on", ControlVerb.Leave));
        root.Subcommands.Add(Orders("switchover", "The master, asked for it, hands its role to the vice-master", ControlVerb.SwitchOver));
        root.Subcommands.Add(Orders("force-regroup", "Runs a regroup now", ControlVerb.ForceRegroup));
        root.Subcommands.Add(FormByForce());
        root.Subcommands.Add(Diagnose());
        root.Subcommands.Add(KeyCommands.Build(Target, Json));
        root.Subcommands.Add(WitnessCommands.Build(Settings, Section, Json));
        root.Subcommands.Add(Validate());
        root.Subcommands.Add(Completion());
        return root;
    }

    public static NodeTarget Target(ParseResult result) => NodeTarget.From(
        result.GetValue(Socket), result.GetValue(Store), result.GetValue(Url), result.GetValue(Settings), result.GetValue(Section)!, result.GetValue(Header)!);

    /// <summary>A command whose expected failures are a message and an exit code.</summary>
    public static Command Does(string name, string description, Func<ParseResult, CancellationToken, Task<int>> run)
    {
        var command = new Command(name, description);
        command.SetAction(async (result, token) =>
        {
            try
            {
                return await run(result, token);
            }
            catch (CommandException expected)
            {
                if (result.GetValue(Json)) Console.WriteLine(Report.JsonError(expected.Message, expected.Code));
                await Console.Error.WriteLineAsync($"regroupctl: {expected.Message}");
                return expected.Code;
            }
            catch (OperationCanceledException) when (token.IsCancellationRequested)
            {
                return 130;
            }
        });
        return command;
    }

    /// <summary>What is no number at all is told by the parser itself.</summary>
    private static bool IsNumber(SymbolResult result) => result.Tokens is [.., var last] && double.TryParse(last.Value, NumberStyles.Float, CultureInfo.InvariantCulture, out _);

    public static TimeSpan Timeout(ParseResult result) => TimeSpan.FromSeconds(result.GetValue(Wait));

    private static Command Show(string name, string description, Func<MembershipSnapshot, string> print, Func<MembershipSnapshot, int>? judge = null) => Does(name, description, async (result, token) =>
        Print(result, await Target(result).AskAsync(new ControlRequest { Verb = name, Timeout = Timeout(result) }, token), print, judge));

    private static int Print(ParseResult result, ControlResponse response, Func<MembershipSnapshot, string> print, Func<MembershipSnapshot, int>? judge = null)
    {
        if (response.Snapshot is not { } snapshot) return Print(result, response);
        Console.WriteLine(result.GetValue(Json) ? Report.Json(snapshot) : print(snapshot));
        return judge?.Invoke(snapshot) ?? ExitCode.Good;
    }

    private static int Print(ParseResult result, ControlResponse response)
    {
        if (result.GetValue(Json)) Console.WriteLine(Report.Json(response));
        else if (ExitCode.Of(response.Status) == ExitCode.Good) Console.WriteLine(response.Text ?? response.Message ?? $"{response.Status}");
        else Console.Error.WriteLine($"regroupctl: {response.Status}: {response.Message}");
        return ExitCode.Of(response.Status);
    }

    private static Command Journal()
    {
        var lines = new Option<int>("--lines", "-n") { Description = "How many of the last lines, 1..1024", DefaultValueFactory = static _ => 100 };
        lines.Validators.Add(static result =>
        {
            if (IsNumber(result) && result.GetValueOrDefault<int>() is not (>= 1 and <= 1024)) result.AddError("--lines is out of range: use 1 to 1024.");
        });
        Command command = Does("journal", "The last lines of what happened", async (result, token) =>
            Print(result, await Target(result).AskAsync(new ControlRequest { Verb = ControlVerb.Journal, Lines = result.GetValue(lines), Timeout = Timeout(result) }, token), Report.Journal));
        command.Options.Add(lines);
        return command;
    }

    private static Command Orders(string name, string description, string verb) => Does(name, description, async (result, token) =>
        Print(result, await Target(result).AskAsync(new ControlRequest { Verb = verb, Timeout = Timeout(result) }, token)));

    private static Command About(string name, string description, Func<NodeId, bool, ControlRequest> request, bool withNot = false)
    {
        var node = new Argument<int>("node") { Description = "The node's number" };
        node.Validators.Add(static result =>
        {
            if (IsNumber(result) && result.GetValueOrDefault<int>() is not (>= 1 and <= NodeId.MaxValue)) result.AddError($"A node is a number from 1 to {NodeId.MaxValue}.");
        });
        var not = new Option<bool>("--not") { Description = "Keeps it from roles" };
        Command command = Does(name, description, async (result, token) =>
            Print(result, await Target(result).AskAsync(request(new NodeId(result.GetValue(node)), withNot && result.GetValue(not)) with { Timeout = Timeout(result) }, token)));
        command.Arguments.Add(node);
        if (withNot) command.Options.Add(not);
        return command;
    }

    private static Command Quarantine()
    {
        Command command = Does("quarantine", "Who is kept out because it keeps losing its place, and for how long", async (result, token) =>
            Print(result, await Target(result).AskAsync(new ControlRequest { Verb = ControlVerb.Nodes, Timeout = Timeout(result) }, token), Report.Quarantine));
        command.Subcommands.Add(About("clear", "A node is well again: its removals are forgotten, and it is let in", static (node, _) => new ControlRequest { Verb = ControlVerb.ClearQuarantine, Node = node }));
        return command;
    }

    private static Command FormByForce()
    {
        var reason = new Option<string>("--reason") { Description = "Who orders it and why; it goes to the log", Required = true };
        var yes = new Option<bool>("--yes") { Description = "Yes, the others are lost, and what they may have decided is void" };
        Command command = Does("form-by-force", "The operator's override: a node that finds no quorum forms a cluster all the same", async (result, token) => result.GetValue(yes)
            ? Print(result, await Target(result).AskAsync(new ControlRequest { Verb = ControlVerb.FormByForce, Text = result.GetValue(reason), Timeout = Timeout(result) }, token))
            : throw new CommandException(ExitCode.Usage, "If the other nodes are not really lost, there will be two clusters: look at each of them, keep them from starting, and say --yes."));
        command.Options.Add(reason);
        command.Options.Add(yes);
        return command;
    }

    private static Command Diagnose()
    {
        var words = new Argument<string[]>("words") { Description = "A line of the diagnostic language; help lists it", Arity = ArgumentArity.ZeroOrMore };
        Command command = Does("diag", "Asks the node in its diagnostic language", async (result, token) => Print(result, await Target(result).AskAsync(
            new ControlRequest { Verb = ControlVerb.Diagnose, Text = string.Join(' ', result.GetValue(words) ?? []) is { Length: > 0 } line ? line : "help", Timeout = Timeout(result) }, token)));
        command.Arguments.Add(words);
        return command;
    }

    private static Command Validate()
    {
        var set = new Option<string[]>("--set") { Description = "A setting instead of the file's, e.g. RegroupMembership:Self=2; may be repeated", DefaultValueFactory = static _ => [] };
        Command command = Does("validate", "Checks a deployment's settings against the real disk, network and witness; run it on each node before its first start", async (result, token) =>
        {
            Deployment deployment = Deployment.Read(result.GetValue(Settings), result.GetValue(Section)!, result.GetValue(set)!);
            if (result.GetValue(Settings) is null && !deployment.Configuration.GetSection(result.GetValue(Section)!).Exists())
                throw new CommandException(ExitCode.Usage, $"Name the settings: --settings appsettings.json, or give them as variables of the environment ({result.GetValue(Section)}__ClusterId=...) or with --set.");
            var checks = new CheckList(result.GetValue(Json));
            await new DeploymentCheck(deployment, checks.Tell).RunAsync(token);
            return checks.End(static list => list.AllGood ? "The deployment can start." : "The deployment must not start like this.");
        });
        command.Options.Add(set);
        return command;
    }

    private static Command Completion()
    {
        var shell = new Argument<string>("shell") { Description = "bash, zsh or pwsh" };
        shell.AcceptOnlyFromAmong("bash", "zsh", "pwsh");
        var command = new Command("completion", "Prints the script that completes regroupctl's words in a shell; e.g. eval \"$(regroupctl completion bash)\"");
        command.Arguments.Add(shell);
        command.SetAction(result => Console.Out.WriteLine(result.GetValue(shell) switch
        {
            "bash" => "_regroupctl() { local IFS=$'\\n'; COMPREPLY=($(regroupctl \"[suggest:${COMP_POINT}]\" \"${COMP_LINE}\" 2>/dev/null)); }\ncomplete -o default -F _regroupctl regroupctl",
            "zsh" => "_regroupctl() { local -a words; words=(\"${(@f)$(regroupctl \"[suggest:${CURSOR}]\" \"${BUFFER}\" 2>/dev/null)}\"); compadd -a words }\ncompdef _regroupctl regroupctl",
            _ => "Register-ArgumentCompleter -Native -CommandName regroupctl -ScriptBlock { param($word, $ast, $at) regroupctl \"[suggest:$at]\" \"$ast\" 2>$null | ForEach-Object { [System.Management.Automation.CompletionResult]::new($_, $_, 'ParameterValue', $_) } }",
        }));
        return command;
    }
}
