// The entry point: the test runner, or one contender process of the conformance suite.
using Membership.Arbiters.FileShare.Tests;
using Membership.Arbiters.Conformance;

if (args is [ContenderProgram.Verb, ..]) return await ContenderProgram.RunAsync(args, Shares.Make);
if (args is [MountProgram.Verb, var one, var two]) return await MountProgram.RunAsync(one, two);
return args.Any(static arg => arg is "--server" or "--internal-msbuild-node")
    ? await Xunit.MicrosoftTestingPlatform.TestPlatformTestFramework.RunAsync(args, SelfRegisteredExtensions.AddSelfRegisteredExtensions)
    : await Xunit.Runner.InProc.SystemConsole.ConsoleRunner.Run(args);
