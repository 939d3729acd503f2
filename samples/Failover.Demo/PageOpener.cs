// Opens the live page where there is somebody to see it: the program named by BROWSER, or the desktop's own way.
using System.ComponentModel;
using System.Diagnostics;

namespace Failover.Demo;

internal static class PageOpener
{
    /// <summary>Starts a browser and does not wait for it.</summary>
    /// <returns>What was done, for people.</returns>
    public static string Open(string url)
    {
        if (Environment.GetEnvironmentVariable("BROWSER") is { Length: > 0 } named) return Start(new ProcessStartInfo(named, [url]), named);
        if (OperatingSystem.IsWindows()) return Start(new ProcessStartInfo(url) { UseShellExecute = true }, "the default browser");
        if (OperatingSystem.IsMacOS()) return Start(new ProcessStartInfo("open", [url]), "the default browser");
        bool display = Environment.GetEnvironmentVariable("DISPLAY") is { Length: > 0 } || Environment.GetEnvironmentVariable("WAYLAND_DISPLAY") is { Length: > 0 };
        return display ? Start(new ProcessStartInfo("xdg-open", [url]), "the default browser") : "no display here: open one of the addresses above yourself";
    }

    private static string Start(ProcessStartInfo program, string name)
    {
        try
        {
            Process.Start(program)?.Dispose();
            return $"opened in {name}";
        }
        catch (Exception failure) when (failure is Win32Exception or FileNotFoundException)
        {
            return $"{name} could not be started ({failure.Message}): open one of the addresses above yourself";
        }
    }
}
