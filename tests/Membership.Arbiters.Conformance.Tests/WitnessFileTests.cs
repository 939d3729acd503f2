// The embedded witness passes the suite.
using Xunit;

namespace Membership.Arbiters.Conformance.Tests;

[Trait("Category", "Arbiters")]
public sealed class WitnessFileConformanceTests : ArbiterConformance<WitnessFiles>;

[Trait("Category", "Arbiters")]
public sealed class WitnessFileContentionTests : ContentionConformance<ShortWitnessFiles>;

/// <summary>Short periods, so that a crowd has many owners in its time.</summary>
public sealed class ShortWitnessFiles : WitnessFiles
{
    public override TimeSpan OwnershipPeriod => TimeSpan.FromMilliseconds(300);
}
