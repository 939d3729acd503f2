// One change of one place of the source. Its name says what is changed, not where in the file: verdicts stay good when lines move.
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp.Syntax;
using Microsoft.CodeAnalysis.Text;

namespace Membership.Mutation;

/// <param name="Place">Where it is changed.</param>
/// <param name="Original">What stands there.</param>
/// <param name="Changed">What is put there.</param>
internal sealed record Mutant(TextSpan Place, string Original, string Changed)
{
    /// <summary>For people: line, original and changed text, each in one line.</summary>
    public string Describe(SyntaxTree tree) => $"line {tree.GetLineSpan(Place).StartLinePosition.Line + 1}: {Change}";

    /// <summary>For the log: the member, the line as it reads, the change; alike ones of a member are numbered.</summary>
    public static IReadOnlyList<(Mutant Mutant, string Name)> Named(SyntaxTree tree, IReadOnlyList<Mutant> mutants)
    {
        var seen = new Dictionary<string, int>(StringComparer.Ordinal);
        var named = new List<(Mutant, string)>(mutants.Count);
        SourceText text = tree.GetText();
        foreach (Mutant mutant in mutants)
        {
            TextLine line = text.Lines.GetLineFromPosition(mutant.Place.Start);
            string name = $"{MemberAt(tree, mutant.Place)} | {OneLine(line.ToString())} | {mutant.Place.Start - line.Start - Indent(line)} | {mutant.Change}";
            int number = seen[name] = seen.GetValueOrDefault(name) + 1;
            named.Add((mutant, number == 1 ? name : $"{name} | {number}"));
        }
        return named;
    }

    private string Change => $"{OneLine(Original)} -> {OneLine(Changed)}";

    private static int Indent(TextLine line) => line.ToString().TakeWhile(char.IsWhiteSpace).Count();

    private static string MemberAt(SyntaxTree tree, TextSpan place)
    {
        MemberDeclarationSyntax? member = tree.GetRoot().FindNode(place).FirstAncestorOrSelf<MemberDeclarationSyntax>();
        return member switch
        {
            MethodDeclarationSyntax method => method.Identifier.Text,
            ConstructorDeclarationSyntax constructor => constructor.Identifier.Text,
            PropertyDeclarationSyntax property => property.Identifier.Text,
            BaseFieldDeclarationSyntax field => field.Declaration.Variables[0].Identifier.Text,
            BaseTypeDeclarationSyntax type => type.Identifier.Text,
            OperatorDeclarationSyntax sign => "operator" + sign.OperatorToken.Text,
            _ => "-",
        };
    }

    private static string OneLine(string text)
    {
        string line = string.Join(' ', text.Split((char[])[' ', '\n', '\r', '\t'], StringSplitOptions.RemoveEmptyEntries));
        return line.Length == 0 ? "(nothing)" : line.Length <= 160 ? line : line[..160] + "...";
    }
}
