// One text with all changes of a file: switched off it does what the file did, switched on exactly one change is there; what cannot be switched
// is left to an assembly of its own; a change that does not end is stopped.
using System.Reflection;
using System.Runtime.Loader;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;
using Xunit;

namespace Membership.Mutation.Tests;

public sealed class SchemataTests
{
    private const string Source = """
        using System;
        using System.Collections.Generic;
        using System.Linq;
        namespace N;
        public static class C
        {
            private static readonly int s_static = 3;
            public static int Add(int a, int b) => a + b;
            public static bool Pattern(object o) { if (o is string { Length: > 2 } s && s[0] == 'x') return true; return false; }
            public static bool Declares(object o) => o is int i && i > 5;
            public static int Out(int a, out int b) { b = a + 1; return b; }
            public static IEnumerable<int> Iterate(int n) { for (int i = 0; i < n; i++) yield return i; }
            public static int Count(int n) { int c = 0; while (c < n) c++; return c; }
            public static int Static => s_static;
            public static T Generic<T>(T a, T b) where T : IComparable<T> => a.CompareTo(b) > 0 ? a : b;
            public static int New(int x) => new D(x).Sum;
        }
        public sealed class D
        {
            private readonly int _x;
            private int _y = 2;
            public D(int x) { _x = x * 2; }
            public int Sum { get { return _x + _y; } }
        }
        """;

    private static readonly SyntaxTree Tree = CSharpSyntaxTree.ParseText(Source, path: "c.cs");
    private static readonly Dictionary<int, Mutant> Mutants = Mutator.MutantsOf(Tree).Select(static (mutant, index) => (mutant, index)).ToDictionary(static one => one.index + 1, static one => one.mutant);

    [Fact]
    public void Switched_off_it_does_what_the_file_did_and_switched_on_one_change_is_there()
    {
        (Assembly assembly, Schemata schemata) = Compile();
        Assert.Equal(Facts(Plain(Source)), Facts(assembly));
        int differ = 0;
        foreach ((int number, Mutant mutant) in Mutants)
        {
            if (!schemata.MemberOf.ContainsKey(number)) continue;
            Assembly alone = Plain(Alone(number));
            Set(assembly, "Active", number);
            Set(assembly, "Calls", 0L);
            string switched = Facts(assembly);
            Set(assembly, "Active", 0);
            if (mutant.Describe(Tree).StartsWith("line 13:", StringComparison.Ordinal) && mutant.Original.Contains("++", StringComparison.Ordinal))
            {
                // It does not end: the count stops it.
                Assert.Contains("does not end", switched, StringComparison.Ordinal);
                continue;
            }
            Assert.True(Facts(alone) == switched, $"{mutant.Describe(Tree)}\nalone:    {Facts(alone)}\nswitched: {switched}");
            if (switched != Facts(assembly)) differ++;
        }
        Assert.True(differ > 15, $"{differ} changes make a difference");
        Assert.Equal(Facts(Plain(Source)), Facts(assembly));
    }

    [Fact]
    public void What_is_evaluated_once_for_all_is_left_to_an_assembly_of_its_own()
    {
        Schemata schemata = Write(Mutants);
        Assert.Equal(["3"], Mutants.Where(pair => !schemata.MemberOf.ContainsKey(pair.Key)).Select(static pair => pair.Value.Original));
    }

    [Fact]
    public void An_error_is_found_in_the_copy_it_is_in()
    {
        var wrong = new Mutant(new Microsoft.CodeAnalysis.Text.TextSpan(Source.IndexOf("a + b", StringComparison.Ordinal), 5), "a + b", "a + \"x\"");
        Schemata schemata = Schemata.Write(Tree, new Dictionary<int, Mutant> { [7] = wrong }, new HashSet<Microsoft.CodeAnalysis.Text.TextSpan>(), 0);
        Diagnostic error = Assert.Single(Compilation(schemata).GetDiagnostics(TestContext.Current.CancellationToken), static one => one.Severity == DiagnosticSeverity.Error);
        Assert.Equal(7, schemata.Locate(error.Location.SourceSpan.Start)!.Value.Mutant);
        Assert.Null(schemata.Locate(0));
    }

    [Fact]
    public void A_change_keeps_its_name_when_lines_move()
    {
        SyntaxTree moved = CSharpSyntaxTree.ParseText("// a line more\n\n" + Source, cancellationToken: TestContext.Current.CancellationToken);
        Assert.Equal(Mutant.Named(Tree, Mutator.MutantsOf(Tree)).Select(static one => one.Name), Mutant.Named(moved, Mutator.MutantsOf(moved)).Select(static one => one.Name));
        Assert.Equal(Mutants.Count, Mutant.Named(Tree, Mutator.MutantsOf(Tree)).Select(static one => one.Name).Distinct().Count());
    }

    private static Schemata Write(Dictionary<int, Mutant> mutants) => Schemata.Write(Tree, mutants, new HashSet<Microsoft.CodeAnalysis.Text.TextSpan>(), 0);

    private static string Alone(int number) => Tree.GetText(TestContext.Current.CancellationToken).Replace(Mutants[number].Place, Mutants[number].Changed).ToString();

    private static (Assembly, Schemata) Compile()
    {
        Schemata schemata = Write(Mutants);
        // What the compiler refuses is found by where it says so, and left out.
        int[] refused = [.. Compilation(schemata).GetDiagnostics(TestContext.Current.CancellationToken).Where(static one => one.Severity == DiagnosticSeverity.Error).Select(one => schemata.Locate(one.Location.SourceSpan.Start)!.Value.Mutant).Distinct()];
        Assert.All(refused, static number => Assert.Contains(Compilation(Alone(number)).GetDiagnostics(TestContext.Current.CancellationToken), static one => one.Severity == DiagnosticSeverity.Error));
        schemata = Write(Mutants.Where(pair => !refused.Contains(pair.Key)).ToDictionary());
        Assembly assembly = Load(Compilation(schemata));
        Set(assembly, "Limit", 10_000L);
        return (assembly, schemata);
    }

    private static CSharpCompilation Compilation(Schemata schemata) => Compilation(schemata.Text, Schemata.SwitchText(schemata.Members));

    private static CSharpCompilation Compilation(params string[] texts) => CSharpCompilation.Create(
        Guid.NewGuid().ToString("N"), texts.Select(static text => CSharpSyntaxTree.ParseText(text)),
        ((string)AppContext.GetData("TRUSTED_PLATFORM_ASSEMBLIES")!).Split(':').Where(static path => Path.GetFileName(path).StartsWith("System.", StringComparison.Ordinal)).Select(static path => MetadataReference.CreateFromFile(path)),
        new CSharpCompilationOptions(OutputKind.DynamicallyLinkedLibrary));

    private static Assembly Plain(string text) => Load(Compilation(text));

    private static Assembly Load(CSharpCompilation compilation)
    {
        using var stream = new MemoryStream();
        var result = compilation.Emit(stream);
        Assert.True(result.Success, string.Join('\n', result.Diagnostics));
        return new AssemblyLoadContext(null, isCollectible: true).LoadFromStream(new MemoryStream(stream.ToArray()));
    }

    private static void Set(Assembly assembly, string field, object value) => assembly.GetType("Membership.Engine.MutationSwitch")!.GetField(field)!.SetValue(null, value);

    /// <summary>Everything that can be seen from outside.</summary>
    private static string Facts(Assembly assembly)
    {
        Type type = assembly.GetType("N.C")!;
        string Say(string method, params object?[] arguments)
        {
            try
            {
                MethodInfo info = type.GetMethod(method)!;
                if (info.IsGenericMethod) info = info.MakeGenericMethod(typeof(int));
                object? result = info.Invoke(null, arguments);
                return result is IEnumerable<int> many ? string.Join(' ', many.Take(20)) : $"{result} {string.Join(' ', arguments)}";
            }
            catch (Exception error)
            {
                return (error.InnerException ?? error).Message;
            }
        }
        return string.Join("; ", Say("Add", 3, 4), Say("Pattern", "xyz"), Say("Pattern", "xy"), Say("Pattern", "abc"), Say("Declares", 6), Say("Declares", 5), Say("Declares", 4),
            Say("Out", 4, 0), Say("Iterate", 4), Say("Count", 5), Say("get_Static"), Say("Generic", 3, 4), Say("Generic", 4, 3), Say("Generic", 3, 3), Say("New", 5));
    }
}
