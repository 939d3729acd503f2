// Every file in scenarios/ is played twice: with all rules (all expectations hold, no checker objects) and once
// for each rule that it names as missing (the stated violation or failure must come).
using Membership.Engine.Protocol;
using Membership.Simulator.Scenarios;
using Xunit;

namespace Membership.Simulator.Tests;

public sealed class ScenarioTests
{
    public static TheoryData<string> Stories()
    {
        var stories = new TheoryData<string>();
        foreach (Scenario scenario in All()) stories.Add(scenario.Name);
        return stories;
    }

    public static TheoryData<string, string> MissingRules()
    {
        var stories = new TheoryData<string, string>();
        foreach (Scenario scenario in All())
            foreach (MissingRule rule in scenario.MissingRules) stories.Add(scenario.Name, rule.Defect.ToString());
        return stories;
    }

    [Trait("Category", "Seeds")]
    [Theory]
    [MemberData(nameof(Stories))]
    public void The_story_ends_as_it_should(string name)
    {
        Scenario scenario = Load(name);
        for (int i = 0; i < scenario.PlainSweep; i++)
        {
            ScenarioResult result = new ScenarioRunner(scenario, PlantedDefects.None, trace: null, (ulong)i).Run();
            Assert.True(result.Failures.Count == 0, $"seed +{i}: {string.Join('\n', result.Failures)}");
        }
    }

    [Theory]
    [MemberData(nameof(MissingRules))]
    public void Without_its_rule_the_story_ends_badly(string name, string rule)
    {
        Scenario scenario = Load(name);
        MissingRule missing = scenario.MissingRules.Single(each => each.Defect.ToString() == rule);
        var seen = new List<string>();
        for (int i = 0; i < scenario.Sweep; i++)
        {
            ScenarioResult result = new ScenarioRunner(scenario, missing.Defect, trace: null, (ulong)i).Run();
            if (missing.Checker is { } checker ? result.Violation?.Checker == checker : result.Failures.Count > 0) return;
            seen.Add(result.Failures.Count == 0 ? "ended well" : result.Failures[^1]);
        }
        Assert.Fail($"{name} without {rule}: expected {missing.Checker ?? "a failure"}, but: {string.Join('\n', seen.Distinct().Take(5))}");
    }

    private static IEnumerable<Scenario> All()
        => Directory.GetFiles(Path.Combine(AppContext.BaseDirectory, "scenarios"), "*.txt").Order(StringComparer.Ordinal).Select(Read);

    private static Scenario Load(string name) => Read(Path.Combine(AppContext.BaseDirectory, "scenarios", name + ".txt"));

    private static Scenario Read(string file) => Scenario.Parse(Path.GetFileNameWithoutExtension(file), File.ReadAllLines(file));
}
