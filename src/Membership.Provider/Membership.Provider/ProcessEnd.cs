// The end of the process without any more of its code running: no exit handlers, no graceful host, no other thread.
using System.Diagnostics;
using System.Runtime.InteropServices;

namespace Membership.Provider;

/// <param name="Now">Ends the process with an exit code. Tests of what comes before it put something else here.</param>
internal sealed partial record ProcessEnd(Action<MembershipHalt> Now)
{
    private static readonly TimeSpan LastWords = TimeSpan.FromMilliseconds(200);

    public static readonly ProcessEnd Immediate = new(static halt =>
    {
        // Whoever reads it may have stopped: then it ends without a word.
        var words = new Thread(() => Console.Error.WriteLine($"Membership halted, code {halt.Code} ({(int)halt.Code}): {halt.Detail} The process ends now, exit code {halt.ExitCode}."))
        {
            IsBackground = true,
        };
        words.Start();
        words.Join(LastWords);
        if (OperatingSystem.IsWindows()) NativeMethods.TerminateProcess(Process.GetCurrentProcess().Handle, (uint)halt.ExitCode);
        else NativeMethods.ExitWithoutHandlers(halt.ExitCode);
    });

    private static partial class NativeMethods
    {
        [LibraryImport("libc", EntryPoint = "_exit")]
        [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
        internal static partial void ExitWithoutHandlers(int code);

        [LibraryImport("kernel32", SetLastError = true)]
        [DefaultDllImportSearchPaths(DllImportSearchPath.System32)]
        [return: MarshalAs(UnmanagedType.Bool)]
        internal static partial bool TerminateProcess(nint process, uint code);
    }
}
