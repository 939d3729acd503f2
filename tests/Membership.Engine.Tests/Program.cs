// The entry point: the test runner, or, started as "--child <type> ...", a real process that a test plays with and kills.
using System.Reflection;
using Membership.Engine.Tests;

if (args is ["--child", var typeName, ..])
{
    Type type = typeof(ChildProcess).Assembly.GetType(typeName, throwOnError: true)!;
    MethodInfo main = type.GetMethod("ChildMain", BindingFlags.Static | BindingFlags.Public | BindingFlags.NonPublic)
        ?? throw new InvalidOperationException($"{typeName} has no static ChildMain(string[]).");
    main.Invoke(null, [args[2..]]);
    return 0;
}
return args.Any(static arg => arg is "--server" or "--internal-msbuild-node")
    ? await Xunit.MicrosoftTestingPlatform.TestPlatformTestFramework.RunAsync(args, SelfRegisteredExtensions.AddSelfRegisteredExtensions)
    : await Xunit.Runner.InProc.SystemConsole.ConsoleRunner.Run(args);
