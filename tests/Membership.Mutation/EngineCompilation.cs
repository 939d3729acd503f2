// The engine as the build compiles it (same compiler, sources, references and generated files), so that a file of it can be changed and
// the whole written again in a second.
using System.Text;
using System.Text.Json;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;
using Microsoft.CodeAnalysis.Emit;
using Microsoft.CodeAnalysis.Text;

namespace Membership.Mutation;

internal sealed class EngineCompilation
{
    private readonly CSharpCompilation _compilation;
    private readonly CSharpParseOptions _parse;

    private EngineCompilation(CSharpCompilation compilation, CSharpParseOptions parse)
    {
        _compilation = compilation;
        _parse = parse;
    }

    /// <param name="build">What <c>dotnet build -getItem:Compile,ReferencePathWithRefAssemblies -getProperty:DefineConstants</c> printed.</param>
    /// <param name="generated">Directory of the files that source generators made.</param>
    public static EngineCompilation Load(string build, string generated)
    {
        using JsonDocument inputs = JsonDocument.Parse(File.ReadAllText(build));
        JsonElement items = inputs.RootElement.GetProperty("Items");
        string[] constants = inputs.RootElement.GetProperty("Properties").GetProperty("DefineConstants").GetString()!.Split(';', StringSplitOptions.RemoveEmptyEntries);
        var parse = new CSharpParseOptions(LanguageVersion.Latest, DocumentationMode.None, SourceCodeKind.Regular, constants);
        IEnumerable<string> sources = Paths(items.GetProperty("Compile")).Concat(Directory.GetFiles(generated, "*.cs", SearchOption.AllDirectories)).Distinct();
        var options = new CSharpCompilationOptions(OutputKind.DynamicallyLinkedLibrary, optimizationLevel: OptimizationLevel.Release, allowUnsafe: true, nullableContextOptions: NullableContextOptions.Enable, deterministic: true);
        return new EngineCompilation(
            CSharpCompilation.Create(
                "Membership.Engine", sources.Select(file => CSharpSyntaxTree.ParseText(SourceText.From(File.ReadAllText(file), Encoding.UTF8), parse, file)),
                Paths(items.GetProperty("ReferencePathWithRefAssemblies")).Select(static file => MetadataReference.CreateFromFile(file)), options),
            parse);
    }

    /// <summary>The source file whose path ends like this.</summary>
    public SyntaxTree Find(string file) => _compilation.SyntaxTrees.Single(tree => tree.FilePath.EndsWith(file, StringComparison.Ordinal));

    /// <summary>The engine with one place changed, or null when that does not compile.</summary>
    public byte[]? With(SyntaxTree tree, Mutant? mutant)
    {
        CSharpCompilation changed = _compilation;
        if (mutant is not null)
        {
            SourceText text = tree.GetText().Replace(mutant.Place, mutant.Changed);
            changed = _compilation.ReplaceSyntaxTree(tree, CSharpSyntaxTree.ParseText(text, _parse, tree.FilePath));
        }
        using var assembly = new MemoryStream();
        EmitResult result = changed.Emit(assembly);
        if (!result.Success && mutant is null) throw new InvalidOperationException($"the engine does not compile: {result.Diagnostics.First(static one => one.Severity == DiagnosticSeverity.Error)}");
        return result.Success ? assembly.ToArray() : null;
    }

    private static IEnumerable<string> Paths(JsonElement items) => items.EnumerateArray().Select(static item => item.GetProperty("FullPath").GetString()!);
}
