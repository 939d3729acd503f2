// Each file in transcripts/ is a script with what the nodes did when it was played last: what they do now must be the same, line by line. A
// transcript proves nothing right (the script's own expectations, and the checkers, do); it shows whoever changes the protocol what else changes.
using Membership.Simulator.Transcripts;
using Xunit;

namespace Membership.Simulator.Tests;

public sealed class TranscriptTests
{
    private const string Accept = "REGROUP_UPDATE_TRANSCRIPTS";

    /// <summary>What a reader can be asked to look through, for each file and for all.</summary>
    private const int LinesOfOne = 220, LinesOfAll = 10_500;

    private static string Directory => Path.Combine(Membership.Tests.RepositoryRoot.Path, "tests", "Membership.Simulator.Tests", "transcripts");

    public static TheoryData<string> Names() => [.. System.IO.Directory.GetFiles(Directory, "*.txt").Select(static file => Path.GetFileNameWithoutExtension(file)!).Order(StringComparer.Ordinal)];

    [Theory]
    [MemberData(nameof(Names))]
    public void The_nodes_do_what_the_transcript_says(string name)
    {
        string[] known = File.ReadAllLines(Path.Combine(Directory, name + ".txt"));
        (IReadOnlyList<string> now, IReadOnlyList<string> failures) = TranscriptFile.Play(name, known);
        Assert.True(failures.Count == 0, string.Join('\n', failures));
        Assert.True(now.Count <= LinesOfOne, $"{name}.txt has {now.Count} lines; leave out what is told elsewhere ('record off') or use fewer nodes: at most {LinesOfOne}");
        string? difference = TranscriptFile.Difference(known, now);
        if (difference is null) return;
        if (Environment.GetEnvironmentVariable(Accept) == "1") File.WriteAllText(Path.Combine(Directory, name + ".txt"), string.Join('\n', now) + "\n");
        else Assert.Fail($"{name}.txt: the nodes do something else than they did (- known, + now). If that is meant, play the tests with {Accept}=1, read the difference and commit it.\n{difference}");
    }

    [Fact]
    public void All_transcripts_together_can_still_be_read()
        => Assert.InRange(System.IO.Directory.GetFiles(Directory, "*.txt").Sum(static file => File.ReadLines(file).Count()), 1, LinesOfAll);
}
