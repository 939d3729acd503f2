// The table of change notifications (design 7), row by row: a story of a simulated cluster marks where the row happens ("# row ..."), what
// it expects everybody to be told next is the row's, and the story ends well. The three-process twin is RoleProcessTests.
using Membership.Engine.Protocol;
using Membership.Simulator.Scenarios;
using Xunit;

namespace Membership.Simulator.Tests;

public sealed class NotificationTableTests
{
    [Trait("Category", "Seeds")]
    [Theory]
    [InlineData("(out, out) -> (master, out)", "MasterElected(A)")]
    [InlineData("(master, out) -> (master, vice)", "ViceMasterElected(B)")]
    [InlineData("(master, out) -> (master, in)", "MemberJoined(B)")]
    [InlineData("(master, in) -> (master, vice)", "ViceMasterElected(B)")]
    [InlineData("(master, vice) -> (master, out)", "MemberLeft(B)")]
    [InlineData("(master, vice) -> (master, in), B disqualified", "ViceMasterDemoted(B)")]
    [InlineData("(master, in) -> (master, out)", "MemberLeft(B)")]
    [InlineData("switchover (master, vice) -> (vice, master)", "MasterElected(B) ViceMasterElected(A)")]
    [InlineData("failover (master, vice) -> (out, master)", "MasterElected(B) MemberLeft(A)")]
    [InlineData("A disqualified (master, vice) -> (in, master)", "MasterElected(B) MasterDemoted(A)")]
    [InlineData("A disqualified, nobody to take over (master, in) -> (in, in)", "MasterDemoted(A)")]
    [InlineData("no master frame for 10 s", "StaleCluster(0) ValidState(0)")]
    [InlineData("two masters seen", "InvalidCluster(0)")]
    public void Each_row_of_the_table_is_what_a_simulated_cluster_is_told(string row, string told)
    {
        (string file, string nodes, string after) = Find(row);
        foreach (string pair in nodes.Split(' ', StringSplitOptions.RemoveEmptyEntries)) told = told.Replace($"({pair[0]})", $"({pair[2..]})", StringComparison.Ordinal);

        string expectation = after.Split('\n').First(static line => line.StartsWith("expect told ", StringComparison.Ordinal));
        string[] about = [.. expectation.Split(' ')[3..].TakeWhile(static word => word != "within").Where(change => IsAbout(change, nodes))];
        Assert.Equal(told, string.Join(' ', about));

        Scenario scenario = Scenario.Parse(Path.GetFileNameWithoutExtension(file), File.ReadAllLines(file));
        ScenarioResult result = new ScenarioRunner(scenario, PlantedDefects.None, trace: null).Run();
        Assert.True(result.Failures.Count == 0, string.Join('\n', result.Failures));
    }

    // What a third node does beside the row, forming the quorum, is not the row's.
    private static bool IsAbout(string change, string nodes)
        => change.EndsWith("(0)", StringComparison.Ordinal) || nodes.Split(' ').Any(pair => change.EndsWith($"({pair[2..]})", StringComparison.Ordinal));

    private static (string File, string Nodes, string After) Find(string row)
    {
        foreach (string file in Directory.GetFiles(Path.Combine(AppContext.BaseDirectory, "scenarios"), "*.txt"))
        {
            string text = File.ReadAllText(file);
            foreach (string part in text.Split("# row")[1..])
            {
                string[] line = part.Split('\n', 2);
                string[] mark = line[0].Split(": ");
                if (mark[1] == row) return (file, mark[0].Trim(), line[1]);
            }
        }
        throw new InvalidOperationException($"No story has a line '# row ...: {row}'.");
    }
}
