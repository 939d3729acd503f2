// docs/api-map.md is the contract's table: every name of the header has a row, every row names files that exist and tests that
// ./test --only Seeds runs.
using System.Reflection;
using System.Text.RegularExpressions;
using Membership.Tests;
using Xunit;

namespace Membership.Engine.Tests.Seeds;

[Trait("Category", "Seeds")]
public sealed partial class ApiMapTests
{
    /// <summary>Every name that the header defines or gives a meaning to.</summary>
    private static readonly string[] HeaderNames =
    [
        "MM_OK", "MM_TIMEOUT", "MM_TRANSIENT", "MM_FAULT", "MM_ALREADY", "MM_NOTMEMBER", "NODESTATUS", "NODE_UP", "NODE_DOWN", "CLUSTERINFO", "LPCLUSTERINFO",
        "NumActiveNodes", "UpNodeList", "clockPeriod", "sendHBRate", "rcvHBRate", "BITSET", "MMNodeChange", "MMNodesDown", "MMQuorumSelect", "MMHoldAllIO", "MMResumeAllIO",
        "MMMsgCleanup1", "MMMsgCleanup2", "MMHalt", "MMJoinFailed", "MMInit", "mynode", "MaxNodes", "MMJoin", "joiningNode", "joinTimeout", "MmSetRegroupAllowed", "MMShutdown",
        "MMLeave", "MMEject", "MMNodeUnreachable", "MMForceRegroup", "MMClusterInfo", "MMIsNodeUp", "MMDiag", "MMMapStatusToDosError", "MMMapHaltCodeToDosError",
        "MM_STOP_REQUESTED", "MM_INVALID_NODE", "MMSetQuorumOwner", "pdwSelQuoOwnerId", "ERROR_SUCCESS", "ERROR_RETRY", "MMGetArbitrationWinner", "MMApproxArbitrationWinner",
        "MMBlockIfRegroupIsInProgress", "MmQuorumArbitrationTimeout", "MmQuorumArbitrationEqualizer",
    ];

    /// <summary>Every name that the change-notification guide defines or gives a meaning to.</summary>
    private static readonly string[] GuideNames =
    [
        "cmm_notify_t", "cmm_cmc_register", "cmm_cmc_notification_t", "cmm_cmchanges_t", "cmm_nodeid_t", "cmchange", "nodeid", "change_notification", "client_data", "nhcmmd",
        "CMM_INVALID_CLUSTER", "CMM_MASTER_DEMOTED", "CMM_MASTER_ELECTED", "CMM_MEMBER_JOINED", "CMM_MEMBER_LEFT", "CMM_STALE_CLUSTER", "CMM_VICEMASTER_DEMOTED",
        "CMM_VICEMASTER_ELECTED", "CMM_VALID_STATE", "CMM_OUT_OF_CLUSTER", "CMM_MASTER", "CMM_VICE_MASTER", "CMM_VICEMASTER", "CMM_OK", "CMM_EAGAIN",
    ];

    private sealed record Row(int Line, string Origin, string Ours, string Where, string Tests)
    {
        public IEnumerable<string> TestNames => Tests.Split("<br>", StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries).Select(static name => name.Trim('`'));

        public IEnumerable<string> Files => Where.Split("<br>", StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries).Select(static file => file.Trim('`'));
    }

    [Fact]
    public void Every_name_of_the_header_has_a_row() => AssertNamed("Membership manager", HeaderNames);

    [Fact]
    public void Every_name_of_the_change_notification_guide_has_a_row() => AssertNamed("Change notifications", GuideNames);

    [Fact]
    public void Every_row_names_files_and_tests_that_exist()
    {
        List<Row> manager = Rows("Membership manager"), notifications = Rows("Change notifications");
        Assert.NotEmpty(manager);
        Assert.NotEmpty(notifications);
        var faults = new List<string>();
        int covered = 0;
        foreach (Row row in manager.Concat(notifications))
        {
            int before = faults.Count;
            if (row.Ours.Length == 0) faults.Add($"line {row.Line}: our name is missing");
            if (!row.Files.Any()) faults.Add($"line {row.Line}: it names no file");
            faults.AddRange(row.Files.Where(static file => !File.Exists(Path.Combine(Root, file))).Select(file => $"line {row.Line}: there is no file {file}"));
            if (!row.TestNames.Any()) faults.Add($"line {row.Line}: it names no test");
            faults.AddRange(row.TestNames.Where(static test => !RunsAsSeed(test)).Select(test => $"line {row.Line}: there is no test {test} in category Seeds"));
            if (faults.Count == before) covered++;
        }
        Console.WriteLine($"docs/api-map.md: {covered} of {manager.Count + notifications.Count} rows covered ({manager.Count} membership manager, {notifications.Count} change notifications)");
        Assert.True(faults.Count == 0, string.Join(Environment.NewLine, faults));
    }

    private static void AssertNamed(string heading, string[] names)
    {
        HashSet<string> named = [.. Rows(heading).SelectMany(static row => Code().Matches(row.Origin).Select(static match => match.Groups[1].Value))];
        string[] missing = [.. names.Where(name => !named.Contains(name))];
        Assert.True(missing.Length == 0, $"docs/api-map.md has no row for: {string.Join(", ", missing)}");
    }

    private static string Root { get; } = RepositoryRoot.Path;

    /// <summary>The table rows below a heading.</summary>
    private static List<Row> Rows(string heading)
    {
        string[] lines = File.ReadAllLines(Path.Combine(Root, "docs", "api-map.md"));
        int start = Array.FindIndex(lines, line => line == "## " + heading);
        Assert.True(start >= 0, $"docs/api-map.md has no heading '## {heading}'.");
        var rows = new List<Row>();
        for (int i = start + 1; i < lines.Length && !lines[i].StartsWith("## ", StringComparison.Ordinal); i++)
        {
            if (!lines[i].StartsWith('|')) continue;
            string[] cells = [.. lines[i].Trim('|').Split('|').Select(static cell => cell.Trim())];
            if (cells[0] is "origin" || cells[0].StartsWith("---", StringComparison.Ordinal)) continue;
            Assert.True(cells.Length == 4, $"line {i + 1} of docs/api-map.md has {cells.Length} cells, not 4");
            rows.Add(new Row(i + 1, cells[0], cells[1], cells[2], cells[3]));
        }
        return rows;
    }

    /// <summary>The test exists, and it or its class is in the category.</summary>
    private static bool RunsAsSeed(string name)
    {
        int dot = name.LastIndexOf('.');
        if (dot < 0) return false;
        string type = name[..dot], method = name[(dot + 1)..];
        if (typeof(ApiMapTests).Assembly.GetType(type) is { } here)
            return here.GetMethod(method, BindingFlags.Instance | BindingFlags.Public) is { } test && test.IsDefined(typeof(FactAttribute), inherit: true)
                && here.GetCustomAttributes<TraitAttribute>().Concat(test.GetCustomAttributes<TraitAttribute>()).Any(static trait => trait is { Name: "Category", Value: "Seeds" });
        // A test of another project: by its source, with the trait on the test itself.
        string source = type[(type.LastIndexOf('.') + 1)..] + ".cs";
        return !type.StartsWith("Membership.Engine.Tests.", StringComparison.Ordinal)
            && Directory.EnumerateFiles(Path.Combine(Root, "tests"), source, SearchOption.AllDirectories).Any(file => Regex.IsMatch(File.ReadAllText(file), $@"\[Trait\(""Category"", ""Seeds""\)\]\s*\[(Fact|Theory)[^{{]* {method}\("));
    }

    [GeneratedRegex("`([A-Za-z0-9_]+)`")]
    private static partial Regex Code();
}
