// Every log event has a number of its own for ever, and a row in docs/operations.md that says what it means and what to do.
using System.Globalization;
using System.Text.RegularExpressions;
using Membership.Tests;
using Xunit;

namespace Membership.Architecture.Tests;

public sealed partial class LogEventTests
{
    [Fact]
    public void Every_log_event_is_in_the_operations_page()
    {
        string operations = string.Concat(new[] { "operations.md", "orleans.md" }.Select(static page => Path.Combine(Root, "docs", page)).Where(File.Exists).Select(File.ReadAllText));
        HashSet<int> documented = [.. Row().Matches(operations).SelectMany(static row => Number().Matches(row.Groups[1].Value)).Select(Parse)];
        List<(int Id, string File)> declared = Declared();
        Assert.True(declared.Count > 30, $"only {declared.Count} log events found: the test looks in the wrong place");
        Assert.Empty(declared.Where(found => !documented.Contains(found.Id)).Select(static found => $"{found.Id} in {found.File}"));
    }

    [Fact]
    public void No_two_log_events_of_one_project_have_the_same_number()
        => Assert.Empty(Declared().GroupBy(static found => (found.Id, Project: found.File.Split('/')[1])).Where(static same => same.Count() > 1).Select(static same => $"{same.Key}"));

    private static List<(int Id, string File)> Declared() =>
    [
        .. Directory.EnumerateFiles(Path.Combine(Root, "src"), "*.cs", SearchOption.AllDirectories)
            .Where(static file => !file.Contains("/obj/", StringComparison.Ordinal))
            .SelectMany(static file => Declaration().Matches(File.ReadAllText(file)).Select(match => (int.Parse(match.Groups[1].Value, CultureInfo.InvariantCulture), Path.GetRelativePath(Root, file)))),
    ];

    private static string Root => RepositoryRoot.Path;

    private static int Parse(Match number) => int.Parse(number.Value, CultureInfo.InvariantCulture);

    [GeneratedRegex(@"LoggerMessage\(\s*(?:EventId\s*=\s*)?(\d+)")]
    private static partial Regex Declaration();

    [GeneratedRegex(@"^\| ([\d, ]+?)(?: \(\w+\))? \|", RegexOptions.Multiline)]
    private static partial Regex Row();

    [GeneratedRegex(@"\d+")]
    private static partial Regex Number();
}
