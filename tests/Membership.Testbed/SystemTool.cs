// Runs one of the system's own tools (ip, nft) to its end, with what it said in the error.
using System.ComponentModel;
using System.Diagnostics;

namespace Membership.Testbed;

internal static class SystemTool
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(30);

    /// <param name="program">Its name, looked for on the path.</param>
    /// <param name="arguments">Its arguments.</param>
    /// <param name="input">Its standard input.</param>
    /// <param name="variable">One more variable of its environment.</param>
    /// <returns>What it printed.</returns>
    /// <exception cref="TestbedException">It is missing, ended with an error, or did not end.</exception>
    public static string Run(string program, IEnumerable<string> arguments, string input = "", (string Name, string Value)? variable = null)
    {
        var start = new ProcessStartInfo(program, arguments) { RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true };
        if (variable is var (name, value)) start.Environment[name] = value;
        using Process process = Start(start);
        using var limit = new CancellationTokenSource(Limit);
        Task<string> output = process.StandardOutput.ReadToEndAsync(limit.Token);
        Task<string> errors = process.StandardError.ReadToEndAsync(limit.Token);
        process.StandardInput.Write(input);
        process.StandardInput.Close();
        string command = $"{program} {string.Join(' ', start.ArgumentList)}";
        if (!process.WaitForExit(Limit))
        {
            process.Kill();
            throw new TestbedException($"'{command}' did not end within {Limit.TotalSeconds:0} s.");
        }
        string said = errors.GetAwaiter().GetResult();
        return process.ExitCode == 0 ? output.GetAwaiter().GetResult() : throw new TestbedException($"'{command}' ended with {process.ExitCode}: {said.Trim()} {input}");
    }

    private static Process Start(ProcessStartInfo start)
    {
        try
        {
            return Process.Start(start)!;
        }
        catch (Win32Exception missing)
        {
            throw new TestbedException($"'{start.FileName}' cannot be run ({missing.Message}): ./test installs it; by hand: apt-get install iproute2 nftables util-linux strace gcc.");
        }
    }
}
