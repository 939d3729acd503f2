// docs/model.md maps the model to the code by name: every name must still be there, on both sides.
using System.Reflection;
using System.Text.RegularExpressions;
using Membership.Engine;
using Xunit;

namespace Membership.Model.Tests;

public sealed partial class MappingTests
{
    private const BindingFlags Any = BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.Instance | BindingFlags.Static | BindingFlags.DeclaredOnly;

    [Fact]
    public void Every_name_that_the_page_maps_is_in_the_model_and_in_the_code()
    {
        string model = File.ReadAllText(Path.Combine(AppContext.BaseDirectory, "regroup.pml"));
        Assembly engine = typeof(NodeId).Assembly;
        Type core = engine.GetType("Membership.Engine.Protocol.MembershipCore", throwOnError: true)!;
        var missing = new List<string>();
        int rows = 0;
        foreach (string line in File.ReadLines(Path.Combine(AppContext.BaseDirectory, "model.md")).SkipWhile(static line => line != "## Model and code").TakeWhile(static line => line != "## What has to be there"))
        {
            string[] cells = line.Split('|', StringSplitOptions.TrimEntries);
            if (cells.Length < 4 || !cells[1].Contains('`', StringComparison.Ordinal)) continue;
            rows++;
            foreach (Match name in Quoted().Matches(cells[1]))
                if (!model.Contains(name.Groups[1].Value, StringComparison.Ordinal)) missing.Add($"model: {name.Groups[1].Value}");
            foreach (Match name in Quoted().Matches(cells[2]))
            {
                string[] parts = name.Groups[1].Value.Split('.');
                Type? type = parts.Length == 1 ? core : engine.GetType("Membership.Engine.Protocol." + parts[0]);
                if (parts is ["StoredState"]) continue;
                if (type?.GetMember(parts[^1], Any) is null or []) missing.Add($"code: {name.Groups[1].Value}");
            }
        }
        Assert.True(rows > 10, $"only {rows} rows were read");
        Assert.Empty(missing);
    }

    [GeneratedRegex("`([^`]+)`")]
    private static partial Regex Quoted();
}
