// Tests that need a real silo: skipped, with the reason, where the packages of Orleans cannot be restored.
using System.Runtime.CompilerServices;
using Xunit;

namespace Membership.Provider.Orleans.Tests.Live;

[AttributeUsage(AttributeTargets.Method)]
public sealed class LiveFactAttribute : FactAttribute
{
    public LiveFactAttribute([CallerFilePath] string? file = null, [CallerLineNumber] int line = -1)
        : base(file, line) => Skip = Live.WhyNot;
}

[AttributeUsage(AttributeTargets.Method)]
public sealed class LiveTheoryAttribute : TheoryAttribute
{
    public LiveTheoryAttribute([CallerFilePath] string? file = null, [CallerLineNumber] int line = -1)
        : base(file, line) => Skip = Live.WhyNot;
}

internal static class Live
{
    public static string? WhyNot =>
#if ORLEANS_PACKAGES
        null;
#else
        "the packages of Orleans cannot be restored here (eng/orleans), so there is no real silo";
#endif
}

/// <summary>Three silos fill a small machine: no other test runs beside them, or it would be measured too.</summary>
[CollectionDefinition(OneClusterAtATime, DisableParallelization = true)]
public sealed class Silos
{
    public const string OneClusterAtATime = nameof(OneClusterAtATime);
}
