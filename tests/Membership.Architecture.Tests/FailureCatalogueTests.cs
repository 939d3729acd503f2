// The failure catalogue names its proofs: every story and every test class it names must exist.
using System.Text.RegularExpressions;
using Membership.Tests;
using Xunit;

namespace Membership.Architecture.Tests;

public sealed partial class FailureCatalogueTests
{
    [Fact]
    public void Every_story_and_test_that_the_catalogue_names_exists()
    {
        string page = File.ReadAllText(Path.Combine(RepositoryRoot.Path, "docs", "failures.md"));
        HashSet<string> stories = [.. Directory.EnumerateFiles(Path.Combine(RepositoryRoot.Path, "tests/Membership.Simulator.Tests/scenarios"), "*.txt").Select(static file => Path.GetFileNameWithoutExtension(file)!)];
        string tests = string.Concat(Directory.EnumerateFiles(Path.Combine(RepositoryRoot.Path, "tests"), "*.cs", SearchOption.AllDirectories).Where(static file => !file.Contains("/obj/", StringComparison.Ordinal)).Select(File.ReadAllText));
        string[] named = [.. Name().Matches(page).Select(static match => match.Groups[1].Value.TrimEnd('.')).Where(static name => Identifier().IsMatch(name))];
        Assert.True(named.Length > 30, $"only {named.Length} names found");
        Assert.Empty(named.Where(name => !stories.Contains(name) && !name.Split('.').All(part => tests.Contains(part, StringComparison.Ordinal))).Distinct());
    }

    [GeneratedRegex("`([A-Za-z0-9_.-]+)`")]
    private static partial Regex Name();

    // Names of options and exit codes are in the first columns' sentences too; stories have a hyphen or are one lower-case word, tests an underscore or end with Tests.
    [GeneratedRegex("^([a-z0-9]+(-[a-z0-9]+)+|kill|chain|eject|[A-Za-z.]*Tests(\\.[A-Za-z_]+)?|[A-Z][a-z]+(_[A-Za-z0-9]+)+)$")]
    private static partial Regex Identifier();
}
