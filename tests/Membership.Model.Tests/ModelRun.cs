// One check of the protocol's model: spin makes the verifier's source, gcc compiles it, the verifier searches every state.
// Each step is a process with a deadline; what they say is the only source of the result.
using System.Diagnostics;
using System.Globalization;
using System.Text.RegularExpressions;

namespace Membership.Model.Tests;

internal sealed partial record ModelRun(int Errors, long States, bool IsComplete, string Story)
{
    private static readonly TimeSpan Deadline = TimeSpan.FromMinutes(8);

    /// <summary>Checks the model with the given definitions, such as <c>N=3</c>.</summary>
    public static async Task<ModelRun> CheckAsync(string definitions, CancellationToken cancellation)
    {
        DirectoryInfo directory = Directory.CreateTempSubdirectory("regroup-model-");
        try
        {
            File.Copy(Path.Combine(AppContext.BaseDirectory, "regroup.pml"), Path.Combine(directory.FullName, "regroup.pml"));
            string[] defined = [.. definitions.Split(' ', StringSplitOptions.RemoveEmptyEntries).Select(static definition => "-D" + definition)];
            await RunAsync(directory, "spin", [.. defined, "-a", "regroup.pml"], cancellation);
            await RunAsync(directory, "gcc", ["-O2", "-w", "-DSAFETY", "-DCOLLAPSE", "-DMEMLIM=3000", "-o", "pan", "pan.c"], cancellation);
            string output = await RunAsync(directory, Path.Combine(directory.FullName, "pan"), ["-m200000", "-w22"], cancellation);
            int errors = int.Parse(ErrorsLine().Match(output).Groups[1].Value, CultureInfo.InvariantCulture);
            long states = (long)double.Parse(StatesLine().Match(output).Groups[1].Value, CultureInfo.InvariantCulture);
            bool complete = output.Contains("Full statespace search", StringComparison.Ordinal)
                && !output.Contains("Search not completed", StringComparison.Ordinal)
                && !output.Contains("search depth too small", StringComparison.Ordinal);
            string story = errors == 0 ? "" : await RunAsync(directory, Path.Combine(directory.FullName, "pan"), ["-r", "-n"], cancellation);
            return new ModelRun(errors, states, complete, story);
        }
        finally
        {
            directory.Delete(recursive: true);
        }
    }

    private static async Task<string> RunAsync(DirectoryInfo directory, string program, string[] arguments, CancellationToken cancellation)
    {
        var start = new ProcessStartInfo(program, arguments) { WorkingDirectory = directory.FullName, RedirectStandardOutput = true, RedirectStandardError = true };
        using Process process = Process.Start(start)!;
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        limit.CancelAfter(Deadline);
        try
        {
            Task<string> errors = process.StandardError.ReadToEndAsync(limit.Token);
            string output = await process.StandardOutput.ReadToEndAsync(limit.Token);
            await process.WaitForExitAsync(limit.Token);
            string text = output + await errors;
            bool said = ErrorsLine().IsMatch(output) || arguments[0] == "-r";
            return process.ExitCode == 0 || said ? text : throw new InvalidOperationException($"{program} {string.Join(' ', arguments)} ended with {process.ExitCode}: {text}");
        }
        finally
        {
            if (!process.HasExited) process.Kill();
        }
    }

    [GeneratedRegex(@"errors: (\d+)")]
    private static partial Regex ErrorsLine();

    [GeneratedRegex(@"([0-9.e+]+) states, stored")]
    private static partial Regex StatesLine();
}
