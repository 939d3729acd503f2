// The checks of validate and of witness check, as they come: a line each for people, or one JSON document at the end.
using System.Text.Json;

namespace Membership.Cli;

internal sealed class CheckList(bool json)
{
    private readonly List<CheckResult> _results = [];

    public bool AllGood => _results.All(static result => result.Good || result.IsWarning);

    public void Tell(CheckResult result)
    {
        _results.Add(result);
        if (!json) Console.WriteLine($"{(result.IsWarning ? "warn" : result.Good ? "ok  " : "FAIL")}  {result.What}{(result.Detail.Length > 0 ? ": " + result.Detail : "")}");
    }

    /// <summary>Says the verdict and gives the exit code.</summary>
    public int End(Func<CheckList, string> verdict)
    {
        string said = verdict(this);
        Console.WriteLine(json ? JsonSerializer.Serialize(new CheckDocument(AllGood, said, _results), CliJsonContext.Default.CheckDocument) : said);
        return AllGood ? ExitCode.Good : ExitCode.Bad;
    }
}
