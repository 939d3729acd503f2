// The conformance suite's backend: the arbiter over its own iSCSI sessions to a real tgtd.
using System.Globalization;
using System.Net;
using Membership.Arbiters.Conformance;
using Membership.Engine.Arbitration;

namespace Membership.Arbiters.Scsi.Tests;

/// <summary>Arguments: portal, target, LUN, mode, ownership period ms, renew interval ms, CHAP user, CHAP password.</summary>
public class IscsiBackend : NetworkBackend
{
    private TgtServer _server = null!;

    public override string[] Arguments => ArgumentsVia(EndPoint);

    public override IPEndPoint EndPoint => _server.EndPoint;

    public override TimeSpan OwnershipPeriod => TimeSpan.FromMilliseconds(2500);

    public override TimeSpan TakeoverBound => OwnershipPeriod * 1.01 + TimeSpan.FromSeconds(1);

    /// <summary>A command.</summary>
    public override TimeSpan DisposalLimit => OwnershipPeriod / 2;

    public override string[] PatientArguments
    {
        get
        {
            string[] arguments = Arguments;
            // The command's limit is half of it.
            arguments[4] = "60000";
            return arguments;
        }
    }

    /// <summary>Two calls of twelve commands.</summary>
    public override TimeSpan OwnCallLimit => OwnershipPeriod / 2 * 12 * 2;

    protected virtual ScsiReservationMode Mode => ScsiReservationMode.Persistent;

    private TimeSpan RenewInterval => OwnershipPeriod / 4;

    public static IQuorumArbiter Make(IReadOnlyList<string> arguments)
    {
        double Number(int index) => double.Parse(arguments[index], CultureInfo.InvariantCulture);
        return new ScsiReservationArbiter(new ScsiReservationOptions
        {
            Portal = arguments[0],
            Target = arguments[1],
            Lun = (int)Number(2),
            Mode = Enum.Parse<ScsiReservationMode>(arguments[3]),
            OwnershipPeriod = TimeSpan.FromMilliseconds(Number(4)),
            RenewInterval = TimeSpan.FromMilliseconds(Number(5)),
            CommandTimeout = TimeSpan.FromMilliseconds(Number(4) / 2),
            ChapUser = arguments[6].Length == 0 ? null : arguments[6],
            ChapPassword = arguments[7].Length == 0 ? null : arguments[7],
        });
    }

    public override IQuorumArbiter Create(IReadOnlyList<string> arguments) => Make(arguments);

    public override string[] ArgumentsVia(IPEndPoint proxy) => ArgumentsFor($"{proxy}", TgtServer.Target, 1);

    public override ValueTask StartAsync()
    {
        _server = TgtServer.Start();
        return default;
    }

    public override ValueTask StopAsync()
    {
        _server.Kill();
        return default;
    }

    public override ValueTask RestartAsync()
    {
        _server.Run();
        return default;
    }

    public override ValueTask HangAsync()
    {
        _server.Freeze();
        return default;
    }

    public override ValueTask ResumeAsync()
    {
        _server.Thaw();
        return default;
    }

    public override ValueTask<IReadOnlyList<UnfitSetup>> PrepareUnfitSetupsAsync()
    {
        _server.AddUnit(1, 2, 1);
        _server.AddUnit(1, 3, 8, "readonly=1");
        _server.AddUnit(1, 4, 8);
        using (FileStream disk = File.OpenWrite(_server.FileOf(1, 4)))
        {
            // As a file system begins: nothing in the first blocks, then its superblock.
            disk.Position = 1080;
            disk.Write([0x53, 0xef]);
        }
        _server.AddGuardedTarget();
        string portal = EndPoint.ToString();
        IReadOnlyList<UnfitSetup> setups =
        [
            new("nobody listens", ArgumentsFor("127.0.0.1:1", TgtServer.Target, 1), "127.0.0.1:1", "connect"),
            new("no such target", ArgumentsFor(portal, "iqn.2026-11.test:absent", 1), "iqn.2026-11.test:absent", "log in"),
            new("no such LUN", ArgumentsFor(portal, TgtServer.Target, 77), "LUN 77", "Check the LUN number"),
            new("the target's controller is no disk", ArgumentsFor(portal, TgtServer.Target, 0), "LUN 0", "no disk"),
            new("too small", ArgumentsFor(portal, TgtServer.Target, 2), "too small", "1048576 bytes"),
            new("read-only", ArgumentsFor(portal, TgtServer.Target, 3), "write-protected", "read-write"),
            new("somebody's data", ArgumentsFor(portal, TgtServer.Target, 4), "neither blank nor", "initialise"),
            new("no CHAP", ArgumentsFor(portal, TgtServer.GuardedTarget, 1), TgtServer.GuardedTarget, "log in"),
            new("wrong CHAP secret", ArgumentsFor(portal, TgtServer.GuardedTarget, 1, TgtServer.User, "not-the-secret16"), TgtServer.GuardedTarget, "log in"),
        ];
        return new(setups);
    }

    public override ValueTask DisposeAsync()
    {
        _server.Dispose();
        GC.SuppressFinalize(this);
        return default;
    }

    private string[] ArgumentsFor(string portal, string target, int lun, string user = "", string password = "") =>
    [
        portal, target, lun.ToString(CultureInfo.InvariantCulture), Mode.ToString(),
        OwnershipPeriod.TotalMilliseconds.ToString(CultureInfo.InvariantCulture), RenewInterval.TotalMilliseconds.ToString(CultureInfo.InvariantCulture), user, password,
    ];
}

/// <summary>Classic reservations on the same target.</summary>
public sealed class ClassicIscsiBackend : IscsiBackend
{
    protected override ScsiReservationMode Mode => ScsiReservationMode.Classic;

    /// <summary>A reader is kept out while it is owned, so that a challenge begins to count with its own reset.</summary>
    public override TimeSpan TakeoverBound => base.TakeoverBound + OwnershipPeriod / 2;
}
