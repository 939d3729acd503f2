// The real program as a process: what it printed and what it ended with.
using System.Diagnostics;
using Membership.Provider.Tests;

namespace Membership.Cli.Tests;

internal static class Regroupctl
{
    /// <summary>The program where its own project puts it, with all that it ships with and nothing else.</summary>
    internal static readonly string Program = Path.Combine(AppContext.BaseDirectory.Replace("Membership.Cli.Tests", "Membership.Cli", StringComparison.Ordinal), "regroupctl");

    /// <summary>A contest on a real witness waits for its periods.</summary>
    private static readonly TimeSpan WitnessLimit = TimeSpan.FromMinutes(2);

    /// <summary>regroupctl witness check, with these settings and further arguments.</summary>
    public static async Task<(int Code, string Output, string Error)> CheckWitnessAsync(IEnumerable<string> settings, params string[] more)
    {
        using var limit = new CancellationTokenSource(WitnessLimit);
        return await EndAsync(["witness", "check", .. more, .. settings.SelectMany(static setting => new[] { "--set", setting })], "", limit.Token);
    }

    public static Task<(int Code, string Output, string Error)> RunAsync(string[] arguments, string input = "", (string Name, string Value)[]? environment = null) => EndAsync(arguments, input, TestHosts.Deadline, environment);

    private static async Task<(int Code, string Output, string Error)> EndAsync(string[] arguments, string input, CancellationToken deadline, (string Name, string Value)[]? environment = null)
    {
        var start = new ProcessStartInfo(Program, arguments) { RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true };
        foreach ((string name, string value) in environment ?? []) start.Environment["RegroupMembership__" + name] = value;
        using Process process = Process.Start(start) ?? throw new InvalidOperationException("regroupctl could not be started");
        await process.StandardInput.WriteLineAsync(input);
        process.StandardInput.Close();
        Task<string> output = process.StandardOutput.ReadToEndAsync(deadline), error = process.StandardError.ReadToEndAsync(deadline);
        try
        {
            await process.WaitForExitAsync(deadline);
            return (process.ExitCode, await output, await error);
        }
        finally
        {
            if (!process.HasExited) process.Kill();
        }
    }
}
