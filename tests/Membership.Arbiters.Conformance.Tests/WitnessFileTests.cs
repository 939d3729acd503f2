// The embedded witness passes the suite.
using Xunit;

namespace Membership.Arbiters.Conformance.Tests;

[Trait("Category", "Arbiters")]
public sealed class WitnessFileConformanceTests : ArbiterConformance<WitnessFiles>;

[Trait("Category", "Arbiters")]
public sealed class WitnessFileTakeoverTests : TakeoverConformance<WitnessFiles>;

[Trait("Category", "Arbiters")]
public sealed class WitnessFileRaceTests : RaceConformance<LongWitnessFiles>;

[Trait("Category", "Arbiters")]
public sealed class WitnessFileCrowdTests : CrowdConformance<ShortWitnessFiles>;

[Trait("Category", "Arbiters")]
public sealed class WitnessFileDisposalTests : DisposalConformance<LongWitnessFiles>;

/// <summary>Short periods, so that a crowd has many owners in its time.</summary>
public sealed class ShortWitnessFiles : WitnessFiles
{
    public override TimeSpan OwnershipPeriod => TimeSpan.FromMilliseconds(300);
}

/// <summary>A period that a winner on a busy machine does not miss.</summary>
public class LongWitnessFiles : WitnessFiles
{
    public override TimeSpan OwnershipPeriod => TimeSpan.FromSeconds(4);
}
