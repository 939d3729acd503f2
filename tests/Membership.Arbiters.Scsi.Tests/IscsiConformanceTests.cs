// The arbiter passes the suite over iSCSI on a real tgtd, with persistent and with classic reservations.
using Membership.Arbiters.Conformance;
using Xunit;

namespace Membership.Arbiters.Scsi.Tests;

[Trait("Category", "Arbiters")]
public sealed class IscsiConformanceTests : ArbiterConformance<IscsiBackend>;

[Trait("Category", "Arbiters")]
public sealed class IscsiTakeoverTests : TakeoverConformance<IscsiBackend>;

[Trait("Category", "Arbiters")]
public sealed class IscsiServerFaultTests : ServerFaultConformance<IscsiBackend>;

[Trait("Category", "Arbiters")]
public sealed class IscsiHungServerTests : HungServerConformance<IscsiBackend>;

[Trait("Category", "Arbiters")]
public sealed class IscsiNetworkFaultTests : NetworkFaultConformance<IscsiBackend>;

[Trait("Category", "Arbiters")]
public sealed class IscsiLateEffectTests : LateEffectConformance<IscsiBackend>;

[Trait("Category", "Arbiters")]
public sealed class IscsiRaceTests : RaceConformance<IscsiBackend>;

[Trait("Category", "Arbiters")]
public sealed class IscsiCrowdTests : CrowdConformance<IscsiBackend>;

[Trait("Category", "Arbiters")]
public sealed class ClassicIscsiConformanceTests : ArbiterConformance<ClassicIscsiBackend>;

[Trait("Category", "Arbiters")]
public sealed class ClassicIscsiTakeoverTests : TakeoverConformance<ClassicIscsiBackend>;

[Trait("Category", "Arbiters")]
public sealed class ClassicIscsiCrowdTests : CrowdConformance<ClassicIscsiBackend>;

[Trait("Category", "Arbiters")]
public sealed class IscsiDisposalTests : DisposalConformance<IscsiBackend>;

[Trait("Category", "Arbiters")]
public sealed class IscsiHungDisposalTests : NetworkDisposalConformance<IscsiBackend>;

[Trait("Category", "Arbiters")]
public sealed class ClassicIscsiDisposalTests : DisposalConformance<ClassicIscsiBackend>;

[Trait("Category", "Arbiters")]
public sealed class ClassicIscsiServerFaultTests : ServerFaultConformance<ClassicIscsiBackend>;

[Trait("Category", "Arbiters")]
public sealed class ClassicIscsiHungServerTests : HungServerConformance<ClassicIscsiBackend>;

[Trait("Category", "Arbiters")]
public sealed class ClassicIscsiNetworkFaultTests : NetworkFaultConformance<ClassicIscsiBackend>;

[Trait("Category", "Arbiters")]
public sealed class ClassicIscsiLateEffectTests : LateEffectConformance<ClassicIscsiBackend>;
