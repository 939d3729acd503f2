// What the protocol core may not touch: clocks, tasks, threads, locks, chance, files, sockets, the console and the
// process around it. A ban is a namespace, a type, or single members of a type.
namespace Membership.Architecture.Tests;

internal static class BannedUse
{
    // A namespace is banned with everything below it.
    private static readonly string[] Namespaces =
        ["System.Threading", "System.IO", "System.Net", "System.Timers", "System.Security.Cryptography", "Microsoft.Extensions", "Microsoft.Win32"];

    private static readonly HashSet<string> Types =
    [
        "System.Random", "System.Console", "System.TimeProvider", "System.GC", "System.AppDomain", "System.AppContext",
        "System.Diagnostics.Stopwatch", "System.Diagnostics.Process", "System.Diagnostics.Trace", "System.Diagnostics.Activity",
        "System.Runtime.InteropServices.Marshal", "System.Runtime.InteropServices.NativeLibrary",
    ];

    // Environment.CurrentManagedThreadId is not here: the compiler puts it into every iterator.
    private static readonly HashSet<(string Type, string Member)> Members =
    [
        ("System.DateTime", "get_Now"), ("System.DateTime", "get_UtcNow"), ("System.DateTime", "get_Today"),
        ("System.DateTimeOffset", "get_Now"), ("System.DateTimeOffset", "get_UtcNow"),
        ("System.Environment", "get_TickCount"), ("System.Environment", "get_TickCount64"), ("System.Environment", "Exit"),
        ("System.Environment", "FailFast"), ("System.Environment", "GetEnvironmentVariable"), ("System.Environment", "get_MachineName"),
        ("System.Environment", "get_ProcessId"), ("System.Environment", "get_ProcessorCount"),
        ("System.Guid", "NewGuid"), ("System.Guid", "CreateVersion7"),
    ];

    public static bool Is(Use use)
        => Types.Contains(use.Type)
           || (use.Member is { } member && Members.Contains((use.Type, member)))
           || Namespaces.Any(space => IsIn(use.Namespace, space));

    /// <summary>Whether a namespace is another one or lies below it.</summary>
    public static bool IsIn(string space, string outer)
        => space == outer || (space.StartsWith(outer, StringComparison.Ordinal) && space[outer.Length] == '.');
}
