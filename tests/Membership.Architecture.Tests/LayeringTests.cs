// Arrows only downward: the engine knows no host framework and no arbiter product, and each layer refers to the
// assemblies below it and to nothing else.
using Membership.Engine;
using Xunit;

namespace Membership.Architecture.Tests;

public sealed class LayeringTests
{
    [Fact]
    public void The_engine_refers_to_the_base_library_and_three_abstractions_only()
        => Assert.All(CompiledReferences.Assemblies(typeof(NodeId).Assembly.Location), static name => Assert.True(IsBaseLibrary(name) || IsEngineAbstraction(name), name));

    private static bool IsBaseLibrary(string name) => name is "System" or "netstandard" or "Microsoft.Win32.Primitives" || name.StartsWith("System.", StringComparison.Ordinal);

    private static bool IsEngineAbstraction(string name)
        => name is "Microsoft.Extensions.Logging.Abstractions" or "Microsoft.Extensions.Options" or "Microsoft.Extensions.DependencyInjection.Abstractions";
}
