// regroupctl witness: is the witness fit, and making one ours.
using System.CommandLine;
using Membership.Engine;
using Membership.Engine.Arbitration;

namespace Membership.Cli;

internal static class WitnessCommands
{
    /// <summary>In whose name a contest is held when the settings do not say.</summary>
    public const string NoCluster = "regroupctl-check";

    public static Command Build(Option<string?> settings, Option<string> section, Option<bool> json)
    {
        var set = new Option<string[]>("--set")
        {
            Description = "A setting, e.g. FileShareWitness:Path=/mnt/witness/c1, ScsiReservation:Device=/dev/sdb, BlobLease:ConnectionString=..., RegroupMembership:WitnessFile:Directory=/var/w; may be repeated",
            DefaultValueFactory = static _ => [],
            Recursive = true,
        };
        var inPlace = new Option<bool>("--in-place") { Description = "Contend on the witness itself, whoever seems to use it. Stop all nodes first" };
        var other = new Option<string[]>("--other")
        {
            Description = "A setting of the second party where it is another than the first's: ScsiReservation:Device=/dev/sdc, a second path to the LUN; ScsiReservation:InitiatorName=...; may be repeated",
            DefaultValueFactory = static _ => [],
        };
        var yes = new Option<bool>("--yes") { Description = "Yes, whatever it holds may go" };
        var witness = new Command("witness", "The witness of a deployment");
        witness.Options.Add(set);

        Command check = CommandTree.Does("check", "Checks that the witness can be used, then lets two parties contend for it", async (result, token) =>
        {
            (string? file, string under, string[] given) = (result.GetValue(settings), result.GetValue(section)!, result.GetValue(set)!);
            Deployment deployment = Deployment.Read(file, under, given), second = Deployment.Read(file, under, [.. given, .. result.GetValue(other)!]);
            return await CheckAsync(deployment, Place(deployment, second), result.GetValue(inPlace), result.GetValue(json), token);
        });
        check.Options.Add(inPlace);
        check.Options.Add(other);
        Command init = CommandTree.Does("init", "Makes a LUN this cluster's witness, whatever it held. Stop all nodes first", async (result, token) =>
        {
            Deployment deployment = Deployment.Read(result.GetValue(settings), result.GetValue(section)!, result.GetValue(set)!);
            WitnessPlace place = Place(deployment, deployment);
            var said = new CheckList(result.GetValue(json));
            if (place.HasRoomBeside) return said.End(_ => $"A {place.Kind} needs no init: its first user makes it.");
            if (!result.GetValue(yes)) throw new CommandException(ExitCode.Usage, "Whatever the LUN holds, and every reservation on it, will be gone. Say --yes if that is meant.");
            string? trouble = await place.InitializeAsync(Identity(deployment), token);
            if (trouble is not null) throw new CommandException(ExitCode.Bad, trouble);
            return said.End(static _ => "The LUN is this cluster's witness now.");
        });
        init.Options.Add(yes);
        witness.Subcommands.Add(check);
        witness.Subcommands.Add(init);
        return witness;
    }

    private static WitnessPlace Place(Deployment deployment, Deployment second)
    {
        WitnessPlace place = deployment.Witness(second)
            ?? throw new CommandException(ExitCode.Usage, $"The settings name no witness: give {Deployment.DiskSection}, {Deployment.ShareSection}, {Deployment.BlobSection} or RegroupMembership:WitnessFile, with --settings or --set.");
        return place.Failures.Count == 0 ? place : throw new CommandException(ExitCode.Usage, string.Join('\n', place.Failures));
    }

    private static string ClusterId(Deployment deployment) => deployment.Options.ClusterId.Length > 0 ? deployment.Options.ClusterId : NoCluster;

    private static ArbiterIdentity Identity(Deployment deployment) => new(ClusterId(deployment), new NodeId(Math.Clamp(deployment.Options.Self, 1, NodeId.MaxValue)), new Incarnation(1));

    private static async Task<int> CheckAsync(Deployment deployment, WitnessPlace place, bool inPlace, bool json, CancellationToken cancellationToken)
    {
        var checks = new CheckList(json);
        string clusterId = ClusterId(deployment);
        // Without a name there is no saying whose the witness is, nor may one be made there in a made-up one.
        bool isNamed = clusterId != NoCluster;
        if (inPlace && !isNamed && place.HasRoomBeside) throw new CommandException(ExitCode.Usage, "--in-place needs the cluster's name: add --set RegroupMembership:ClusterId=..., or the settings file.");
        if ((isNamed || !place.HasRoomBeside) && !await CanBeUsedAsync(place.Make, place, Identity(deployment), checks, cancellationToken)) return checks.End(static _ => NotFit);
        Arena arena;
        try
        {
            arena = await place.OpenAsync(clusterId, inPlace, cancellationToken);
        }
        catch (NoArenaException none)
        {
            checks.Tell(new CheckResult("a place for a contest of two parties", false, none.Message, IsWarning: isNamed || !place.HasRoomBeside));
            return isNamed || !place.HasRoomBeside ? NotProven(checks) : checks.End(static _ => NotFit);
        }
        var ended = Rehearsed.Unfit;
        try
        {
            if (isNamed || !place.HasRoomBeside || await CanBeUsedAsync(arena.One, place, Identity(deployment), checks, cancellationToken))
            {
                if (!json) Console.WriteLine($"      a contest of two parties, {arena.Where}:");
                await using IQuorumArbiter one = arena.One(), two = arena.Two();
                ended = await new WitnessRehearsal(clusterId, place.Period, checks.Tell).RunAsync(one, two, arena.Record, cancellationToken);
            }
        }
        finally
        {
            if (await arena.CloseAsync() is { } left) checks.Tell(new CheckResult("the place of the contest is left as it was", false, left, IsWarning: true));
        }
        if (!isNamed && place.HasRoomBeside) checks.Tell(new CheckResult("whose witness it is", false, "not looked at: the settings have no RegroupMembership:ClusterId", IsWarning: true));
        return ended switch
        {
            Rehearsed.Fit => checks.End(static _ => "FIT: it lets one half win, keeps the other out, and replaces an owner that is gone."),
            Rehearsed.InUse => checks.End(static _ => "IN USE: a node owns it and defends it. Stop all nodes of the cluster, then check again."),
            _ => checks.End(static _ => "NOT FIT: see what failed. A cluster that relies on it may run two halves, or none."),
        };
    }

    private const string NotFit = "NOT FIT: two halves of the cluster could not settle anything through it.";

    private static int NotProven(CheckList checks)
    {
        int code = checks.End(static _ => "USABLE, and not proven: no contest was held on it.");
        return code == ExitCode.Good ? ExitCode.TryAgain : code;
    }

    private static async Task<bool> CanBeUsedAsync(Func<IQuorumArbiter> make, WitnessPlace place, ArbiterIdentity identity, CheckList checks, CancellationToken cancellationToken)
    {
        string? trouble;
        // No node has this life, and so none has this key.
        ArbiterIdentity visitor = identity with { Incarnation = Incarnation.None };
        await using (IQuorumArbiter arbiter = make())
        {
            using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
            limit.CancelAfter(TimeSpan.FromSeconds(30));
            trouble = await arbiter.CheckAsync(visitor, limit.Token);
            checks.Tell(new CheckResult($"the {place.Kind} can be used", trouble is null, trouble ?? arbiter.Description));
        }
        return trouble is null;
    }
}
