// The entry point: the test runner, or one contender process of the suite.
using Membership.Arbiters.Conformance;
using Membership.Arbiters.Conformance.Tests;

if (args is [ContenderProgram.Verb, ..]) return await ContenderProgram.RunAsync(args, WitnessFiles.Make);
return args.Any(static arg => arg is "--server" or "--internal-msbuild-node")
    ? await Xunit.MicrosoftTestingPlatform.TestPlatformTestFramework.RunAsync(args, SelfRegisteredExtensions.AddSelfRegisteredExtensions)
    : await Xunit.Runner.InProc.SystemConsole.ConsoleRunner.Run(args);
