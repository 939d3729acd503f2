// The arbiter passes the suite over iSCSI on a real tgtd, with persistent and with classic reservations.
using Membership.Arbiters.Conformance;
using Xunit;

namespace Membership.Arbiters.Scsi.Tests;

[Trait("Category", "Arbiters")]
public sealed class IscsiConformanceTests : ArbiterConformance<IscsiBackend>;

[Trait("Category", "Arbiters")]
public sealed class IscsiFaultTests : BackendFaultConformance<IscsiBackend>;

[Trait("Category", "Arbiters")]
public sealed class IscsiContentionTests : ContentionConformance<IscsiBackend>;

[Trait("Category", "Arbiters")]
public sealed class ClassicIscsiConformanceTests : ArbiterConformance<ClassicIscsiBackend>;
