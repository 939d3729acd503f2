// survivors.txt: what it says of a change, and that an entry which fits nothing any more is found.
using Xunit;

namespace Membership.Mutation.Tests;

public sealed class ExplanationsTests
{
    private const string First = "Go | if (a <= b) return; | 6 | <= -> <", Second = "Go | a++; | 0 | a++; -> ;";

    [Fact]
    public void A_change_belongs_to_the_reason_above_it()
    {
        Explanations all = Explanations.Of(["# of the core", "", "[equivalent] never equal", $"A.cs\t{First}", "[second line] decided before", $"A.cs\t{Second}"]);
        Assert.Equal(2, all.Count);
        Assert.Equal(Survivor.Equivalent, all.For("A.cs", First));
        Assert.Equal(Survivor.SecondLine, all.For("A.cs", Second));
        Assert.Null(all.For("B.cs", First));
    }

    [Theory]
    [InlineData("A.cs\tGo | x")]
    [InlineData("[equivalent] never equal", "A.cs Go | x")]
    [InlineData("[equivalent]")]
    [InlineData("[lazy] no time")]
    [InlineData("[cost] a", "A.cs\tGo | x", "[equivalent] b", "A.cs\tGo | x")]
    public void A_line_that_says_nothing_or_the_same_change_twice_is_refused(params string[] lines) => Assert.Throws<FormatException>(() => Explanations.Of(lines));

    [Fact]
    public void An_entry_whose_line_is_gone_or_whose_change_is_noticed_is_stale()
    {
        Explanations all = Explanations.Of(["[equivalent] never equal", $"A.cs\t{First}", $"A.cs\t{Second}", $"B.cs\t{First}"]);
        var files = new Dictionary<string, IReadOnlySet<string>> { ["A.cs"] = new HashSet<string> { First } };
        Assert.Equal([$"no such change: A.cs\t{Second}"], all.Stale(files, every: false, static (_, _) => Fate.Survived));
        Assert.Equal([$"Killed, no survivor: A.cs\t{First}", $"no such change: A.cs\t{Second}", $"no such file: B.cs\t{First}"], all.Stale(files, every: true, static (_, _) => Fate.Killed));
        Assert.Equal([$"no such change: A.cs\t{Second}"], all.Stale(files, every: false, static (_, _) => null));
    }
}
