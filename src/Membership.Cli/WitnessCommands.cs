// regroupctl witness: is the witness fit, and making one ours.
using System.CommandLine;
using Membership.Engine;
using Membership.Engine.Arbitration;

namespace Membership.Cli;

internal static class WitnessCommands
{
    public static Command Build(Option<string?> settings, Option<string> section, Option<bool> json)
    {
        var set = new Option<string[]>("--set")
        {
            Description = "A setting, e.g. FileShareWitness:Path=/mnt/witness/c1, ScsiReservation:Device=/dev/sdb, BlobLease:ConnectionString=..., RegroupMembership:WitnessFile:Directory=/var/w; may be repeated",
            DefaultValueFactory = static _ => [],
            Recursive = true,
        };
        var inPlace = new Option<bool>("--in-place") { Description = "Contend on the witness itself, which is the only way for a LUN or an smb:// share. Stop all nodes first" };
        var yes = new Option<bool>("--yes") { Description = "Yes, whatever it holds may go" };
        var witness = new Command("witness", "The witness of a deployment");
        witness.Options.Add(set);

        Command check = CommandTree.Does("check", "Checks that the witness can be used, then lets two parties contend for it", async (result, token) =>
        {
            Deployment deployment = Deployment.Read(result.GetValue(settings), result.GetValue(section)!, result.GetValue(set)!);
            return await CheckAsync(deployment, result.GetValue(inPlace), result.GetValue(json), token);
        });
        check.Options.Add(inPlace);
        Command init = CommandTree.Does("init", "Makes a LUN this cluster's witness, whatever it held. Stop all nodes first", async (result, token) =>
        {
            Deployment deployment = Deployment.Read(result.GetValue(settings), result.GetValue(section)!, result.GetValue(set)!);
            WitnessPlace place = Place(deployment);
            var said = new CheckList(result.GetValue(json));
            if (place.Initialize is null) return said.End(_ => $"A {place.Kind} needs no init: its first user makes it.");
            if (!result.GetValue(yes)) throw new CommandException(ExitCode.Usage, "Whatever the LUN holds, and every reservation on it, will be gone. Say --yes if that is meant.");
            string? trouble = await place.Initialize(Identity(deployment), true, token);
            if (trouble is not null) throw new CommandException(ExitCode.Bad, trouble);
            return said.End(static _ => "The LUN is this cluster's witness now.");
        });
        init.Options.Add(yes);
        witness.Subcommands.Add(check);
        witness.Subcommands.Add(init);
        return witness;
    }

    private static WitnessPlace Place(Deployment deployment)
    {
        WitnessPlace place = deployment.Witness()
            ?? throw new CommandException(ExitCode.Usage, $"The settings name no witness: give {Deployment.DiskSection}, {Deployment.ShareSection}, {Deployment.BlobSection} or RegroupMembership:WitnessFile, with --settings or --set.");
        return place.Failures.Count == 0 ? place : throw new CommandException(ExitCode.Usage, string.Join('\n', place.Failures));
    }

    private static string ClusterId(Deployment deployment) => deployment.Options.ClusterId.Length > 0 ? deployment.Options.ClusterId : "regroupctl-check";

    private static ArbiterIdentity Identity(Deployment deployment) => new(ClusterId(deployment), new NodeId(Math.Clamp(deployment.Options.Self, 1, NodeId.MaxValue)), new Incarnation(1));

    private static async Task<int> CheckAsync(Deployment deployment, bool inPlace, bool json, CancellationToken cancellationToken)
    {
        WitnessPlace place = Place(deployment);
        var checks = new CheckList(json);
        await using (IQuorumArbiter real = place.Make())
        {
            using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
            limit.CancelAfter(TimeSpan.FromSeconds(30));
            string? trouble = await real.CheckAsync(Identity(deployment), limit.Token);
            checks.Tell(new CheckResult($"the {place.Kind} can be used", trouble is null, trouble ?? real.Description));
            if (trouble is not null) return checks.End(static _ => "NOT FIT: two halves of the cluster could not settle anything through it.");
        }
        if (place.Rehearse is null && !inPlace)
        {
            checks.Tell(new CheckResult("a contest of two parties", false, $"not held: a {place.Kind} of this kind has room for one cluster only. With all nodes stopped, add --in-place.", IsWarning: true));
            return checks.End(static _ => "USABLE, and not proven: no contest was held on it.");
        }
        (Func<IQuorumArbiter> make, Func<Task>? clear) = inPlace || place.Rehearse is null ? (place.Make, null) : place.Rehearse();
        bool fit;
        try
        {
            await using IQuorumArbiter one = make(), two = make();
            fit = await new WitnessRehearsal(inPlace ? ClusterId(deployment) : "regroupctl-check", place.Period, checks.Tell).RunAsync(one, two, writeRecord: !inPlace, cancellationToken);
        }
        finally
        {
            if (clear is not null) await clear();
        }
        return checks.End(_ => fit ? "FIT: it lets one half win, keeps the other out, and replaces an owner that is gone." : "NOT FIT: see what failed. A cluster that relies on it may run two halves, or none.");
    }
}
