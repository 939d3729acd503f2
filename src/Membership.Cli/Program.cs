// regroupctl: the command line of a cluster. What each command means and what it ends with: docs/regroupctl.md.
using System.CommandLine;
using Membership.Cli;

ParseResult parsed = CommandTree.Build().Parse(args);
int code = await parsed.InvokeAsync();
return parsed.Errors.Count > 0 ? ExitCode.Usage : code;
