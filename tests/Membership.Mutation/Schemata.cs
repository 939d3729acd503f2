// All changes of a file in one text of it: every member that is changed calls the copy of itself that is asked for at run time. A copy is a
// whole member of its own, so a change that declares a variable, or ends the flow, compiles exactly when it would by itself.
using System.Globalization;
using System.Text;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;
using Microsoft.CodeAnalysis.CSharp.Syntax;
using Microsoft.CodeAnalysis.Text;

namespace Membership.Mutation;

internal sealed class Schemata
{
    /// <summary>Which change is active, which members were entered, and how often: a change that never ends is stopped by the count, not by a clock.</summary>
    private const string Switch = """
        namespace Membership.Engine;

        public static class MutationSwitch
        {
            public static int Active;
            public static long Calls;
            public static long Limit = long.MaxValue;
            public static int[] Reached = new int[MEMBERS];

            public static int At(int member)
            {
                Reached[member]++;
                System.Runtime.CompilerServices.RuntimeHelpers.EnsureSufficientExecutionStack();
                Count();
                return Active;
            }

            public static void Count()
            {
                if (++Calls > Limit) throw new System.InvalidOperationException("This change does not end.");
            }
        }
        """;

    private const string Name = "global::Membership.Engine.MutationSwitch";

    private readonly SyntaxTree _tree;
    private readonly string _source;
    private readonly IReadOnlyDictionary<int, Mutant> _mutants;
    private readonly StringBuilder _text = new();
    private readonly List<(int Start, int End, int Mutant)> _copies = [];
    private readonly List<(int Start, int End, SyntaxNode Member)> _members = [];
    private readonly Dictionary<int, int> _memberOf = [];
    private int _count;

    private Schemata(SyntaxTree tree, IReadOnlyDictionary<int, Mutant> mutants, int members)
    {
        (_tree, _mutants, _count) = (tree, mutants, members);
        _source = tree.GetText().ToString();
    }

    public string Text => _text.ToString();

    /// <summary>How many members can be switched, with those of the files before.</summary>
    public int Members => _count;

    /// <summary>The file to be compiled with all of them.</summary>
    public static string SwitchText(int members) => Switch.Replace("MEMBERS", members.ToString(CultureInfo.InvariantCulture), StringComparison.Ordinal);

    /// <summary>Which member each change belongs to; what is not here can only be judged in an assembly of its own.</summary>
    public IReadOnlyDictionary<int, int> MemberOf => _memberOf;

    /// <param name="tree">The file.</param>
    /// <param name="mutants">The changes by number, from 1 on.</param>
    /// <param name="leftAlone">Members (by their place) that do not compile as copies.</param>
    /// <param name="members">How many members of other files can be switched: this one's numbers begin there.</param>
    public static Schemata Write(SyntaxTree tree, IReadOnlyDictionary<int, Mutant> mutants, IReadOnlySet<TextSpan> leftAlone, int members)
    {
        var schemata = new Schemata(tree, mutants, members);
        schemata.WriteAll(leftAlone);
        return schemata;
    }

    /// <summary>Whose copy a place of <see cref="Text"/> is in: a change's, or (0) that of an unchanged member.</summary>
    public (int Mutant, TextSpan Member)? Locate(int position)
    {
        foreach ((int start, int end, int mutant) in _copies)
            if (position >= start && position < end) return (mutant, default);
        foreach ((int start, int end, SyntaxNode member) in _members)
            if (position >= start && position < end) return (0, member.Span);
        return null;
    }

    private void WriteAll(IReadOnlySet<TextSpan> leftAlone)
    {
        int written = 0;
        foreach (IGrouping<SyntaxNode?, KeyValuePair<int, Mutant>> group in _mutants.GroupBy(pair => Unit(pair.Value.Place)).Where(static group => group.Key is not null).OrderBy(static group => group.Key!.SpanStart))
        {
            SyntaxNode unit = group.Key!;
            if (leftAlone.Contains(unit.Span)) continue;
            _text.Append(_source, written, unit.SpanStart - written);
            int start = _text.Length;
            WriteUnit(unit, [.. group.Select(static pair => pair.Key).Order()]);
            _members.Add((start, _text.Length, unit));
            written = unit.Span.End;
        }
        _text.Append(_source, written, _source.Length - written);
    }

    /// <summary>The member or initial value around a place, if it can be switched.</summary>
    private SyntaxNode? Unit(TextSpan place)
    {
        SyntaxNode node = _tree.GetRoot().FindNode(place);
        // An initial value: of an instance's field or property only, since it is evaluated again and again.
        if (node.FirstAncestorOrSelf<EqualsValueClauseSyntax>(static clause => clause.Parent is PropertyDeclarationSyntax or VariableDeclaratorSyntax { Parent.Parent: FieldDeclarationSyntax }) is { } initial
            && initial.Value.Span.Contains(place))
        {
            var member = initial.FirstAncestorOrSelf<MemberDeclarationSyntax>()!;
            return member.Modifiers.Any(SyntaxKind.StaticKeyword) || member.Modifiers.Any(SyntaxKind.ConstKeyword) ? null : initial.Value;
        }
        return node.FirstAncestorOrSelf<MemberDeclarationSyntax>() switch
        {
            { Parent: InterfaceDeclarationSyntax } => null,
            BaseMethodDeclarationSyntax member when Body(member) is { } body && body.Span.Contains(place) && !(member is ConstructorDeclarationSyntax && member.Modifiers.Any(SyntaxKind.StaticKeyword)) => member,
            BasePropertyDeclarationSyntax property when Accessors(property).Any(part => part.Body.Span.Contains(place)) => property,
            _ => null,
        };
    }

    private static SyntaxNode? Body(BaseMethodDeclarationSyntax member) => (SyntaxNode?)member.Body ?? member.ExpressionBody;

    /// <summary>What runs in a property: body, and whether it is a getter.</summary>
    private static IEnumerable<(SyntaxNode Body, bool Getter)> Accessors(BasePropertyDeclarationSyntax property)
    {
        ArrowExpressionClauseSyntax? arrow = property switch { PropertyDeclarationSyntax plain => plain.ExpressionBody, IndexerDeclarationSyntax indexer => indexer.ExpressionBody, _ => null };
        if (arrow is not null) yield return (arrow, true);
        foreach (AccessorDeclarationSyntax accessor in property.AccessorList?.Accessors ?? default)
            if (((SyntaxNode?)accessor.Body ?? accessor.ExpressionBody) is { } body) yield return (body, accessor.IsKind(SyntaxKind.GetAccessorDeclaration));
    }

    private void WriteUnit(SyntaxNode unit, int[] mutants)
    {
        switch (unit)
        {
            case ConstructorDeclarationSyntax constructor:
                WriteConstructor(constructor, mutants);
                break;
            case BaseMethodDeclarationSyntax method:
                WriteMethod(method, mutants);
                break;
            case BasePropertyDeclarationSyntax property:
                WriteProperty(property, mutants);
                break;
            default:
                // (At(0) == 17 ? (changed) : At(0) == 18 ? ... : (original))
                int number = _count++;
                _text.Append('(');
                foreach (int mutant in mutants)
                {
                    _memberOf[mutant] = number;
                    _text.Append(CultureInfo.InvariantCulture, $"{Name}.At({number}) == {mutant} ? (");
                    WriteCopy(unit, mutant);
                    _text.Append(") : ");
                }
                _text.Append('(');
                WriteCopy(unit, 0);
                _text.Append("))");
                break;
        }
    }

    private void WriteConstructor(ConstructorDeclarationSyntax constructor, int[] mutants)
    {
        SyntaxNode body = Body(constructor)!;
        int number = _count++;
        _text.Append(_source, constructor.SpanStart, body.SpanStart - constructor.SpanStart);
        _text.Append(CultureInfo.InvariantCulture, $"{{ switch ({Name}.At({number})) {{ ");
        foreach (int mutant in mutants)
        {
            _memberOf[mutant] = number;
            _text.Append(CultureInfo.InvariantCulture, $"case {mutant}: ");
            WriteStatement(body, mutant);
            _text.Append(" return; ");
        }
        _text.Append("} ");
        WriteStatement(body, 0);
        _text.Append(" }");
    }

    private void WriteStatement(SyntaxNode body, int mutant)
    {
        if (body is not ArrowExpressionClauseSyntax arrow)
        {
            WriteCopy(body, mutant);
            return;
        }
        _text.Append("{ ");
        WriteCopy(arrow.Expression, mutant);
        _text.Append("; }");
    }

    private void WriteMethod(BaseMethodDeclarationSyntax method, int[] mutants)
    {
        SyntaxNode body = Body(method)!;
        (string type, string name) = method switch
        {
            MethodDeclarationSyntax plain => (plain.ReturnType.ToString(), plain.Identifier.Text),
            OperatorDeclarationSyntax sign => (sign.ReturnType.ToString(), "Operator"),
            ConversionOperatorDeclarationSyntax conversion => (conversion.Type.ToString(), "Conversion"),
            _ => ("void", "Finalizer"),
        };
        _text.Append(_source, method.SpanStart, body.SpanStart - method.SpanStart);
        var plainMethod = method as MethodDeclarationSyntax;
        WriteSwitched(type, name, method.ParameterList.Parameters, method.Modifiers, plainMethod?.TypeParameterList?.ToString() ?? "", plainMethod?.ConstraintClauses.ToString() ?? "", body, mutants, out Action copies);
        copies();
    }

    private void WriteProperty(BasePropertyDeclarationSyntax property, int[] mutants)
    {
        string name = property is PropertyDeclarationSyntax plain ? plain.Identifier.Text : "Item";
        SeparatedSyntaxList<ParameterSyntax> parameters = property is IndexerDeclarationSyntax indexer ? indexer.ParameterList.Parameters : default;
        var after = new List<Action>();
        int written = property.SpanStart;
        foreach ((SyntaxNode body, bool getter) in Accessors(property))
        {
            int[] inside = [.. mutants.Where(mutant => body.Span.Contains(_mutants[mutant].Place))];
            if (inside.Length == 0) continue;
            _text.Append(_source, written, body.SpanStart - written);
            bool arrow = body.Parent is BasePropertyDeclarationSyntax;
            if (arrow) _text.Append("{ get ");
            SeparatedSyntaxList<ParameterSyntax> all = getter ? parameters : parameters.Add(SyntaxFactory.Parameter(SyntaxFactory.Identifier("value")).WithType(property.Type.WithTrailingTrivia(SyntaxFactory.Space)));
            WriteSwitched(getter ? property.Type.ToString() : "void", (getter ? "Get" : "Set") + name, all, property.Modifiers, "", "", body, inside, out Action copies);
            if (arrow) _text.Append(" }");
            after.Add(copies);
            written = body is ArrowExpressionClauseSyntax ? End(body) : body.Span.End;
        }
        _text.Append(_source, written, property.Span.End - written);
        foreach (Action copies in after) copies();
    }

    /// <summary>Behind the semicolon that ends an arrow.</summary>
    private int End(SyntaxNode arrow) => _source.IndexOf(';', arrow.Span.End) + 1;

    private void WriteSwitched(
        string type, string name, SeparatedSyntaxList<ParameterSyntax> parameters, SyntaxTokenList modifiers, string typeParameters, string constraints, SyntaxNode body, int[] mutants, out Action copies)
    {
        int number = _count++;
        string[] arguments = [.. parameters.Select(static one => (one.Modifiers.Any(SyntaxKind.OutKeyword) ? "out " : one.Modifiers.Any(SyntaxKind.InKeyword) ? "in " : one.Modifiers.Any(SyntaxKind.RefKeyword) ? "ref " : "") + one.Identifier.Text)];
        string call = $"{typeParameters}({string.Join(", ", arguments)})";
        string before = type == "void" ? "" : type.StartsWith("ref ", StringComparison.Ordinal) ? "return ref " : "return ", behind = type == "void" ? " return;" : "";
        _text.Append(CultureInfo.InvariantCulture, $"{{ switch ({Name}.At({number})) {{ ");
        foreach (int mutant in mutants)
        {
            _memberOf[mutant] = number;
            _text.Append(CultureInfo.InvariantCulture, $"case {mutant}: {before}{name}__{mutant}{call};{behind} ");
        }
        _text.Append(CultureInfo.InvariantCulture, $"default: {before}{name}__0_{number}{call};{behind} }} }}");
        string kept = string.Concat(modifiers.Where(static word => word.Kind() is SyntaxKind.StaticKeyword or SyntaxKind.UnsafeKeyword or SyntaxKind.ReadOnlyKeyword or SyntaxKind.AsyncKeyword).Select(static word => word.Text + " "));
        string declared = string.Join(", ", parameters.Select(static one => one.WithModifiers([.. one.Modifiers.Where(static word => !word.IsKind(SyntaxKind.ThisKeyword))]).WithAttributeLists(default).ToString()));
        copies = () =>
        {
            foreach (int mutant in (int[])[0, .. mutants])
            {
                _text.Append(CultureInfo.InvariantCulture, $"\n    private {kept}{type} {name}__{(mutant == 0 ? $"0_{number}" : mutant)}{typeParameters}({declared}) {constraints} ");
                WriteCopy(body, mutant);
                if (body is ArrowExpressionClauseSyntax) _text.Append(';');
            }
        };
    }

    /// <summary>A piece of the source with one change, and every loop in it counted.</summary>
    private void WriteCopy(SyntaxNode node, int number)
    {
        Mutant? mutant = number == 0 ? null : _mutants[number];
        var edits = new List<(int Position, int Order, int Skip, string Text)>();
        foreach (StatementSyntax body in node.DescendantNodes().Select(static each => each switch
        {
            WhileStatementSyntax one => one.Statement,
            DoStatementSyntax one => one.Statement,
            ForStatementSyntax one => one.Statement,
            CommonForEachStatementSyntax one => one.Statement,
            _ => null,
        }).OfType<StatementSyntax>())
        {
            if (mutant is not null && mutant.Place != body.Span && mutant.Place.Contains(body.Span)) continue;
            edits.Add((body.SpanStart, 0, 0, $"{{ {Name}.Count(); "));
            edits.Add((body.Span.End, 2, 0, " }"));
        }
        if (mutant is not null) edits.Add((mutant.Place.Start, 1, mutant.Place.Length, mutant.Changed));
        int start = _text.Length, written = node.SpanStart;
        foreach ((int position, _, int skip, string text) in edits.OrderBy(static edit => edit.Position).ThenBy(static edit => edit.Order))
        {
            _text.Append(_source, written, position - written).Append(text);
            written = position + skip;
        }
        _text.Append(_source, written, node.Span.End - written);
        if (number != 0) _copies.Add((start, _text.Length, number));
    }
}
