// Arrows only downward: the engine knows no host framework and no arbiter product, and each layer refers to the
// assemblies below it and to nothing else.
using Membership.Engine;
using Membership.Provider;
using Xunit;

namespace Membership.Architecture.Tests;

public sealed class LayeringTests
{
    [Fact]
    public void The_engine_refers_to_the_base_library_and_three_abstractions_only()
        => Assert.All(CompiledReferences.Assemblies(typeof(NodeId).Assembly.Location), static name => Assert.True(IsBaseLibrary(name) || IsEngineAbstraction(name), name));

    [Fact]
    public void The_host_neutral_provider_refers_to_the_engine_and_to_the_hosts_abstractions_only()
        => Assert.All(CompiledReferences.Assemblies(typeof(IClusterMembership).Assembly.Location), static name => Assert.True(
            IsBaseLibrary(name) || IsEngineAbstraction(name) || name is "Membership.Engine" or "Microsoft.Extensions.Hosting.Abstractions"
                or "Microsoft.Extensions.Configuration.Abstractions" or "Microsoft.Extensions.Configuration.Binder" or "Microsoft.Extensions.Options.ConfigurationExtensions"
                // What the generated code that binds settings refers to.
                or "Microsoft.Extensions.Configuration" or "Microsoft.Extensions.Primitives"
                or "Microsoft.Extensions.Diagnostics.HealthChecks" or "Microsoft.Extensions.Diagnostics.HealthChecks.Abstractions",
            name));

    private static bool IsBaseLibrary(string name) => name is "System" or "netstandard" or "Microsoft.Win32.Primitives" || name.StartsWith("System.", StringComparison.Ordinal);

    private static bool IsEngineAbstraction(string name)
        => name is "Microsoft.Extensions.Logging.Abstractions" or "Microsoft.Extensions.Options" or "Microsoft.Extensions.DependencyInjection.Abstractions";
}
