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
public sealed class BlobLeaseDisposalTests : DisposalConformance<Azurite>;

[Trait("Category", "Arbiters")]
public sealed class BlobLeaseHungDisposalTests : NetworkDisposalConformance<Azurite>;
