// regroupctl: the command line of a cluster. What each command means and what it ends with: docs/regroupctl.md.
using System.CommandLine;
using Membership.Cli;

ParseResult parsed = CommandTree.Build().Parse(args);
if (parsed.Errors.Count > 0 && args.Contains("--json"))
{
    string wrong = string.Join(' ', parsed.Errors.Select(static error => error.Message));
    Console.WriteLine(Report.JsonError(wrong, ExitCode.Usage));
    Console.Error.WriteLine($"regroupctl: {wrong}");
    return ExitCode.Usage;
}
int code = await parsed.InvokeAsync();
return parsed.Errors.Count > 0 ? ExitCode.Usage : code;
