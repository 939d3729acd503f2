// The blob lease passes the whole suite, against Azurite.
using Membership.Arbiters.Conformance;
using Xunit;

namespace Membership.Arbiters.BlobLease.Tests;

[Trait("Category", "Arbiters")]
public sealed class BlobLeaseConformanceTests : ArbiterConformance<Azurite>;

[Trait("Category", "Arbiters")]
public sealed class BlobLeaseTakeoverTests : TakeoverConformance<Azurite>;

[Trait("Category", "Arbiters")]
public sealed class BlobLeaseRaceTests : RaceConformance<Azurite>;

[Trait("Category", "Arbiters")]
public sealed class BlobLeaseCrowdTests : CrowdConformance<Azurite>;

[Trait("Category", "Arbiters")]
public sealed class BlobLeaseServerFaultTests : ServerFaultConformance<Azurite>;

[Trait("Category", "Arbiters")]
public sealed class BlobLeaseHungServerTests : HungServerConformance<Azurite>;

[Trait("Category", "Arbiters")]
public sealed class BlobLeaseNetworkFaultTests : NetworkFaultConformance<Azurite>;

[Trait("Category", "Arbiters")]
public sealed class BlobLeaseLateEffectTests : LateEffectConformance<Azurite>;

[Trait("Category", "Arbiters")]
[Collection(Alone.Name)]
public sealed class BlobLeaseDisposalTests : DisposalConformance<Azurite>;

[Trait("Category", "Arbiters")]
[Collection(Alone.Name)]
public sealed class BlobLeaseHungDisposalTests : NetworkDisposalConformance<Azurite>;

/// <summary>What judges times runs by itself, after the crowds that keep the machine busy.</summary>
[CollectionDefinition(Name, DisableParallelization = true)]
public sealed class Alone
{
    public const string Name = "alone";
}
