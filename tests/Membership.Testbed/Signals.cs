// The signals the testbed sends, to one process by its id.
using System.ComponentModel;
using System.Runtime.InteropServices;

namespace Membership.Testbed;

/// <summary>A signal, by its number on Linux.</summary>
public enum Signal
{
    /// <summary>The process is gone, without a word.</summary>
    Kill = 9,

    /// <summary>Asks the process to end.</summary>
    Terminate = 15,

    /// <summary>Goes on after a stop.</summary>
    Continue = 18,

    /// <summary>Freezes all threads of the process.</summary>
    Stop = 19,
}

internal static partial class Signals
{
    private const int NoSuchProcess = 3;

    /// <returns>False when there is no such process any more.</returns>
    public static bool TrySend(int process, Signal signal)
    {
        if (SendSignal(process, (int)signal) == 0) return true;
        int error = Marshal.GetLastPInvokeError();
        return error == NoSuchProcess ? false : throw new Win32Exception(error, $"signal {signal} to process {process}");
    }

    [LibraryImport("libc", EntryPoint = "kill", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int SendSignal(int process, int signal);
}
