// One change of one place of the source.
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.Text;

namespace Membership.Mutation;

/// <param name="Place">Where it is changed.</param>
/// <param name="Original">What stands there.</param>
/// <param name="Changed">What is put there.</param>
internal sealed record Mutant(TextSpan Place, string Original, string Changed)
{
    /// <summary>For people and for the log: line, original and changed text, each in one line.</summary>
    public string Describe(SyntaxTree tree) => $"line {tree.GetLineSpan(Place).StartLinePosition.Line + 1}: {OneLine(Original)} -> {OneLine(Changed)}";

    private static string OneLine(string text)
    {
        string line = string.Join(' ', text.Split((char[])[' ', '\n', '\r', '\t'], StringSplitOptions.RemoveEmptyEntries));
        return line.Length == 0 ? "(nothing)" : line.Length <= 160 ? line : line[..160] + "...";
    }
}
