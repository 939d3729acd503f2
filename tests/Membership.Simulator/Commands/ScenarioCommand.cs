// Plays one scenario file by hand, with or without its rule, and tells its story.
using Membership.Engine.Protocol;
using Membership.Simulator.Scenarios;

namespace Membership.Simulator.Commands;

internal static class ScenarioCommand
{
    public static int Run(string file, PlantedDefects defects, bool trace, TextWriter output)
    {
        Scenario scenario = Scenario.Parse(Path.GetFileNameWithoutExtension(file), File.ReadAllLines(file));
        ScenarioResult result = new ScenarioRunner(scenario, defects, trace ? output : null).Run();
        foreach (string failure in result.Failures) output.WriteLine(failure);
        if (result.Violation is { } violation) output.WriteLine($"violation checker={violation.Checker} {violation.Text}");
        output.WriteLine(result.Failures.Count == 0 ? "scenario: ok" : "scenario: FAILED");
        return result.Failures.Count == 0 ? 0 : 1;
    }
}
