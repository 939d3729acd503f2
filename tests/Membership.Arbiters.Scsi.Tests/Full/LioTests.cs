// The same suite on a faithful target: the kernel's own (LIO) in a guest, where registrations outlive sessions and PREEMPT AND
// ABORT, READ FULL STATUS and persistence through power loss exist; and the kernel path, SG_IO on tcm_loop disks.
using System.Net;
using Membership.Arbiters.Conformance;
using Membership.Arbiters.Scsi.Tests.Full;
using Membership.Engine.Arbitration;
using Xunit;

[assembly: AssemblyFixture(typeof(LioGuest))]

namespace Membership.Arbiters.Scsi.Tests.Full;

/// <summary>One guest for all tests of a run, booted by the first that needs it; every test takes a LUN of its own.</summary>
public sealed class LioGuest : IDisposable
{
    private const int Luns = 64;
    private static readonly Lock Start = new();
    private static Guest? s_guest;
    private static int s_next;

    internal static (Guest Guest, int Lun) Take()
    {
        lock (Start)
        {
            s_guest ??= Guest.Boot("target.cpio", "target", 512);
            s_guest.HearAsync("GUEST-READY").GetAwaiter().GetResult();
            return s_next < Luns ? (s_guest, s_next++) : throw new InvalidOperationException($"More than {Luns} tests want a LUN: eng/guest makes {Luns}.");
        }
    }

    public void Dispose()
    {
        lock (Start) s_guest?.Dispose();
    }
}

/// <summary>The guest's LUNs.</summary>
public sealed class LioBackend : NetworkBackend
{
    private readonly IscsiBackend _shape = new();
    private Guest _guest = null!;
    private int _lun;

    public override string[] Arguments => ArgumentsVia(EndPoint);

    public override IPEndPoint EndPoint => _guest.EndPoint;

    /// <summary>An interpreted processor needs some time for each command.</summary>
    public override TimeSpan OwnershipPeriod => TimeSpan.FromSeconds(3);

    public override TimeSpan TakeoverBound => OwnershipPeriod * 1.01 + TimeSpan.FromSeconds(2);

    /// <summary>A command.</summary>
    public override TimeSpan DisposalLimit => OwnershipPeriod / 2;

    public override int Rounds => 20;

    public override IQuorumArbiter Create(IReadOnlyList<string> arguments) => _shape.Create(arguments);

    public override string[] ArgumentsVia(IPEndPoint proxy)
        => [$"{proxy}", TgtServer.Target, $"{_lun}", nameof(ScsiReservationMode.Persistent), $"{OwnershipPeriod.TotalMilliseconds}", $"{OwnershipPeriod.TotalMilliseconds / 4}", "", ""];

    public override string[] PatientArguments
    {
        get
        {
            string[] arguments = Arguments;
            arguments[4] = "60000";
            return arguments;
        }
    }

    public override TimeSpan OwnCallLimit => OwnershipPeriod / 2 * 12 * 2;

    public override ValueTask StartAsync()
    {
        (_guest, _lun) = LioGuest.Take();
        return default;
    }

    public override ValueTask StopAsync() => throw new NotSupportedException("The guest serves other tests, too.");

    public override ValueTask RestartAsync() => throw new NotSupportedException("The guest serves other tests, too.");

    public override ValueTask HangAsync()
    {
        _guest.Freeze();
        return default;
    }

    public override ValueTask ResumeAsync()
    {
        _guest.Thaw();
        return default;
    }

    public override ValueTask<IReadOnlyList<UnfitSetup>> PrepareUnfitSetupsAsync()
        => new([new UnfitSetup("no such target", [$"{EndPoint}", "iqn.2026-11.test:absent", .. Arguments[2..]], "iqn.2026-11.test:absent", "log in")]);

    public override ValueTask DisposeAsync() => default;
}

[Trait("Run", "Full")]
[Collection("guest")]
public sealed class LioConformanceTests : ArbiterConformance<LioBackend>;

[Trait("Run", "Full")]
[Collection("guest")]
public sealed class LioTakeoverTests : TakeoverConformance<LioBackend>;

[Trait("Run", "Full")]
[Collection("guest")]
public sealed class LioRaceTests : RaceConformance<LioBackend>;

[Trait("Run", "Full")]
[Collection("guest")]
public sealed class LioCrowdTests : CrowdConformance<LioBackend>;

[Trait("Run", "Full")]
[Collection("guest")]
public sealed class LioLateEffectTests : LateEffectConformance<LioBackend>;

[Trait("Run", "Full")]
[Collection("guest")]
public sealed class LioDisposalTests : DisposalConformance<LioBackend>;

// Not a server stopped and started: the guest's disks are in its memory, so that it comes back with a blank one, which is refused.
[Trait("Run", "Full")]
[Collection("guest")]
public sealed class LioHungServerTests : HungServerConformance<LioBackend>;

[Trait("Run", "Full")]
[Collection("guest")]
public sealed class LioNetworkFaultTests : NetworkFaultConformance<LioBackend>;

[Trait("Run", "Full")]
public sealed class KernelDiskTests
{
    [Fact]
    public async Task The_contest_runs_through_the_kernels_own_disks()
    {
        using Guest guest = Guest.Boot("disks.cpio", "disks", 1024);
        string end = await guest.HearAsync("GUEST-ENDED");
        foreach (string line in guest.Console.Split('\n').Where(static line => line.Contains("ok ", StringComparison.Ordinal))) TestContext.Current.TestOutputHelper?.WriteLine(line);
        Assert.True(end.Trim().EndsWith("GUEST-ENDED 0", StringComparison.Ordinal) && guest.Console.Contains("DISKS-PASSED", StringComparison.Ordinal), guest.Console);
    }
}
