// The engine as the build compiles it (same compiler, sources, references and generated files), so that a file of it can be changed and
// the whole written again in some seconds.
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

    /// <summary>The files of the protocol, the smallest first.</summary>
    public IEnumerable<string> ProtocolFiles => _compilation.SyntaxTrees.Where(static tree => tree.FilePath.Contains("/src/Membership.Engine/Protocol/", StringComparison.Ordinal)).OrderBy(static tree => tree.Length).Select(static tree => Path.GetFileName(tree.FilePath));

    /// <summary>The source file whose path ends like this.</summary>
    public SyntaxTree Find(string file) => _compilation.SyntaxTrees.Single(tree => tree.FilePath.EndsWith(file, StringComparison.Ordinal));

    /// <summary>The engine with other texts of some files, and with one more file; or where it does not compile.</summary>
    public (byte[]? Assembly, IReadOnlyList<Diagnostic> Errors) With(IEnumerable<(SyntaxTree Tree, string Text)> texts, string? another)
    {
        CSharpCompilation changed = _compilation;
        foreach ((SyntaxTree tree, string text) in texts) changed = changed.ReplaceSyntaxTree(tree, Parse(text, tree.FilePath));
        if (another is not null) changed = changed.AddSyntaxTrees(Parse(another, "another.cs"));
        using var assembly = new MemoryStream();
        EmitResult result = changed.Emit(assembly);
        return (result.Success ? assembly.ToArray() : null, [.. result.Diagnostics.Where(static one => one.Severity == DiagnosticSeverity.Error)]);
    }

    /// <summary>Whether the compiler has nothing against a file with this text: a tenth of the time of writing the whole engine.</summary>
    public bool Compiles(SyntaxTree tree, string text)
    {
        SyntaxTree changed = Parse(text, tree.FilePath);
        return !_compilation.ReplaceSyntaxTree(tree, changed).GetSemanticModel(changed).GetDiagnostics().Any(static one => one.Severity == DiagnosticSeverity.Error);
    }

    private SyntaxTree Parse(string text, string path) => CSharpSyntaxTree.ParseText(SourceText.From(text, Encoding.UTF8), _parse, path);

    private static IEnumerable<string> Paths(JsonElement items) => items.EnumerateArray().Select(static item => item.GetProperty("FullPath").GetString()!);
}
