// Which changes a piece of code gets, and which it must not get.
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;
using Xunit;

namespace Membership.Mutation.Tests;

public sealed class MutatorTests
{
    [Theory]
    [InlineData("return a < b;", "<= for <", ">= for <")]
    [InlineData("a += Math.Max(b, c);", "-= for +=", "Min for Max", "; for a += Math.Max(b, c);")]
    [InlineData("return a && b;", "|| for &&")]
    [InlineData("if (Has(x)) Go();", "!(Has(x)) for Has(x)", "; for Go();")]
    [InlineData("if (!Has(x)) return;", " for !", "; for return;")]
    [InlineData("x = 3;", "; for x = 3;", "(3 + 1) for 3")]
    [InlineData("foreach (var x in y) if (a == b) continue;", "!= for ==", "; for continue;")]
    [InlineData("return Has(x) ? 1 : 2;", "!(Has(x)) for Has(x)", "(1 + 1) for 1", "(2 + 1) for 2")]
    public void Code_is_changed_in_every_place_that_a_test_should_notice(string code, params string[] changes)
        => Assert.Equal(changes.Order(), Changes(code).Order());

    [Theory]
    [InlineData("Log($\"{a + b} of {c}\");")]
    [InlineData("throw new InvalidOperationException($\"{a + 1}\");")]
    [InlineData("return Defect(PlantedDefects.None);")]
    [InlineData("if (Defect(PlantedDefects.None)) x = a + b;")]
    [InlineData("return Defect(PlantedDefects.None) ? a + b : c;")]
    [InlineData("var text = $\"{a + 1}\";")]
    [InlineData("string text = a > b ? c : d;")]
    public void What_only_speaks_to_people_or_switches_planted_defects_is_left_alone(string code) => Assert.Empty(Changes(code));

    [Fact]
    public void Numbers_of_an_enumeration_are_names_and_are_left_alone()
        => Assert.Empty(Mutator.MutantsOf(CSharpSyntaxTree.ParseText("enum E { None = 0, First = 1 << 3 }", cancellationToken: TestContext.Current.CancellationToken)));

    [Fact]
    public void A_place_is_changed_and_nothing_else()
    {
        SyntaxTree tree = CSharpSyntaxTree.ParseText("class C { bool M(int a, int b) => a && b; }", cancellationToken: TestContext.Current.CancellationToken);
        Mutant only = Assert.Single(Mutator.MutantsOf(tree));
        Assert.Equal("class C { bool M(int a, int b) => a || b; }", tree.GetText(TestContext.Current.CancellationToken).Replace(only.Place, only.Changed).ToString());
        Assert.Equal("line 1: && -> ||", only.Describe(tree));
    }

    private static IEnumerable<string> Changes(string code)
        => Mutator.MutantsOf(CSharpSyntaxTree.ParseText($"class C {{ object M() {{ {code} }} }}", cancellationToken: TestContext.Current.CancellationToken)).Select(static mutant => $"{mutant.Changed} for {mutant.Original}");
}
