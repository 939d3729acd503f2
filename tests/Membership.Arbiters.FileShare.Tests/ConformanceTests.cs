// The file-share witness passes the whole suite: over libsmbclient against a real smbd, and its mounted kind in a directory.
using Membership.Arbiters.Conformance;
using Xunit;

namespace Membership.Arbiters.FileShare.Tests;

[Trait("Category", "Arbiters")]
public sealed class SmbConformanceTests : ArbiterConformance<Samba>;

[Trait("Category", "Arbiters")]
public sealed class SmbTakeoverTests : TakeoverConformance<Samba>;

[Trait("Category", "Arbiters")]
public sealed class SmbRaceTests : RaceConformance<Samba>;

[Trait("Category", "Arbiters")]
public sealed class SmbCrowdTests : CrowdConformance<Samba>;

[Trait("Category", "Arbiters")]
public sealed class SmbServerFaultTests : ServerFaultConformance<Samba>;

[Trait("Category", "Arbiters")]
public sealed class SmbHungServerTests : HungServerConformance<Samba>;

[Trait("Category", "Arbiters")]
public sealed class SmbNetworkFaultTests : NetworkFaultConformance<Samba>;

[Trait("Category", "Arbiters")]
public sealed class SmbLateEffectTests : LateEffectConformance<Samba>;

[Trait("Category", "Arbiters")]
public sealed class MountedConformanceTests : ArbiterConformance<LocalDirectory>;

[Trait("Category", "Arbiters")]
public sealed class MountedTakeoverTests : TakeoverConformance<LocalDirectory>;

[Trait("Category", "Arbiters")]
public sealed class MountedRaceTests : RaceConformance<LocalDirectory>;

[Trait("Category", "Arbiters")]
public sealed class MountedCrowdTests : CrowdConformance<LocalDirectory>;

[Trait("Category", "Arbiters")]
[Collection(Alone.Name)]
public sealed class SmbDisposalTests : DisposalConformance<Samba>;

[Trait("Category", "Arbiters")]
[Collection(Alone.Name)]
public sealed class SmbHungDisposalTests : NetworkDisposalConformance<Samba>;

[Trait("Category", "Arbiters")]
[Collection(Alone.Name)]
public sealed class MountedDisposalTests : DisposalConformance<LocalDirectory>;

/// <summary>What judges times runs by itself, after the crowds that keep the machine busy.</summary>
[CollectionDefinition(Name, DisableParallelization = true)]
public sealed class Alone
{
    public const string Name = "alone";
}
