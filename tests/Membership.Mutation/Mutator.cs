// Which changes a file gets: operators and conditions turned, statements taken out, literals changed. What only speaks to people (the
// journal, exceptions' texts) and what switches planted defects is left alone: no test can, or should, see a difference there.
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;
using Microsoft.CodeAnalysis.CSharp.Syntax;

namespace Membership.Mutation;

internal sealed class Mutator : CSharpSyntaxWalker
{
    // The same turns as dotnet-stryker's: a comparison gets its neighbour and its opposite.
    private static readonly Dictionary<SyntaxKind, string[]> Operators = new()
    {
        [SyntaxKind.LessThanExpression] = ["<=", ">="], [SyntaxKind.LessThanOrEqualExpression] = ["<", ">"], [SyntaxKind.GreaterThanExpression] = [">=", "<="], [SyntaxKind.GreaterThanOrEqualExpression] = [">", "<"],
        [SyntaxKind.EqualsExpression] = ["!="], [SyntaxKind.NotEqualsExpression] = ["=="], [SyntaxKind.LogicalAndExpression] = ["||"], [SyntaxKind.LogicalOrExpression] = ["&&"],
        [SyntaxKind.AddExpression] = ["-"], [SyntaxKind.SubtractExpression] = ["+"], [SyntaxKind.MultiplyExpression] = ["/"], [SyntaxKind.DivideExpression] = ["*"],
        [SyntaxKind.BitwiseAndExpression] = ["|"], [SyntaxKind.BitwiseOrExpression] = ["&"],
    };

    private static readonly Dictionary<SyntaxKind, string> Assignments = new()
    {
        [SyntaxKind.AddAssignmentExpression] = "-=", [SyntaxKind.SubtractAssignmentExpression] = "+=", [SyntaxKind.OrAssignmentExpression] = "&=", [SyntaxKind.AndAssignmentExpression] = "|=",
    };

    private static readonly Dictionary<string, string> Methods = new(StringComparer.Ordinal) { ["Min"] = "Max", ["Max"] = "Min", ["Any"] = "All", ["All"] = "Any" };

    // Methods whose calls, and whose own bodies, only make text.
    private static readonly string[] ForPeople = ["Log", "WhyNotCounted"];

    private readonly List<Mutant> _mutants = [];

    public static List<Mutant> MutantsOf(SyntaxTree tree)
    {
        var walker = new Mutator();
        walker.Visit(tree.GetRoot());
        return [.. walker._mutants.OrderBy(static mutant => mutant.Place.Start).ThenBy(static mutant => mutant.Place.Length)];
    }

    public override void VisitBinaryExpression(BinaryExpressionSyntax node)
    {
        foreach (string other in Operators.GetValueOrDefault(node.Kind(), [])) Add(node.OperatorToken.Span, node.OperatorToken.Text, other, node);
        base.VisitBinaryExpression(node);
    }

    public override void VisitAssignmentExpression(AssignmentExpressionSyntax node)
    {
        if (Assignments.TryGetValue(node.Kind(), out string? other)) Add(node.OperatorToken.Span, node.OperatorToken.Text, other, node);
        base.VisitAssignmentExpression(node);
    }

    public override void VisitPostfixUnaryExpression(PostfixUnaryExpressionSyntax node)
    {
        if (node.IsKind(SyntaxKind.PostIncrementExpression)) Add(node.OperatorToken.Span, "++", "--", node);
        base.VisitPostfixUnaryExpression(node);
    }

    public override void VisitPrefixUnaryExpression(PrefixUnaryExpressionSyntax node)
    {
        if (node.IsKind(SyntaxKind.LogicalNotExpression)) Add(node.OperatorToken.Span, "!", "", node);
        if (node.IsKind(SyntaxKind.PreIncrementExpression)) Add(node.OperatorToken.Span, "++", "--", node);
        base.VisitPrefixUnaryExpression(node);
    }

    public override void VisitLiteralExpression(LiteralExpressionSyntax node)
    {
        switch (node.Kind())
        {
            case SyntaxKind.TrueLiteralExpression: Add(node.Span, "true", "false", node); break;
            case SyntaxKind.FalseLiteralExpression: Add(node.Span, "false", "true", node); break;
            case SyntaxKind.NumericLiteralExpression:
                Add(node.Span, node.Token.Text, $"({node.Token.Text} + 1)", node);
                break;
        }
    }

    public override void VisitIfStatement(IfStatementSyntax node)
    {
        // A comparison or a chain of conditions is turned in its parts.
        if (node.Condition is not BinaryExpressionSyntax and not PrefixUnaryExpressionSyntax) Add(node.Condition.Span, node.Condition.ToString(), $"!({node.Condition})", node.Condition);
        if (!NeedsDefect(node.Condition))
        {
            base.VisitIfStatement(node);
            return;
        }
        // What runs only with a rule taken out is no part of the protocol.
        Visit(node.Condition);
        Visit(node.Else);
    }

    public override void VisitConditionalExpression(ConditionalExpressionSyntax node)
    {
        if (IsDefectSwitch(node.Condition))
        {
            Visit(node.WhenFalse);
            return;
        }
        if (node.Condition is not BinaryExpressionSyntax and not PrefixUnaryExpressionSyntax) Add(node.Condition.Span, node.Condition.ToString(), $"!({node.Condition})", node.Condition);
        base.VisitConditionalExpression(node);
    }

    public override void VisitExpressionStatement(ExpressionStatementSyntax node)
    {
        if (IsForPeople(node.Expression)) return;
        Add(node.Span, node.ToString(), ";", node);
        base.VisitExpressionStatement(node);
    }

    public override void VisitContinueStatement(ContinueStatementSyntax node) => Add(node.Span, "continue;", ";", node);

    public override void VisitBreakStatement(BreakStatementSyntax node)
    {
        if (node.Parent is not SwitchSectionSyntax) Add(node.Span, "break;", ";", node);
    }

    public override void VisitReturnStatement(ReturnStatementSyntax node)
    {
        if (node.Expression is null) Add(node.Span, "return;", ";", node);
        base.VisitReturnStatement(node);
    }

    public override void VisitInvocationExpression(InvocationExpressionSyntax node)
    {
        if (IsForPeople(node) || IsDefectSwitch(node)) return;
        if (node.Expression is MemberAccessExpressionSyntax { Name: IdentifierNameSyntax name } && Methods.TryGetValue(name.Identifier.Text, out string? other)) Add(name.Span, name.Identifier.Text, other, node);
        base.VisitInvocationExpression(node);
    }

    public override void VisitThrowStatement(ThrowStatementSyntax node)
    {
    }

    public override void VisitThrowExpression(ThrowExpressionSyntax node)
    {
    }

    public override void VisitInterpolatedStringExpression(InterpolatedStringExpressionSyntax node)
    {
    }

    public override void VisitEnumMemberDeclaration(EnumMemberDeclarationSyntax node)
    {
        // Names for numbers: another number is another name.
    }

    public override void VisitMethodDeclaration(MethodDeclarationSyntax node)
    {
        if (!ForPeople.Contains(node.Identifier.Text)) base.VisitMethodDeclaration(node);
    }

    public override void VisitLocalDeclarationStatement(LocalDeclarationStatementSyntax node)
    {
        if (node.Declaration.Type is not PredefinedTypeSyntax { Keyword.RawKind: (int)SyntaxKind.StringKeyword }) base.VisitLocalDeclarationStatement(node);
    }

    public override void VisitAttributeList(AttributeListSyntax node)
    {
    }

    private static bool IsForPeople(ExpressionSyntax expression) => expression is InvocationExpressionSyntax { Expression: IdentifierNameSyntax name } && ForPeople.Contains(name.Identifier.Text);

    private static bool IsDefectSwitch(ExpressionSyntax expression) => expression is InvocationExpressionSyntax { Expression: IdentifierNameSyntax { Identifier.Text: "Defect" } };

    /// <summary>True only if a planted defect is switched on.</summary>
    private static bool NeedsDefect(ExpressionSyntax condition)
        => IsDefectSwitch(condition) || condition is BinaryExpressionSyntax { RawKind: (int)SyntaxKind.LogicalAndExpression } both && (NeedsDefect(both.Left) || NeedsDefect(both.Right));

    private void Add(Microsoft.CodeAnalysis.Text.TextSpan place, string original, string changed, SyntaxNode node)
    {
        // "a && Defect(x)" and "!Defect(x)": turning them is what the planted defects do already.
        bool switches = node switch
        {
            BinaryExpressionSyntax binary => binary.DescendantNodes().OfType<InvocationExpressionSyntax>().Any(IsDefectSwitch) && (IsSwitchPart(binary.Left) || IsSwitchPart(binary.Right)),
            PrefixUnaryExpressionSyntax prefix => IsDefectSwitch(prefix.Operand),
            ExpressionSyntax whole => IsDefectSwitch(whole),
            _ => false,
        };
        if (!switches) _mutants.Add(new Mutant(place, original, changed));
    }

    private static bool IsSwitchPart(ExpressionSyntax part) => IsDefectSwitch(part) || part is PrefixUnaryExpressionSyntax { Operand: { } operand } && IsDefectSwitch(operand);
}
