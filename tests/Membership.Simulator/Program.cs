// The simulator's command line; see CommandLine for the options. Exit code 0 = no violation, 1 = a violation, 2 = bad arguments.
using Membership.Simulator.Commands;

return CommandLine.TryParse(args, out CommandLine? command, out string? error) ? command.Run() : CommandLine.Refuse(error);
