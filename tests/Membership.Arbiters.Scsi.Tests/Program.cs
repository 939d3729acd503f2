// The entry point: the test runner, or one contender process of the conformance suite.
using Membership.Arbiters.Conformance;
using Membership.Arbiters.Scsi.Tests;
using Membership.Arbiters.Scsi.Tests.Full;

if (args is [ContenderProgram.Verb, ..]) return await ContenderProgram.RunAsync(args, IscsiBackend.Make);
if (args is [DiskProgram.Verb, var first, var second, var plain]) return await DiskProgram.RunAsync(first, second, plain);
return args.Any(static arg => arg is "--server" or "--internal-msbuild-node")
    ? await Xunit.MicrosoftTestingPlatform.TestPlatformTestFramework.RunAsync(args, SelfRegisteredExtensions.AddSelfRegisteredExtensions)
    : await Xunit.Runner.InProc.SystemConsole.ConsoleRunner.Run(args);
