// The other process of a test: does one thing named by its first argument, answers on standard output, obeys standard
// input, and ends when standard input does. Tests stop, resume and kill it like any other process.
using Membership.Engine.TestProcess;

switch (args.FirstOrDefault())
{
    case "hold-store":
        return StoreHolder.Run(args[1], args[2], int.Parse(args[3], System.Globalization.CultureInfo.InvariantCulture));
    case "witness":
        return await WitnessContender.RunAsync(args[1..]);
    default:
        await Console.Error.WriteLineAsync($"Unknown mode '{args.FirstOrDefault()}': use hold-store or witness.");
        return 2;
}
